//! The hostile corpus as answers to our own calls, read by the real adapters: nothing is concluded from any of them, and
//! what is genuine but about another amount or currency is refused by the machines (F06-F09, F46, F47, F52, F53, I4, I11).
#![allow(clippy::print_stdout)] // the figures are told
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeMap;

use paifang_fuzz::bench::Bench;
use paifang_fuzz::calls::Calls;
use paifang_hostile::scene::{CANARY, now};
use paifang_hostile::{About, Case, Expected, load};
use paifang_payment::attempt::{Attempt, Turn};
use paifang_payment::refund::{Refund, Seen};
use paifang_payment::{Digest, Evidence, Outcome, Source, Verb};
use paifang_rail::{Answer, Call, Reply};

#[test]
fn nothing_is_concluded_from_a_hostile_reply_and_every_authentic_one_is_understood() {
    let (mut wrong, mut figures) = (Vec::new(), BTreeMap::new());
    for (file, cases) in load().unwrap() {
        let rail = file.split('/').next().unwrap();
        let calls = Calls::of(rail);
        for case in cases {
            let About::ReplyTo(name) = &case.about else { continue };
            let bench = Bench::of(rail, &case.account);
            let call = calls.named(name);
            let answer = bench.rail.read(&call, &reply(&case), &bench.context());
            assert!(
                !format!("{answer:?}").contains(CANARY),
                "{}: the answer holds the payer's name",
                case.name
            );
            let verdict = word(&answer);
            if !fits(case.expected, name, &calls, &call, answer) {
                wrong.push(format!("{} ({name}: {}): {verdict}", case.name, case.reason));
            }
            *figures.entry((rail.to_owned(), case.kind.clone(), verdict)).or_insert(0) += 1;
        }
    }
    assert!(wrong.is_empty(), "{} replies:\n{}", wrong.len(), wrong.join("\n"));
    print(&figures);
}

fn reply(case: &Case) -> Reply {
    Reply { status: case.status.unwrap(), headers: case.headers.clone(), body: case.body() }
}

/// The rule's last word says why.
fn word(answer: &Answer) -> String {
    let outcome = match answer.outcome() {
        None => "absent",
        Some(Outcome::Paid(_)) => "paid",
        Some(Outcome::Held(_)) => "held",
        Some(Outcome::Refunded(_)) => "refunded",
        Some(Outcome::Closed(_)) => "closed",
        Some(Outcome::Pending(_)) => "pending",
        Some(Outcome::Refused(_)) => "refused",
        Some(Outcome::NotSent(_)) => "not sent",
        Some(Outcome::Unknown(_)) => "unknown",
    };
    format!("{outcome}: {}", answer.rule().rsplit('.').next().unwrap_or_default())
}

fn fits(expected: Expected, name: &str, calls: &Calls, call: &Call<'_>, answer: Answer) -> bool {
    match expected {
        Expected::Unknown => matches!(answer.outcome(), Some(Outcome::Unknown(_))),
        Expected::Suspicious => is_suspicious(calls, call, answer),
        Expected::Accepted => match answer.outcome() {
            Some(Outcome::Paid(_)) => ["charge_code", "query", "capture", "query_capture"].contains(&name),
            Some(Outcome::Refunded(_)) => ["refund", "query_refund"].contains(&name),
            Some(Outcome::Closed(_)) => ["close", "reverse", "query_reverse"].contains(&name),
            // Understood, and the end comes by a query or a notification.
            Some(Outcome::Pending(_)) => !name.starts_with("query"),
            Some(Outcome::Held(_) | Outcome::Refused(_) | Outcome::NotSent(_) | Outcome::Unknown(_))
            | None => false,
        },
        Expected::Refused => false,
    }
}

/// The machine of the order or refund does not take what the adapter understood.
fn is_suspicious(calls: &Calls, call: &Call<'_>, answer: Answer) -> bool {
    let verb = call.verb();
    let seen = answer.into_observation(verb, Digest([0; 32]));
    match verb {
        Verb::Refund | Verb::QueryRefund => {
            let refund = Refund::open(calls.refund_terms(), Evidence::plain(Source::Rule, "test")).refund;
            match refund.observe(&seen, now()) {
                Seen::Suspicious(_) => true,
                // A query's odd answer is a doubt, and asked again.
                Seen::News(step) => !step.refund.is_final() && step.posting.is_none(),
                Seen::Known(_) => false,
            }
        }
        Verb::Capture | Verb::QueryCapture => {
            let attempt = calls.capturing();
            matches!(attempt.on(&seen, now()), Turn::Suspicious(_))
        }
        Verb::Charge
        | Verb::Query
        | Verb::Close
        | Verb::Reverse
        | Verb::QueryReverse
        | Verb::Release
        | Verb::QueryRelease => {
            let attempt = Attempt::open(calls.attempt_terms());
            matches!(attempt.on(&seen, now()), Turn::Suspicious(_))
        }
    }
}

fn print(figures: &BTreeMap<(String, String, String), u32>) {
    let mut rails: BTreeMap<&str, u32> = BTreeMap::new();
    for ((rail, kind, verdict), count) in figures {
        println!("{rail:<10} {kind:<45} {verdict:<32} {count:>5}");
        *rails.entry(rail).or_insert(0) += count;
    }
    println!("replies by rail: {rails:?}");
}
