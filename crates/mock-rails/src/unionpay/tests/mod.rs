//! A merchant's desk for the tests: signs requests as a client would, and checks every answer before it is read.

mod apps;
mod armed;
mod dialects;
mod faults;
mod files;
mod golden;
mod holds;
mod keys;
mod magic;
mod orders;
mod pages;
mod restarts;
mod returns;
mod secrets;
mod wire;

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::certificate::Certificate;
use super::codes::Code;
use super::sign::{digest_hex, signed_by};
use super::wire::{Charset, Fields};
use super::{Conduct, UnionPayMock, merchant, time};
use crate::clock::Clock;
use crate::magic::Magic;
use crate::testing::Shop;
use crate::vectors;
use crate::{Bench, CodeOutcome, Files, PayerAct, PayerTarget, RailMock, RailReply, RailRequest};

pub(super) const FRONT: &str = "/gateway/api/frontTransReq.do";
pub(super) const BACK: &str = "/gateway/api/backTransReq.do";
pub(super) const APP: &str = "/gateway/api/appTransReq.do";
pub(super) const ORDER: &str = "/gateway/api/order.do";
pub(super) const FILE: &str = "/";
pub(super) const QUERY: &str = "/gateway/api/queryTrans.do";

/// The moment of the first vector.
pub(super) const START: &str = "20261121101530";

/// A mock with a clock that stands, and the merchant in front of it.
pub(super) struct Desk {
    pub(super) mock: UnionPayMock,
    pub(super) bench: Bench,
    pub(super) back_url: String,
    courier: JoinHandle<()>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.courier.abort();
    }
}

impl Desk {
    /// Notifications go to `shop`.
    pub(super) fn with(shop: &Shop, conduct: Conduct) -> Self {
        let clock = Clock::standing_at(time::parse(START).unwrap());
        let (bench, worker) = Bench::new(clock, "http://unionpay.test");
        let mock = UnionPayMock::new(bench.clone(), conduct).unwrap();
        Self { mock, bench, back_url: shop.url.clone(), courier: tokio::spawn(worker.run()) }
    }

    /// Notifications go nowhere: nothing listens, and no courier runs.
    pub(super) fn silent() -> Self {
        Self::silent_with(Conduct::default())
    }

    pub(super) fn silent_with(conduct: Conduct) -> Self {
        Self::silent_as(conduct, Magic::Off, Files::new())
    }

    /// Without files the keys are those of the vectors.
    pub(super) fn silent_as(conduct: Conduct, magic: Magic, files: Files) -> Self {
        let clock = Clock::standing_at(time::parse(START).unwrap());
        let (mut bench, worker) = Bench::new(clock, "http://unionpay.test");
        (bench.magic, bench.files) = (magic, Arc::new(files));
        let mock = UnionPayMock::new(bench.clone(), conduct).unwrap();
        let courier = tokio::spawn(async move {
            let _kept = worker;
            std::future::pending::<()>().await;
        });
        Self { mock, bench, back_url: "http://127.0.0.1:9/notify".to_owned(), courier }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.bench.clock.now()
    }

    pub(super) fn step(&self, seconds: i64) {
        self.bench.clock.step(SignedDuration::from_secs(seconds));
        self.mock.expire_due();
    }

    pub(super) fn set(&self, beijing: &str) {
        self.bench.clock.set(time::parse(beijing).unwrap());
        self.mock.expire_due();
    }

    /// A transaction of now: the fields of every request, with these added or replaced.
    pub(super) fn order<const N: usize>(
        &self,
        types: (&str, &str),
        order_id: &str,
        fen: i64,
        more: [(&str, &str); N],
    ) -> Fields {
        let biz_type = if ["04", "05", "06", "07"].contains(&types.1) { "000000" } else { "000201" };
        let mut fields = common(types, biz_type).with([
            ("channelType", "07".to_owned()),
            ("orderId", order_id.to_owned()),
            ("txnTime", time::text(self.now())),
            ("txnAmt", fen.to_string()),
            ("currencyCode", "156".to_owned()),
            ("backUrl", self.back_url.clone()),
        ]);
        more.iter().for_each(|(name, value)| fields.put(name, *value));
        fields
    }

    pub(super) fn front(&self, order_id: &str, fen: i64, pay_timeout: &str) -> Fields {
        let more = [("frontUrl", "http://shop.test/back?a=1&b=2"), ("payTimeout", pay_timeout)];
        self.order(("01", "01"), order_id, fen, more)
    }

    pub(super) fn payer_code(&self, order_id: &str, fen: i64, outcome: CodeOutcome) -> Fields {
        let code = self.mock.payer(PayerAct::IssueCode(outcome)).unwrap();
        let more = [("qrNo", code["code"].as_str().unwrap()), ("termId", "49000002")];
        self.order(("01", "06"), order_id, fen, more)
    }

    /// Posts a body as it is.
    pub(super) async fn post(&self, path: &str, body: impl Into<Bytes>) -> RailReply {
        let (method, target) = (Method::POST, path.to_owned());
        self.mock.handle(RailRequest { method, target, headers: HeaderMap::new(), body: body.into() }).await
    }

    /// Signs, sends, and reads an answer whose signature must be good.
    pub(super) async fn call(&self, path: &str, fields: &Fields) -> Fields {
        let charset = Charset::parse(fields.value("encoding").unwrap()).unwrap();
        let reply = self.post(path, signed(fields.clone()).to_form(charset)).await;
        read(&reply, charset).expect("a good signature")
    }

    /// The codes of a query: `respCode`, and `origRespCode` if there is one.
    pub(super) async fn ask(&self, order: &Fields) -> (String, String) {
        let answer = self.query(order).await;
        let code = |name| answer.value(name).unwrap_or("-").to_owned();
        (code("respCode"), code("origRespCode"))
    }

    pub(super) async fn query(&self, order: &Fields) -> Fields {
        self.call(QUERY, &query_of(order)).await
    }

    /// Sends and returns `respCode`.
    pub(super) async fn code(&self, fields: &Fields) -> String {
        self.call(BACK, fields).await.value("respCode").unwrap().to_owned()
    }

    /// A paid front order, and its `queryId`.
    pub(super) async fn paid(&self, order_id: &str, fen: i64) -> String {
        let order = self.front(order_id, fen, "");
        assert_eq!(status(&self.post(FRONT, signed(order.clone()).to_form(Charset::UTF_8)).await), 302);
        self.pay(order_id, false).unwrap();
        self.query(&order).await.value("queryId").unwrap().to_owned()
    }

    /// An agreed pre-authorisation, and its `queryId`.
    pub(super) async fn held(&self, order_id: &str, fen: i64) -> String {
        let order = self.order(("02", "01"), order_id, fen, []);
        assert_eq!(self.call(APP, &order).await.value("respCode"), Some("00"));
        self.pay(order_id, false).unwrap();
        self.query(&order).await.value("queryId").unwrap().to_owned()
    }

    /// Something that follows a transaction.
    pub(super) fn follow(&self, txn_type: &str, order_id: &str, fen: i64, query_id: &str) -> Fields {
        self.order((txn_type, "00"), order_id, fen, [("origQryId", query_id)])
    }

    /// Accepted, decided a second later, and its `queryId`.
    pub(super) async fn followed(&self, txn_type: &str, order_id: &str, fen: i64, query_id: &str) -> String {
        let fields = self.follow(txn_type, order_id, fen, query_id);
        let answer = self.call(BACK, &fields).await;
        assert_eq!(answer.value("respCode"), Some("00"), "{order_id}");
        self.step(1);
        answer.value("queryId").unwrap().to_owned()
    }

    pub(super) fn pay(&self, order_id: &str, force: bool) -> Result<Value, String> {
        let target = PayerTarget::OrderNo(order_id.to_owned());
        self.mock.payer(PayerAct::Pay { target, force }).map_err(|e| e.to_string())
    }

    pub(super) fn decline(&self, order_id: &str) -> Result<Value, String> {
        let target = PayerTarget::OrderNo(order_id.to_owned());
        self.mock.payer(PayerAct::Decline(target)).map_err(|e| e.to_string())
    }

    /// State, charges and what was given back.
    pub(super) fn book(&self, order_id: &str) -> (String, u32, i64) {
        let book = self.mock.book();
        let entry = book.iter().find(|entry| entry.order_no == order_id).expect("in the book");
        (entry.state.clone(), entry.charges, entry.refunded_fen)
    }
}

pub(super) fn common(types: (&str, &str), biz_type: &str) -> Fields {
    Fields::default().with([
        ("version", "5.1.0".to_owned()),
        ("encoding", "UTF-8".to_owned()),
        ("signMethod", "01".to_owned()),
        ("certId", merchant().cert_id.to_owned()),
        ("accessType", "0".to_owned()),
        ("merId", merchant().mer_id.to_owned()),
        ("txnType", types.0.to_owned()),
        ("txnSubType", types.1.to_owned()),
        ("bizType", biz_type.to_owned()),
    ])
}

pub(super) fn query_of(order: &Fields) -> Fields {
    let part = |name| order.value(name).unwrap().to_owned();
    common(("00", "00"), "000201").with([("orderId", part("orderId")), ("txnTime", part("txnTime"))])
}

/// Signed with the merchant's key, by this file's own few lines.
pub(super) fn signed(mut fields: Fields) -> Fields {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let der = vectors::der_of_pem(merchant().private_key_pem).unwrap();
        KeyPair::from_pkcs8(&der).unwrap()
    });
    let charset = fields.value("encoding").and_then(Charset::parse).unwrap_or(Charset::UTF_8);
    let mut signature = vec![0; key.public_modulus_len()];
    let hashed = digest_hex(&fields, charset);
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), hashed.as_bytes(), &mut signature).unwrap();
    fields.put("signature", STANDARD.encode(signature));
    fields
}

/// The fields of a synchronous answer, if the gateway signed it.
pub(super) fn read(reply: &RailReply, charset: Charset) -> Option<Fields> {
    let fields = Fields::parse_bare(&charset.decode(&body(reply))?).ok()?;
    assert_eq!(fields.blank(), None, "no empty field is ever sent");
    is_genuine(&fields, charset).then_some(fields)
}

pub(super) fn is_genuine(fields: &Fields, charset: Charset) -> bool {
    let certificate = Certificate::parse(merchant().gateway_certificate_pem).unwrap();
    signed_by(&certificate, fields, charset)
}

pub(super) fn status(reply: &RailReply) -> u16 {
    match reply {
        RailReply::Answer { status, .. } => status.as_u16(),
        RailReply::Dropped => 0,
    }
}

pub(super) fn body(reply: &RailReply) -> Bytes {
    match reply {
        RailReply::Answer { body, .. } => body.clone(),
        RailReply::Dropped => Bytes::new(),
    }
}

pub(super) fn header(reply: &RailReply, name: &str) -> String {
    match reply {
        RailReply::Answer { headers, .. } => headers[name].to_str().unwrap().to_owned(),
        RailReply::Dropped => panic!("dropped"),
    }
}

pub(super) fn page(reply: &RailReply) -> String {
    assert_eq!(status(reply), StatusCode::OK.as_u16());
    String::from_utf8(body(reply).to_vec()).unwrap()
}

/// An entry of the vector file.
pub(super) fn vector(list: &str, id: &str) -> &'static Value {
    let entries = vectors::unionpay()[list].as_array().unwrap();
    entries.iter().find(|entry| entry["id"] == id).expect("the vector exists")
}

pub(super) fn fields_of(entry: &Value) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in entry["fields"].as_object().unwrap() {
        fields.put(name, value.as_str().unwrap());
    }
    fields
}

/// A notification as the shop got it: decoded, genuine, and then its code and amount.
pub(super) fn notified(request: &RailRequest) -> (Fields, String, String) {
    let (fields, charset) = Fields::parse_form(&request.body).unwrap();
    assert!(is_genuine(&fields, charset), "signed by the gateway");
    let part = |name: &str| fields.value(name).unwrap().to_owned();
    let (code, amount) = (part("respCode"), part("txnAmt"));
    (fields, code, amount)
}

pub(super) fn digits(code: &Code) -> &str {
    &code.digits
}
