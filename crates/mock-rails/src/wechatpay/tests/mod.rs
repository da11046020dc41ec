//! The rail as its clients meet it: requests built here by hand, answers verified here by hand.

mod abnormal;
mod bills;
mod calls;
mod checks;
mod codes;
mod e2e;
mod faults;
mod forged;
mod front_ends;
mod goldens;
mod laws;
mod magic;
mod notifications;
mod probes;
mod refunds;
mod restarts;
mod rotation;
mod switches;

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::keyring::Keyring;
use super::keys::{Keys, Signer};
use super::{Merchant, Settings, WechatPay, of_vectors};
use crate::clock::Clock;
use crate::magic::Magic;
use crate::vectors::{self, der_of_pem};
use crate::{
    Bench, CodeOutcome, Files, PayerAct, PayerError, PayerTarget, RailMock, RailReply, RailRequest, locked,
};

/// The base of all vectors: 2026-01-01T08:00:00+08:00.
const BASE: i64 = 1_767_225_600;

const NATIVE: &str = "/v3/pay/transactions/native";
const JSAPI: &str = "/v3/pay/transactions/jsapi";
const CODEPAY: &str = "/v3/pay/transactions/codepay";
const REFUNDS: &str = "/v3/refund/domestic/refunds";
const NOTIFY_URL: &str = "http://127.0.0.1:10/nobody";

fn base() -> Timestamp {
    Timestamp::from_second(BASE).unwrap()
}

fn vector_list(name: &str) -> &'static [Value] {
    let list = vectors::wechatpay()[name].as_array().unwrap();
    assert!(!list.is_empty());
    list
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

fn keyring() -> Keyring {
    Keyring::new(Keys::parse(&of_vectors()).unwrap(), Settings::default())
}

/// A rail at a standing clock, with its notifier at work.
struct World {
    rail: Arc<WechatPay>,
    bench: Bench,
    merchant: Signer,
    worker: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

/// An answer, taken apart.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn of(reply: RailReply) -> Self {
        match reply {
            RailReply::Answer { status, headers, body } => {
                Self { status: status.as_u16(), headers, body: body.to_vec() }
            }
            RailReply::Dropped => panic!("no answer came"),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and code: `400 PARAM_ERROR`; the status alone when there is no code.
    fn verdict(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        let code = body["code"].as_str().unwrap_or_default();
        format!("{} {code}", self.status).trim_end().to_owned()
    }

    fn message(&self) -> String {
        text(&self.json(), "message").to_owned()
    }
}

impl World {
    fn open() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        Self::built(settings, Magic::Off)
    }

    fn built(settings: Settings, magic: Magic) -> Self {
        Self::on(settings, magic, Files::new())
    }

    /// With keys of its own; [`World::request_of`] signs for them.
    fn of(files: Files) -> Self {
        Self::on(Settings::default(), Magic::Off, files)
    }

    fn on(settings: Settings, magic: Magic, files: Files) -> Self {
        let (mut bench, worker) = Bench::new(Clock::standing_at(base()), "http://127.0.0.1:1");
        (bench.magic, bench.files) = (magic, Arc::new(files));
        let rail = WechatPay::new(bench.clone(), settings).unwrap();
        let merchant = Merchant::of_vectors();
        let merchant = Signer::parse(merchant.serial_no, merchant.private_key_pem).unwrap();
        Self { rail, bench, merchant, worker: tokio::spawn(worker.run()) }
    }

    fn step(&self, seconds: i64) {
        self.bench.clock.step(SignedDuration::from_secs(seconds));
    }

    /// A request as an SDK makes it, signed now.
    fn request(&self, method: Method, target: &str, body: &str) -> RailRequest {
        self.request_of("1900000109", &self.merchant, method, target, body)
    }

    fn request_of(
        &self,
        mchid: &str,
        merchant: &Signer,
        method: Method,
        target: &str,
        body: &str,
    ) -> RailRequest {
        let timestamp = self.bench.clock.now().as_second();
        let message = format!("{method}\n{target}\n{timestamp}\nN0NCE\n{body}\n");
        let signature = merchant.sign(message.as_bytes());
        let serial = &merchant.serial;
        let authorization = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{mchid}\",nonce_str=\"N0NCE\",signature=\"{signature}\",\
             timestamp=\"{timestamp}\",serial_no=\"{serial}\""
        );
        request(
            method,
            target,
            body,
            &[("authorization", &authorization), ("user-agent", "test"), ("accept", "application/json")],
        )
    }

    async fn send(&self, request: RailRequest) -> Got {
        Got::of(self.rail.handle(request).await)
    }

    async fn get(&self, target: &str) -> Got {
        self.send(self.request(Method::GET, target, "")).await
    }

    async fn post(&self, target: &str, body: &Value) -> Got {
        self.send(self.request(Method::POST, target, &body.to_string())).await
    }

    async fn native(&self, order_no: &str, total: i64) -> Got {
        self.post(NATIVE, &order(order_no, total)).await
    }

    async fn query(&self, order_no: &str) -> Got {
        self.get(&format!("/v3/pay/transactions/out-trade-no/{order_no}?mchid=1900000109")).await
    }

    async fn close(&self, order_no: &str) -> Got {
        let target = format!("/v3/pay/transactions/out-trade-no/{order_no}/close");
        self.post(&target, &json!({"mchid": "1900000109"})).await
    }

    async fn refund(&self, order_no: &str, refund_no: &str, fen: i64, total: i64) -> Got {
        self.post(REFUNDS, &refund(order_no, refund_no, fen, total)).await
    }

    /// The answer to a charge of this code.
    async fn charge(&self, order_no: &str, total: i64, code: &str) -> Got {
        self.post(CODEPAY, &code_order(order_no, total, code)).await
    }

    /// A code that the payer shows.
    fn code(&self, outcome: CodeOutcome) -> String {
        text(&self.rail.payer(PayerAct::IssueCode(outcome)).unwrap(), "code").to_owned()
    }

    async fn reverse(&self, order_no: &str) -> Got {
        let target = format!("/v3/pay/transactions/out-trade-no/{order_no}/reverse");
        self.post(&target, &json!({"appid": "wxd678efh567hg6787", "mchid": "1900000109"})).await
    }

    async fn query_refund(&self, refund_no: &str) -> Got {
        self.get(&format!("{REFUNDS}/{refund_no}")).await
    }

    /// An order of `total` fen that is ordered and paid.
    async fn paid(&self, order_no: &str, total: i64) {
        assert_eq!(self.native(order_no, total).await.status, 200);
        self.pay(order_no).unwrap();
    }

    fn pay(&self, order_no: &str) -> Result<Value, PayerError> {
        self.rail.payer(PayerAct::Pay { target: PayerTarget::OrderNo(order_no.into()), force: false })
    }

    fn pay_late(&self, order_no: &str) -> Result<Value, PayerError> {
        self.rail.payer(PayerAct::Pay { target: PayerTarget::OrderNo(order_no.into()), force: true })
    }

    async fn state(&self, order_no: &str) -> String {
        let got = self.query(order_no).await;
        text(&got.json(), "trade_state").to_owned()
    }
}

fn request(method: Method, target: &str, body: &str, headers: &[(&str, &str)]) -> RailRequest {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    RailRequest { method, target: target.to_owned(), headers: map, body: body.as_bytes().to_vec().into() }
}

fn order(order_no: &str, total: i64) -> Value {
    json!({
        "appid": "wxd678efh567hg6787", "mchid": "1900000109", "description": "test",
        "out_trade_no": order_no, "notify_url": NOTIFY_URL, "amount": {"total": total, "currency": "CNY"},
    })
}

fn code_order(order_no: &str, total: i64, code: &str) -> Value {
    json!({
        "appid": "wxd678efh567hg6787", "mchid": "1900000109", "description": "test", "out_trade_no": order_no,
        "payer": {"auth_code": code}, "amount": {"total": total, "currency": "CNY"},
        "scene_info": {"store_info": {"id": "0001"}},
    })
}

fn jsapi_order(order_no: &str, total: i64) -> Value {
    let mut order = order(order_no, total);
    order["payer"] = json!({"openid": "oJsapiPayer"});
    order
}

fn refund(order_no: &str, refund_no: &str, fen: i64, total: i64) -> Value {
    json!({
        "out_trade_no": order_no, "out_refund_no": refund_no,
        "amount": {"refund": fen, "total": total, "currency": "CNY"},
    })
}

/// Whether the five headers are a good signature of that key over the body.
fn signed_by(headers: &HeaderMap, body: &[u8], key: &str) -> bool {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let material = &vectors::wechatpay()["keys"][key];
    let serial = material["serial_no"].as_str().or(material["id"].as_str()).unwrap();
    let private = RsaKeyPair::from_pkcs8(&der_of_pem(text(material, "private_key_pem")).unwrap()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, private.public_key().as_ref());
    let head = format!("{}\n{}\n", header("Wechatpay-Timestamp"), header("Wechatpay-Nonce"));
    let message = [head.as_bytes(), body, b"\n"].concat();
    header("Wechatpay-Signature-Type") == "WECHATPAY2-SHA256-RSA2048"
        && header("Wechatpay-Serial") == serial
        && BASE64
            .decode(header("Wechatpay-Signature"))
            .is_ok_and(|signature| public.verify(&message, &signature).is_ok())
}

/// Opens a box with the APIv3 key; `None` when its tag is wrong.
fn unseal(nonce: &str, associated_data: &str, ciphertext: &str) -> Option<Vec<u8>> {
    let key = text(&vectors::wechatpay()["keys"], "apiv3_key");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
    let mut bytes = BASE64.decode(ciphertext).unwrap();
    let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).unwrap();
    key.open_in_place(nonce, Aad::from(associated_data.as_bytes()), &mut bytes).ok().map(|it| it.to_vec())
}

/// What a notification says, once opened as its own envelope tells.
fn opened(body: &[u8]) -> (String, Value) {
    let envelope: Value = serde_json::from_slice(body).unwrap();
    let resource = &envelope["resource"];
    let plaintext =
        unseal(text(resource, "nonce"), text(resource, "associated_data"), text(resource, "ciphertext"));
    (text(&envelope, "event_type").to_owned(), serde_json::from_slice(&plaintext.unwrap()).unwrap())
}
