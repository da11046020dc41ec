mod pages;

use std::fmt::Write as _;

use paifang_policy::cohort::Pseudonym;
use paifang_policy::facts::{Facts, Input};
use paifang_policy::opening::{Offer, decide};
use paifang_policy::simulate::{Answer, Payment, Refund};

use super::records::LeftOut;
use super::*;

const OPEN: &str = r#"
[bundle]
name = "walls"
version = 1
note = "everything that is listed"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "alipay"
wallet = "alipay"
show = true
accept = true

[[opening]]
id = "wechat"
wallet = "wechatpay"
when = "product.category in ['books', 'toys']"
show = true
accept = true
"#;

fn closed() -> String {
    OPEN.replace("version = 1", "version = 2").replace("'books', 'toys'", "'toys'")
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn refused(command: &Files) -> (u8, String) {
    match tell(command).unwrap_err() {
        Ended::Status(status, error) => (status, format!("{error:#}")),
        Ended::Told(status, told) => (status, told),
        Ended::Failed(error) => (1, format!("{error:#}")),
        Ended::Config(errors) => panic!("{errors}"),
    }
}

/// `count` orders of books and of toys by turns, with WeChat Pay, decided by the first bundle.
fn recorded(count: usize) -> String {
    let bundle = Bundle::read(OPEN).unwrap();
    let offer = Offer {
        rail: paifang_payment::RailName::parse("wechatpay").unwrap(),
        wallet: paifang_payment::WalletName::parse("wechatpay").unwrap(),
        presentation: paifang_payment::Presentation::QrShown,
    };
    (0..count).fold(String::new(), |mut text, at| {
        let category = if at % 2 == 0 { "books" } else { "toys" };
        let facts = Facts::new()
            .with(Input::ProductCategory, category)
            .and_then(|facts| facts.with(Input::OrderAmount, 8_800))
            .and_then(|facts| facts.with(Input::OrderCurrency, "CNY"))
            .unwrap();
        let payer = Pseudonym::parse(&format!("payer-{at}")).ok();
        let decision = decide(&bundle, &Overlay::none(), &offer, &facts, payer.as_ref());
        let record = Record {
            offer: offer.clone(),
            facts,
            payer,
            decision,
            can_exclude_credit: Some(true),
            payment: None,
        };
        writeln!(text, "{}", serde_json::to_string(&record).unwrap()).unwrap();
        text
    })
}

#[test]
fn a_bundle_is_told_and_its_mistakes_with_their_places() {
    let folder = Folder::new();
    let bundle = folder.file("right.toml", OPEN);
    let told = tell(&Files::Check { bundle: bundle.clone(), json: false }).unwrap();
    assert!(
        told.starts_with("walls version 1, meant from 2024-09-25T16:00:00Z\n2 openings, 0 kill"),
        "{told}"
    );
    assert!(told.contains("looks at product.category; about money, at nothing\n"), "{told}");
    let json: serde_json::Value =
        serde_json::from_str(&tell(&Files::Check { bundle, json: true }).unwrap()).unwrap();
    assert!(told.ends_with(&format!("digest {}", json["digest"].as_str().unwrap())), "{told}");

    let fees = format!(
        "{OPEN}\n[fees]\ncurrency = 'CNY'\nrules = [{{ id = 'f', category = 'tea', rate_ppm = 1, on_refund = 'keep' }}]\n"
    );
    let fees = folder
        .file("fees.toml", fees.replace("product.category in ['books', 'toys']", "payer.tier == 'gold'"));
    let told = tell(&Files::Check { bundle: fees.clone(), json: false }).unwrap();
    assert!(told.contains("looks at payer.tier; about money, at product.category\n"), "{told}");
    let json: serde_json::Value =
        serde_json::from_str(&tell(&Files::Check { bundle: fees, json: true }).unwrap()).unwrap();
    assert_eq!(
        (&json["inputs"], &json["money_inputs"]),
        (&json!(["payer.tier"]), &json!(["product.category"]))
    );

    let wrong = OPEN.replace("show = true", "show = 1").replace("product.category", "payer.id");
    let (status, told) = refused(&Files::Check { bundle: folder.file("wrong.toml", wrong), json: false });
    assert_eq!(status, BAD_CONFIG);
    for expected in ["wrong.toml:12:8: opening[0].show: it is a whole number", "opening[1].when"] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    let (status, told) = refused(&Files::Check { bundle: folder.0.path().join("wrong.toml"), json: true });
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let mistakes = told["mistakes"].as_array().unwrap();
    assert_eq!((status, mistakes.len()), (BAD_CONFIG, 3), "{told}");
    assert_eq!((&mistakes[0]["line"], &mistakes[0]["column"]), (&json!(12), &json!(8)));
    assert_eq!(mistakes[0]["field"], "opening[0].show");
    assert!(mistakes.iter().all(|one| one["wrong"].is_string() && one["right"].is_string()), "{told}");
    let long = folder.file("long.toml", "#".repeat(TEXT_BYTES_MAX + 1));
    assert!(refused(&Files::Check { bundle: long, json: false }).1.contains("at most"));
    let right_but_long = format!("{OPEN}{}", "#".repeat(BUNDLE_BYTES_MAX));
    let (status, told) =
        refused(&Files::Check { bundle: folder.file("big.toml", right_but_long), json: false });
    assert!(status == BAD_CONFIG && told.contains("DraftPolicy takes at most 60000"), "{told}");
    let (status, told) = refused(&Files::Check { bundle: folder.0.path().join("none.toml"), json: false });
    assert_eq!((status, told.contains("none.toml")), (1, true), "{told}");
}

#[test]
fn two_bundles_are_compared() {
    let folder = Folder::new();
    let (before, after) = (folder.file("1.toml", OPEN), folder.file("2.toml", closed()));
    let told = tell(&Files::Diff { before: before.clone(), after: after.clone(), json: false }).unwrap();
    assert!(told.contains("~ opening wechat.when:") && !told.contains("alipay"), "{told}");
    let same = Files::Diff { before: before.clone(), after: before.clone(), json: false };
    assert_eq!(tell(&same).unwrap(), "they say the same");
    let json = tell(&Files::Diff { before: before.clone(), after, json: true }).unwrap();
    assert!(json.contains("\"wechat\""), "{json}");

    // What an earlier release let pass stands, and is compared with its repair; it is not let pass again.
    let rail = "[[guard_rail]]\nid = 'well'\nopening = 'wechat'\nmeasure = 'success_rate'\nwindow_s = 3600\nat_least = 9\n\
         max = 900_000\naction = 'roll_back'\n";
    let mistaken = folder.file("mistaken.toml", format!("{OPEN}{rail}"));
    let repaired = folder.file("repaired.toml", format!("{OPEN}{}", rail.replace("max", "min")));
    let repair = Files::Diff { before: mistaken.clone(), after: repaired.clone(), json: false };
    let told = tell(&repair).unwrap();
    assert!(told.contains("~ guard_rail well"), "{told}");
    let (status, told) = refused(&Files::Diff { before: repaired, after: mistaken, json: false });
    assert!(status == BAD_CONFIG && told.contains("mistaken.toml"), "{told}");
}

#[test]
fn a_draft_is_run_over_what_was_recorded() {
    let folder = Folder::new();
    let draft = folder.file("draft.toml", closed());
    let records = folder.file("records", recorded(10));
    let command = Files::Simulate { draft: draft.clone(), records, json: true, progress: false };
    let report: serde_json::Value = serde_json::from_str(&tell(&command).unwrap()).unwrap();
    assert_eq!(
        (&report["total"]["records"], &report["total"]["no_longer_accepted"]),
        (&json!(10), &json!(5)),
        "{report}"
    );
    assert_eq!(report["total"]["amount_no_longer_accepted"]["CNY"], json!(44_000));

    for (text, why) in [
        (recorded(2).replacen("\"offer\"", "\"ofer\"", 1), "line 1, column"),
        (format!("{}{{\"offer\"", recorded(1)), "line 2, column 8: the line ends too early"),
        (format!("{}\n{}", recorded(1), "x".repeat(1 << 20)), "line 3: it must have less than 1048576 bytes"),
    ] {
        let records = folder.file("wrong", text);
        let (status, told) =
            refused(&Files::Simulate { draft: draft.clone(), records, json: false, progress: false });
        assert!(status == 1 && told.contains(why), "{told}");
        assert!(!told.contains("payer-"), "nothing of the record is told: {told}");
    }
}

/// What `records` writes, `simulate` reads: of a line that would be too long the last refunds are left out, and counted.
#[test]
fn a_record_is_no_longer_than_what_is_read() {
    let fen = |minor| paifang_money::PositiveMoney::new(minor, paifang_money::Currency::CNY).unwrap();
    let at = jiff::Timestamp::UNIX_EPOCH;
    let refund = || Refund {
        asked_at: at,
        amount: fen(1),
        case: None,
        answer: Answer::Granted(None),
        failed: false,
        available: Default::default(),
    };
    let recorded = recorded(1);
    let plain: Record = serde_json::from_str(recorded.trim_end()).unwrap();
    let with = |count: usize| {
        let refunds = std::iter::repeat_with(refund).take(count).collect();
        let payment =
            Payment { taken: fen(1_000_000), paid_at: at, division: None, refunds, refunds_left_out: 2 };
        Record { payment: Some(Box::new(payment)), ..plain.clone() }
    };
    let mut left_out = LeftOut::default();
    let short = left_out.line(with(3)).unwrap().unwrap();
    let long = left_out.line(with(40_000)).unwrap().unwrap();
    assert!(LINE_BYTES_MAX / 4 < long.len() as u64 && long.len() as u64 <= LINE_BYTES_MAX, "{}", long.len());
    let kept: Record = serde_json::from_slice(&long).unwrap();
    let kept = kept.payment.unwrap();
    assert_eq!(kept.refunds.len() as u64 + kept.refunds_left_out, 40_002);
    assert_eq!(left_out, LeftOut { refunds: 2 + kept.refunds_left_out, records: 0 });

    let mut huge = plain.clone();
    huge.decision.failure = Some("x".repeat(1 << 20));
    assert_eq!(left_out.line(huge).unwrap(), None);
    let mut said = Vec::new();
    left_out.say(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains(&format!("{} refunds and 1 records", left_out.refunds)), "{said}");
    let mut nothing = Vec::<u8>::new();
    LeftOut::default().say(&mut nothing).unwrap();
    assert_eq!(nothing, b"");

    let report =
        simulate(&Bundle::read(OPEN).unwrap(), [short, long].concat().as_slice(), Progress::new(false));
    let money = report.unwrap().money.unwrap();
    assert_eq!(money.refunds.left_out, left_out.refunds);
    assert_eq!(money.refunds.changes[0].asked.count, 3 + kept.refunds.len() as u64);
}
