//! Tests of the Alipay mock: the vectors to the byte, the gateway's checks, and stories over the book.

mod app;
mod bills;
mod certificate_mode;
mod codepay;
mod encryption;
mod gateway_checks;
mod holds;
mod laws;
mod magic;
mod notices;
mod payments;
mod refunding;
mod restart;
mod v3;
mod vector_file;
mod views;

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::wire::{Charset, write_form};
use super::*;
use crate::book::BookEntry;
use crate::clock::Clock;
use crate::notifier::NotifierWorker;
use crate::{PayerTarget, vectors};

/// The files of the vectors, read.
pub(super) fn material() -> Material {
    Material::read(&of_vectors()).unwrap()
}

/// Noon in China, on the day of the vectors.
pub(super) fn noon() -> Timestamp {
    "2024-07-09T12:00:00+08:00".parse().unwrap()
}

/// The merchant's side of a signed request: the documented rule, written apart from the mock's.
pub(super) fn signed_form(method: &str, biz: &str, more: &[(&str, &str)]) -> String {
    signed_as(merchant().private_key_pem, method, biz, more)
}

/// The same with another key.
pub(super) fn signed_as(key: &str, method: &str, biz: &str, more: &[(&str, &str)]) -> String {
    let mut params: BTreeMap<&str, &str> = BTreeMap::from([
        ("app_id", "9021000000000001"),
        ("method", method),
        ("format", "JSON"),
        ("charset", "utf-8"),
        ("sign_type", "RSA2"),
        ("timestamp", "2024-07-09 12:00:00"),
        ("version", "1.0"),
        ("biz_content", biz),
    ]);
    params.extend(more.iter().copied());
    let charset = Charset::parse(params["charset"]).unwrap_or(Charset::Utf8);
    let pairs: Vec<String> =
        params.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k}={v}")).collect();
    let sign = sign_with(key, &charset.encode(&pairs.join("&")));
    let all = params.into_iter().filter(|(_, v)| !v.is_empty()).chain([("sign", sign.as_str())]);
    write_form(all, charset)
}

pub(super) fn sign_with(key: &str, string: &[u8]) -> String {
    let der = vectors::der_of_pem(key).unwrap();
    let key = KeyPair::from_pkcs8(&der).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), string, &mut signature).unwrap();
    STANDARD.encode(signature)
}

pub(super) fn post(target: &str, body: &str) -> RailRequest {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    RailRequest {
        method: Method::POST,
        target: target.to_owned(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

pub(super) fn body_of(reply: RailReply) -> Bytes {
    match reply {
        RailReply::Answer { body, .. } => body,
        RailReply::Dropped => panic!("the reply was dropped"),
    }
}

/// The value of the `…_response` member as it stands in the text, and the signature, cut out the strict way.
pub(super) fn cut(body: &str, key: &str) -> (String, Option<String>) {
    let rest = body.strip_prefix(&format!("{{\"{key}\":")).unwrap_or_else(|| panic!("no {key} in {body}"));
    match rest.rsplit_once(",\"sign\":\"") {
        Some((inner, sign)) => {
            // In certificate mode its number stands between.
            let inner = inner.rsplit_once(",\"alipay_cert_sn\":\"").map_or(inner, |(inner, _)| inner);
            (inner.to_owned(), Some(sign.strip_suffix("\"}").unwrap().to_owned()))
        }
        None => (rest.strip_suffix('}').unwrap().to_owned(), None),
    }
}

impl AlipayMock {
    pub(super) fn order(&self, no: &str) -> trades::Order {
        let now = self.bench.clock.now();
        locked(&self.state).trades.by_number(no, now).unwrap().clone()
    }
}

/// A mock without sockets, on a clock that stands at noon.
pub(super) struct Rig {
    pub(super) mock: Arc<AlipayMock>,
    _worker: NotifierWorker,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::of(material())
    }

    /// Where amounts are magic.
    pub(super) fn magic() -> Self {
        let (mut bench, worker) = Bench::new(Clock::standing_at(noon()), "http://127.0.0.1:1");
        bench.magic = crate::magic::Magic::On;
        Self { mock: AlipayMock::new(bench, material()), _worker: worker }
    }

    pub(super) fn of(material: Material) -> Self {
        let (bench, worker) = Bench::new(Clock::standing_at(noon()), "http://127.0.0.1:1");
        Self { mock: AlipayMock::new(bench, material), _worker: worker }
    }

    pub(super) fn reply(&self, request: RailRequest) -> RailReply {
        self.mock.handle(request).now_or_never().expect("nothing to wait for")
    }

    /// Calls an API and returns the inner object, after checking its signature.
    pub(super) fn call(&self, method: &str, biz: Value) -> Value {
        self.call_with(method, biz, &[])
    }

    pub(super) fn call_with(&self, method: &str, biz: Value, more: &[(&str, &str)]) -> Value {
        let body = signed_form(method, &biz.to_string(), more);
        let text = String::from_utf8(body_of(self.reply(post("/gateway.do", &body))).to_vec()).unwrap();
        let (inner, sign) = cut(&text, &format!("{}_response", method.replace('.', "_")));
        let sign = sign.expect("signed");
        assert!(self.mock.material.keys.rail_signed(inner.as_bytes(), &sign), "{text}");
        serde_json::from_str(&inner).unwrap()
    }

    /// Precreates order `no` over `yuan`.
    pub(super) fn precreate(&self, no: &str, yuan: &str) -> Value {
        self.call("alipay.trade.precreate", order(no, yuan))
    }

    pub(super) fn query(&self, no: &str) -> Value {
        self.call("alipay.trade.query", json!({ "out_trade_no": no }))
    }

    /// `TRADE_SUCCESS`, or the sub_code when there is no trade.
    pub(super) fn status(&self, no: &str) -> String {
        let answer = self.query(no);
        answer["trade_status"].as_str().or(answer["sub_code"].as_str()).unwrap().to_owned()
    }

    pub(super) fn scan(&self, no: &str) -> Result<Value, PayerError> {
        self.mock.payer(PayerAct::Scan(PayerTarget::OrderNo(no.to_owned())))
    }

    pub(super) fn pay(&self, no: &str) -> Result<Value, PayerError> {
        self.mock.payer(PayerAct::Pay { target: PayerTarget::OrderNo(no.to_owned()), force: false })
    }

    pub(super) fn pay_by_force(&self, no: &str) -> Result<Value, PayerError> {
        self.mock.payer(PayerAct::Pay { target: PayerTarget::OrderNo(no.to_owned()), force: true })
    }

    pub(super) fn entry(&self, no: &str) -> BookEntry {
        self.mock.book().into_iter().find(|entry| entry.order_no == no).unwrap()
    }

    pub(super) fn step_minutes(&self, minutes: i64) {
        self.mock.bench.clock.step(jiff::SignedDuration::from_mins(minutes));
    }
}

pub(super) fn order(no: &str, yuan: &str) -> Value {
    json!({ "out_trade_no": no, "total_amount": yuan, "subject": "奶茶/大杯" })
}

/// `10000`, or the sub_code.
pub(super) fn code(answer: &Value) -> &str {
    answer["sub_code"].as_str().or(answer["code"].as_str()).unwrap()
}
