//! The vector file, to the byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use super::{body_of, cut, material, merchant};
use crate::alipay::answer::{Inner, envelope};
use crate::alipay::gateway::{self, response_key};
use crate::alipay::keys::verified;
use crate::alipay::notify::{Fields, render, sign};
use crate::alipay::page::return_target;
use crate::alipay::time;
use crate::alipay::wire::{Charset, Params};
use crate::{RailRequest, vectors};

fn list(name: &str) -> &'static [Value] {
    vectors::alipay()[name].as_array().unwrap()
}

fn text(value: &'static Value) -> &'static str {
    value.as_str().unwrap()
}

fn charset(vector: &Value) -> Charset {
    vector["charset"].as_str().map_or(Charset::Utf8, |name| Charset::parse(name).unwrap())
}

fn request(vector: &'static Value) -> RailRequest {
    let http = &vector["http"];
    let mut headers = HeaderMap::new();
    for (name, value) in http["headers"].as_object().unwrap() {
        headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(text(value)).unwrap());
    }
    RailRequest {
        method: Method::from_bytes(text(&http["method"]).as_bytes()).unwrap(),
        target: text(&http["target"]).to_owned(),
        headers,
        body: Bytes::from_static(text(&http["body"]).as_bytes()),
    }
}

#[test]
fn every_request_vector_is_accepted_with_its_string() {
    for vector in list("v2_requests") {
        let params = Params::read(&request(vector));
        let call =
            gateway::check(&params, &material(), super::noon()).unwrap_or_else(|r| panic!("{vector}: {r:?}"));
        assert_eq!(call.expected, text(&vector["string_to_sign"]), "{}", vector["name"]);
        assert_eq!(call.by_certificate, vector["name"] == "precreate_certificate_mode");
    }
}

#[test]
fn a_tampered_request_is_refused_with_the_string_that_was_built() {
    let rig = super::Rig::new();
    for vector in list("v2_requests") {
        let mut bad = request(vector);
        // One character of the time, which every request has: the string changes with it.
        let tampered = |s: &str| s.replace("2024-07-09+12%3A06%3A08", "2024-07-09+12%3A06%3A09");
        bad.target = tampered(&bad.target);
        bad.body = Bytes::from(tampered(std::str::from_utf8(&bad.body).unwrap()));
        let body = charset(vector).decode(&body_of(rig.reply(bad)));
        let method = text(&vector["params"]["method"]);
        let (inner, sign) = cut(&body, &response_key(Some(method)));
        assert!(
            rig.mock.material.keys.rail_signed(&charset(vector).encode(&inner), &sign.unwrap()),
            "signed: {body}"
        );
        let answer: Value = serde_json::from_str(&inner).unwrap();
        assert_eq!(
            (&answer["code"], &answer["sub_code"]),
            (&"40002".into(), &"isv.invalid-signature".into())
        );
        // A kept empty value is not in the string that is shown: the documented rule drops it.
        let built =
            text(&vector["string_to_sign"]).replace("12:06:08", "12:06:09").replace("notify_url=&", "");
        let told = answer["sub_msg"].as_str().unwrap();
        assert!(told.ends_with(&format!("验签字符串为：{}", built.replace('&', "&amp;"))), "{told}");
        assert_eq!(
            rig.mock.bench.journal.entries().last().unwrap().expected.as_deref(),
            Some(built.as_str())
        );
    }
}

#[test]
fn every_valid_response_vector_is_signed_and_wrapped_to_the_byte() {
    let mut seen = 0;
    for vector in list("v2_responses").iter().filter(|vector| vector["expect"] == "valid") {
        let (content, charset) = (text(&vector["signed_content"]), charset(vector));
        let sign = material().keys.sign(&charset.encode(content));
        assert_eq!(sign, text(&vector["sign"]), "{}", vector["name"]);
        let cert_sn = (vector["name"] == "certificate_mode").then_some(merchant().alipay_cert_sn);
        let body = envelope(text(&vector["response_key"]), content, cert_sn, Some(&sign), charset);
        let raw = match vector.get("raw_body_base64") {
            Some(base64) => STANDARD.decode(text(base64)).unwrap(),
            None => text(&vector["raw_body"]).as_bytes().to_vec(),
        };
        assert_eq!(body, raw, "{}", vector["name"]);
        seen += 1;
    }
    assert_eq!(seen, 9);
}

#[test]
fn the_encrypted_response_vector_is_wrapped_to_the_byte() {
    let vector = &vectors::alipay()["aes"]["response"];
    let keys = material().keys;
    let content = text(&vector["signed_content"]);
    let sign = keys.sign(content.as_bytes());
    let body = envelope("alipay_trade_query_response", content, None, Some(&sign), Charset::Utf8);
    assert_eq!(String::from_utf8(body).unwrap(), text(&vector["raw_body"]));
}

#[test]
fn what_was_tampered_with_does_not_verify_and_genuine_answers_do() {
    let real = &vectors::alipay()["real_captures"];
    let public = vectors::der_of_pem(text(&real["alipay_public_key_pem"])).unwrap();
    let (v2, v3) = (&real["v2_response"], &real["v3_response"]);
    assert!(verified(&public, text(&v2["signed_content"]).as_bytes(), text(&v2["sign"])));
    assert!(verified(&public, text(&v3["string_to_verify"]).as_bytes(), text(&v3["sign"])));
    let invalid: Vec<_> =
        list("v2_responses").iter().filter(|vector| vector["expect"] == "invalid").collect();
    for vector in &invalid {
        let (inner, sign) = cut(text(&vector["raw_body"]), text(&vector["response_key"]));
        assert!(!material().keys.rail_signed(inner.as_bytes(), &sign.unwrap()), "{}", vector["name"]);
    }
    assert_eq!(invalid.len(), 2);
}

#[test]
fn inner_objects_are_written_as_the_gateway_writes_them() {
    let hint = "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为：\
        app_id=9021000000000001&amp;charset=utf-8&amp;method=alipay.trade.query&amp;sign_type=RSA2&amp;\
        timestamp=2024-07-09 12:06:08&amp;version=1.0";
    let cases = [
        (
            "precreate_ok_escaped_slashes",
            Inner::success()
                .with("qr_code", "https://qr.alipay.com/bavh4wjlxf12tper3a")
                .with("out_trade_no", "T20240709_0001"),
        ),
        ("pay_unknown", Inner::on_demand("isp.unknow-error")),
        (
            "pay_waiting_user",
            crate::alipay::orders::with_four_amounts(Inner::waiting(), "0.00".to_owned())
                .with("buyer_logon_id", "132****3029")
                .with("buyer_user_id", "2088000000000102")
                .with("out_trade_no", "T20240709_0003")
                .with("total_amount", "1500.00")
                .with("trade_no", "2024070922001400000500000003"),
        ),
        ("gateway_invalid_signature_signed", Inner::coded("isv.invalid-signature", hint)),
        ("query_gbk", Inner::coded("ACQ.TRADE_NOT_EXIST", "交易不存在")),
    ];
    for (name, inner) in cases {
        let vector = list("v2_responses").iter().find(|vector| vector["name"] == name).unwrap();
        assert_eq!(inner.json(), text(&vector["signed_content"]), "{name}");
    }
}

#[test]
fn an_unknown_application_is_answered_to_the_byte_and_unsigned() {
    let rig = super::Rig::new();
    let body = "app_id=2021000000000009&method=alipay.trade.query&charset=utf-8";
    let answer = body_of(rig.reply(super::post("/gateway.do", body)));
    let vector =
        list("v2_responses").iter().find(|v| v["name"] == "gateway_invalid_app_id_unsigned").unwrap();
    assert_eq!(answer, text(&vector["raw_body"]).as_bytes());
}

/// The form fields of a body, in order, with the mock's static names.
fn fields(body: &'static str, vector: &'static Value) -> Fields {
    let name = |pair: &'static str| pair.split('=').next().unwrap();
    body.split('&').map(|pair| (name(pair), text(&vector["fields"][name(pair)]).to_owned())).collect()
}

#[test]
fn every_notice_vector_is_reproduced_to_the_byte() {
    for vector in list("notifies") {
        let body = text(&vector["http"]["body"]);
        let at = time::parse(text(&vector["fields"]["notify_time"])).unwrap();
        let mut blank = fields(body, vector);
        blank.iter_mut().filter(|(n, _)| *n == "sign" || *n == "notify_time").for_each(|(_, v)| v.clear());
        let message = render(blank, &material().keys, Charset::Utf8, at, false);
        assert_eq!(String::from_utf8(message.body).unwrap(), body, "{}", vector["name"]);
        let content_type = text(&vector["http"]["headers"]["content-type"]).to_owned();
        assert_eq!(message.headers, [("content-type", content_type)]);
    }
}

#[test]
fn the_return_vector_is_reproduced_to_the_byte() {
    let vector = &vectors::alipay()["return_url"];
    let query = text(&vector["query"]);
    let mut signed = fields(query, vector);
    sign(&mut signed, &material().keys, Charset::Utf8, false);
    assert_eq!(signed, fields(query, vector));
    for (url, target) in [
        ("http://shop/back", format!("http://shop/back?{query}")),
        ("http://shop/back?a=1#top", format!("http://shop/back?a=1&{query}#top")),
    ] {
        assert_eq!(return_target(url, fields(query, vector), &material().keys, Charset::Utf8), target);
    }
}
