//! Against the vectors, to the byte, in both directions.

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::wechatpay::keys::KeyChoice;
use crate::wechatpay::notify::{Event, EventKind};
use crate::wechatpay::sign::{
    AuthFault, Authorization, Honesty, Signed, check, rail_headers, request_message,
};
use crate::wechatpay::views;

fn at(timestamp: &str) -> Timestamp {
    Timestamp::from_second(timestamp.parse().unwrap()).unwrap()
}

fn signed(vector: &Value) -> Signed<'_> {
    Signed {
        method: text(vector, "method"),
        target: text(vector, "target"),
        body: text(vector, "body").as_bytes(),
    }
}

fn key_named(name: &str) -> KeyChoice {
    match name {
        "platform_certificate" => KeyChoice::Certificate,
        "platform_certificate_next" => KeyChoice::NextCertificate,
        "wechatpay_public_key" => KeyChoice::PublicKey,
        other => panic!("{other}"),
    }
}

#[test]
fn requests_of_the_vectors_are_genuine_at_their_own_time() {
    let keyring = keyring();
    for vector in vector_list("request_signing") {
        let header = text(vector, "authorization");
        let checked = check(&keyring, Some(header), &signed(vector), at(text(vector, "timestamp")));
        assert!(checked.is_ok(), "{}: {:?}", vector["name"], checked.err());
        let message = request_message(&signed(vector), text(vector, "timestamp"), text(vector, "nonce_str"));
        assert_eq!(message, text(vector, "message").as_bytes(), "{}", vector["name"]);
    }
}

#[test]
fn requests_that_must_fail_are_refused_for_their_signature() {
    let keyring = keyring();
    for vector in vector_list("request_signing_must_fail") {
        let request =
            vector_list("request_signing").iter().find(|it| it["name"] == vector["request"]).unwrap();
        let good = Authorization::parse(text(request, "authorization")).unwrap();
        let header = text(request, "authorization").replace(good.signature, text(vector, "signature"));
        let checked = check(&keyring, Some(&header), &signed(request), at(text(request, "timestamp")));
        assert_eq!(checked.err(), Some(AuthFault::Signature), "{}", vector["name"]);
    }
}

#[tokio::test]
async fn requests_of_the_vectors_are_served_as_they_came() {
    let world = World::open();
    let mut verdicts = Vec::new();
    for vector in vector_list("request_signing") {
        world.bench.clock.set(at(text(vector, "timestamp")));
        let headers = [
            ("authorization", text(vector, "authorization")),
            ("user-agent", "vector"),
            ("accept", "application/json"),
        ];
        let method = Method::from_bytes(text(vector, "method").as_bytes()).unwrap();
        let got = world.send(request(method, text(vector, "target"), text(vector, "body"), &headers)).await;
        verdicts.push(format!("{} {}", text(vector, "name"), got.verdict()));
    }
    let wanted = [
        "get-no-query 200",
        "get-with-query 200",
        "query-by-out-trade-no 404 ORDER_NOT_EXIST",
        "query-path-percent-encoded 404 ORDER_NOT_EXIST",
        "native-post-utf8 200",
        "native-post-python-style-json 200",
        "jsapi-post 200",
        "codepay-post 400 INVALID_REQUEST",
        "close-post 204",
        "refund-post 404 RESOURCE_NOT_EXISTS",
        "refund-query 404 RESOURCE_NOT_EXISTS",
        "tradebill 400 INVALID_REQUEST",
        "billdownload 400 INVALID_REQUEST",
    ];
    assert_eq!(verdicts, wanted);
}

#[test]
fn answers_are_signed_as_in_the_vectors() {
    let keyring = keyring();
    let mut good = 0;
    for vector in vector_list("response_verification") {
        let header = |name: &str| text(&vector["headers"], name);
        let key = key_named(text(vector, "verify_with"));
        let honesty = if vector["name"] == "signature-probe" { Honesty::Probe } else { Honesty::True };
        let made = rail_headers(
            keyring.signer(key),
            at(header("Wechatpay-Timestamp")),
            header("Wechatpay-Nonce"),
            text(vector, "body").as_bytes(),
            honesty,
        );
        let same = made.iter().all(|(name, value)| header(name) == value);
        let wanted = vector["valid"] == true || honesty == Honesty::Probe;
        assert_eq!(same, wanted, "{}", vector["name"]);
        good += usize::from(same);
    }
    assert_eq!(good, 8, "all but the wrong key and the tampered body");
}

#[test]
fn notifications_are_sealed_and_signed_as_in_the_vectors() {
    let keyring = keyring();
    let mut made = 0;
    for vector in vector_list("notifications") {
        let envelope: Value = serde_json::from_str(text(vector, "body")).unwrap();
        let (resource, name) = (&envelope["resource"], &vector["name"]);
        let plaintext =
            unseal(text(resource, "nonce"), text(resource, "associated_data"), text(resource, "ciphertext"));
        assert_eq!(plaintext.unwrap(), text(vector, "plaintext").as_bytes(), "{name}");
        let event = Event {
            id: text(&envelope, "id").to_owned(),
            happened_at: text(&envelope, "create_time").parse().unwrap(),
            kind: match text(&envelope, "event_type") {
                "TRANSACTION.SUCCESS" => EventKind::Paid,
                "REFUND.SUCCESS" => EventKind::RefundSuccess,
                "REFUND.ABNORMAL" => EventKind::RefundAbnormal,
                "REFUND.CLOSED" => EventKind::RefundClosed,
                other => panic!("{other}"),
            },
            plaintext: text(vector, "plaintext").as_bytes().to_vec(),
            asked: Some(key_named(text(vector, "verify_with"))),
        };
        let nonce = text(resource, "nonce").as_bytes().try_into().unwrap();
        let body = event.body(&keyring.keys, nonce, text(resource, "associated_data"));
        assert_eq!(String::from_utf8(body.clone()).unwrap(), text(vector, "body"), "{name}");
        let header = |name: &str| text(&vector["headers"], name);
        let honesty = if name == "signature-probe" { Honesty::Probe } else { Honesty::True };
        let (now, nonce) = (at(header("Wechatpay-Timestamp")), header("Wechatpay-Nonce"));
        for (name, value) in
            rail_headers(keyring.signer(key_named(text(vector, "verify_with"))), now, nonce, &body, honesty)
        {
            assert_eq!(value, header(name), "{}", vector["name"]);
        }
        made += 1;
    }
    assert_eq!(made, 7);
}

#[tokio::test]
async fn the_certificate_list_is_that_of_the_vectors() {
    let world = World::open();
    let nonces = [*b"TESTcertno01", *b"TESTcertno02"];
    let list = world.rail.certificate_list(world.rail.keyring.keys.certificates.iter().zip(nonces));
    let wanted = text(&vectors::wechatpay()["certificates_download"], "body");
    assert_eq!(list.to_string(), wanted);
}

#[test]
fn boxes_are_those_of_the_vectors() {
    let keyring = keyring();
    for vector in vector_list("aead") {
        let (nonce, data) = (text(vector, "nonce"), text(vector, "associated_data"));
        let sealed = keyring.keys.seal(
            nonce.as_bytes().try_into().unwrap(),
            data,
            text(vector, "plaintext").as_bytes(),
        );
        let (good, wanted) = (vector["valid"] == true, text(vector, "ciphertext"));
        assert_eq!(sealed.ciphertext == wanted, good, "{}", vector["name"]);
        assert_eq!(unseal(nonce, data, wanted).is_some(), good, "{}", vector["name"]);
    }
}

/// The story of the vectors, told by the rail itself: the same order, paid and partly refunded at the same times.
#[tokio::test]
async fn query_and_notified_plaintexts_are_those_of_the_vectors() {
    let world = World::open();
    let vector = |list, name: &str| vector_list(list).iter().find(|it| it["name"] == name).unwrap();
    let native = vector("request_signing", "native-post-utf8");
    let placed = world.send(world.request(Method::POST, NATIVE, text(native, "body"))).await;
    assert_eq!(placed.verdict(), "200");
    world.bench.clock.set("2026-01-01T08:05:00+08:00".parse().unwrap());
    world.pay("T20260101000001").unwrap();
    let got = world.query("T20260101000001").await;
    let wanted = text(vector("response_verification", "query-200-utf8"), "body");
    assert_eq!(String::from_utf8(got.body).unwrap(), wanted);

    world.bench.clock.set("2026-01-01T08:09:57+08:00".parse().unwrap());
    let refund = vector("request_signing", "refund-post");
    let got = world.send(world.request(Method::POST, REFUNDS, text(refund, "body"))).await;
    assert_eq!(got.json()["status"], "PROCESSING");
    world.step(3);
    assert_eq!(world.query_refund("R20260101000001").await.json()["status"], "SUCCESS");
    let plaintexts = {
        let mut state = locked(&world.rail.state);
        let order = state.trades.order("T20260101000001", base()).unwrap();
        let paid = views::paid(order, order.payment.as_ref().unwrap(), 100);
        let refund = state.trades.refund_of("R20260101000001").unwrap();
        (paid, views::refund_ended(refund, "1900000109", 30))
    };
    let notified =
        |name| -> Value { serde_json::from_str(text(vector("notifications", name), "plaintext")).unwrap() };
    assert_eq!(plaintexts, (notified("transaction-success"), notified("refund-success")));
}
