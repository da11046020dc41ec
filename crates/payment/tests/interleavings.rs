//! Every interleaving of one intent on two rails: open, pay, close, reverse, refund, notify and query on each, with
//! requests and answers that are lost, delayed past everything, or heard from a worker that was overtaken; payers who pay
//! while a close is on its way, or on both rails; a storefront that switches and cancels; expiry.
//!
//! The machines of this crate are driven as the engine drives them, against rails with a truth of their own. In every
//! state the laws of [`laws`] hold, and at every end at most one charge stays, the books are the rails', and nothing is
//! open. The search is itself searched: each planted defect has to be found.
//!
//! "Every" is meant within these limits: two wallets are chosen, one message of a story is harmed (lost, delayed, doubled,
//! or its worker overtaken) beside notifications, which may all be lost; the payer pays each order once; time jumps
//! between the moments that matter. A query is asked again only when something has changed, and its request takes no time
//! of its own. [`BIGGER`] widens the first two.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]
#![allow(clippy::print_stdout, reason = "the counts are the result")]

#[path = "interleavings/actions.rs"]
mod actions;
#[path = "interleavings/count.rs"]
mod count;
#[path = "interleavings/laws.rs"]
mod laws;
#[path = "interleavings/machine.rs"]
mod machine;
#[path = "interleavings/mixer.rs"]
mod mixer;
#[path = "interleavings/rail.rs"]
mod rail;
#[path = "interleavings/samples.rs"]
mod samples;
#[path = "interleavings/search.rs"]
mod search;
#[path = "interleavings/steps.rs"]
mod steps;
#[path = "interleavings/world.rs"]
mod world;

use actions::{Defect, Variant};
use rail::{BARRING, CLOSABLE, CODE, CODE_ASKED, EXPIRING, Rail};
use samples::{EXPIRY_S, IMPATIENT_S, OVER_S};
use search::search;

/// Time matters to a code shown when it expires, and when its absence is final.
const SHOWN_TIMES: &[i64] = &[0, EXPIRY_S, OVER_S];
/// A payer's code is undecided for too long before that.
const CODE_TIMES: &[i64] = &[0, IMPATIENT_S, EXPIRY_S, OVER_S];

/// "HARMS,CHOICES": how many messages of a story are harmed, and how many wallets are chosen (2 or 3), for a bigger search
/// than that of every test run; in a release build, and with some patience.
const BIGGER: &str = "PAIFANG_INTERLEAVINGS";

/// About 10 GiB.
const WORLDS_MAX: usize = 50_000_000;

fn variant(name: &'static str, rails: [Rail; 2], times: &'static [i64]) -> Variant {
    let variant = Variant { name, rails, choices: &[0, 1], times, harms: 1, cancels: true };
    let Ok(wanted) = std::env::var(BIGGER) else { return variant };
    let (harms, choices) = wanted.split_once(',').expect("HARMS,CHOICES");
    let choices: &[u8] = if choices == "3" { &[0, 1, 0] } else { &[0, 1] };
    let harms = harms.parse().expect("a small number");
    Variant { harms, choices, ..variant }
}

fn check(variant: Variant) {
    let (name, harms, wallets) = (variant.name, variant.harms, variant.choices.len());
    let report = search(variant, Defect::None, WORLDS_MAX).unwrap_or_else(|found| panic!("{name}: {found}"));
    println!("{name}; {wallets} choices, {harms} messages harmed: {report}");
    assert!(report.one_stays > 0 && report.charged[2] > 0, "the search has missed what it is for");
}

#[test]
fn both_rails_close() {
    check(closable());
}

#[test]
fn a_payers_code_that_is_reversed() {
    check(coded());
}

#[test]
fn a_payers_code_whose_reverse_is_told_by_a_query() {
    check(coded_asked());
}

#[test]
fn an_order_that_only_expires() {
    check(expiring());
}

/// The same with a cancel, when no message is harmed.
#[test]
fn an_order_that_only_expires_and_a_cancel() {
    check(Variant { harms: 0, cancels: true, ..expiring() });
}

fn closable() -> Variant {
    variant("both rails close", [BARRING, CLOSABLE], SHOWN_TIMES)
}

fn coded() -> Variant {
    variant("payer's code, then a code shown", [CODE, CLOSABLE], CODE_TIMES)
}

fn coded_asked() -> Variant {
    let rails = [CODE_ASKED, BARRING];
    variant("payer's code with an accepted reverse, then a code shown", rails, CODE_TIMES)
}

/// What was left stays payable beside what came after it, so that there is most to search; hence without a cancel.
fn expiring() -> Variant {
    let rails = [EXPIRING, CLOSABLE];
    let variant = variant("an order that only expires, then a code shown", rails, SHOWN_TIMES);
    Variant { cancels: std::env::var(BIGGER).is_ok(), ..variant }
}

/// The search finds what it is there to find: each fault of the gateway breaks a law, and is told by its shortest story.
fn find(defect: Defect, variant: Variant, law: &str) {
    let found = search(Variant { harms: 1, choices: &[0, 1], ..variant }, defect, WORLDS_MAX);
    let found = found.err().unwrap_or_else(|| panic!("{defect:?} was not found"));
    println!("{defect:?} is found: {found}");
    assert!(found.law.starts_with(law), "{defect:?} was found by another law: {found}");
}

#[test]
fn planted_defects_of_late_money_are_found() {
    find(Defect::LateMoneyStays, closable(), "I1");
    find(Defect::SecondPaymentIsAccepted, expiring(), "I1");
    find(Defect::RefundUnderNewNumber, expiring(), "I6");
    find(Defect::BooksEachHearing, closable(), "I8");
}

#[test]
fn planted_defects_of_doubt_are_found() {
    find(Defect::AbsentIsClosed, closable(), "I11");
    find(Defect::LostCloseIsClosed, closable(), "I11");
    find(Defect::LostChargeIsRefused, coded(), "I2");
    find(Defect::MaybePaidIsRefused, closable(), "I2");
    find(Defect::SleepsAfterExpiry, closable(), "I12");
}

#[test]
fn planted_defects_of_payments_are_found() {
    find(Defect::BlindResend, coded(), "I2");
    find(Defect::DeafAfterCancel, closable(), "I17");
    find(Defect::ReverseForgetsMoney, coded(), "I2");
}
