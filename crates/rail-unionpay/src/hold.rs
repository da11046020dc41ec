//! What becomes of a hold: it is taken (completion, 03/00), in full or in part, after which the rest goes back by itself; or
//! it is given back (32/00), always in full. Each has its own number and time, and is asked for by them.
//!
//! What was captured goes back by refunds (04/00 by the capture's `queryId`), on any day; for the undo of a completion
//! (33/00), which works on its clearing day only, see `reverse`.

use paifang_payment::{Basis, CloseProof, Doubt, Refusal, Verb};
use paifang_rail::{Answer, CaptureOrder, Context, Outcome, Plan, PlanError, ReleaseOrder, Reply};

use crate::Settings;
use crate::answer::{self, Asked, Heard, Unclear};
use crate::codes::Meaning;
use crate::query::{self, Original};
use crate::request::{Draft, Kind, Product};

/// `txnType` of a completion.
pub(crate) const CAPTURE: &str = "03";

/// `txnType` of an undo of a hold.
pub(crate) const RELEASE: &str = "32";

const CAPTURING: Kind = (CAPTURE, "00");
const RELEASING: Kind = (RELEASE, "00");

/// The same message may have been sent before. These codes may then be that of its age, so they prove nothing: its query
/// decides. 39 and 64 are about this moment. (12, duplicate, and 34 are open by the table already.)
const NOT_FINAL: &[&str] = &["10", "39", "64"];

/// "The hold is not there any more": an earlier copy of the message may be what ended it, so this is a no together with a
/// query that finds no such copy. Left open, what the rail has ended otherwise would be waited for until somebody looks.
const UNLESS_DONE: &[&str] = &["35", "45"];

/// The completion, under its own number and opening time.
pub(crate) fn plan_capture(
    settings: &Settings,
    capture: &CaptureOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let product = Product::of(&capture.hold)?;
    Draft::of(settings, CAPTURING, product)
        .put_channel(product)
        .put_name(&capture.capture_no, capture.opened_at)
        .put_amount(capture.amount)?
        .put_currency()
        .put_back_url(cx)?
        .put_original(&capture.hold)?
        .post_back(cx.keys)
}

/// The undo of the whole hold, under its own number and opening time.
pub(crate) fn plan_release(
    settings: &Settings,
    release: &ReleaseOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let product = Product::of(&release.hold)?;
    Draft::of(settings, RELEASING, product)
        .put_channel(product)
        .put_name(&release.release_no, release.opened_at)
        .put_amount(release.hold.amount)?
        .put_currency()
        .put_back_url(cx)?
        .put_original(&release.hold)?
        .post_back(cx.keys)
}

/// The query of a capture.
pub(crate) fn plan_query_capture(
    settings: &Settings,
    capture: &CaptureOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    query::plan_for(settings, &capture.hold, &capture.capture_no, capture.opened_at, cx)
}

/// The query of a release.
pub(crate) fn plan_query_release(
    settings: &Settings,
    release: &ReleaseOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    query::plan_for(settings, &release.hold, &release.release_no, release.opened_at, cx)
}

/// What the reply to a capture means; at best that it was accepted.
pub(crate) fn read_capture(
    settings: &Settings,
    capture: &CaptureOrder,
    reply: &Reply,
    cx: &Context<'_>,
) -> Answer {
    read(capturing(capture, Verb::Capture), settings, reply, cx)
}

/// What the reply to a release means; at best that it was accepted.
pub(crate) fn read_release(
    settings: &Settings,
    release: &ReleaseOrder,
    reply: &Reply,
    cx: &Context<'_>,
) -> Answer {
    read(releasing(release, Verb::Release), settings, reply, cx)
}

fn read(asked: Asked<'_>, settings: &Settings, reply: &Reply, cx: &Context<'_>) -> Answer {
    match asked.hear(settings, reply, cx) {
        Ok(heard) => read_heard(asked, heard),
        Err(Unclear(doubt, case)) => answer::doubt(asked.verb, doubt, case),
    }
}

fn read_heard(asked: Asked<'_>, heard: Heard) -> Answer {
    match heard.meaning {
        Meaning::Done | Meaning::Running => asked.pending(heard.proof, &heard.fields, "accepted"),
        Meaning::Failed(word) if UNLESS_DONE.contains(&heard.code.as_str()) => {
            let rail_message = heard.fields.get("respMsg").unwrap_or_default().to_owned();
            let (reason, basis) = (answer::reason(word), Basis::Signed);
            let refusal = Refusal { reason, rail_code: heard.code, rail_message, basis };
            answer::doubt(asked.verb, Doubt::Unconfirmed(refusal), "refused_unless_done")
        }
        Meaning::Failed(word) | Meaning::Faulty(word) if !NOT_FINAL.contains(&heard.code.as_str()) => {
            let word = worded(&heard.code, word);
            let message = heard.fields.get("respMsg").unwrap_or_default();
            asked.is(Outcome::refused(heard.proof, answer::reason(word), &heard.code, message), "refused")
        }
        Meaning::Failed(_)
        | Meaning::Faulty(_)
        | Meaning::Unsure
        | Meaning::Depends
        | Meaning::Debited
        | Meaning::Absent => asked.unsure(heard.code),
    }
}

/// What the query of a capture means: with its own amount and its own `queryId`, to which refunds point.
pub(crate) fn read_query_capture(
    settings: &Settings,
    capture: &CaptureOrder,
    reply: &Reply,
    cx: &Context<'_>,
) -> Answer {
    let asked = capturing(capture, Verb::QueryCapture);
    query::find(asked, settings, reply, cx, |original| match original.meaning {
        Meaning::Done => match answer::settled(&original.fields) {
            Some(settled) => asked.is(Outcome::paid(original.proof, settled), "captured"),
            None => answer::doubt(asked.verb, Doubt::Unreadable, "no_amount"),
        },
        Meaning::Running | Meaning::Unsure => asked.pending(original.proof, &original.fields, "running"),
        Meaning::Depends | Meaning::Debited => asked.unsure(original.code),
        // Taken, and given back some other way: to call this a refusal would have it taken again.
        Meaning::Failed(_) if original.code == "45" => asked.unsure(original.code),
        Meaning::Failed(word) | Meaning::Faulty(word) => {
            let word = worded(&original.code, word);
            asked.is(original.refused(word), "refused")
        }
        Meaning::Absent => asked.is(original.refused("order_conflict"), "refused"),
    })
}

/// What the query of a release means.
pub(crate) fn read_query_release(
    settings: &Settings,
    release: &ReleaseOrder,
    reply: &Reply,
    cx: &Context<'_>,
) -> Answer {
    let asked = releasing(release, Verb::QueryRelease);
    query::find(asked, settings, reply, cx, |original| match original.meaning {
        Meaning::Done => released(asked, release, original),
        Meaning::Running | Meaning::Unsure => asked.pending(original.proof, &original.fields, "running"),
        Meaning::Depends | Meaning::Debited => asked.unsure(original.code),
        // 45 too: the hold ended some other way, and after a refusal it is asked about itself.
        Meaning::Failed(word) | Meaning::Faulty(word) => {
            let word = worded(&original.code, word);
            asked.is(original.refused(word), "refused")
        }
        Meaning::Absent => asked.is(original.refused("order_conflict"), "refused"),
    })
}

/// "Differs from the original" is about the amount: here that of the hold, elsewhere that of a refund.
fn worded(code: &str, word: &'static str) -> &'static str {
    if code == "36" { "amount_limit" } else { word }
}

/// A release gives the whole hold back; one of another amount is not ours.
fn released(asked: Asked<'_>, release: &ReleaseOrder, original: Original) -> Answer {
    match answer::settled(&original.fields) {
        Some(settled) if settled.amount == release.hold.amount => {
            let close = CloseProof { returned: None, rail_ref: settled.rail_ref };
            asked.is(Outcome::closed(original.proof, close), "released")
        }
        Some(_) => answer::doubt(asked.verb, Doubt::AmountMismatch, "other_amount"),
        None => answer::doubt(asked.verb, Doubt::Unreadable, "no_amount"),
    }
}

fn capturing(capture: &CaptureOrder, verb: Verb) -> Asked<'_> {
    Asked { verb, order_no: &capture.capture_no, opened_at: capture.opened_at, txn_type: CAPTURE }
}

fn releasing(release: &ReleaseOrder, verb: Verb) -> Asked<'_> {
    Asked { verb, order_no: &release.release_no, opened_at: release.opened_at, txn_type: RELEASE }
}
