//! Money that goes back: each refund once, never more than was paid.

use paifang_rail::{Call, Plan, RefundOrder, Subject, Verdict};

use crate::rail::words::{assert_said, said, said_of, told};
use crate::rail::world::{AMOUNT, World, yuan};
use crate::rail::{Act, Fault, RefundFailure, Target, send};

/// Three parts of an order go back under three numbers, each is told by its own query, and a repeat under the same number
/// moves nothing.
pub async fn refunds_return_money_once(world: &World) {
    for offer in world.awaiting() {
        let order = world.paid_order(&offer).await;
        let mut refunds = Vec::new();
        for minor in [1, 4_000, AMOUNT - 4_001] {
            let refund = world.refund(&order, minor).await;
            world.refunded(&refund).await;
            refunds.push(refund);
            world.pause_between_refunds().await;
        }
        for refund in &refunds {
            let done = format!("refunded {}", refund.amount.minor_units());
            world.expect(&Call::QueryRefund(refund), &done).await;
            let again = world.ask(&Call::Refund(refund)).await;
            let allowed = [done.as_str(), "pending"].contains(&said(&again).as_str())
                || said(&again).starts_with("unknown");
            assert!(allowed, "a repeat: {}", told(&again));
            world.expect(&Call::QueryRefund(refund), &done).await;
        }
        let entry = world.booked(&order).await.expect("an order");
        assert_eq!((entry.refunded_fen, entry.charges), (AMOUNT, 1));
        let done: i64 = entry.refunds.iter().map(|refund| refund.fen).sum();
        assert_eq!((done, entry.refunds.len()), (AMOUNT, 3), "{:?}", entry.refunds);
        // Given back in full, it was paid all the same.
        world.known(&order).await;
    }
}

/// More than is left does not go back, and neither does a number's second amount; nothing of it reads as done.
pub async fn refunds_of_more_than_is_left_are_not_done(world: &World) {
    for offer in world.awaiting() {
        let order = world.paid_order(&offer).await;
        let first = world.refund(&order, 6_000).await;
        world.refunded(&first).await;
        world.pause_between_refunds().await;
        let too_much = world.refund(&order, 4_001).await;
        let changed = RefundOrder { amount: yuan(3_000), ..first.clone() };
        for (what, refund) in [("more than is left", &too_much), ("another amount", &changed)] {
            let answer = world.ask(&Call::Refund(refund)).await;
            let no = said(&answer).starts_with("refused") || said(&answer).starts_with("unknown");
            assert!(no, "{what}: {}", told(&answer));
        }
        let after = world.settled(&Call::QueryRefund(&too_much)).await;
        let no = said(&after) == "absent" || said(&after).starts_with("refused");
        assert!(no, "afterwards: {}", told(&after));
        let entry = world.booked(&order).await.expect("an order");
        assert_eq!(entry.refunded_fen, 6_000, "{:?}", entry.refunds);
        world.expect(&Call::QueryRefund(&first), "refunded 6000").await;

        let unpaid = world.charge(&offer).await;
        let next = world.create(&unpaid).await;
        world.come(&unpaid, &next).await.expect("the payer gets to the order");
        let refund = world.refund(&unpaid.order, 100).await;
        // Some rails name the payment, and there is none.
        if let Ok(Plan::Send(exchange)) = world.plan(&Call::Refund(&refund)).await {
            let reply = send(&exchange).await.expect("an answer");
            let answer = world.read(&Call::Refund(&refund), &reply).await;
            let no = said(&answer).starts_with("refused") || said(&answer).starts_with("unknown");
            assert!(no, "of an unpaid order: {}", told(&answer));
        }
    }
}

/// Where the rail tells of refunds, the message opens, names the refund and this account, and is never a payment.
pub async fn refund_notifications_open(world: &World) {
    for offer in world.awaiting() {
        let order = world.paid_order(&offer).await;
        let (delivery, payment) = world.next_notification().await;
        delivery.answer(world.rail.acknowledge(Verdict::Kept));
        let mut keys = vec![payment.key];
        for minor in [3_000, AMOUNT - 3_000] {
            let refund = world.refund(&order, minor).await;
            world.refunded(&refund).await;
            if world.habits.refunds_notified {
                let (delivery, notification) = world.next_notification().await;
                assert_eq!(notification.subject, Subject::Refund(refund.refund_no.clone()));
                assert!(world.rail.identity().admits(&notification.claims), "{:?}", notification.claims);
                let said = said_of(notification.outcome.plain());
                assert!(["pending".to_owned(), format!("refunded {minor}")].contains(&said), "{said}");
                keys.push(notification.key);
                delivery.answer(world.rail.acknowledge(Verdict::Kept));
            }
            world.pause_between_refunds().await;
        }
        let all = world.sendings_until(|all| all.iter().all(|sending| sending.tries > 0)).await;
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "other news has another key: {keys:?}");
        assert!(all.iter().all(|sending| sending.tries == 1), "{all:?}");
    }
}

/// A refund that was accepted and then failed returns nothing: its query says no, a message about it is never good news,
/// and the same money goes back under a new number.
pub async fn failed_refunds_return_nothing(world: &World) {
    let Some(failure) = world.habits.refund_failure else {
        let at_once = world.habits.refunds_end_at_once;
        assert!(at_once, "a rail whose refunds end later has a way for them to fail");
        return;
    };
    let order = world.paid_order(&world.any_awaiting()).await;
    let (delivery, _) = world.next_notification().await;
    delivery.answer(world.rail.acknowledge(Verdict::Kept));
    let refund = world.refund(&order, AMOUNT).await;
    if let RefundFailure::Code(code) = failure {
        world.arm("refund", Fault::Code(code)).await;
    }
    world.expect(&Call::Refund(&refund), "pending").await;
    if failure == RefundFailure::Decline {
        let number = Target::OrderNo(refund.refund_no.to_string());
        world.counterpart.payer(Act::Decline, number).await.expect("a refund under way");
    }
    let answer = world.settled(&Call::QueryRefund(&refund)).await;
    assert_said("a failed refund", &answer, "refused");
    let (_, notification) = world.next_notification().await;
    assert_eq!(notification.subject, Subject::Refund(refund.refund_no.clone()));
    let said = said_of(notification.outcome.plain());
    assert!(said == "pending" || said.starts_with("refused"), "{said}");
    world.pause_between_refunds().await;
    world.refunded(&world.refund(&order, AMOUNT).await).await;
    assert_eq!(world.booked(&order).await.map(|entry| entry.refunded_fen), Some(AMOUNT));
}
