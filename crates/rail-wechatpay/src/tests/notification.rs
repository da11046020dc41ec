//! Notifications: the recorded ones, and what is not believed or not read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expect_test::expect;
use paifang_rail::{
    Claims, HttpReply, Identity, Notification, NotificationError, Rail, RawNotification, Verdict, Verified,
};
use serde_json::Value;

use super::support::*;

type Opened = Result<Verified<Notification>, NotificationError>;

fn open(headers: &[(String, String)], body: &str, at: i64) -> Opened {
    account().open_notification(&RawNotification { headers, query: "", body: body.as_bytes() }, &cx(at))
}

fn error(opened: Opened) -> NotificationError {
    opened.map(drop).expect_err("believed")
}

/// The vector of this name: headers, body, and its own time.
pub(super) fn case(name: &str) -> (Vec<(String, String)>, &'static str, i64) {
    let case = vectors("notifications").iter().find(|case| case["name"] == name).unwrap();
    let at = case["headers"]["Wechatpay-Timestamp"].as_str().unwrap().parse().unwrap();
    (headers(case), case["body"].as_str().unwrap(), at)
}

/// F63 among them: a probe is a wrong signature.
#[test]
fn every_vector_is_opened_or_refused() {
    let mut lines = String::new();
    for recorded in vectors("notifications") {
        let name = recorded["name"].as_str().unwrap();
        let (headers, body, at) = case(name);
        let opened = open(&headers, body, at);
        assert_eq!(opened.is_ok(), recorded["valid"] == true, "{name}");
        lines += &match opened {
            Ok(verified) => {
                let Notification { key, subject, claims, refund_of, outcome, rule } = verified.into_inner();
                assert!(account().identity().admits(&claims), "{name}");
                let of = refund_of.map(|of| format!(", of {} and {}", of.order_no, of.rail_ref));
                let about = format!("{subject:?}, {claims:?}{}", of.unwrap_or_default());
                format!("{name}: {key}\n  {about}\n  {rule} = {:?}\n", outcome.plain())
            }
            Err(error) => format!("{name}: {error:?}\n"),
        };
    }
    expect![[r#"
        transaction-success: T20260101000001:TRANSACTION.SUCCESS:4200000000202601010000000001
          Charge(T20260101000001), Claims { merchant: Some("1900000109"), app: Some("wxd678efh567hg6787") }
          wechatpay.notification.transaction_success = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
        transaction-success-public-key: T20260101000001:TRANSACTION.SUCCESS:4200000000202601010000000001
          Charge(T20260101000001), Claims { merchant: Some("1900000109"), app: Some("wxd678efh567hg6787") }
          wechatpay.notification.transaction_success = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
        refund-success: R20260101000001:REFUND.SUCCESS:4200000000202601010000000001
          Refund(R20260101000001), Claims { merchant: Some("1900000109"), app: None }, of T20260101000001 and 4200000000202601010000000001
          wechatpay.notification.refund_success = Refunded(Settled { amount: 0.30 CNY, rail_ref: Some(50000000000202601010000000001), settled_at: Some(2026-01-01T00:10:00Z) })
        refund-abnormal: R20260101000001:REFUND.ABNORMAL:4200000000202601010000000001
          Refund(R20260101000001), Claims { merchant: Some("1900000109"), app: None }, of T20260101000001 and 4200000000202601010000000001
          wechatpay.notification.refund_abnormal = Pending(Pending { next_action: None, rail_ref: Some(50000000000202601010000000001) })
        refund-closed: R20260101000001:REFUND.CLOSED:4200000000202601010000000001
          Refund(R20260101000001), Claims { merchant: Some("1900000109"), app: None }, of T20260101000001 and 4200000000202601010000000001
          wechatpay.notification.refund_closed = Refused(Refusal { reason: refund_not_allowed, rail_code: "CLOSED", rail_message: "", basis: Signed })
        empty-associated-data: T20260101000001:TRANSACTION.SUCCESS:4200000000202601010000000001
          Charge(T20260101000001), Claims { merchant: Some("1900000109"), app: Some("wxd678efh567hg6787") }
          wechatpay.notification.transaction_success = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
        signature-probe: WrongSignature
    "#]].assert_eq(&lines);
}

/// A message with this content, signed and addressed as the rail would, changed before it is signed.
///
/// The ring only opens, so the content is that of a vector; the envelope around it is ours.
fn resealed(name: &str, change: impl Fn(&mut Value)) -> Opened {
    let mut envelope: Value = serde_json::from_str(case(name).1).unwrap();
    change(&mut envelope);
    let body = envelope.to_string();
    open(&signature(&body), &body, CLOCK)
}

/// F58: tag, associated data, nonce length, and content of another kind.
#[test]
fn a_signed_envelope_must_fit_its_content() {
    use NotificationError::{Malformed, Undecryptable};
    assert!(resealed("transaction-success", |_| ()).is_ok());
    let change = |path: &'static str, value: &'static str| {
        error(resealed("transaction-success", move |envelope| {
            *envelope.pointer_mut(path).unwrap() = value.into();
        }))
    };
    assert_eq!(change("/event_type", "REFUND.SUCCESS"), Malformed("event_type"));
    assert_eq!(change("/event_type", "TRANSACTION.FAIL"), Malformed("event_type"));
    assert_eq!(change("/resource/original_type", "profitsharing"), Malformed("event_type"));
    assert_eq!(change("/resource_type", "plain-resource"), Malformed("resource_type"));
    assert_eq!(change("/resource/algorithm", "AEAD_SM4_GCM"), Malformed("algorithm"));
    assert_eq!(change("/resource/ciphertext", "!!!!"), Malformed("ciphertext"));
    assert_eq!(change("/resource/ciphertext", ""), Undecryptable);
    assert_eq!(change("/resource/associated_data", "refund"), Undecryptable);
    assert_eq!(change("/resource/associated_data", ""), Undecryptable);
    assert_eq!(change("/resource/nonce", "TESTnonce00"), Undecryptable);
    assert_eq!(change("/resource/nonce", "TESTnonce0012"), Undecryptable);
    assert_eq!(change("/resource/nonce", "TESTnonce002"), Undecryptable);
    let flipped = error(resealed("transaction-success", |envelope| {
        let field = envelope.pointer_mut("/resource/ciphertext").unwrap();
        let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        *field = STANDARD.encode(bytes).into();
    }));
    assert_eq!(flipped, Undecryptable);
    // The content's own state must be the event's.
    let other =
        error(resealed("refund-abnormal", |envelope| envelope["event_type"] = "REFUND.SUCCESS".into()));
    assert_eq!(other, Malformed("refund_status"));
    let kind = error(resealed("refund-success", |envelope| {
        envelope["event_type"] = "TRANSACTION.SUCCESS".into();
        envelope["resource"]["original_type"] = "transaction".into();
    }));
    assert_eq!(kind, Malformed("the transaction"));
}

#[test]
fn associated_data_may_be_empty_null_or_absent() {
    for value in [Some(Value::from("")), Some(Value::Null), None] {
        let opened = resealed("empty-associated-data", |envelope| {
            let resource = envelope["resource"].as_object_mut().unwrap();
            resource.remove("associated_data");
            resource.extend(value.clone().map(|value| ("associated_data".to_owned(), value)));
        });
        assert!(opened.is_ok(), "{value:?}");
    }
}

/// F48, F57: what stands twice, what is no JSON, and what comes by the URL.
#[test]
fn odd_messages_are_refused() {
    use NotificationError::Malformed;
    let (headers, body, at) = case("transaction-success");
    let raw = RawNotification { headers: &headers, query: "a=1", body: body.as_bytes() };
    assert_eq!(error(account().open_notification(&raw, &cx(at))), Malformed("a query in the URL"));
    let twice = body.replacen("\"event_type\"", "\"event_type\":\"TRANSACTION.SUCCESS\",\"event_type\"", 1);
    for odd in [twice, "{}".into(), String::new(), "[".repeat(10_000), format!("{body}{{")] {
        assert_eq!(error(open(&signature(&odd), &odd, CLOCK)), Malformed("the envelope"), "{odd:.60}");
    }
}

/// F45, F46, F49, F50.
#[test]
fn nothing_is_read_before_it_is_believed() {
    use NotificationError::{Stale, UnknownKey, Unsigned, WrongSignature};
    let (headers, body, at) = case("transaction-success");
    assert_eq!(error(open(&[], body, at)), Unsigned);
    assert_eq!(error(open(&[], "not even JSON", at)), Unsigned);
    assert_eq!(error(open(&headers, &body.replacen(':', ": ", 1), at)), WrongSignature);
    assert_eq!(error(open(&headers, &format!("{body}\n"), at)), WrongSignature);
    for (offset, stale) in [(-300, true), (-299, false), (299, false), (300, true), (2_592_000, true)] {
        match open(&headers, body, at + offset) {
            Ok(_) => assert!(!stale, "{offset}"),
            Err(why) => assert!(stale && why == Stale, "{offset} {why:?}"),
        }
    }
    let with = |name: &str, value: &str| {
        let mut headers = headers.clone();
        headers.retain(|(key, _)| key != name);
        headers.push((name.to_owned(), value.to_owned()));
        error(open(&headers, body, at))
    };
    assert_eq!(with("Wechatpay-Serial", "00AA"), UnknownKey);
    assert_eq!(with("Wechatpay-Serial", text("/keys/wechatpay_public_key/id")), WrongSignature);
    assert_eq!(with("Wechatpay-Timestamp", &(at + 1).to_string()), WrongSignature);
    assert_eq!(with("Wechatpay-Timestamp", "soon"), Unsigned);
    assert_eq!(with("Wechatpay-Nonce", "x"), WrongSignature);
    assert_eq!(with("Wechatpay-Signature", "WECHATPAY/SIGNTEST/rubbish"), WrongSignature);
    assert_eq!(with("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3"), WrongSignature);
    // Names come in any case; one that stands there twice counts as none.
    let lower: Vec<_> = headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    assert!(open(&lower, body, at).is_ok());
    let doubled: Vec<_> = headers.iter().chain(&lower).cloned().collect();
    assert_eq!(error(open(&doubled, body, at)), Unsigned);
}

/// F60: the same news has the same key in each envelope, other news has another.
#[test]
fn the_key_is_that_of_the_news() {
    let key = |name: &str| {
        let (headers, body, at) = case(name);
        open(&headers, body, at).unwrap().into_inner().key
    };
    assert_eq!(key("transaction-success"), key("transaction-success-public-key"));
    assert_eq!(key("transaction-success"), key("empty-associated-data"));
    let keys = ["transaction-success", "refund-success", "refund-abnormal", "refund-closed"].map(key);
    for (index, one) in keys.iter().enumerate() {
        assert!(keys[index + 1..].iter().all(|other| other != one));
    }
}

/// F51, F53: another merchant's or app's message does not pass the identity.
#[test]
fn the_identity_is_merchant_and_app() {
    let own = account().identity();
    assert_eq!(own, Identity { merchant: "1900000109".into(), app: Some("wxd678efh567hg6787".into()) });
    let claims = |merchant: Option<&str>, app: Option<&str>| {
        own.admits(&Claims { merchant: merchant.map(Into::into), app: app.map(Into::into) })
    };
    assert!(claims(Some("1900000109"), None));
    assert!(!claims(Some("1900000108"), Some("wxd678efh567hg6787")));
    assert!(!claims(Some("1900000109"), Some("wx0")));
    assert!(!claims(None, Some("wxd678efh567hg6787")));
}

#[test]
fn only_what_is_kept_is_acknowledged() {
    let statuses = [Verdict::Kept, Verdict::Orphan, Verdict::Rejected, Verdict::TryLater].map(|verdict| {
        let HttpReply { status, content_type, body } = account().acknowledge(verdict);
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(content_type, "application/json");
        assert_eq!(body["code"] == "SUCCESS", verdict == Verdict::Kept);
        status
    });
    assert_eq!(statuses, [200, 404, 401, 503]);
}
