//! The gateway's checks: order, codes, shapes, and what is signed.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Rig, body_of, code, cut, order, post, signed_form};
use crate::alipay::wire::Charset;
use crate::faults::Fault;
use crate::{RailMock, RailReply, RailRequest};

/// Sends a form and returns sub_code and whether the answer was signed.
fn judged(rig: &Rig, form: &str, key: &str) -> (String, bool) {
    let reply = rig.reply(post("/gateway.do", form));
    let RailReply::Answer { status, headers, body } = reply else { panic!("an answer") };
    assert_eq!(status, StatusCode::OK, "HTTP 200 for all");
    assert_eq!(headers["content-type"], "text/html;charset=utf-8");
    assert_eq!(headers["trace_id"].len(), 30);
    let (inner, sign) = cut(std::str::from_utf8(&body).unwrap(), key);
    if let Some(sign) = &sign {
        assert!(rig.mock.material.keys.rail_signed(inner.as_bytes(), sign));
    }
    let answer: Value = serde_json::from_str(&inner).unwrap();
    (format!("{} {}", answer["code"].as_str().unwrap(), code(&answer)), sign.is_some())
}

#[test]
fn checks_come_in_order_and_only_an_identified_application_gets_a_signature() {
    let rig = Rig::new();
    let good = "app_id=9021000000000001&method=alipay.trade.query&sign_type=RSA2&charset=utf-8&version=1.0\
        &timestamp=2024-07-09+12:00:00&biz_content={}";
    let key = "alipay_trade_query_response";
    let without = |name: &str| {
        let keep = |p: &&str| p.split('=').next() != Some(name);
        good.split('&').map(str::trim).filter(keep).collect::<Vec<_>>().join("&")
    };
    let with = |name: &str, value: &str| format!("{}&{name}={value}", without(name));
    for (form, key, judgement, signed) in [
        (without("app_id"), key, "40001 isv.missing-app-id", false),
        (with("app_id", "1"), key, "40002 isv.invalid-app-id", false),
        (without("method"), "error_response", "40001 isv.missing-method", true),
        (with("method", "alipay.no.such"), "alipay_no_such_response", "40002 isv.invalid-method", true),
        (with("method", "\"%20x"), "error_response", "40002 isv.invalid-method", true),
        (without("sign_type"), key, "40001 isv.missing-signature-type", true),
        (with("sign_type", "RSA"), key, "40002 isv.invalid-signature-type", true),
        (without("timestamp"), key, "40001 isv.missing-timestamp", true),
        (with("timestamp", "2024-07-09T12:00:00"), key, "40002 isv.invalid-timestamp", true),
        (with("charset", "latin1"), key, "40002 isv.invalid-charset", true),
        (without("version"), key, "40001 isv.missing-version", true),
        (with("version", "2.0"), key, "40002 isv.invalid-version", true),
        (with("format", "XML"), key, "40002 isv.invalid-format", true),
        (good.to_owned(), key, "40001 isv.missing-signature", true),
        (with("sign", "AAAA"), key, "40002 isv.invalid-signature", true),
        (with("sign", "not base64"), key, "40002 isv.invalid-signature", true),
    ] {
        let form = form.replace('\n', "");
        assert_eq!(judged(&rig, &form, key), (judgement.to_owned(), signed), "{form}");
    }
}

#[test]
fn checks_after_the_signature() {
    let rig = Rig::new();
    let key = "alipay_trade_query_response";
    let long = format!("http://shop/{}", "x".repeat(256));
    for (biz, more, judgement) in [
        ("{", vec![], "40002 isv.illegal-json"),
        ("", vec![], "40002 isv.invalid-parameter"),
        ("{}", vec![("notify_url", long.as_str())], "40002 isv.invalid-parameter"),
        ("{}", vec![("app_cert_sn", "00")], "40002 isv.app-cert-not-exist"),
        ("{}", vec![("app_cert_sn", super::merchant().app_cert_sn)], "40001 isv.missing-alipay-root-cert-sn"),
        ("{}", vec![("format", "json"), ("unknown_extra", "signed too")], "40004 ACQ.INVALID_PARAMETER"),
    ] {
        let form = signed_form("alipay.trade.query", biz, &more);
        assert_eq!(judged(&rig, &form, key), (judgement.to_owned(), true), "{biz} {more:?}");
    }
}

#[test]
fn requests_arrive_by_get_in_absolute_form_and_in_gbk() {
    let rig = Rig::new();
    let form = signed_form("alipay.trade.precreate", &order("A1", "0.01").to_string(), &[("charset", "GBK")]);
    let get = RailRequest {
        method: http::Method::GET,
        target: format!("http://openapi.test/gateway.do?{form}"),
        ..post("", "")
    };
    let RailReply::Answer { headers, body, .. } = rig.reply(get) else { panic!("an answer") };
    assert_eq!(headers["content-type"], "text/html;charset=GBK");
    let (inner, _) = cut(&Charset::Gbk.decode(&body), "alipay_trade_precreate_response");
    assert!(inner.contains("https:\\/\\/qr.alipay.com\\/"), "slashes are escaped on the wire: {inner}");
    assert_eq!(rig.mock.book().len(), 1);
    // The answer's text is GBK, and so are the bytes under its signature.
    let form = signed_form("alipay.trade.query", r#"{"out_trade_no":"A1"}"#, &[("charset", "gbk")]);
    let body = body_of(rig.reply(post("/gateway.do", &form)));
    assert!(std::str::from_utf8(&body).is_err());
    let (inner, sign) = cut(&Charset::Gbk.decode(&body), "alipay_trade_query_response");
    assert!(inner.contains("交易不存在"));
    assert!(rig.mock.material.keys.rail_signed(&Charset::Gbk.encode(&inner), &sign.unwrap()));
}

#[test]
fn certificate_mode_answers_name_their_certificate() {
    let rig = Rig::new();
    let m = super::merchant();
    let more = [("app_cert_sn", m.app_cert_sn), ("alipay_root_cert_sn", m.alipay_root_cert_sn)];
    let form = signed_form("alipay.trade.query", r#"{"out_trade_no":"none"}"#, &more);
    let body = String::from_utf8(body_of(rig.reply(post("/gateway.do", &form))).to_vec()).unwrap();
    assert!(body.contains(&format!("}},\"alipay_cert_sn\":\"{}\",\"sign\":\"", m.alipay_cert_sn)), "{body}");
}

#[test]
fn other_paths_do_not_exist() {
    let rig = Rig::new();
    for target in ["/", "/gateway", "/cashier?token=none", "/cashier/pay"] {
        let request = RailRequest { method: http::Method::GET, target: target.to_owned(), ..post("", "") };
        let RailReply::Answer { status, .. } = rig.reply(request) else { panic!("an answer") };
        assert_eq!(status, StatusCode::NOT_FOUND, "{target}");
    }
}

#[test]
fn f08_answers_are_unsigned_or_wrongly_signed_on_demand_and_the_work_is_done() {
    let rig = Rig::new();
    for (no, fault) in [("A1", Fault::WrongSignature), ("A2", Fault::Unsigned)] {
        rig.mock.bench.faults.arm(Some("charge"), fault.clone(), 1);
        let form = signed_form("alipay.trade.precreate", &order(no, "1.00").to_string(), &[]);
        let body = String::from_utf8(body_of(rig.reply(post("/gateway.do", &form))).to_vec()).unwrap();
        let (inner, sign) = cut(&body, "alipay_trade_precreate_response");
        assert!(inner.contains("\"code\":\"10000\""), "{inner}");
        match fault {
            Fault::Unsigned => assert_eq!(sign, None),
            _ => {
                let sign = sign.unwrap();
                assert_eq!(sign.len(), 344);
                assert!(!rig.mock.material.keys.rail_signed(inner.as_bytes(), &sign));
            }
        }
        assert_eq!(rig.entry(no).state, "NOT_SCANNED");
    }
}

#[test]
fn f01_f02_f07_requests_and_answers_get_lost_with_and_without_their_effect() {
    let rig = Rig::new();
    // (fault, HTTP status or none when dropped, whether the order exists afterwards)
    let cases = [
        (Fault::RequestLost, None, false),
        (Fault::AnswerLost, None, true),
        (Fault::Status(502), Some(502), false),
        (Fault::StatusAfter(502), Some(502), true),
        (Fault::GarbageBody, Some(200), true),
    ];
    for (n, (fault, status, done)) in cases.into_iter().enumerate() {
        let no = format!("A{n}");
        rig.mock.bench.faults.arm(Some("charge"), fault.clone(), 1);
        let form = signed_form("alipay.trade.precreate", &order(&no, "1.00").to_string(), &[]);
        let seen = match rig.reply(post("/gateway.do", &form)) {
            RailReply::Answer { status, body, .. } => {
                assert!(serde_json::from_slice::<Value>(&body).is_err(), "{fault:?}");
                Some(status.as_u16())
            }
            RailReply::Dropped => None,
        };
        let exists = rig.mock.book().iter().any(|entry| entry.order_no == no);
        assert_eq!((seen, exists), (status, done), "{fault:?}");
    }
}

#[tokio::test]
async fn f03_a_late_answer_is_the_same_answer() {
    let rig = Rig::new();
    rig.mock.bench.faults.arm(Some("query"), Fault::Late { by_ms: 1 }, 1);
    let form = signed_form("alipay.trade.query", r#"{"out_trade_no":"none"}"#, &[]);
    let reply = crate::RailMock::handle(&*rig.mock, post("/gateway.do", &form)).await;
    assert!(String::from_utf8(body_of(reply).to_vec()).unwrap().contains("ACQ.TRADE_NOT_EXIST"));
}

#[test]
fn business_codes_on_demand_have_no_effect_and_their_gateway_code() {
    let rig = Rig::new();
    for (wanted, outer) in [
        ("ACQ.SYSTEM_ERROR", "40004"),
        ("isp.unknow-error", "20000"),
        ("aop.ACQ.SYSTEM_ERROR", "20000"),
        ("aop.invalid-auth-token", "20001"),
        ("isv.app-call-limited", "40005"),
        ("isv.insufficient-isv-permissions", "40006"),
        ("isv.missing-signature-config", "40003"),
    ] {
        rig.mock.bench.faults.arm(Some("charge"), Fault::BusinessCode(wanted.to_owned()), 1);
        let answer = rig.precreate("A1", "1.00");
        assert_eq!((answer["code"].as_str().unwrap(), code(&answer)), (outer, wanted));
    }
    assert_eq!(rig.mock.book(), []);
    assert_eq!(code(&rig.call("alipay.trade.close", json!({"out_trade_no":"A1"}))), "ACQ.TRADE_NOT_EXIST");
}
