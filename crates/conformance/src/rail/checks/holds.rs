//! Money that is held first: taken once, for all or a part of it, or given back; never both.

use paifang_payment::Outcome;
use paifang_rail::{Call, CaptureOrder, Order, OrderKind, ReleaseOrder, Subject};

use crate::rail::words::{assert_said, said, said_of, told};
use crate::rail::world::{AMOUNT, World};
use crate::rail::{Act, Fault};

/// What is taken of the kit's holds.
const PART: i64 = 6_400;

/// A hold is told as held and nothing is charged; a part of it is taken once, by one number, however often it is asked; the
/// rest goes back by itself; and what was taken is refunded like any payment.
pub async fn holds_are_captured_once(world: &World) {
    for offer in world.holding() {
        let holding = offer.hold.expect("an offer that holds");
        let hold = world.held_order(&offer).await;
        let entry = world.booked(&hold).await.expect("a hold over there");
        assert_eq!((entry.held_fen, entry.captured_fen, entry.charges), (AMOUNT, 0, 0), "{entry:?}");

        let part = if holding.partial { PART } else { AMOUNT };
        let capture = world.capture(&hold, part).await;
        world.expect(&Call::QueryCapture(&capture), "absent").await;
        let taken = world.captured(&capture).await;
        let entry = world.booked(&hold).await.expect("a hold over there");
        assert_eq!((entry.captured_fen, entry.released_fen), (part, AMOUNT - part), "{entry:?}");

        let again = world.ask(&Call::Capture(&capture)).await;
        let fits = said(&again) == format!("paid {part}") || said(&again) == "pending";
        assert!(fits || said(&again).starts_with("unknown"), "a repeat: {}", told(&again));
        world.captured(&capture).await;
        let second = world.capture(&hold, 1).await;
        let answer = world.ask(&Call::Capture(&second)).await;
        let no = said(&answer).starts_with("refused") || said(&answer).starts_with("unknown");
        assert!(no, "a second capture: {}", told(&answer));
        let entry = world.booked(&hold).await.expect("a hold over there");
        assert_eq!((entry.captured_fen, entry.released_fen), (part, AMOUNT - part), "{entry:?}");

        let refund = world.refund(&taken, part).await;
        world.refunded(&refund).await;
    }
}

/// A hold is given back in full, once; after that nothing can be taken.
pub async fn holds_are_released(world: &World) {
    for offer in world.holding() {
        let hold = world.held_order(&offer).await;
        let release = world.release(&hold).await;
        world.released(&release).await;
        let entry = world.booked(&hold).await.expect("a hold over there");
        assert_eq!((entry.captured_fen, entry.released_fen), (0, AMOUNT), "{entry:?}");
        world.expect(&Call::Query(&hold), "closed").await;

        let again = world.ask(&Call::Release(&release)).await;
        let fits = ["closed", "pending"].contains(&said(&again).as_str());
        assert!(fits || said(&again).starts_with("unknown"), "a repeat: {}", told(&again));
        let late = world.capture(&hold, AMOUNT).await;
        let answer = world.ask(&Call::Capture(&late)).await;
        let no = said(&answer).starts_with("refused") || said(&answer).starts_with("unknown");
        assert!(no, "a capture of what was given back: {}", told(&answer));
        let entry = world.booked(&hold).await.expect("a hold over there");
        assert_eq!((entry.captured_fen, entry.charges), (0, 0), "{entry:?}");
    }
}

/// More than is held is not taken.
pub async fn captures_of_more_than_is_held_are_not_done(world: &World) {
    for offer in world.holding() {
        let hold = world.held_order(&offer).await;
        // Twice as much: some rails allow a little more than was held.
        let capture = world.capture(&hold, 2 * AMOUNT).await;
        let answer = world.ask(&Call::Capture(&capture)).await;
        let no = said(&answer).starts_with("refused") || said(&answer).starts_with("unknown");
        assert!(no, "more than is held: {}", told(&answer));
        let entry = world.booked(&hold).await.expect("a hold over there");
        assert_eq!((entry.held_fen, entry.captured_fen), (AMOUNT, 0), "{entry:?}");
        world.captured(&world.capture(&hold, AMOUNT).await).await;
    }
}

/// A hold is notified as held, never as paid.
pub async fn holds_are_notified(world: &World) {
    for offer in world.holding() {
        let hold = world.held_order(&offer).await;
        let (_, notification) = world.next_notification().await;
        assert_eq!(notification.subject, Subject::Charge(hold.order_no.clone()));
        assert!(world.rail.identity().admits(&notification.claims), "{:?}", notification.claims);
        assert_eq!(said_of(notification.outcome.plain()), format!("held {AMOUNT}"));
    }
}

/// When the answer to a capture or a release is lost, its query tells what happened.
pub async fn lost_captures_and_releases_are_told_by_a_query(world: &World) {
    for offer in world.holding() {
        for fault in [Fault::AnswerLost, Fault::StatusAfter(502)] {
            let hold = world.held_order(&offer).await;
            let capture = world.capture(&hold, AMOUNT).await;
            world.arm("capture", fault).await;
            lost(world, &Call::Capture(&capture)).await;
            assert_said("a lost capture", &world.settled(&Call::QueryCapture(&capture)).await, "paid");

            let hold = world.held_order(&offer).await;
            let release = world.release(&hold).await;
            world.arm("release", fault).await;
            lost(world, &Call::Release(&release)).await;
            assert_said("a lost release", &world.settled(&Call::QueryRelease(&release)).await, "closed");
        }
        let hold = world.held_order(&offer).await;
        let capture = world.capture(&hold, AMOUNT).await;
        world.arm("capture", Fault::RequestLost).await;
        lost(world, &Call::Capture(&capture)).await;
        world.expect(&Call::QueryCapture(&capture), "absent").await;
        world.captured(&capture).await;
    }
}

async fn lost(world: &World, call: &Call<'_>) {
    if let Ok(reply) = world.exchange(call).await {
        let answer = world.read(call, &reply).await;
        assert!(said(&answer).starts_with("unknown"), "a broken answer: {}", told(&answer));
    }
}

/// An unpaid hold ends at its expiry like any order.
pub async fn unpaid_holds_end(world: &World) {
    for offer in world.holding().into_iter().filter(|offer| !offer.presentation.is_synchronous()) {
        let charge = world.hold(&offer).await;
        let next = world.create(&charge).await;
        world.come(&charge, &next).await.expect("the payer gets to the hold");
        let life = charge.order.expires_at.duration_since(world.counterpart.now().await);
        world.counterpart.advance(life + jiff::SignedDuration::from_secs(1)).await;
        let answer = world.ask(&Call::Query(&charge.order)).await;
        assert!(["closed", "absent"].contains(&said(&answer).as_str()), "expired: {}", told(&answer));
        assert!(world.pay(&charge, &next).await.is_err(), "an expired hold was paid");
    }
}

impl World {
    /// A capture out of a hold.
    pub(in crate::rail) async fn capture(&self, hold: &Order, minor: i64) -> CaptureOrder {
        CaptureOrder {
            hold: hold.clone(),
            capture_no: self.number('T'),
            amount: crate::rail::world::yuan(minor),
            description: "kit".into(),
            opened_at: self.counterpart.now().await,
        }
    }

    /// A release of a hold.
    pub(in crate::rail) async fn release(&self, hold: &Order) -> ReleaseOrder {
        let opened_at = self.counterpart.now().await;
        ReleaseOrder { hold: hold.clone(), release_no: self.number('F'), opened_at }
    }

    /// Captures, waits until that is done, and gives what refunds of it point to.
    pub(in crate::rail) async fn captured(&self, capture: &CaptureOrder) -> Order {
        self.ask(&Call::Capture(capture)).await;
        let answer = self.settled(&Call::QueryCapture(capture)).await;
        assert_said("a capture", &answer, &format!("paid {}", capture.amount.minor_units()));
        let Some(Outcome::Paid(settled)) = answer.outcome() else { unreachable!("it said paid") };
        Order {
            kind: OrderKind::Capture,
            order_no: capture.capture_no.clone(),
            amount: capture.amount,
            rail_ref: settled.rail_ref.clone(),
            opened_at: capture.opened_at,
            ..capture.hold.clone()
        }
    }

    /// Releases, and waits until that is done.
    pub(in crate::rail) async fn released(&self, release: &ReleaseOrder) {
        self.ask(&Call::Release(release)).await;
        let answer = self.settled(&Call::QueryRelease(release)).await;
        assert_said("a release", &answer, "closed");
    }

    /// A standing hold, with the rail's number in it.
    pub(in crate::rail) async fn held_order(&self, offer: &paifang_rail::Offer) -> Order {
        let mut charge = self.hold(offer).await;
        if offer.presentation.is_synchronous() {
            let code = self.counterpart.issue_code(crate::rail::CodeOutcome::Pays).await;
            let code = code.expect("a rail whose payer's codes are charged issues them");
            charge.payer_code = Some(paifang_rail::PayerCode::parse(&code).expect("a payer's code")).into();
            self.ask(&Call::Charge(&charge)).await;
        } else {
            let next = self.create(&charge).await;
            self.come(&charge, &next).await.expect("the payer gets to the hold");
            let target = crate::rail::payer::target(&charge, &next);
            self.counterpart.payer(Act::Pay, target).await.expect("a payable hold");
        }
        let answer = self.settled(&Call::Query(&charge.order)).await;
        assert_said("a hold", &answer, &format!("held {AMOUNT}"));
        let Some(Outcome::Held(settled)) = answer.outcome() else { unreachable!("it said held") };
        assert!(settled.rail_ref.is_some(), "a hold has a number at the rail");
        Order { rail_ref: settled.rail_ref.clone(), ..charge.order }
    }
}
