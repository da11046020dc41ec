//! Bundles: what is read, what is refused with its place, and what the digest covers.

use super::*;

/// A bundle with one rule of each kind and every field.
pub(crate) const FULL: &str = r#"
[bundle]
name = "storefront"
version = 3
note = "WeChat Pay for 5 %"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "wechat-5"
wallet = "wechatpay"
presentation = "qr_shown"
rail = "wechatpay"
when = "product.category in ['books', 'toys']"
from = 2024-09-26T00:00:00+08:00
until = "2024-10-08T00:00:00+08:00"
cohort = { salt = "walls", ppm = 50_000 }
merchants = ["m-2", "m-1"]
show = true
accept = true

[[kill]]
id = "no-app"
wallet = "wechatpay"
presentation = "app"
note = "the app's callback fails"

[[ranking]]
id = "counties"
when = "payer.region.startsWith('3301')"
wallet = "wechatpay"
weight = -20
reason = "region_preference"

[[guard_rail]]
id = "success"
opening = "wechat-5"
measure = "success_rate"
window_s = 3600
at_least = 200
min = 900_000
action = "roll_back"
"#;

#[test]
fn a_full_bundle_is_read() {
    let bundle = Bundle::read(FULL).unwrap_or_else(|faults| panic!("{faults}"));
    let canonical = serde_json::to_string(&bundle.content).unwrap();
    expect_test::expect_file!["canonical.json"].assert_eq(&canonical);
    assert_eq!(bundle.reference().version, 3);
}

/// The digest names what decides: comments, blanks and spelling do not matter, every value does.
#[test]
fn the_digest_covers_every_value_and_no_spelling() {
    let digest =
        |text: &str| Bundle::read_stored(text).unwrap_or_else(|faults| panic!("{text}\n{faults}")).digest();
    let same = FULL
        .replace("50_000", "0xC350")
        .replace("show = true", "show  =  true # to the payer")
        .replace("2024-10-08T00:00:00+08:00", "2024-10-07T16:00:00Z")
        .replace("[\"m-2\", \"m-1\"]", "['m-1',\n 'm-2']");
    assert_eq!(digest(FULL), digest(&same));
    for (from, to) in [
        ("storefront", "storefronts"),
        ("version = 3", "version = 4"),
        ("for 5 %", "for 6 %"),
        ("effective_at = 2024-09-26T00", "effective_at = 2024-09-26T01"),
        ("\"closed\"", "\"open\""),
        ("wechat-5\"", "wechat-6\""),
        ("qr_shown", "jsapi"),
        ("rail = \"wechatpay\"", "rail = \"unionpay\""),
        ("'toys'", "'tools'"),
        ("from = 2024-09-26", "from = 2024-09-25"),
        ("10-08", "10-09"),
        ("walls", "wells"),
        ("50_000", "50_001"),
        ("\"m-2\", ", ""),
        ("show = true", "show = false"),
        ("accept = true", "accept = false"),
        ("accept = true", "accept = true\ncredit = false"),
        ("no-app", "no-apps"),
        ("\"app\"", "\"mobile_web\""),
        ("weight = -20", "weight = 20"),
        ("region_preference", "region"),
        ("success_rate", "refund_rate"),
        ("3600", "3601"),
        ("200", "201"),
        ("min = 900_000", "max = 900_000"),
    ] {
        let changed = FULL.replace(from, to);
        assert_ne!(changed, FULL, "{from}");
        assert_ne!(digest(&changed), digest(FULL), "{from} -> {to}");
    }
    let said = FULL.replace("accept = true", "accept = true\ncredit = true");
    assert_eq!(digest(&said), digest(FULL), "what holds when nothing is said");
    expect_test::expect!["cb5050018b3c7fffb739ee2078e0c805273cf8cc7b568f3981ab9faee77a88c5"]
        .assert_eq(&String::from(digest(FULL)));
}

/// Every mistake of the file is in the answer, by place, with what would be right.
#[test]
fn all_mistakes_are_told_at_once() {
    let text = r#"
[bundle]
name = "Store front"
version = 0
effective_at = 2024-09-26
unlisted = "maybe"
author = "x"

[[opening]]
id = "a"
wallet = 5
presentation = "qr"
when = "payer.id == 'x' && order.amount_fen == 'y'"
from = 2024-09-26T00:00:00+08:00
until = 2024-09-26T00:00:00+08:00
cohort = { salt = "", ppm = 1_000_001, share = 5 }
merchants = ["m", "m", 7, ""]
show = "yes"

[[opening]]
id = "a"
wallet = "alipay"
when = '''
payer.tier ==
  gold'''
merchants = []
show = true
accept = true

[[kill]]
id = "k"
note = "why"

[[ranking]]
wallet = "alipay"
weight = 1.5
reason = "Because"

[[ranking]]
id = "late"
when = "refund.consented"
wallet = "alipay"
weight = 1
reason = "late"

[[guard_rail]]
id = "g"
opening = "k"
measure = "speed"
window_s = 59
at_least = 0
action = "stop"

[[guard_rail]]
id = "h"
opening = "a"
measure = "refund_rate"
window_s = 60
at_least = 1
min = 1
max = 2
action = "roll_back"

[limits]
"#;
    let faults = Bundle::read(text).expect_err("full of mistakes");
    expect_test::expect_file!["mistakes.txt"].assert_eq(&format!("{faults}\n"));
}

#[test]
fn broken_toml_tells_all_its_errors() {
    let faults = Bundle::read("[bundle\nname = \nversion = 3\nnote == 5\n").expect_err("no TOML");
    assert!(faults.0.len() >= 3, "{faults}");
    assert!(faults.0.iter().all(|fault| fault.right.contains("TOML")), "{faults}");
    assert!(Bundle::read("").is_err_and(|faults| faults.to_string().contains("[bundle]")));
    let long = format!("# {}", "x".repeat(TEXT_BYTES_MAX));
    assert!(Bundle::read(&long).is_err_and(|faults| faults.to_string().contains("bytes")));
}

/// A text made to be expensive is refused like any other.
#[test]
fn hostile_texts_are_refused_in_bounds() {
    let texts = [
        format!("a = {}", "[".repeat(200_000)),
        format!("a = {}", "{a=".repeat(200_000)),
        "=\n".repeat(200_000),
        (0..100_000).map(|number| format!("a{number}=1\n")).collect(),
        "[[opening]]\n".repeat(80_000),
        "[[opening]]\nid=\"a\"\n".repeat(900),
        format!("a.{} = 1", "b.".repeat(200_000)),
        format!("[[opening]]\nid=\"a\"\nwhen = '{}'\n", "a||".repeat(160) + "a").repeat(900),
        format!("[[ranking]]\nid=\"a\"\nwhen = \"\\u0061{}\"\n", "||b".repeat(160)).repeat(900),
    ];
    for text in texts {
        let faults = Bundle::read(&text).expect_err("hostile");
        assert!((1..=FAULTS_MAX).contains(&faults.0.len()), "{}", faults.0.len());
    }
}

/// A condition's mistakes count like all others, and stand at the condition where its text is spelled with escapes.
#[test]
fn mistakes_of_conditions_are_told_up_to_the_limit() {
    let told = |condition: &str, count: usize| {
        let faults = Bundle::read(&format!("[[opening]]\nwhen = {condition}\n").repeat(count)).unwrap_err().0;
        let of_conditions: Vec<String> = faults
            .iter()
            .filter(|fault| fault.field.ends_with("when"))
            .map(|fault| format!("{} {}", fault.place, fault.wrong))
            .collect();
        (faults.len(), of_conditions)
    };
    let (_, plain) = told("'a || b'", 1);
    assert_eq!(plain, ["2:9 a is no declared input", "2:14 b is no declared input"]);
    let (_, escaped) = told(r#""\u0061 || b""#, 1);
    assert_eq!(escaped, ["2:8 a is no declared input", "2:8 b is no declared input"]);
    let many = format!("'{}c'", "a||".repeat(160));
    assert_eq!(told(&many, 1).0, 1 + 161 + 4, "the header, the names, four fields that are missing");
    assert_eq!(told(&many, 2).0, FAULTS_MAX);
}

/// Which fields of [`FULL`] each kind of table may lack; without every other one it is refused by name.
const MAY_LACK: [(&str, &[&str]); 5] = [
    ("bundle", &[]),
    ("opening", &["presentation", "rail", "when", "from", "until", "cohort", "merchants"]),
    // One of these two, or a rail, has to stay: each time the other does.
    ("kill", &["wallet", "presentation"]),
    ("ranking", &["when"]),
    ("guard_rail", &[]),
];

#[test]
fn every_field_that_must_be_there_is_missed() {
    let lines: Vec<&str> = FULL.lines().collect();
    let (mut table, mut seen) = ("", Vec::new());
    for (at, line) in lines.iter().enumerate() {
        let Some((field, _)) = line.split_once(" = ") else {
            table = line.trim_matches(['[', ']']);
            continue;
        };
        let without = [&lines[..at], &lines[at + 1..]].concat().join("\n");
        let (_, may_lack) = MAY_LACK.iter().find(|(kind, _)| *kind == table).unwrap();
        let path = if table == "bundle" { table.to_owned() } else { format!("{table}[0]") };
        let wanted = match (table, field) {
            _ if may_lack.contains(&field) => String::new(),
            ("guard_rail", "min") => format!("{path}: it has neither `min` nor `max`"),
            _ => format!("{path}.{field}: it is missing"),
        };
        let told = Bundle::read(&without).map_or_else(|faults| faults.to_string(), |_| String::new());
        assert_eq!(told.is_empty(), wanted.is_empty(), "line {at}, {path}.{field}: {told}");
        assert!(told.contains(&wanted), "line {at}: {told}");
        seen.push(format!("{table}.{field}"));
    }
    assert_eq!(seen.len(), FULL.matches(" = ").count() - 2, "each line once; a cohort has two more within");
    for (kind, fields) in MAY_LACK {
        for field in fields {
            assert!(seen.contains(&format!("{kind}.{field}")), "{kind}.{field} is not in the text");
        }
    }
}

/// What can only be a mistake is refused when it is written, at its place, and read as it was where it was taken in before.
#[test]
fn guard_rails_that_can_only_be_mistakes_are_told_and_still_read() {
    let told = |text: &str| {
        let stored = Bundle::read_stored(text).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(stored.header().version, 3);
        let faults = Bundle::read(text).map_or_else(|faults| faults.0, |_| Vec::new());
        faults.iter().map(|fault| format!("{}: {}", fault.field, fault.wrong)).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(told(FULL), none);
    let upside_down = FULL.replace("min = 900_000", "max = 900_000");
    assert_eq!(told(&upside_down), ["guard_rail[0].max: it would close an opening for its successes"]);
    for measure in ["refund_rate", "complaint_rate"] {
        let of_paid = FULL.replace("success_rate", measure);
        let wrong = "guard_rail[0].min: it would close an opening for having too few of them";
        assert_eq!(told(&of_paid), [wrong]);
        assert_eq!(told(&of_paid.replace("min = 900_000", "max = 20_000")), none);
    }
    let blind = FULL.replace("accept = true", "accept = false");
    let opening = Bundle::read(FULL).unwrap().guard_rails()[0].opening.clone();
    let wrong =
        format!("guard_rail[0].opening: the opening {opening} accepts nothing that could be measured");
    assert_eq!(told(&blind), [wrong]);
    let (before, rail) = FULL.split_at(FULL.find("[[guard_rail]]").unwrap());
    let id = Bundle::read(FULL).unwrap().guard_rails()[0].id.to_string();
    let many = |count: usize| {
        let rails = (0..count).map(|n| rail.replacen(&format!("\"{id}\""), &format!("\"g-{n}\""), 1) + "\n");
        format!("{before}{}", rails.collect::<String>())
    };
    assert_eq!(told(&many(GUARD_RAILS_MAX)), none);
    assert_eq!(told(&many(GUARD_RAILS_MAX + 1)), ["guard_rail[50]: there are 51 guard rails"]);
}
