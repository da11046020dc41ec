//! Queries (00/00). One asks about any transaction by its own `orderId` and `txnTime`; the answer's `respCode` speaks of
//! the query, its `origRespCode` of the transaction.

use jiff::{SignedDuration, Timestamp};
use paifang_payment::{CloseProof, Doubt, OrderNo, Verb};
use paifang_rail::{Answer, Context, Genuine, Order, OrderKind, Outcome, Plan, PlanError, Reply};

use crate::Settings;
use crate::answer::{self, Asked, Unclear};
use crate::charge::{HOLD, PURCHASE};
use crate::codes::Meaning;
use crate::fields::Fields;
use crate::hold::CAPTURE;
use crate::request::{Draft, Kind, Product};

const QUERY: Kind = ("00", "00");

/// "After payTimeout, anything but 00 and A6 is final failure", say UnionPay's samples. A debit that is under way at that
/// moment gets this long to end before a transaction that is still said to be running counts as over; a later one goes
/// back to the payer by itself.
const LAST_DEBIT: SignedDuration = SignedDuration::from_mins(15);

/// A transaction that a query found.
pub(crate) struct Original {
    pub(crate) fields: Fields,
    pub(crate) proof: Genuine,
    /// `origRespCode`.
    pub(crate) code: String,
    pub(crate) meaning: Meaning,
}

impl Original {
    /// `origRespMsg`.
    pub(crate) fn message(&self) -> &str {
        self.fields.get("origRespMsg").unwrap_or_default()
    }

    /// The signed no to the transaction.
    pub(crate) fn refused(self, word: &str) -> Outcome {
        let message = self.message().to_owned();
        Outcome::refused(self.proof, answer::reason(word), &self.code, &message)
    }
}

/// The query of an order.
pub(crate) fn plan(settings: &Settings, order: &Order, cx: &Context<'_>) -> Result<Plan, PlanError> {
    plan_for(settings, order, &order.order_no, order.opened_at, cx)
}

/// The query of a transaction that belongs to an order: the order itself, its undo, its capture or release,
/// or one of its refunds.
pub(crate) fn plan_for(
    settings: &Settings,
    order: &Order,
    order_no: &OrderNo,
    opened_at: Timestamp,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    Draft::of(settings, QUERY, Product::of(order)?).put_name(order_no, opened_at).post_query(cx.keys)
}

/// Reads a query's answer up to the transaction, which `tell` then reads. 34 is "not found now": absent.
pub(crate) fn find(
    asked: Asked<'_>,
    settings: &Settings,
    reply: &Reply,
    cx: &Context<'_>,
    tell: impl FnOnce(Original) -> Answer,
) -> Answer {
    let heard = match asked.hear(settings, reply, cx) {
        Ok(heard) => heard,
        Err(Unclear(doubt, case)) => return answer::doubt(asked.verb, doubt, case),
    };
    match heard.meaning {
        Meaning::Done => {}
        Meaning::Absent => return Answer::absent(Some(heard.proof), answer::rule(asked.verb, "absent")),
        // Whatever else is said about the query says nothing about the transaction.
        Meaning::Running
        | Meaning::Unsure
        | Meaning::Depends
        | Meaning::Debited
        | Meaning::Failed(_)
        | Meaning::Faulty(_) => return asked.unsure(heard.code),
    }
    let Some(code) = heard.fields.get("origRespCode").map(str::to_owned) else {
        return answer::doubt(asked.verb, Doubt::Unreadable, "no_original_code");
    };
    match answer::listed(&code) {
        Ok(meaning) => tell(Original { fields: heard.fields, proof: heard.proof, code, meaning }),
        Err(Unclear(doubt, case)) => answer::doubt(asked.verb, doubt, case),
    }
}

/// What the query of an order means.
///
/// The payer of a code shown or of a page may try again until the order expires, so a failure is no news before. A
/// scanned code or a capture has one try, so its failure is final at once.
///
/// A hold that stands is told as such by its own transaction for good; only 45 ("already undone") says that it is over.
pub(crate) fn read(settings: &Settings, order: &Order, reply: &Reply, cx: &Context<'_>) -> Answer {
    let asked = Asked {
        verb: Verb::Query,
        order_no: &order.order_no,
        opened_at: order.opened_at,
        txn_type: txn_type(order),
    };
    find(asked, settings, reply, cx, |original| {
        let one_try = order.presentation.is_synchronous() || order.kind == OrderKind::Capture;
        let over = !one_try && cx.now >= order.expires_at;
        let long_over = over && cx.now.duration_since(order.expires_at) >= LAST_DEBIT;
        match original.meaning {
            Meaning::Done => settled(asked, order, original),
            Meaning::Failed(_) if ended(order, &original) => closed(asked, original),
            Meaning::Debited => asked.unsure(original.code),
            Meaning::Running | Meaning::Unsure | Meaning::Depends if long_over => {
                unpaid(asked, order, original)
            }
            Meaning::Running | Meaning::Unsure => asked.pending(original.proof, &original.fields, "running"),
            Meaning::Depends => asked.unsure(original.code),
            Meaning::Failed(_) | Meaning::Faulty(_) | Meaning::Absent if over => {
                unpaid(asked, order, original)
            }
            Meaning::Failed(word) | Meaning::Faulty(word) if one_try => {
                asked.is(original.refused(word), "refused")
            }
            Meaning::Absent if one_try => asked.is(original.refused("order_conflict"), "refused"),
            Meaning::Failed(_) | Meaning::Faulty(_) | Meaning::Absent => {
                asked.pending(original.proof, &original.fields, "failed_so_far")
            }
        }
    })
}

fn txn_type(order: &Order) -> &'static str {
    match order.kind {
        OrderKind::Payment => PURCHASE,
        OrderKind::Hold => HOLD,
        OrderKind::Capture => CAPTURE,
    }
}

/// A hold that was released, or otherwise ended.
fn ended(order: &Order, original: &Original) -> bool {
    order.kind == OrderKind::Hold && original.code == "45"
}

fn settled(asked: Asked<'_>, order: &Order, original: Original) -> Answer {
    match (answer::settled(&original.fields), order.kind) {
        (Some(settled), OrderKind::Hold) => asked.is(Outcome::held(original.proof, settled), "held"),
        (Some(settled), OrderKind::Payment | OrderKind::Capture) => {
            asked.is(Outcome::paid(original.proof, settled), "paid")
        }
        (None, _) => answer::doubt(asked.verb, Doubt::Unreadable, "no_amount"),
    }
}

/// Nobody paid, and nobody can any more: our own conclusion. Of a hold it is told as absence, which ends what nobody paid
/// and never what is held: an older copy of the rail's book may have answered (F09).
fn unpaid(asked: Asked<'_>, order: &Order, original: Original) -> Answer {
    match order.kind {
        OrderKind::Payment | OrderKind::Capture => closed(asked, original),
        OrderKind::Hold => Answer::absent(Some(original.proof), answer::rule(asked.verb, "over")),
    }
}

fn closed(asked: Asked<'_>, original: Original) -> Answer {
    let close = CloseProof { returned: None, rail_ref: answer::rail_ref(&original.fields) };
    asked.is(Outcome::closed(original.proof, close), "over")
}
