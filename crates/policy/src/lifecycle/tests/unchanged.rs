//! Since when an opening says what it says.

use paifang_payment::Digest;

use super::*;

/// A draft whose opening `ramp` says this, in one number.
fn saying(day: i64, version: u32, content: u8) -> Fact {
    let mut fact = drafted(day, version);
    if let Fact::Drafted { contents, .. } = &mut fact {
        contents.insert(RuleId::parse("ramp").unwrap(), Digest([content; 32]));
    }
    fact
}

fn since(facts: Vec<Fact>, version: u32) -> u32 {
    book(facts).unwrap().unchanged_since(version, &RuleId::parse("ramp").unwrap())
}

/// One version after the other, a day each, whose openings say these.
fn run(contents: &[u8]) -> Vec<Fact> {
    let versions = (1..).zip(contents);
    versions
        .flat_map(|(version, content)| {
            let day = i64::from(version);
            [saying(day, version, *content), announced(day, version, day)]
        })
        .collect()
}

#[test]
fn what_says_the_same_without_a_gap_goes_together() {
    for (contents, wanted) in [
        (&[7_u8] as &[u8], &[1_u32] as &[u32]),
        (&[7, 7, 7], &[1, 1, 1]),
        (&[7, 7, 8, 8, 7], &[1, 1, 3, 3, 5]),
        (&[7, 8, 7, 7], &[1, 2, 3, 3]),
    ] {
        let told = (1..).zip(contents).map(|(version, _)| since(run(contents), version));
        assert_eq!(told.collect::<Vec<_>>(), wanted, "{contents:?}");
    }
}

/// By the order in which they decide, not by their numbers; what was recalled or is a draft never decided.
#[test]
fn only_what_decided_goes_together() {
    let mut facts = vec![
        saying(1, 1, 7),
        announced(1, 1, 1),
        saying(2, 2, 7),
        announced(2, 2, 9),
        saying(2, 3, 8),
        announced(2, 3, 5),
        saying(3, 4, 7),
    ];
    assert_eq!((since(facts.clone(), 2), since(facts.clone(), 4)), (2, 4), "version 3 decides between");
    facts.push(Fact::Recalled { at: at(4), version: 3 });
    assert_eq!(since(facts.clone(), 2), 1);
    facts.extend([announced(4, 4, 8)]);
    assert_eq!((since(facts.clone(), 4), since(facts, 2)), (1, 1));
}

#[test]
fn a_time_in_which_nothing_decides_is_a_gap() {
    let retired = |day| {
        let ended = [saying(1, 1, 7), announced(1, 1, 1), Fact::Retired { at: at(day), version: 1 }];
        ended.into_iter().chain([saying(day, 2, 7), announced(day, 2, 5)]).collect::<Vec<_>>()
    };
    assert_eq!(since(retired(3), 2), 2);
    assert_eq!(since(retired(5), 2), 1, "it ended as the next one began");
}

/// What an earlier release wrote does not tell what its openings say.
#[test]
fn what_is_not_known_is_not_the_same() {
    let facts = vec![drafted(1, 1), announced(1, 1, 1), drafted(2, 2), announced(2, 2, 2)];
    assert_eq!((since(facts.clone(), 2), since(facts, 9)), (2, 9));
    let after = vec![drafted(1, 1), announced(1, 1, 1), saying(2, 2, 7), announced(2, 2, 2)];
    assert_eq!(since(after, 2), 2);
}

/// Whether a fact is that of a bundle goes by what it says: all of it, or what an earlier release wrote.
#[test]
fn a_fact_tells_of_its_bundle_and_of_no_other() {
    let head = "[bundle]\nname = 'w'\nversion = 1\nnote = 'n'\neffective_at = 2024-09-26T00:00:00Z\nunlisted = 'open'\n";
    let opening = "[[opening]]\nid = 'o'\nwallet = 'alipay'\nshow = true\naccept = true\n";
    let kill = "[[kill]]\nid = 'k'\nrail = 'alipay'\nnote = 'n'\n";
    let bundle = Bundle::read(&format!("{head}{opening}{kill}")).unwrap();
    let other = Bundle::read(&format!("{head}{opening}")).unwrap();
    let fact = Fact::drafted(at(1), &bundle);
    assert!(fact.tells_of(&bundle) && !fact.tells_of(&other));
    let without = |of: (bool, bool)| {
        let mut fact = fact.clone();
        if let Fact::Drafted { contents, kills, .. } = &mut fact {
            contents.retain(|_, _| !of.0);
            kills.retain(|_, _| !of.1);
        }
        fact.tells_of(&bundle)
    };
    assert!(without((true, true)), "an earlier release wrote it");
    assert!(!without((true, false)) && !without((false, true)));
    assert!(!announced(1, 1, 1).tells_of(&bundle));
}

/// The content is all of the opening, and nothing but the opening.
#[test]
fn an_opening_says_the_same_where_all_of_it_is_the_same() {
    let opening = |lines: &str, rest: &str| {
        let head = "[bundle]\nname = 'w'\nversion = 1\nnote = 'n'\neffective_at = 2024-09-26T00:00:00Z\nunlisted = 'closed'\n";
        let text = format!("{head}[[opening]]\nid = 'ramp'\nwallet = 'alipay'\n{lines}\n{rest}");
        let fact = Fact::drafted(at(1), &Bundle::read(&text).unwrap());
        let Fact::Drafted { contents, .. } = fact else { panic!("{fact:?}") };
        contents[&RuleId::parse("ramp").unwrap()]
    };
    let shown = "show = true\naccept = true";
    let own = opening(shown, "");
    let beside = "[[kill]]\nid = 'k'\nwallet = 'alipay'\nnote = 'n'\n[[opening]]\nid = 'o'\nwallet = 'alipay'\nshow = true\naccept = true";
    let guard = "[[guard_rail]]\nid = 'g'\nopening = 'ramp'\nmeasure = 'success_rate'\nwindow_s = 60\nat_least = 1\nmin = 1\naction = 'roll_back'";
    assert_eq!((opening(shown, beside), opening(shown, guard)), (own, own));
    assert_eq!(opening("accept = true # the same\nshow = true", ""), own);
    for lines in [
        "show = false\naccept = true",
        "show = true\naccept = true\ncredit = false",
        "show = true\naccept = true\npresentation = 'app'",
        "show = true\naccept = true\nrail = 'alipay'",
        "show = true\naccept = true\nwhen = \"product.category == 'tea'\"",
        "show = true\naccept = true\nmerchants = ['m-1']",
        "show = true\naccept = true\nfrom = 2024-09-26T00:00:00Z",
        "show = true\naccept = true\nuntil = 2024-10-26T00:00:00Z",
        "show = true\naccept = true\ncohort = { salt = 's', ppm = 50_000 }",
        "show = true\naccept = true\ncohort = { salt = 's', ppm = 60_000 }",
    ] {
        assert_ne!(opening(lines, ""), own, "{lines}");
    }
}
