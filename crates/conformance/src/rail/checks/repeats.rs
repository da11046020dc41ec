//! Calls whose answer was lost, and calls that are sent again.

use jiff::SignedDuration;
use paifang_payment::NextAction;
use paifang_rail::{Call, Closing, Plan};

use crate::rail::payer::browse;
use crate::rail::words::{led, said, told};
use crate::rail::world::{AMOUNT, World};
use crate::rail::{Act, Fault, Lost, Target, send};

/// A creation whose answer was lost is told apart from one that never arrived, as far as the rail can tell, and the
/// payer is never charged for it.
pub async fn lost_creations_are_told_by_a_query(world: &World) {
    for offer in world.awaiting() {
        let [carried_out, never_arrived] = [world.charge(&offer).await, world.charge(&offer).await];
        let Ok(Plan::Send(_)) = world.plan(&Call::Charge(&carried_out)).await else { continue };
        world.arm("charge", Fault::AnswerLost).await;
        assert_eq!(world.exchange(&Call::Charge(&carried_out)).await, Err(Lost));
        world.expect(&Call::Query(&carried_out.order), (world.habits.unseen)(offer.presentation)).await;
        assert_eq!(world.booked(&carried_out.order).await.map(|entry| entry.charges), Some(0));
        world.arm("charge", Fault::RequestLost).await;
        assert_eq!(world.exchange(&Call::Charge(&never_arrived)).await, Err(Lost));
        world.expect(&Call::Query(&never_arrived.order), "absent").await;
        assert_eq!(world.booked(&never_arrived.order).await, None);
    }
}

/// The same for closes and refunds; a refund in doubt goes out again under its number, and the money goes back once.
pub async fn lost_closes_and_refunds_are_told_by_a_query(world: &World) {
    let offer = world.any_awaiting();
    if world.rail.descriptor().closing == Closing::ByCall {
        let charge = world.charge(&offer).await;
        let next = world.create(&charge).await;
        world.come(&charge, &next).await.expect("the payer gets to the order");
        world.arm("close", Fault::RequestLost).await;
        assert_eq!(world.exchange(&Call::Close(&charge.order)).await, Err(Lost));
        world.expect(&Call::Query(&charge.order), "pending").await;
        world.arm("close", Fault::AnswerLost).await;
        assert_eq!(world.exchange(&Call::Close(&charge.order)).await, Err(Lost));
        world.expect(&Call::Query(&charge.order), "closed").await;
    }
    let order = world.paid_order(&offer).await;
    for (fault, tells) in [(Fault::AnswerLost, true), (Fault::RequestLost, false)] {
        let refund = world.refund(&order, 2_000).await;
        world.arm("refund", fault).await;
        assert_eq!(world.exchange(&Call::Refund(&refund)).await, Err(Lost));
        let answer = world.settled(&Call::QueryRefund(&refund)).await;
        assert_eq!(said(&answer), if tells { "refunded 2000" } else { "absent" }, "{fault:?}");
        let again = world.ask(&Call::Refund(&refund)).await;
        assert!(!said(&again).starts_with("refused"), "{fault:?}, sent again: {}", told(&again));
        let answer = world.settled(&Call::QueryRefund(&refund)).await;
        assert_eq!(said(&answer), "refunded 2000", "{fault:?}, sent again");
        world.pause_between_refunds().await;
    }
    let entry = world.booked(&order).await.expect("an order");
    assert_eq!((entry.refunded_fen, entry.refunds.len()), (4_000, 2));
}

/// A creation that is sent again never makes a second order. Where the descriptor lists it as resendable it answers the
/// same order, payable once; else it is never read as a final no while the first one lives, nor once it is paid.
pub async fn repeated_creations_charge_once(world: &World) {
    for offer in world.awaiting() {
        let charge = world.charge(&offer).await;
        let call = Call::Charge(&charge);
        let first = world.create(&charge).await;
        world.counterpart.advance(SignedDuration::from_secs(30)).await;
        let what = offer.presentation.as_str();
        let mut next = first;
        match world.plan(&call).await.expect("a plan") {
            Plan::HandOff(again) if matches!(next, NextAction::InvokeWallet { .. }) => {
                world.come(&charge, &next).await.expect("the first visit");
                world.come(&charge, &next).await.expect("the same text again");
                next = again;
            }
            Plan::HandOff(again) => {
                assert_eq!(browse(&next).await.status, 200, "{what}: the first visit");
                assert_eq!(browse(&next).await.status, 200, "{what}: the same form again");
                next = again;
            }
            Plan::Send(exchange) => {
                let reply = send(&exchange).await.expect("an answer");
                let answer = world.read(&call, &reply).await;
                if offer.resendable {
                    next = led(&answer).unwrap_or_else(|| panic!("{what} again: {}", told(&answer)));
                }
                let no = ["refused", "closed", "absent"].iter().any(|no| said(&answer).starts_with(no));
                assert!(!no, "{what} again: {}", told(&answer));
            }
        }
        world.pay(&charge, &next).await.unwrap_or_else(|why| panic!("{what}: {why}"));
        let twice = Target::OrderNo(charge.order.order_no.to_string());
        assert!(world.counterpart.payer(Act::Pay, twice).await.is_err(), "{what}: paid twice");
        if let Ok(Plan::Send(exchange)) = world.plan(&call).await {
            let answer = world.read(&call, &send(&exchange).await.expect("an answer")).await;
            assert!(said(&answer).starts_with("unknown"), "{what} after the payment: {}", told(&answer));
        }
        let entry = world.booked(&charge.order).await.expect("one order");
        assert_eq!((entry.charges, entry.total_fen), (1, AMOUNT));
        world.known(&charge.order).await;
    }
}
