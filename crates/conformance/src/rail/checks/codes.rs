//! The payer's code: charged in the call itself, so never sent twice, and reversed where the rail can.

use paifang_rail::{Call, Charge, Offer, Plan, PlanError};

use crate::rail::words::{assert_said, said, told};
use crate::rail::world::{AMOUNT, World};
use crate::rail::{CodeOutcome, Fault, Lost};

/// The offer of payer's codes; without one the other side has none either, or the adapter is not finished.
async fn offered(world: &World) -> Option<Offer> {
    let offer = world.by_code();
    if offer.is_none() {
        let mut charge = world.charge(&world.any_awaiting()).await;
        charge.order.presentation = paifang_payment::Presentation::PayerCode;
        let plan = world.plan(&Call::Charge(&charge)).await;
        assert!(matches!(plan, Err(PlanError::Unsupported(_))), "not offered, yet {plan:?}");
    }
    offer
}

async fn with_code(world: &World, offer: &Offer, outcome: CodeOutcome) -> Charge {
    let code = world.counterpart.issue_code(outcome).await.expect("a code of an offer that is listed");
    world.charge_by_code(offer, &code).await
}

/// A code pays or is declined, at once or after a while; the payer is charged at most once, also when the same call is
/// sent again.
pub async fn payers_codes_are_charged_once(world: &World) {
    let Some(offer) = offered(world).await else { return };
    let paid = format!("paid {AMOUNT}");
    for (outcome, end, charges) in [
        (CodeOutcome::Pays, paid.as_str(), 1),
        (CodeOutcome::PendingThenPays, paid.as_str(), 1),
        (CodeOutcome::Declines, world.habits.declined, 0),
        (CodeOutcome::PendingThenDeclines, world.habits.declined, 0),
    ] {
        let charge = with_code(world, &offer, outcome).await;
        let answer = world.ask(&Call::Charge(&charge)).await;
        let early = said(&answer);
        let declines = charges == 0 && early.starts_with("refused");
        let fits = early == "pending" || early == end || declines;
        assert!(fits, "{outcome:?}: {}", told(&answer));
        let answer = world.settled(&Call::Query(&charge.order)).await;
        // What was refused in the call itself need not be an order.
        let end = if declines && said(&answer) == "absent" { "absent" } else { end };
        assert_said(&format!("{outcome:?}"), &answer, end);
        let again = world.ask(&Call::Charge(&charge)).await;
        let still_no = charges == 0 && said(&again).starts_with("refused");
        assert!(said(&again).starts_with("unknown") || still_no, "{outcome:?}, sent again: {}", told(&again));
        // What was declined at once need not be in the book.
        let entry = world.booked(&charge.order).await;
        let booked = entry.map_or((0, false), |entry| (entry.charges, entry.paid));
        assert_eq!(booked, (charges, charges == 1), "{outcome:?}");
    }
}

/// A charge by code whose answer was lost or broken is told by a query; one that never arrived is absent.
pub async fn payers_codes_in_doubt_are_told_by_a_query(world: &World) {
    let Some(offer) = offered(world).await else { return };
    let charge = with_code(world, &offer, CodeOutcome::Pays).await;
    world.arm("charge", Fault::AnswerLost).await;
    assert_eq!(world.exchange(&Call::Charge(&charge)).await, Err(Lost));
    let answer = world.settled(&Call::Query(&charge.order)).await;
    assert_said("a lost answer", &answer, &format!("paid {AMOUNT}"));
    assert_eq!(world.booked(&charge.order).await.map(|entry| entry.charges), Some(1));

    for fault in [Fault::WrongSignature, Fault::Unsigned, Fault::Garbage, Fault::StatusAfter(502)] {
        let charge = with_code(world, &offer, CodeOutcome::Pays).await;
        world.arm("charge", fault).await;
        world.expect(&Call::Charge(&charge), "unknown").await;
        let answer = world.settled(&Call::Query(&charge.order)).await;
        assert_said(&format!("{fault:?}"), &answer, &format!("paid {AMOUNT}"));
    }
    let charge = with_code(world, &offer, CodeOutcome::Pays).await;
    world.arm("charge", Fault::RequestLost).await;
    assert_eq!(world.exchange(&Call::Charge(&charge)).await, Err(Lost));
    world.expect(&Call::Query(&charge.order), "absent").await;
}

/// A reverse returns what was paid, once, also when its answer is lost; a query of the reverse tells.
pub async fn reverses_return_what_was_paid(world: &World) {
    if !world.rail.descriptor().reverses {
        // That the calls do not exist then is for `the_descriptor_is_the_whole_truth`.
        return;
    }
    let offer = world.by_code().expect("reverses belong to payer's codes");
    for fault in [None, Some(Fault::AnswerLost), Some(Fault::WrongSignature)] {
        let charge = with_code(world, &offer, CodeOutcome::Pays).await;
        world.ask(&Call::Charge(&charge)).await;
        world.settled(&Call::Query(&charge.order)).await;
        let order = world.known(&charge.order).await;
        let reversal = world.reversal(&order).await;
        let (reverse, query) = (Call::Reverse(&reversal), Call::QueryReverse(&reversal));
        match fault {
            None => {
                let answer = world.ask(&reverse).await;
                assert!(["pending", "closed"].contains(&said(&answer).as_str()), "{}", told(&answer));
            }
            Some(Fault::AnswerLost) => {
                world.arm("reverse", Fault::AnswerLost).await;
                assert_eq!(world.exchange(&reverse).await, Err(Lost));
            }
            Some(fault) => {
                world.arm("reverse", fault).await;
                world.expect(&reverse, "unknown BadSignature").await;
            }
        }
        let answer = world.settled(&query).await;
        assert_said(&format!("{fault:?}"), &answer, "closed");
        let again = world.ask(&reverse).await;
        assert!(!said(&again).starts_with("refused"), "sent again: {}", told(&again));
        let entry = world.booked(&order).await.expect("an order");
        assert_eq!((entry.refunded_fen, entry.charges), (AMOUNT, 1), "{fault:?}");
        let another = world.reversal(&order).await;
        // Where a reverse has no number of its own, another one is the same one again.
        if body(world, &Call::Reverse(&another)).await != body(world, &reverse).await {
            let answer = world.ask(&Call::Reverse(&another)).await;
            assert_ne!(said(&answer), "closed", "a second reverse");
        }
    }
    let charge = with_code(world, &offer, CodeOutcome::Pays).await;
    world.ask(&Call::Charge(&charge)).await;
    world.settled(&Call::Query(&charge.order)).await;
    let order = world.known(&charge.order).await;
    let never_sent = world.reversal(&order).await;
    world.expect(&Call::QueryReverse(&never_sent), "absent").await;
}

async fn body(world: &World, call: &Call<'_>) -> Option<Vec<u8>> {
    match world.plan(call).await {
        Ok(Plan::Send(exchange)) => Some(exchange.body),
        Ok(Plan::HandOff(_)) | Err(_) => None,
    }
}
