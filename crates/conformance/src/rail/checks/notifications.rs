//! Messages that come by themselves: believed only as they were signed, and acknowledged in the rail's own words.

use jiff::SignedDuration;
use paifang_payment::Outcome;
use paifang_rail::{Call, Context, NotificationError, RawNotification, Subject, Verdict};

use crate::rail::words::said_of;
use crate::rail::world::{AMOUNT, World, within};
use crate::rail::{Delivery, Fault};

/// A payment is notified; the message is believed, names the order, this account and the facts that a query tells, and
/// the answer "kept" ends its repeats.
pub async fn payments_are_notified(world: &World) {
    for offer in world.awaiting() {
        let order = world.paid_order(&offer).await;
        let (delivery, notification) = world.next_notification().await;
        assert_eq!(notification.subject, Subject::Charge(order.order_no.clone()));
        assert!(
            world.rail.identity().admits(&notification.claims),
            "{:?} is not {:?}",
            notification.claims,
            world.rail.identity()
        );
        let Outcome::Paid(told) = notification.outcome.plain() else {
            panic!("a payment is told as {}", said_of(notification.outcome.plain()))
        };
        assert_eq!((told.amount, &told.rail_ref), (order.amount, &order.rail_ref));
        let answer = world.ask(&Call::Query(&order)).await;
        let Some(Outcome::Paid(asked)) = answer.outcome() else { panic!("a paid order is paid") };
        assert_eq!(asked, told, "a query and a notification tell the same");
        assert!(!notification.key.is_empty());
        delivery.answer(world.rail.acknowledge(Verdict::Kept));
        let sendings = world.sendings_until(|all| all.iter().all(|sending| sending.tries == 1)).await;
        assert!(sendings.iter().all(|sending| sending.acknowledged), "{sendings:?}");
    }
}

/// Every other answer than "kept" brings the message again, under the same key, until it is kept.
pub async fn refused_notifications_come_again(world: &World) {
    world.paid_order(&world.any_awaiting()).await;
    let mut keys = Vec::new();
    for (turn, verdict) in
        [Verdict::Rejected, Verdict::TryLater, Verdict::Orphan, Verdict::Kept].into_iter().enumerate()
    {
        let (delivery, notification) = world.next_notification().await;
        keys.push(notification.key);
        delivery.answer(world.rail.acknowledge(verdict));
        let sendings = world.sendings_until(|all| all.iter().all(|sending| sending.tries == turn + 1)).await;
        let [sending] = sendings.as_slice() else { panic!("one notification: {sendings:?}") };
        assert_eq!(sending.acknowledged, verdict == Verdict::Kept, "after {verdict:?}");
        if let Some(next_try_at) = sending.next_try_at {
            let wait = next_try_at.duration_since(world.counterpart.now().await);
            world.counterpart.advance(wait.max(SignedDuration::ZERO)).await;
        } else {
            assert_eq!(verdict, Verdict::Kept, "it is not sent again");
        }
    }
    keys.dedup();
    assert_eq!(keys.len(), 1, "repeats have one key");
}

/// Two copies of the same news have one key, other news has another.
pub async fn copies_of_a_notification_have_one_key(world: &World) {
    let offer = world.any_awaiting();
    world.arm("charge", Fault::TwinNotifications).await;
    world.paid_order(&offer).await;
    let (first, one) = world.next_notification().await;
    let (second, two) = world.next_notification().await;
    first.answer(world.rail.acknowledge(Verdict::Kept));
    second.answer(world.rail.acknowledge(Verdict::Kept));
    assert_eq!((&one.key, &one.subject), (&two.key, &two.subject));
    world.paid_order(&offer).await;
    let (_, other) = world.next_notification().await;
    assert_ne!(one.key, other.key, "another payment is other news");
}

/// The adapter reports the amount that was signed; comparing it with the order is the engine's work.
pub async fn a_notification_says_what_was_signed(world: &World) {
    world.arm("charge", Fault::NotificationAmount(AMOUNT - 1)).await;
    let order = world.paid_order(&world.any_awaiting()).await;
    let (_, notification) = world.next_notification().await;
    assert_eq!(notification.subject, Subject::Charge(order.order_no.clone()));
    assert_eq!(said_of(notification.outcome.plain()), format!("paid {}", AMOUNT - 1));
}

/// Nothing of a message counts that was not signed by this rail for this account: a wrong signature, another key, every
/// single byte flipped, every part left out or doubled, a query in the URL.
pub async fn forged_notifications_are_refused(world: &World) {
    let offer = world.any_awaiting();
    world.arm("charge", Fault::NotificationWrongSignature).await;
    world.paid_order(&offer).await;
    let delivery = world.door.next().await;
    let refusal = world.open_raw(&delivery.raw()).await.expect_err("a wrong signature");
    assert_eq!(refusal, NotificationError::WrongSignature);
    drop(delivery);

    let door = World::paid_order(world, &offer);
    within("a payment", door).await;
    let (delivery, _) = world.next_notification().await;
    let now = world.counterpart.now().await;
    let own = Judge { world, cx: world.cx(now, "0") };
    let genuine = own.facts(&delivery.raw()).expect("a genuine message");
    let strange = Judge { world, cx: Context { keys: &world.strangers, ..own.cx } };
    let refusal = strange.facts(&delivery.raw()).expect_err("another rail's key");
    let wanted = [NotificationError::WrongSignature, NotificationError::UnknownKey];
    assert!(wanted.contains(&refusal), "another rail's key: {refusal:?}");
    let asked = RawNotification { query: "a=b", ..delivery.raw() };
    assert!(own.facts(&asked).is_err(), "a query in the URL");

    own.no_flip_adds_meaning(&delivery, &genuine);
    own.no_part_is_spare(&delivery, &genuine);
}

/// Opens variations of one message.
struct Judge<'a> {
    world: &'a World,
    cx: Context<'a>,
}

impl Judge<'_> {
    /// Everything that a message says, as text.
    fn facts(&self, raw: &RawNotification<'_>) -> Result<String, NotificationError> {
        let opened = self.world.rail.open_notification(raw, &self.cx)?;
        let said = opened.get();
        Ok(format!("{} {:?} {:?} {:?}", said.key, said.subject, said.claims, said.outcome.plain()))
    }

    /// A variation is refused or says the very same.
    fn same_or_refused(
        &self,
        what: &str,
        raw: &RawNotification<'_>,
        genuine: &str,
    ) -> Option<NotificationError> {
        match self.facts(raw) {
            Ok(said) => {
                assert_eq!(said, genuine, "{what}");
                None
            }
            Err(refusal) => Some(refusal),
        }
    }

    fn no_flip_adds_meaning(&self, delivery: &Delivery, genuine: &str) {
        let mut body = delivery.body.clone();
        for at in 0..body.len() {
            body[at] ^= 1;
            let raw = RawNotification { body: &body, ..delivery.raw() };
            self.same_or_refused(&format!("byte {at} of the body"), &raw, genuine);
            body[at] ^= 1;
        }
        for (index, (name, value)) in delivery.headers.iter().enumerate() {
            for at in 0..value.len() {
                let mut bytes = value.clone().into_bytes();
                bytes[at] ^= 1;
                let Ok(flipped) = String::from_utf8(bytes) else { continue };
                let mut headers = delivery.headers.clone();
                headers[index].1 = flipped;
                let raw = RawNotification { headers: &headers, ..delivery.raw() };
                self.same_or_refused(&format!("byte {at} of {name}"), &raw, genuine);
            }
        }
    }

    /// Leaves out and doubles every header and every field of a form.
    fn no_part_is_spare(&self, delivery: &Delivery, genuine: &str) {
        let mut refusals = Vec::new();
        for (index, header) in delivery.headers.iter().enumerate() {
            let mut headers = delivery.headers.clone();
            headers.remove(index);
            let raw = RawNotification { headers: &headers, ..delivery.raw() };
            refusals.extend(self.same_or_refused(&format!("without {}", header.0), &raw, genuine));
            headers.insert(index, header.clone());
            headers.push(header.clone());
            let raw = RawNotification { headers: &headers, ..delivery.raw() };
            self.same_or_refused(&format!("{} twice", header.0), &raw, genuine);
        }
        let fields: Vec<&[u8]> = delivery.body.split(|byte| *byte == b'&').collect();
        for index in 0..fields.len() {
            let mut others = fields.clone();
            let field = others.remove(index);
            let body = others.join(&b'&');
            let raw = RawNotification { body: &body, ..delivery.raw() };
            refusals.extend(self.same_or_refused(&format!("without field {index}"), &raw, genuine));
            let doubled = [&delivery.body, b"&".as_slice(), field].concat();
            let raw = RawNotification { body: &doubled, ..delivery.raw() };
            assert!(self.facts(&raw).is_err(), "field {index} twice");
        }
        assert!(refusals.contains(&NotificationError::Unsigned), "without its signature it is unsigned");
    }
}
