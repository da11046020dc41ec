//! Certificate mode with a real chain (root, intermediate, leaves), and rotation of both sides while traffic flows.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Rig, body_of, code, cut, post, signed_as};
use crate::alipay::cert::Certificate;
use crate::alipay::material::Material;
use crate::forge::Files;
use crate::{KeyStep, PayerError, RailMock, Step};

fn fixture() -> Value {
    serde_json::from_str(include_str!("two_generations.json")).unwrap()
}

/// The merchant of the vectors with keys and certificates of two generations.
fn files() -> Files {
    let made: BTreeMap<String, String> = serde_json::from_value(fixture()["files"].clone()).unwrap();
    crate::alipay::of_vectors().into_iter().chain(made).collect()
}

fn sn(name: &str) -> String {
    fixture()["sns"][name].as_str().unwrap().to_owned()
}

struct Client {
    rig: Rig,
    files: Files,
}

impl Client {
    fn new() -> Self {
        let files = files();
        Self { rig: Rig::of(Material::read(&files).unwrap()), files }
    }

    /// Queries in certificate mode with a generation's key (`""` or `next_`) and these serial numbers.
    fn ask(&self, head: &str, app_sn: &str, root_sn: &str) -> (String, Value) {
        let more = [("app_cert_sn", app_sn), ("alipay_root_cert_sn", root_sn)];
        let key = &self.files[&format!("{head}app_private_key.pem")];
        let form = signed_as(key, "alipay.trade.query", r#"{"out_trade_no":"none"}"#, &more);
        let body = String::from_utf8(body_of(self.rig.reply(post("/gateway.do", &form))).to_vec()).unwrap();
        let (inner, _) = cut(&body, "alipay_trade_query_response");
        (body, serde_json::from_str(&inner).unwrap())
    }

    fn judged(&self, head: &str, name: &str) -> String {
        code(&self.ask(head, &sn(name), &sn("root")).1).to_owned()
    }

    /// Downloads a certificate of the rail by its number.
    fn download(&self, number: &str) -> Result<Vec<Certificate>, String> {
        let biz = json!({"alipay_cert_sn":number}).to_string();
        let more = [("app_cert_sn", &*sn("app")), ("alipay_root_cert_sn", &*sn("root"))];
        let key = &self.files["app_private_key.pem"];
        let form = signed_as(key, "alipay.open.app.alipaycert.download", &biz, &more);
        let body: Value =
            serde_json::from_slice(&body_of(self.rig.reply(post("/gateway.do", &form)))).unwrap();
        let inner = &body["alipay_open_app_alipaycert_download_response"];
        let Some(content) = inner["alipay_cert_content"].as_str() else { return Err(code(inner).to_owned()) };
        Ok(Certificate::all(std::str::from_utf8(&STANDARD.decode(content).unwrap()).unwrap()).unwrap())
    }

    fn step(&self, step: KeyStep) -> Result<Value, PayerError> {
        self.rig.mock.keys(step)
    }
}

#[test]
fn numbers_are_those_that_openssl_gives() {
    let keys = Material::read(&files()).unwrap().keys;
    assert_eq!(keys.root_sn, Some(sn("root")), "the ECDSA root does not count");
    assert_eq!(keys.app.cert.as_ref().map(|cert| cert.sn.clone()), Some(sn("app")));
    assert_eq!(keys.alipay_cert_sn(), Some(sn("alipay").as_str()));
}

#[test]
fn each_certificate_error_has_its_code() {
    let client = Client::new();
    for (app, root, wanted) in [
        (sn("app"), sn("root"), "ACQ.TRADE_NOT_EXIST"),
        ("00".to_owned(), sn("root"), "isv.app-cert-not-exist"),
        (sn("next_app"), sn("root"), "isv.app-cert-not-exist"),
        (sn("app"), String::new(), "isv.missing-alipay-root-cert-sn"),
        (sn("app"), "00".to_owned(), "isv.invalid-alipay-root-cert-sn"),
    ] {
        assert_eq!(code(&client.ask("", &app, &root).1), wanted);
    }
    let mut files = files();
    files.insert("app_cert.pem".into(), fixture()["expired_app_cert.pem"].as_str().unwrap().into());
    let material = Material::read(&files).unwrap();
    let old = material.keys.app.cert.as_ref().unwrap().sn.clone();
    let client = Client { rig: Rig::of(material), files };
    client.rig.mock.bench.clock.set("2027-01-01T00:00:00+08:00".parse().unwrap());
    assert_eq!(code(&client.ask("", &old, &sn("root")).1), "isv.app-cert-expired");
}

#[test]
fn the_answer_names_a_certificate_that_can_be_downloaded_and_leads_to_the_root() {
    let client = Client::new();
    let (body, _) = client.ask("", &sn("app"), &sn("root"));
    assert!(body.contains(&format!("}},\"alipay_cert_sn\":\"{}\",\"sign\":\"", sn("alipay"))), "{body}");
    let chain = client.download(&sn("alipay")).unwrap();
    let roots = Certificate::all(&client.files["alipay_root_cert.pem"]).unwrap();
    assert_eq!((chain.len(), chain[0].sn()), (2, sn("alipay")));
    assert!(crate::alipay::cert::chain_holds(&chain, &roots));
    assert_eq!(client.download("00").err().unwrap(), "isv.alipay-cert-not-exist");
    let more = [("alipay-root-cert-sn", &*sn("root"))];
    let auth = format!("app_id=9021000000000001,app_cert_sn={},nonce=c1,timestamp=1720497600000", sn("app"));
    let key = &client.files["app_private_key.pem"];
    let request = super::v3::request_as(
        key,
        ("POST", "/v3/alipay/trade/query"),
        r#"{"out_trade_no":"x"}"#,
        &auth,
        &more,
    );
    let crate::RailReply::Answer { headers, .. } = client.rig.reply(request) else { panic!("an answer") };
    assert_eq!(headers["alipay-sn"].to_str().unwrap(), sn("alipay"));
}

#[test]
fn the_rail_announces_switches_and_retires_a_certificate() {
    let client = Client::new();
    let named = || client.ask("", &sn("app"), &sn("root")).0.contains(&sn("next_alipay"));
    assert_eq!(client.download(&sn("next_alipay")).err().unwrap(), "isv.alipay-cert-not-exist");
    assert!(client.step(KeyStep::Rail(Step::Switch)).is_err(), "not before it was announced");
    let told = client.step(KeyStep::Rail(Step::Announce)).unwrap();
    assert_eq!(told["alipay_cert_sn"], sn("next_alipay"));
    assert!(client.download(&sn("next_alipay")).is_ok() && !named());
    client.step(KeyStep::Rail(Step::Switch)).unwrap();
    assert!(client.download(&sn("alipay")).is_ok() && named());
    client.step(KeyStep::Rail(Step::Retire)).unwrap();
    assert_eq!(client.download(&sn("alipay")).err().unwrap(), "isv.alipay-cert-not-exist");
    assert!(client.step(KeyStep::Rail(Step::Announce)).is_err(), "there is no third one");
}

#[test]
fn the_merchants_next_key_is_accepted_beside_the_old_one_until_that_is_retired() {
    let client = Client::new();
    let both = || [client.judged("", "app"), client.judged("next_", "next_app")];
    let (good, unknown, old) = ("ACQ.TRADE_NOT_EXIST", "isv.app-cert-not-exist", "isv.app-cert-expired");
    assert_eq!(both(), [good, unknown]);
    client.step(KeyStep::Merchant(Step::Announce)).unwrap();
    assert_eq!(both(), [good, good]);
    assert_eq!(client.judged("next_", "app"), "isv.invalid-signature", "the certificate says which key");
    client.step(KeyStep::Merchant(Step::Switch)).unwrap();
    assert_eq!(both(), [good, good]);
    client.step(KeyStep::Merchant(Step::Retire)).unwrap();
    assert_eq!(both(), [old, good]);
}

#[test]
fn keys_rotate_in_key_mode_as_well() {
    let client = Client::new();
    let ask = |head: &str| {
        let key = &client.files[&format!("{head}app_private_key.pem")];
        let form = signed_as(key, "alipay.trade.query", r#"{"out_trade_no":"none"}"#, &[]);
        let body = String::from_utf8(body_of(client.rig.reply(post("/gateway.do", &form))).to_vec()).unwrap();
        let (inner, sign) = cut(&body, "alipay_trade_query_response");
        let signed_by = ["", "next_"].into_iter().find(|head| {
            let pem = &client.files[&format!("{head}alipay_public_key.pem")];
            let public = crate::vectors::der_of_pem(pem).unwrap();
            crate::alipay::keys::verified(&public, inner.as_bytes(), sign.as_ref().unwrap())
        });
        let answer: Value = serde_json::from_str(&inner).unwrap();
        (code(&answer).to_owned(), signed_by.unwrap())
    };
    let told = |code: &str, head| (code.to_owned(), head);
    let (good, bad) = ("ACQ.TRADE_NOT_EXIST", "isv.invalid-signature");
    assert_eq!((ask(""), ask("next_")), (told(good, ""), told(bad, "")));
    for step in [Step::Announce, Step::Switch] {
        client.step(KeyStep::Merchant(step)).unwrap();
        client.step(KeyStep::Rail(step)).unwrap();
    }
    assert_eq!((ask(""), ask("next_")), (told(good, "next_"), told(good, "next_")));
    client.step(KeyStep::Merchant(Step::Retire)).unwrap();
    assert_eq!((ask(""), ask("next_")), (told(bad, "next_"), told(good, "next_")));
}

#[test]
fn the_mock_is_built_from_the_files_of_its_bench() {
    let (mut bench, _worker) =
        crate::Bench::new(crate::clock::Clock::standing_at(super::noon()), "http://127.0.0.1:1");
    bench.files = std::sync::Arc::new(files());
    let mock = crate::alipay::start(bench);
    assert_eq!(mock.keys(KeyStep::Rail(Step::Announce)).unwrap()["alipay_cert_sn"], sn("next_alipay"));
}

#[test]
fn files_without_a_next_generation_cannot_rotate() {
    let rig = Rig::new();
    assert!(rig.mock.keys(KeyStep::Rail(Step::Announce)) == Err(PayerError::Unsupported));
    assert!(rig.mock.keys(KeyStep::Merchant(Step::Announce)) == Err(PayerError::Unsupported));
}
