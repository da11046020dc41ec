//! Every byte of one genuine message of each kind, changed once: refused, doubt, or the very same news.

use paifang_rail::Inquiry;

use super::certificate::answer as certificate_answer;
use super::kinds::{each_notice, each_query, each_reply};
use super::notices::{form, opened};
use super::*;
use crate::fields::Fields;

/// Flips of one body; `read` tells what is made of it, and `None` where it is not believed.
fn flip(name: &str, good: &[u8], read: impl Fn(Vec<u8>) -> Option<String>) {
    let told = read(good.to_vec()).unwrap_or_else(|| panic!("{name} is genuine"));
    for place in 0..good.len() {
        let mut bad = good.to_vec();
        bad[place] ^= 1;
        if let Some(other) = read(bad) {
            assert_eq!(other, told, "{name}: byte {place}");
        }
    }
}

/// Flips the bodies of calls that have one of these names.
struct Flips<'a> {
    bench: Bench,
    wanted: &'a [&'a str],
    seen: usize,
}

impl<'a> Flips<'a> {
    fn of(wanted: &'a [&'a str]) -> Self {
        Self { bench: Bench::new(), wanted, seen: 0 }
    }

    fn check(&mut self, name: &str, call: &Call<'_>, fields: &[(&str, &str)]) {
        if self.wanted.contains(&name) {
            self.seen += 1;
            let body = joined(&self.bench.signed("upsign", fields)).into_bytes();
            flip(name, &body, |body| decided(&self.bench.read_raw(call, body)));
        }
    }

    fn done(&self) {
        assert_eq!(self.seen, self.wanted.len());
    }
}

/// What an answer says, if it says anything.
fn decided(answer: &Answer) -> Option<String> {
    (!matches!(answer.outcome(), Some(Outcome::Unknown(_)))).then(|| told(answer))
}

fn replies(wanted: &[&str]) {
    let mut flips = Flips::of(wanted);
    each_reply(|name, call, fields| flips.check(name, &call, &fields));
    flips.done();
}

fn queries(wanted: &[&str]) {
    let mut flips = Flips::of(wanted);
    each_query(|name, call, fields| flips.check(name, &call, &fields));
    flips.done();
}

#[test]
fn replies_to_new_orders() {
    replies(&["a code to show", "a scanned code", "the app", "the app, a hold"]);
}

#[test]
fn replies_to_what_takes_or_gives_back() {
    replies(&["a refund", "a capture", "a release"]);
}

#[test]
fn replies_to_undos() {
    replies(&["an undo", "an undo of a capture", "a refund of a capture"]);
}

#[test]
fn queries_of_orders() {
    queries(&["an order", "a scanned code", "a hold"]);
}

#[test]
fn queries_of_captures_and_releases() {
    queries(&["a capture", "a capture as an order", "a release"]);
}

#[test]
fn queries_of_what_goes_back() {
    queries(&["a refund", "an undo", "an undo of a capture"]);
}

/// Signed refusals and "no such order" decide things too.
#[test]
fn refusals_and_absences() {
    let bench = Bench::new();
    let (shown, scanned) = (charge(order(Presentation::QrShown)), order(Presentation::PayerCode));
    for (name, call, changes) in [
        ("a refusal", Call::Charge(&shown), [("respCode", "33"), ("txnSubType", "07")]),
        ("an absence", Call::Query(&scanned), [("respCode", "34"), ("txnType", "00")]),
        ("a failure", Call::Query(&scanned), [("origRespCode", "64"), ("txnSubType", "06")]),
    ] {
        let body = joined(&bench.signed("upsign", &told_of(FOUND, &changes))).into_bytes();
        flip(name, &body, |body| decided(&bench.read_raw(&call, body)));
    }
}

fn notices(wanted: &[&str]) {
    let bench = Bench::new();
    let mut seen = 0;
    each_notice(|name, fields| {
        if wanted.contains(&name) {
            seen += 1;
            let body = form(&bench.signed("upsign", &fields));
            let genuine = Fields::of_form(&body).expect("a form");
            flip(name, &body, |body| {
                let news = opened(&bench, &body).ok()?;
                assert!(Fields::of_form(&body).ok().as_ref() == Some(&genuine), "{name}: other fields");
                Some(format!("{:?} {} {}", news.subject, news.key, detail(news.outcome.plain())))
            });
        }
    });
    assert_eq!(seen, wanted.len());
}

#[test]
fn notices_of_payments_and_holds() {
    notices(&["a payment", "a hold"]);
}

#[test]
fn notices_of_captures_and_releases() {
    notices(&["a capture", "a release"]);
}

#[test]
fn notices_of_refunds_and_undos() {
    notices(&["a refund", "an undo", "an undo of a capture"]);
}

#[test]
fn the_encryption_certificate() {
    let bench = Bench::new();
    let body = certificate_answer(&bench, &[]);
    flip("the certificate", &body, |body| {
        let finding =
            bench.rail.read_inquiry(&Inquiry::Keys { unknown: None }, &reply(200, body), &bench.cx());
        match finding {
            paifang_rail::Finding::Keys(keys) => Some(format!("{keys:?}")),
            paifang_rail::Finding::Unknown(_) => None,
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn the_reconciliation_file() {
    let bench = Bench::new().when(super::files::READ_AT);
    let body = text(&vector("responses", "file_ok"), "/raw_body").as_bytes().to_vec();
    flip("the file", &body, |body| super::files::read_by(&bench, body).ok().map(|read| format!("{read:?}")));
}
