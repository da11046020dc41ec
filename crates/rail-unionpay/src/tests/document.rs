//! Prints `docs/codes/unionpay.md` from the table and from what each call really makes of each code; run with
//! `UPDATE_EXPECT=1` to renew it.

use std::fmt::Write;

use super::kinds::{each_notice, each_query, each_reply};
use super::notices::{form, opened};
use super::*;
use crate::codes::TABLE;

type Said = Vec<(&'static str, &'static str)>;

const HEAD: &str = "# UnionPay's codes

Printed from the adapter's table by its test, and each cell from what the adapter makes of a signed message with that code; do
not edit. A code that is not listed is doubt everywhere, and so is whatever is not provably signed by UnionPay.

| word | what the gateway does |
|---|---|
| accepted | waits; the notification or the query decides (for a new order: leads the payer on) |
| paid, held, captured, released, refunded, returned | settles |
| refused: `reason` | ends the attempt, refund or capture with this reason; of refunds, captures and releases only once their own query agrees |
| doubt | asks by query, and repeats under the same number only where that is safe |
| waits | asks again: the payer may try again, or UnionPay is still at it |
| closed | ends the order: nobody paid it, or what was held was given back |
| absent | no such transaction now; final only once the order has expired |
";

/// `### title` and one row per code.
fn section(text: &mut String, title: &str, columns: &[&str], cell: impl Fn(&str, &str) -> String) {
    writeln!(text, "\n## {title}\n").unwrap();
    writeln!(text, "| code | UnionPay's word | {} |", columns.join(" | ")).unwrap();
    writeln!(text, "|---|---|{}", "---|".repeat(columns.len())).unwrap();
    for (code, _, says) in TABLE {
        let cells: Vec<String> = columns.iter().map(|column| cell(code, column)).collect();
        writeln!(text, "| {code} | {says} | {} |", cells.join(" | ")).unwrap();
    }
}

/// What a column's call makes of a message in which this field has this code.
fn read(
    bench: &Bench,
    column: &str,
    each: impl Fn(&mut dyn FnMut(&str, Call<'_>, Said)),
    change: (&'static str, &str),
) -> String {
    let mut word = None;
    each(&mut |name, call, fields| {
        if name == column {
            let code: &'static str = TABLE.iter().find(|(code, _, _)| *code == change.1).unwrap().0;
            word = Some(said(&bench.read(&call, &told_of(&fields, &[(change.0, code)]))));
        }
    });
    word.unwrap_or_else(|| panic!("{column}"))
}

fn said(answer: &Answer) -> String {
    let case = answer.rule().rsplit('.').next().unwrap_or_default();
    match answer.outcome() {
        None => "absent".to_owned(),
        Some(Outcome::Refused(refusal)) => format!("refused: `{}`", refusal.reason),
        Some(Outcome::Unknown(_)) => "doubt".to_owned(),
        Some(Outcome::Closed(_)) if ["released", "returned"].contains(&case) => case.to_owned(),
        Some(Outcome::Pending(_)) if case.ends_with("so_far") || case == "running" => "waits".to_owned(),
        Some(Outcome::Pending(_)) => "accepted".to_owned(),
        Some(Outcome::Paid(_)) if case == "captured" => case.to_owned(),
        Some(outcome) => outcome.word().to_owned(),
    }
}

const REPLIES: [&str; 7] =
    ["a code to show", "the app", "a scanned code", "an undo", "a refund", "a capture", "a release"];

const QUERIES: [&str; 6] =
    ["a scanned code", "a capture", "a release", "a refund", "an undo", "an undo of a capture"];

const NOTICES: [&str; 6] = ["a payment", "a hold", "a capture", "a release", "a refund", "an undo"];

#[test]
fn the_document_is_the_table() {
    let mut text = HEAD.to_owned();
    let bench = Bench::new();
    section(&mut text, "Replies (`respCode`)", &REPLIES, |code, column| {
        read(&bench, column, |check| each_reply(check), ("respCode", code))
    });
    section(&mut text, "Queries (`respCode`): about the query itself", &["any"], |code, _| {
        if ["00", "A6"].contains(&code) {
            return "`origRespCode` tells".to_owned();
        }
        let words = QUERIES.map(|column| read(&bench, column, |check| each_query(check), ("respCode", code)));
        assert!(words.iter().all(|word| *word == words[0]), "{code}: {words:?}");
        words[0].clone()
    });
    let orders = ["an order before it expires", "after it", "long after it", "a hold before it expires"];
    section(
        &mut text,
        "Queries (`origRespCode`): orders that a payer may try again",
        &orders,
        |code, column| {
            let (time, name) = match column {
                "after it" => (EXPIRES, "an order"),
                "long after it" => ("2026-11-22T00:00:00Z", "an order"),
                "a hold before it expires" => (NOW, "a hold"),
                _ => (NOW, "an order"),
            };
            read(&Bench::new().when(time), name, |check| each_query(check), ("origRespCode", code))
        },
    );
    section(&mut text, "Queries (`origRespCode`): transactions with one try", &QUERIES, |code, column| {
        read(&bench, column, |check| each_query(check), ("origRespCode", code))
    });
    section(
        &mut text,
        "Notifications (`respCode`): \"waits\" is a reason to ask",
        &NOTICES,
        |code, column| {
            let mut word = None;
            each_notice(|name, fields| {
                if name == column {
                    let listed = TABLE.iter().find(|(listed, _, _)| *listed == code).unwrap().0;
                    let fields = told_of(&fields, &[("respCode", listed)]);
                    let news = opened(&bench, &form(&bench.signed("upsign", &fields))).unwrap();
                    word = Some(match news.outcome.plain() {
                        Outcome::Pending(_) => "waits".to_owned(),
                        other => other.word().to_owned(),
                    });
                }
            });
            word.unwrap()
        },
    );
    text += "\n## The reconciliation file and the encryption certificate\n\n\
        00 and A6 bring them. Any other signed code is told to whoever asked; 98 says that the file is not there (yet).\n";
    expect_test::expect_file!["../../../../docs/codes/unionpay.md"].assert_eq(&text);
}
