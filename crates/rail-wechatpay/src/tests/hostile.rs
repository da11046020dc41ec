//! Hostile bytes: anything at all. Single flipped bytes are in `flips`.

use paifang_payment::{Doubt, Outcome, Presentation};
use paifang_rail::{Call, Rail, RawNotification, Reply};
use proptest::prelude::*;

use super::support::*;

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
        let (page, scanned, reversal) = (charge(Presentation::MobileWeb), scanned(), reversal());
        let calls = [
            Call::Charge(&native),
            Call::Charge(&jsapi),
            Call::Charge(&page),
            Call::Charge(&scanned),
            Call::Query(&order),
            Call::Close(&order),
            Call::Reverse(&reversal),
            Call::QueryReverse(&reversal),
            Call::Refund(&refund),
            Call::QueryRefund(&refund),
        ];
        for call in calls {
            let answer = shop().read(&call, &reply, &cx(CLOCK));
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
