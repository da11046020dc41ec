//! Every interleaving of one intent on two rails: open, pay, close, reverse, refund, notify and query on each, with
//! requests and answers that are lost, delayed past everything, or heard from a worker that was overtaken; payers who pay
//! while a close is on its way, or on both rails; a storefront that switches and cancels; expiry.
//!
//! The machines of this crate are driven as the engine drives them, against rails with a truth of their own. In every
//! state the laws of [`laws`] hold, and at every end at most one charge stays, the books are the rails', and nothing is
//! open. The search is itself searched: each planted defect has to be found.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]
#![allow(clippy::print_stdout, reason = "the counts are the result")]

#[path = "interleavings/count.rs"]
mod count;
#[path = "interleavings/laws.rs"]
mod laws;
#[path = "interleavings/machine.rs"]
mod machine;
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

use rail::{BARRING, CLOSABLE, CODE, CODE_ASKED, EXPIRING, Rail};
use samples::{EXPIRY_S, IMPATIENT_S, OVER_S};
use search::search;
use steps::{Defect, Variant};

/// Time matters to a code shown when it expires, and when its absence is final.
const SHOWN_TIMES: &[i64] = &[0, EXPIRY_S, OVER_S];
/// A payer's code is undecided for too long before that.
const CODE_TIMES: &[i64] = &[0, IMPATIENT_S, EXPIRY_S, OVER_S];

fn variant(name: &'static str, rails: [Rail; 2], times: &'static [i64]) -> Variant {
    let harms = std::env::var("PAIFANG_INTERLEAVINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    Variant { name, rails, choices: &[0, 1], times, harms, cancels: true }
}

fn check(variant: Variant) {
    let (name, harms) = (variant.name, variant.harms);
    let report = search(variant, Defect::None, 200_000_000).unwrap_or_else(|found| panic!("{name}: {found}"));
    println!("{name}, {harms} harms: {report:?} stories {}", report.stories);
}

#[test]
fn both_closable() {
    check(variant("both closable", [BARRING, CLOSABLE], SHOWN_TIMES));
}

#[test]
fn code_and_shown() {
    check(variant("code, closable", [CODE, CLOSABLE], CODE_TIMES));
}

#[test]
fn code_asked_and_shown() {
    check(variant("code asked, barring", [CODE_ASKED, BARRING], CODE_TIMES));
}

#[test]
fn expiring_and_closable() {
    check(variant("expiring, closable", [EXPIRING, CLOSABLE], SHOWN_TIMES));
}
