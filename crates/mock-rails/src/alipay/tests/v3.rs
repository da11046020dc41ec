//! The v3 protocol: the vectors, its checks, and its answers.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use super::{Rig, material, noon, sign_with};
use crate::alipay::answer::Inner;
use crate::alipay::v3::{Nonces, Times, check, signed_answer};
use crate::faults::Fault;
use crate::{RailReply, RailRequest, vectors};

fn list(name: &str) -> &'static [Value] {
    vectors::alipay()[name].as_array().unwrap()
}

fn request_of(vector: &Value) -> RailRequest {
    let text = |name: &str| vector[name].as_str().unwrap().to_owned();
    let mut headers = HeaderMap::new();
    for (name, value) in vector["headers"].as_object().unwrap() {
        let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
        headers.insert(HeaderName::try_from(name).unwrap(), value);
    }
    let method = Method::from_bytes(text("method").as_bytes()).unwrap();
    RailRequest { method, target: text("target"), headers, body: Bytes::from(text("body")) }
}

/// A signed request, written apart from the mock's rules.
pub(super) fn request(
    method: &str,
    target: &str,
    body: &str,
    auth: &str,
    more: &[(&str, &str)],
) -> RailRequest {
    request_as(super::merchant().private_key_pem, (method, target), body, auth, more)
}

/// The same with another key.
pub(super) fn request_as(
    key: &str,
    (method, target): (&str, &str),
    body: &str,
    auth: &str,
    more: &[(&str, &str)],
) -> RailRequest {
    let mut string = format!("{auth}\n{method}\n{target}\n{body}\n");
    if let Some((_, token)) = more.iter().find(|(name, _)| *name == "alipay-app-auth-token") {
        string.push_str(&format!("{token}\n"));
    }
    let authorization = format!("ALIPAY-SHA256withRSA {auth},sign={}", sign_with(key, string.as_bytes()));
    let mut headers = HeaderMap::new();
    for (name, value) in more.iter().copied().chain([("authorization", authorization.as_str())]) {
        headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    RailRequest {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        target: target.to_owned(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// A fresh authorization at the rig's time.
pub(super) fn auth(rig: &Rig) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = rig.mock.bench.clock.now().as_millisecond();
    format!("app_id=9021000000000001,nonce=n{},timestamp={now}", COUNT.fetch_add(1, Ordering::SeqCst))
}

/// Status, body, and whether the signature is there and right.
pub(super) fn told(rig: &Rig, request: RailRequest) -> (u16, String, Option<bool>) {
    let RailReply::Answer { status, headers, body } = rig.reply(request) else { panic!("an answer") };
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").unwrap(), "application/json;charset=UTF-8");
    assert!(header("alipay-trace-id").is_some_and(|id| id.len() == 30));
    let body = String::from_utf8(body.to_vec()).unwrap();
    let signed = header("alipay-signature").map(|sign| {
        let (at, nonce) = (header("alipay-timestamp").unwrap(), header("alipay-nonce").unwrap());
        assert_eq!((nonce.len(), at.len()), (32, 13));
        rig.mock.material.keys.rail_signed(signed_answer(&at, &nonce, &body).as_bytes(), &sign)
    });
    (status.as_u16(), body, signed)
}

impl Rig {
    /// Calls an API of v3; the answer must be signed.
    pub(super) fn v3(&self, target: &str, body: Value) -> (u16, Value) {
        let (status, body, signed) = told(self, request("POST", target, &body.to_string(), &auth(self), &[]));
        assert_eq!(signed, Some(true), "{body}");
        (status, serde_json::from_str(&body).unwrap())
    }
}

#[test]
fn every_request_vector_is_accepted_with_its_string() {
    let material = material();
    // Two minutes is the life of the one with expired_seconds.
    let at = "2024-07-09T12:07:08+08:00".parse().unwrap();
    let times = Times { now: at, wall: at };
    for vector in list("v3_requests") {
        let call = check(&request_of(vector), &material, &mut Nonces::default(), times)
            .unwrap_or_else(|refusal| panic!("{vector}: {refusal:?}"));
        assert_eq!(call.expected, vector["string_to_sign"].as_str().unwrap());
        assert_eq!(call.by_certificate, vector["name"] == "post_query_cert_mode");
    }
    assert_eq!(list("v3_requests").len(), 6);
}

#[test]
fn every_response_vector_is_reproduced() {
    let keys = material().keys;
    for vector in list("v3_responses") {
        let body = vector["body"].as_str().unwrap();
        let Some(sign) = vector["sign"].as_str() else {
            let inner = Inner::coded("isv.invalid-app-id", "无效的AppID参数");
            let (status, made) =
                inner.v3(vector["headers"]["alipay-trace-id"].as_str().unwrap(), StatusCode::OK);
            assert_eq!(
                (u64::from(status.as_u16()), made.as_str()),
                (vector["status"].as_u64().unwrap(), body)
            );
            continue;
        };
        let header = |name: &str| vector["headers"][name].as_str().unwrap();
        let string = signed_answer(header("alipay-timestamp"), header("alipay-nonce"), body);
        assert_eq!(string, vector["string_to_verify"].as_str().unwrap());
        assert_eq!(keys.sign(string.as_bytes()), sign);
    }
    // The genuine capture has the same shape of string.
    let real = &vectors::alipay()["real_captures"]["v3_response"];
    let header = |name: &str| real["headers"][name].as_str().unwrap();
    let string =
        signed_answer(header("alipay-timestamp"), header("alipay-nonce"), real["body"].as_str().unwrap());
    assert_eq!(string, real["string_to_verify"].as_str().unwrap());
    let rig = Rig::new();
    let (status, answer) = rig.v3("/v3/alipay/trade/query", json!({"out_trade_no":"70501111111S001111120"}));
    let mut wanted: Value = serde_json::from_str(real["body"].as_str().unwrap()).unwrap();
    wanted.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    assert_eq!((status, answer), (400, wanted));
}

#[test]
fn refusals_have_their_status_code_and_signature_or_none() {
    let rig = Rig::new();
    let (query, now) = ("/v3/alipay/trade/query", noon().as_millisecond());
    let at = |ms: i64| format!("app_id=9021000000000001,nonce=x{ms},timestamp={}", now + ms);
    let mut bare = request("POST", query, "{}", &auth(&rig), &[]);
    bare.headers.remove("authorization");
    let mut tampered = request("POST", query, "{}", &auth(&rig), &[]);
    tampered.body = Bytes::from_static(b"{ }");
    let mut token = request("POST", query, "{}", &auth(&rig), &[("alipay-app-auth-token", "t")]);
    token.headers.remove("alipay-app-auth-token");
    let mut scheme = request("POST", query, "{}", &auth(&rig), &[]);
    scheme.headers.insert("authorization", HeaderValue::from_static("Bearer app_id=9021000000000001,sign=x"));
    for (request, wanted, signed) in [
        (request("POST", "/v3/alipay/no/such", "{}", &auth(&rig), &[]), "400 invalid-method", None),
        (request("GET", query, "", &auth(&rig), &[]), "400 invalid-method", None),
        (request("POST", "/v3/alipay/trade/page/pay", "{}", &auth(&rig), &[]), "400 invalid-method", None),
        (bare, "400 missing-timestamp", None),
        (request("POST", query, "{}", "nonce=1", &[]), "400 missing-app-id", None),
        (request("POST", query, "{}", "app_id=1,nonce=1,timestamp=1", &[]), "400 invalid-app-id", None),
        (scheme, "400 invalid-signature-type", Some(true)),
        (
            request("POST", query, "{}", "app_id=9021000000000001,nonce=1", &[]),
            "400 missing-timestamp",
            Some(true),
        ),
        (
            request("POST", query, "{}", "app_id=9021000000000001,nonce=1,timestamp=x", &[]),
            "400 invalid-timestamp",
            Some(true),
        ),
        (request("POST", query, "{}", &at(-600_001), &[]), "400 illegal-timestamp", Some(true)),
        (request("POST", query, "{}", &at(600_001), &[]), "400 illegal-timestamp", Some(true)),
        (
            request("POST", query, "{}", &format!("{},expired_seconds=5", at(-6_000)), &[]),
            "400 illegal-timestamp",
            Some(true),
        ),
        (tampered, "400 invalid-signature", Some(true)),
        (token, "400 invalid-signature", Some(true)),
        (request("POST", query, "[", &auth(&rig), &[]), "400 illegal-json", Some(true)),
        (request("POST", query, "{}", &at(-600_000), &[]), "400 ACQ.INVALID_PARAMETER", Some(true)),
    ] {
        let seen = told(&rig, request);
        let body: Value = serde_json::from_str(&seen.1).unwrap();
        assert_eq!(
            (format!("{} {}", seen.0, body["code"].as_str().unwrap()), seen.2),
            (wanted.to_owned(), signed)
        );
        assert_eq!(body["links"].is_array(), !wanted.contains("ACQ"), "{body}");
    }
}

#[test]
fn a_nonce_is_taken_once() {
    let rig = Rig::new();
    let again = || {
        request(
            "POST",
            "/v3/alipay/trade/query",
            "{}",
            "app_id=9021000000000001,nonce=once,timestamp=1720497600000",
            &[],
        )
    };
    assert!(told(&rig, again()).1.contains("ACQ.INVALID_PARAMETER"));
    assert!(told(&rig, again()).1.contains("suspected-attack"));
    rig.step_minutes(11);
    assert!(told(&rig, again()).1.contains("illegal-timestamp"));
}

#[test]
fn a_client_on_the_walls_clock_is_heard_in_another_time() {
    let rig = Rig::new();
    let wall = crate::clock::Clock::wall().now().as_millisecond();
    for (ms, wanted) in [(wall, "ACQ.INVALID_PARAMETER"), (wall - 660_000, "illegal-timestamp")] {
        let auth = format!("app_id=9021000000000001,nonce=w{ms},timestamp={ms}");
        assert!(told(&rig, request("POST", "/v3/alipay/trade/query", "{}", &auth, &[])).1.contains(wanted));
    }
}

#[test]
fn one_book_under_both_protocols() {
    let rig = Rig::new();
    let mut biz = super::order("A1", "88.88");
    biz["notify_url"] = json!("http://shop.test/notify");
    let (status, made) = rig.v3("/v3/alipay/trade/precreate", biz);
    assert_eq!(rig.mock.order("A1").notify_url.as_deref(), Some("http://shop.test/notify"));
    assert_eq!(status, 200);
    assert!(
        made["qr_code"].as_str().unwrap().starts_with("https://qr.alipay.com/") && made.get("code").is_none()
    );
    assert_eq!(
        rig.precreate("A1", "88.88")["qr_code"],
        made["qr_code"],
        "the same request finds the same order"
    );
    rig.pay("A1").unwrap();
    assert_eq!(rig.status("A1"), "TRADE_SUCCESS", "v2 sees it");
    let refund = json!({"out_trade_no":"A1","refund_amount":"8.88","out_request_no":"R1"});
    let (status, refunded) = rig.v3("/v3/alipay/trade/refund", refund);
    assert_eq!(
        (status, &refunded["fund_change"], &refunded["refund_fee"]),
        (200, &json!("Y"), &json!("8.88"))
    );
    let ask = json!({"out_trade_no":"A1","out_request_no":"R1"});
    assert_eq!(rig.v3("/v3/alipay/trade/fastpay/refund/query", ask).1["refund_status"], "REFUND_SUCCESS");
    let (status, closed) = rig.v3("/v3/alipay/trade/close", json!({"out_trade_no":"A1"}));
    assert_eq!(
        (status, &closed["code"], &closed["message"]),
        (400, &json!("ACQ.TRADE_STATUS_ERROR"), &json!("交易状态不合法"))
    );
    let biz = json!({"out_trade_no":"B1","total_amount":"1.00","subject":"s",
        "auth_code":rig.bar_code(crate::CodeOutcome::PendingThenPays)});
    let (status, waiting) = rig.v3("/v3/alipay/trade/pay", biz);
    assert_eq!(
        (status, waiting.get("gmt_payment"), waiting.get("code")),
        (200, None, None),
        "waits for the payer"
    );
}

#[test]
fn a_waiting_charge_may_be_answered_202() {
    let mut material = material();
    material.account.v3_waiting_is_202 = true;
    let rig = Rig::of(material);
    let biz = json!({"out_trade_no":"B1","total_amount":"1.00","subject":"s",
        "auth_code":rig.bar_code(crate::CodeOutcome::PendingThenPays)});
    let (status, waiting) = rig.v3("/v3/alipay/trade/pay", biz);
    assert_eq!((status, &waiting["out_trade_no"]), (202, &json!("B1")));
    assert_eq!(rig.v3("/v3/alipay/trade/query", json!({"out_trade_no":"B1"})).0, 200);
}

#[test]
fn codes_of_v2_have_their_v3_form() {
    let rig = Rig::new();
    for (armed, wanted) in [
        ("isp.unknow-error", "500 unknow-error"),
        ("aop.ACQ.SYSTEM_ERROR", "500 ACQ.SYSTEM_ERROR"),
        ("ACQ.SYSTEM_ERROR", "400 ACQ.SYSTEM_ERROR"),
        ("aop.invalid-auth-token", "401 invalid-auth-token"),
        ("isv.insufficient-isv-permissions", "401 insufficient-isv-permissions"),
        ("isv.app-call-limited", "429 app-call-limited"),
        ("isp.bill_not_exist", "400 isp.bill_not_exist"),
    ] {
        rig.mock.bench.faults.arm(Some("query"), Fault::BusinessCode(armed.to_owned()), 1);
        let (status, body) = rig.v3("/v3/alipay/trade/query", json!({"out_trade_no":"A1"}));
        assert_eq!(format!("{status} {}", body["code"].as_str().unwrap()), wanted);
    }
    for (fault, signed) in [(Fault::WrongSignature, Some(false)), (Fault::Unsigned, None)] {
        rig.mock.bench.faults.arm(Some("query"), fault, 1);
        let query = request("POST", "/v3/alipay/trade/query", "{\"out_trade_no\":\"A1\"}", &auth(&rig), &[]);
        assert_eq!(told(&rig, query).2, signed);
    }
}
