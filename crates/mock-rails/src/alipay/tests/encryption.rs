//! Content encryption in both protocols.

use serde_json::{Value, json};

use super::v3::{auth, request, told};
use super::{Rig, body_of, code, cut, post, signed_form};
use crate::vectors;

const KEY: &str = "alipay_trade_query_response";

/// The text of a v2 answer to this form, and what stands in it.
fn answer(rig: &Rig, form: &str) -> String {
    let body = String::from_utf8(body_of(rig.reply(post("/gateway.do", form))).to_vec()).unwrap();
    let (inner, sign) = cut(&body, KEY);
    assert!(rig.mock.material.keys.rail_signed(inner.as_bytes(), &sign.unwrap()), "quotes included: {body}");
    inner
}

fn plain(rig: &Rig, inner: &str) -> Value {
    let cipher: String = serde_json::from_str(inner).unwrap();
    let text = rig.mock.material.aes.as_ref().unwrap().decrypt(&cipher).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn an_encrypted_request_gets_an_encrypted_answer() {
    let rig = Rig::new();
    rig.precreate("T20240709_0001", "1.00");
    rig.scan("T20240709_0001").unwrap();
    let vector = &vectors::alipay()["aes"]["request"];
    let params = vector["params"].as_object().unwrap();
    let pairs = params.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let all = pairs.chain([("sign", vector["sign"].as_str().unwrap())]);
    let form = crate::alipay::wire::write_form(all, crate::alipay::wire::Charset::Utf8);
    let answered = plain(&rig, &answer(&rig, &form));
    assert_eq!((&answered["code"], &answered["trade_status"]), (&json!("10000"), &json!("WAIT_BUYER_PAY")));
    assert_eq!(
        rig.mock.bench.journal.entries().last().unwrap().expected.as_deref(),
        vector["string_to_sign"].as_str()
    );
    let encrypt = |text: &str| rig.mock.material.aes.as_ref().unwrap().encrypt(text).unwrap();
    let missing = encrypt(r#"{"out_trade_no":"none"}"#);
    let failed = answer(&rig, &signed_form("alipay.trade.query", &missing, &[("encrypt_type", "AES")]));
    assert_eq!(code(&plain(&rig, &failed)), "ACQ.TRADE_NOT_EXIST");
}

#[test]
fn what_cannot_be_decrypted_is_refused_in_plain_words() {
    let rig = Rig::new();
    let cipher = vectors::alipay()["aes"]["request"]["cipher_biz_content"].as_str().unwrap();
    for (biz, more, wanted) in [
        ("AAAA", vec![("encrypt_type", "AES")], "40003 isv.decryption-error-unknown"),
        (cipher, vec![], "40001 isv.decryption-error-missing-encrypt-type"),
        (cipher, vec![("encrypt_type", "DES")], "40002 isv.invalid-encrypt-type"),
    ] {
        let seen: Value =
            serde_json::from_str(&answer(&rig, &signed_form("alipay.trade.query", biz, &more))).unwrap();
        assert_eq!(format!("{} {}", seen["code"].as_str().unwrap(), code(&seen)), wanted);
    }
}

#[test]
fn v3_encrypts_bodies_and_leaves_errors_plain() {
    let rig = Rig::new();
    rig.precreate("A1", "1.00");
    rig.scan("A1").unwrap();
    let aes = rig.mock.material.aes.clone().unwrap();
    let more = [("alipay-encrypt-type", "AES"), ("content-type", "text/plain")];
    let ask = |no: &str| {
        let body = aes.encrypt(&json!({"out_trade_no":no}).to_string()).unwrap();
        told(&rig, request("POST", "/v3/alipay/trade/query", &body, &auth(&rig), &more))
    };
    let (status, body, signed) = ask("A1");
    assert_eq!((status, signed), (200, Some(true)));
    let answer: Value = serde_json::from_str(&aes.decrypt(&body).unwrap()).unwrap();
    assert_eq!(answer["trade_status"], "WAIT_BUYER_PAY");
    let (status, body, _) = ask("none");
    assert!(status == 400 && body.contains("ACQ.TRADE_NOT_EXIST"), "{body}");
    let (_, body, _) = told(&rig, request("POST", "/v3/alipay/trade/query", "{}", &auth(&rig), &more));
    assert!(body.contains("decryption-error-unknown"), "{body}");
}
