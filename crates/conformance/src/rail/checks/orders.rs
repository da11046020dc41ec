//! The life of an order: created, looked at, paid, expired, closed.

use jiff::SignedDuration;
use paifang_payment::{NextAction, Outcome, Presentation};
use paifang_rail::{Call, Closing, Verdict};

use crate::rail::payer::target;
use crate::rail::words::{said, said_of};
use crate::rail::world::{AMOUNT, World};
use crate::rail::{Act, Target};

/// A creation answers what the storefront does next, and the payer who follows it gets to this very order.
pub async fn creations_lead_the_payer_to_the_order(world: &World) {
    for offer in world.awaiting() {
        let charge = world.charge(&offer).await;
        let next = world.create(&charge).await;
        let fits = match offer.presentation {
            Presentation::QrShown => matches!(next, NextAction::ShowQr { .. }),
            Presentation::Jsapi | Presentation::MiniProgram | Presentation::App => {
                matches!(next, NextAction::InvokeWallet { .. })
            }
            Presentation::MobileWeb | Presentation::DesktopWeb => {
                matches!(next, NextAction::Redirect { .. } | NextAction::PostForm { .. })
            }
            Presentation::PayerCode => false,
        };
        assert!(fits, "{} leads by {}", offer.presentation.as_str(), next.kind());
        world.come(&charge, &next).await.expect("the payer gets to the order");
        let entry = world.booked(&charge.order).await.expect("an order over there");
        assert_eq!((entry.total_fen, entry.paid, entry.charges), (AMOUNT, false, 0));
        world.counterpart.payer(Act::Pay, target(&charge, &next)).await.expect("a payable order");
        let entry = world.booked(&charge.order).await.expect("an order over there");
        assert_eq!((entry.total_fen, entry.paid, entry.charges), (AMOUNT, true, 1));
    }
}

/// A query says what is so before the payer comes, while the payer looks, after the payer turned away, and after the
/// payment; a payment with its amount, its number over there, and its time.
pub async fn queries_tell_the_state(world: &World) {
    for offer in world.awaiting() {
        let charge = world.charge(&offer).await;
        let query = Call::Query(&charge.order);
        let next = world.create(&charge).await;
        world.expect(&query, (world.habits.unseen)(offer.presentation)).await;
        world.come(&charge, &next).await.expect("the payer gets to the order");
        world.expect(&query, world.habits.seen).await;
        world.counterpart.payer(Act::Decline, target(&charge, &next)).await.expect("the payer turns away");
        world.expect(&query, "pending").await;
        // So that the time of the payment is not that of the order.
        world.counterpart.advance(SignedDuration::from_secs(100)).await;
        world.counterpart.payer(Act::Pay, target(&charge, &next)).await.expect("and comes back");
        let answer = world.expect(&query, &format!("paid {AMOUNT}")).await;
        let Some(Outcome::Paid(settled)) = answer.outcome() else { unreachable!("it said paid") };
        let entry = world.booked(&charge.order).await.expect("an order over there");
        let rail_ref = settled.rail_ref.as_ref().map(|rail_ref| rail_ref.as_str().to_owned());
        assert!(rail_ref.is_some(), "a payment has a number over there");
        assert_eq!(rail_ref, entry.rail_ref, "and it is this one");
        let (settled_at, now) = (settled.settled_at.expect("a time"), world.counterpart.now().await);
        // A second off for rails that cut fractions.
        let earliest = if world.habits.payments_timed { now } else { charge.order.opened_at };
        let second = SignedDuration::from_secs(1);
        assert!(settled_at >= earliest - second && settled_at <= now, "paid at {settled_at}, now {now}");
        // Asked with the number, as the engine does from then on.
        world.known(&world.known(&charge.order).await).await;
    }
}

/// "No such order" is told apart from everything else, for orders and for refunds.
pub async fn unknown_orders_are_absent(world: &World) {
    for offer in world.awaiting() {
        let never_sent = world.charge(&offer).await;
        world.expect(&Call::Query(&never_sent.order), "absent").await;
        let paid = world.paid_order(&offer).await;
        let never_sent = world.refund(&paid, 1).await;
        world.expect(&Call::QueryRefund(&never_sent), "absent").await;
    }
}

/// The expiry that was sent ends the order over there: a query says so, and the payer can no longer pay.
pub async fn expiry_ends_an_unpaid_order(world: &World) {
    for offer in world.awaiting() {
        let [unseen, seen] = [world.charge(&offer).await, world.charge(&offer).await];
        let (unseen_next, seen_next) = (world.create(&unseen).await, world.create(&seen).await);
        world.come(&seen, &seen_next).await.expect("the payer gets to the order");
        let life = seen.order.expires_at.duration_since(world.counterpart.now().await);
        world.counterpart.advance(life + SignedDuration::from_secs(1)).await;
        let wanted = (world.habits.unseen_expired)(offer.presentation);
        world.expect(&Call::Query(&unseen.order), wanted).await;
        world.expect(&Call::Query(&seen.order), world.habits.seen_expired).await;
        for (charge, next) in [(&unseen, &unseen_next), (&seen, &seen_next)] {
            assert!(world.pay(charge, next).await.is_err(), "an expired order was paid");
            assert_eq!(world.booked(&charge.order).await.map_or(0, |entry| entry.charges), 0);
        }
    }
}

/// A close ends what is unpaid and never what is paid. "Absent" proves nothing: such an order can still be paid.
pub async fn closes_end_unpaid_orders_only(world: &World) {
    if world.rail.descriptor().closing == Closing::ByExpiry {
        // That the call does not exist then is for `the_descriptor_is_the_whole_truth`.
        return;
    }
    for offer in world.awaiting() {
        let charge = world.charge(&offer).await;
        let (close, query) = (Call::Close(&charge.order), Call::Query(&charge.order));
        let next = world.create(&charge).await;
        world.come(&charge, &next).await.expect("the payer gets to the order");
        world.expect(&close, "closed").await;
        world.expect(&query, "closed").await;
        assert!(world.pay(&charge, &next).await.is_err(), "a closed order was paid");
        world.expect(&close, world.habits.close_again).await;

        let paid = world.paid_order(&offer).await;
        world.expect(&Call::Close(&paid), "unknown MaybePaid").await;
        world.known(&paid).await;

        let charge = world.charge(&offer).await;
        let next = world.create(&charge).await;
        let answer = world.ask(&Call::Close(&charge.order)).await;
        let unseen = said(&answer);
        // Nobody came to a page that was handed off: nothing was ordered yet.
        let wanted = if (world.habits.unseen)(offer.presentation) == "absent" {
            world.habits.close_unknown
        } else {
            world.habits.close_unseen
        };
        assert_eq!(unseen, wanted, "close of an order that nobody came to");
        assert_eq!(world.pay(&charge, &next).await.is_ok(), unseen == "absent", "after {unseen}");

        let never_sent = world.charge(&offer).await;
        world.expect(&Call::Close(&never_sent.order), world.habits.close_unknown).await;
    }
}

/// Money that comes after the end is told like any other, by a query and by a notification; where the rail sends it back
/// by itself, nothing says "paid".
pub async fn late_money_is_told(world: &World) {
    for offer in world.awaiting() {
        let charge = world.charge(&offer).await;
        let next = world.create(&charge).await;
        world.come(&charge, &next).await.expect("the payer gets to the order");
        if world.rail.descriptor().closing == Closing::ByCall {
            world.expect(&Call::Close(&charge.order), "closed").await;
        }
        let life = charge.order.expires_at.duration_since(world.counterpart.now().await);
        world.counterpart.advance(life + SignedDuration::from_secs(1)).await;
        world.expect(&Call::Query(&charge.order), world.habits.seen_expired).await;
        let order_no = Target::OrderNo(charge.order.order_no.to_string());
        world.counterpart.payer(Act::PayLate, order_no).await.expect("the bank was slow");
        if !world.habits.late_money_stays {
            world.expect(&Call::Query(&charge.order), "closed").await;
            continue;
        }
        world.known(&charge.order).await;
        let (delivery, notification) = world.next_notification().await;
        assert_eq!(said_of(notification.outcome.plain()), format!("paid {AMOUNT}"));
        // Else it comes again while time passes for the next offer.
        delivery.answer(world.rail.acknowledge(Verdict::Kept));
        world.sendings_until(|all| all.iter().all(|sending| sending.acknowledged)).await;
    }
}
