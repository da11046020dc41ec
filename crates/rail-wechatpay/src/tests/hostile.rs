//! Hostile bytes: every flipped byte, and anything at all.

use paifang_payment::{Doubt, Outcome, Presentation};
use paifang_rail::{Call, Rail, RawNotification, Reply};
use proptest::prelude::*;

use super::notification::case;
use super::support::*;

/// What a notification says, comparable.
fn said(headers: &[(String, String)], body: &[u8], at: i64) -> Option<String> {
    let raw = RawNotification { headers, query: "", body };
    let opened = account().open_notification(&raw, &cx(at)).ok()?;
    Some(format!("{:?}", opened.get()))
}

/// I4: each byte of a notification's body and headers flipped once: refused, or the very same fields.
#[test]
fn a_flipped_byte_of_a_notification_changes_nothing() {
    let (headers, body, at) = case("transaction-success");
    let genuine = said(&headers, body.as_bytes(), at).unwrap();
    for index in 0..body.len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut bytes = body.as_bytes().to_vec();
            bytes[index] ^= mask;
            assert_eq!(said(&headers, &bytes, at), None, "byte {index} of the body");
        }
    }
    let mut same = 0;
    for header in 0..headers.len() {
        for index in 0..headers[header].1.len() {
            for mask in [0x01, 0x20] {
                let mut changed = headers.clone();
                let mut value = changed[header].1.clone().into_bytes();
                value[index] ^= mask;
                let Ok(value) = String::from_utf8(value) else { continue };
                changed[header].1 = value;
                if let Some(said) = said(&changed, body.as_bytes(), at) {
                    // A serial in another case, or a content type, is not part of what is said.
                    let name = headers[header].0.as_str();
                    assert!(matches!(name, "Wechatpay-Serial" | "Content-Type"), "{name} {index}");
                    // The key's id is the ring's own, so even it is the same.
                    assert_eq!(said, genuine);
                    same += 1;
                }
            }
        }
    }
    assert!(same > 0);
}

/// I4: the same for a reply.
#[test]
fn a_flipped_byte_of_a_reply_is_doubt() {
    let order = order(Presentation::QrShown);
    let good = signed(200, &transaction("SUCCESS").to_string());
    let read = |reply: &Reply| account().read(&Call::Query(&order), reply, &cx(CLOCK)).outcome().cloned();
    assert!(matches!(read(&good), Some(Outcome::Paid(_))));
    for index in 0..good.body.len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut reply = good.clone();
            reply.body[index] ^= mask;
            assert_eq!(read(&reply), Some(Outcome::Unknown(Doubt::BadSignature)), "byte {index}");
        }
    }
}

/// Headers that get past the first checks now and then.
fn any_headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![
        Just("Wechatpay-Timestamp".to_owned()),
        Just("Wechatpay-Nonce".to_owned()),
        Just("Wechatpay-Serial".to_owned()),
        Just("Wechatpay-Signature".to_owned()),
        Just("Wechatpay-Signature-Type".to_owned()),
        ".{0,12}",
    ];
    let value = prop_oneof![
        Just(CLOCK.to_string()),
        Just(text("/keys/platform_certificate/serial_no").to_owned()),
        Just("WECHATPAY2-SHA256-RSA2048".to_owned()),
        Just("99999999999999999999999".to_owned()),
        ".{0,40}",
    ];
    proptest::collection::vec((name, value), 0..8)
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let error = r#"\{"code":"[A-Z_]{0,12}","message":".{0,20}"\}"#.prop_map(String::into_bytes);
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), error]
}

proptest! {
    /// I15: no bytes make a reader panic, and none without a signature are a success.
    #[test]
    fn arbitrary_replies_never_panic_and_never_pay(
        status in 100..600u16, headers in any_headers(), body in any_body()
    ) {
        let reply = Reply { status, headers, body };
        let order = order(Presentation::QrShown);
        let (native, jsapi, refund) = (charge(Presentation::QrShown), charge(Presentation::Jsapi), refund());
        let calls = [
            Call::Charge(&native),
            Call::Charge(&jsapi),
            Call::Query(&order),
            Call::Close(&order),
            Call::Refund(&refund),
            Call::QueryRefund(&refund),
        ];
        for call in calls {
            let answer = account().read(&call, &reply, &cx(CLOCK));
            let harmless = matches!(answer.outcome(), None | Some(Outcome::Unknown(_) | Outcome::Refused(_)));
            prop_assert!(harmless, "{answer:?}");
        }
    }

    #[test]
    fn arbitrary_notifications_never_panic_and_are_never_believed(
        headers in any_headers(), body in any_body(), query in ".{0,8}"
    ) {
        let raw = RawNotification { headers: &headers, query: &query, body: &body };
        prop_assert!(account().open_notification(&raw, &cx(CLOCK)).is_err());
    }

    /// Genuine headers over any text: what is signed is read without a panic too.
    #[test]
    fn arbitrary_signed_texts_never_panic(body in ".{0,200}") {
        let order = order(Presentation::QrShown);
        let answer = account().read(&Call::Query(&order), &signed(200, &body), &cx(CLOCK));
        prop_assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Unreadable)));
        let headers = signature(&body);
        let raw = RawNotification { headers: &headers, query: "", body: body.as_bytes() };
        prop_assert!(account().open_notification(&raw, &cx(CLOCK)).is_err());
    }
}
