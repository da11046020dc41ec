//! What a message holds, by the names of its fields, and cutting it to those that somebody may see. The walks are written by
//! the build script, from the contract itself: a new field is walked over without a line here.

use paifang_boundary::Field;

use crate::v1;

/// A message whose fields have marks, and all messages in it.
pub trait Bounded {
    /// Tells every field that is set, here and inside; one that is repeated in a list is told as often.
    fn each(&self, found: &mut dyn FnMut(Field));

    /// Unsets every field that is not allowed, here and inside.
    fn keep(&mut self, allowed: &dyn Fn(Field) -> bool);
}

/// Whether there is something to see: not what proto3 leaves out.
fn is_set<T: Default + PartialEq>(value: &T) -> bool {
    *value != T::default()
}

include!(concat!(env!("OUT_DIR"), "/bounded.rs"));

#[cfg(test)]
mod tests {
    use paifang_boundary::{Audience, Fields};

    use super::*;

    const CANARY: &str = "canary-7281";

    fn event() -> v1::Event {
        let qr = v1::ShowQrCode { content: CANARY.into(), expire_time: None };
        let next_action = v1::NextAction { kind: Some(v1::next_action::Kind::ShowQrCode(qr)) };
        let attempt = v1::Attempt { order_number: "A1".into(), ..Default::default() };
        let intent = v1::PaymentIntent {
            description: "tea".into(),
            amount: Some(v1::Money { currency_code: "CNY".into(), minor_units: 1 }),
            attempts: vec![attempt.clone(), attempt],
            next_action: Some(next_action),
            ..Default::default()
        };
        let resource = Some(v1::event::Resource::PaymentIntent(intent));
        v1::Event { r#type: "payment_intent.succeeded".into(), resource, ..Default::default() }
    }

    fn set(event: &v1::Event) -> Vec<&'static str> {
        let mut found = Fields::NONE;
        event.each(&mut |field| found.insert(field));
        found.iter().map(Field::name).collect()
    }

    #[test]
    fn only_what_is_for_events_stays_in_an_event() {
        let mut event = event();
        assert!(set(&event).contains(&"show_qr_code.content"));
        event.keep(&|field| field.is_for(Audience::Event));
        let expected = [
            "attempt.order_number",
            "event.payment_intent",
            "event.type",
            "money.currency_code",
            "money.minor_units",
            "payment_intent.amount",
            "payment_intent.attempts",
            "payment_intent.description",
        ];
        assert_eq!(set(&event), expected);
    }

    #[test]
    fn what_is_not_allowed_goes_at_every_depth() {
        let mut event = event();
        event.keep(&|field| field != Field::AttemptOrderNumber && field != Field::EventType);
        let left = set(&event);
        assert!(
            left.contains(&"payment_intent.attempts") && left.contains(&"show_qr_code.content"),
            "{left:?}"
        );
        assert!(!left.contains(&"attempt.order_number") && !left.contains(&"event.type"), "{left:?}");
        event.keep(&|field| field != Field::EventPaymentIntent);
        assert_eq!(set(&event), Vec::<&str>::new());
    }
}
