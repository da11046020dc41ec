//! The table of codes, walked as the documents list it, through every call that can meet a code.

use std::collections::BTreeSet;

use paifang_payment::{Basis, Doubt, Reason};

use super::*;
use crate::codes::{Meaning, TABLE, meaning};

/// Code and class of the documents: success, pending, final refusal, error of the request, depends.
const LISTED: &str = "00 S, A6 S, 01 F, 02 D, 03 P, 04 P, 05 P, 06 D, 10 E, 11 E, 12 D, 13 E, 14 E, 30 F, 31 E, 32 E, \
    33 F, 34 P, 35 F, 36 F, 37 D, 38 F, 39 F, 40 F, 41 E, 42 F, 43 E, 44 F, 45 F, 60 F, 61 F, 62 F, 63 F, 64 F, 65 F, \
    66 F, 67 F, 68 F, 69 F, 70 P, 71 F, 72 F, 73 F, 74 P, 75 P, 76 F, 77 F, 78 F, 79 F, 80 F, 82 F, 98 D, 99 D, \
    PR05 P, PR99 F";

fn listed() -> Vec<(&'static str, &'static str)> {
    LISTED.split(", ").map(|pair| pair.split_once(' ').unwrap()).collect()
}

#[test]
fn the_table_is_the_documents_list() {
    assert_eq!(TABLE.len(), listed().len());
    let codes: BTreeSet<_> = TABLE.iter().map(|(code, _, _)| *code).collect();
    assert_eq!(codes.len(), TABLE.len());
    for (code, class) in listed() {
        let fits = match meaning(code).unwrap_or_else(|| panic!("{code}")) {
            Meaning::Done => class == "S",
            Meaning::Running | Meaning::Unsure | Meaning::Debited | Meaning::Absent => class == "P",
            Meaning::Depends => class == "D",
            Meaning::Failed(word) => class == "F" && Reason::parse(word).is_ok(),
            Meaning::Faulty(word) => class == "E" && Reason::parse(word).is_ok(),
        };
        assert!(fits, "{code} {class}");
    }
}

/// F06: only a final no refuses, and no code but success is success.
#[test]
fn replies_refuse_by_final_codes_only() {
    let (bench, undo, back) = (Bench::new(), reversal(Presentation::PayerCode), refund());
    let (shown, scanned) = (charge(order(Presentation::QrShown)), charge(order(Presentation::PayerCode)));
    let own = |number, time, txn_type| [("orderId", number), ("txnTime", time), ("txnType", txn_type)];
    let (app, capture, release) = (charge(hold(Presentation::App)), capture(), release());
    let calls = [
        (Call::Charge(&app), told_of(kinds::HOLD, &[])),
        (Call::Capture(&capture), told_of(FOUND, kinds::CAPTURE)),
        (Call::Release(&release), told_of(FOUND, kinds::RELEASE)),
        (Call::Charge(&shown), told_of(FOUND, &[])),
        (Call::Charge(&scanned), told_of(FOUND, &[])),
        (Call::Reverse(&undo), told_of(FOUND, &own("U20261121120100001", "20261121120100", "31"))),
        (Call::Refund(&back), told_of(FOUND, &own("R20261121120000001", "20261121120000", "04"))),
    ];
    for (code, class) in listed().into_iter().filter(|(_, class)| *class != "S") {
        for (call, base) in &calls {
            let answer = bench.read(call, &told_of(base, &[("respCode", code)]));
            match answer.outcome().unwrap_or_else(|| panic!("{code} is no absence")) {
                Outcome::Refused(refusal) => {
                    assert!(class == "F" || class == "E", "{code}");
                    assert_eq!(refusal.rail_code, code);
                    let channel = matches!(call, Call::Refund(_));
                    assert_eq!(refusal.basis, if channel { Basis::Channel } else { Basis::Signed });
                }
                Outcome::Pending(_) => assert!(["05", "70", "PR05"].contains(&code), "{code}"),
                Outcome::Unknown(Doubt::Unconfirmed(refusal)) => {
                    assert!(matches!(call, Call::Capture(_) | Call::Release(_)), "{code} {call:?}");
                    assert!(["35", "45"].contains(&code), "{code}");
                    assert_eq!((refusal.rail_code.as_str(), refusal.basis), (code, Basis::Signed));
                }
                Outcome::Unknown(doubt) => {
                    let repeatable = !matches!(call, Call::Charge(_));
                    assert!(repeatable || class == "P" || class == "D", "{code} {call:?}");
                    assert_eq!(doubt, &Doubt::RailUnsure(code.into()));
                }
                other => panic!("{code}: {}", other.word()),
            }
        }
    }
}

/// Codes about a query say nothing about the payment, but 34.
#[test]
fn a_query_that_failed_says_nothing() {
    let (bench, order) = (Bench::new().when("2027-01-01T00:00:00Z"), order(Presentation::QrShown));
    for (code, _) in listed().into_iter().filter(|(code, class)| *class != "S" && *code != "34") {
        let answer = bench.read(&Call::Query(&order), &told_of(FOUND, &[("respCode", code)]));
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::RailUnsure(code.into()))), "{code}");
    }
}

/// What each code of the transaction means in a query: of a scanned code, and of a shown one long after its expiry.
#[test]
fn a_transactions_code_ends_it_only_when_it_is_final() {
    let (scanned, shown) = (order(Presentation::PayerCode), order(Presentation::QrShown));
    let (early, late) = (Bench::new(), Bench::new().when("2026-11-22T00:00:00Z"));
    for (code, class) in listed() {
        let fields = told_of(FOUND, &[("origRespCode", code)]);
        let word = |bench: &Bench, order| bench.read(&Call::Query(order), &fields).outcome().unwrap().word();
        let now = match (code, class) {
            (_, "S") => "paid",
            ("34", _) | (_, "F" | "E") => "refused",
            ("74" | "75", _) | (_, "D") => "unknown",
            _ => "pending",
        };
        assert_eq!(word(&early, &scanned), now, "{code}");
        assert_eq!(word(&late, &scanned), now, "{code}");
        let then = match (code, class) {
            (_, "S") => "paid",
            ("74" | "75", _) => "unknown",
            _ => "closed",
        };
        assert_eq!(word(&late, &shown), then, "{code}");
    }
}

#[test]
fn an_unlisted_code_is_kept_and_says_nothing() {
    let (bench, order) = (Bench::new().when("2027-01-01T00:00:00Z"), order(Presentation::QrShown));
    let (shown, back) = (charge(order.clone()), refund());
    let own = [("orderId", "R20261121120000001"), ("txnTime", "20261121120000"), ("txnType", "04")];
    for code in ["07", "0", "000", "a6", "PR01", "Ａ6", "00 "] {
        let unlisted = Some(Outcome::Unknown(Doubt::UnlistedCode(code.into())));
        for field in ["respCode", "origRespCode"] {
            let answer = bench.read(&Call::Query(&order), &told_of(FOUND, &[(field, code)]));
            assert_eq!(answer.outcome(), unlisted.as_ref(), "{field} {code}");
        }
        let answer = bench.read(&Call::Charge(&shown), &told_of(FOUND, &[("respCode", code)]));
        assert_eq!(answer.outcome(), unlisted.as_ref(), "{code}");
        let fields = told_of(&told_of(FOUND, &own), &[("respCode", code)]);
        assert_eq!(bench.read(&Call::Refund(&back), &fields).outcome(), unlisted.as_ref(), "{code}");
    }
    let long = "9".repeat(500);
    let answer = bench.read(&Call::Query(&order), &told_of(FOUND, &[("respCode", &long)]));
    assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::UnlistedCode("9".repeat(32)))));
}

/// What says that the rail fails leaves every call in doubt, and is listed.
#[test]
fn codes_of_a_failing_rail_leave_a_doubt() {
    for code in crate::codes::FAILING {
        assert!(matches!(meaning(code), Some(Meaning::Unsure | Meaning::Depends)), "{code}");
    }
}
