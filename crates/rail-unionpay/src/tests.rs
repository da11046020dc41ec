//! The adapter against the committed vectors and against itself in the rail's place.

mod certificate;
mod codes;
mod descriptor;
mod document;
mod files;
mod holds;
mod kinds;
mod laws;
mod notices;
mod packing;
mod reading;
mod replies;
mod requests;
mod reversing;
mod tampering;
mod vectors;

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Credit, OrderNo, Outcome, Presentation, RailRef, WalletName};
use paifang_rail::{
    Answer, Call, CaptureOrder, Charge, Context, Keyring, Order, OrderKind, PayerCode, Rail, RefundOrder,
    ReleaseOrder, Reply, Reversal, Secret,
};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::{GATEWAY, Settings, UnionPay};

/// Ten minutes before the orders of the vectors expire.
const NOW: &str = "2026-11-21T02:20:30Z";

/// 10:15:30 in Beijing, when most of the vectors' orders were opened.
const OPENED: &str = "2026-11-21T02:15:30Z";

/// 10:30:30 in Beijing.
const EXPIRES: &str = "2026-11-21T02:30:30Z";

const MERCHANT: &str = "777290058110048";
const QUERY_ID: &str = "042611211015306789018";

/// Of the capture.
const CAPTURE_ID: &str = "042611211100006789068";

fn vectors() -> &'static Value {
    static VECTORS: LazyLock<Value> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../../tests/vectors/unionpay-vectors.json")).unwrap()
    });
    &VECTORS
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}"))
}

/// The entry with this id in one of the vectors' lists.
fn vector(list: &str, id: &str) -> Value {
    let vectors = vectors();
    let found = vectors[list].as_array().unwrap().iter().find(|entry| entry["id"] == id);
    found.unwrap_or_else(|| panic!("{list}/{id}")).clone()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn yuan(fen: i64) -> PositiveMoney {
    PositiveMoney::new(fen, Currency::CNY).unwrap()
}

fn number(text: &str) -> OrderNo {
    OrderNo::parse(text).unwrap()
}

fn settings() -> Settings {
    Settings {
        merchant_id: MERCHANT.into(),
        front_url: GATEWAY.into(),
        back_url: GATEWAY.into(),
        query_url: GATEWAY.into(),
        app_url: None,
        file_url: None,
        holds: true,
        terminal_id: Some("49000002".into()),
        accept_test_signer: false,
    }
}

/// An account with its keys, and UnionPay's signing keys, by the vectors' names of them.
struct Bench {
    rail: UnionPay,
    keys: Keyring,
    vectors: &'static Value,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        Self::of(settings())
    }

    fn of(settings: Settings) -> Self {
        let vectors = vectors();
        let rail = UnionPay::configure(settings).unwrap();
        let key = Secret::new(text(vectors, "/certificates/merchant/private_key_pem").into());
        let keys = Keyring::builder()
            .signer(&key)
            .and_then(|ring| ring.signer_certificate(text(vectors, "/certificates/merchant/cert_pem")))
            .and_then(|ring| ring.root(text(vectors, "/certificates/root/cert_pem")))
            .and_then(|ring| ring.intermediate(text(vectors, "/certificates/middle/cert_pem")))
            .map(|ring| ring.certificate_rule(rail.certificate_rule()))
            .and_then(|ring| ring.build())
            .unwrap();
        Self { rail, keys, vectors, now: at(NOW) }
    }

    /// The same account at another time.
    fn when(self, time: &str) -> Self {
        Self { now: at(time), ..self }
    }

    fn cx(&self) -> Context<'_> {
        self.cx_to("http://127.0.0.1:9000/notify/unionpay")
    }

    fn cx_to<'a>(&'a self, notify_url: &'a str) -> Context<'a> {
        Context {
            now: self.now,
            nonce: "00112233445566778899aabbccddeeff",
            notify_url,
            return_url: "http://127.0.0.1:9000/return/unionpay",
            keys: &self.keys,
        }
    }

    /// Adds a certificate of the vectors and its key's signature to fields.
    fn signed(&self, signer: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let certificate = text(self.vectors, &format!("/certificates/{signer}/cert_pem"));
        let certificate = certificate.trim_end().replace("\r\n", "\n").replace('\n', "\r\n");
        let mut all: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.push(("signPubKeyCert".into(), certificate));
        all.sort();
        let line = joined(&all);
        let key = Secret::new(text(self.vectors, &format!("/certificates/{signer}/private_key_pem")).into());
        let key = Keyring::builder().signer(&key).and_then(|ring| ring.build()).unwrap();
        let hashed = hex::encode(digest(&SHA256, line.as_bytes()));
        all.push(("signature".into(), STANDARD.encode(key.sign(hashed.as_bytes()).unwrap())));
        all
    }

    /// What the adapter makes of a signed answer with these fields.
    fn read(&self, call: &Call<'_>, fields: &[(&str, &str)]) -> Answer {
        self.read_raw(call, joined(&self.signed("upsign", fields)).into_bytes())
    }

    fn read_raw(&self, call: &Call<'_>, body: Vec<u8>) -> Answer {
        self.rail.read(call, &reply(200, body), &self.cx())
    }
}

fn joined(fields: &[(String, String)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn reply(status: u16, body: Vec<u8>) -> Reply {
    Reply { status, headers: vec![("Content-Type".into(), "text/html;charset=UTF-8".into())], body }
}

/// Base fields of an answer about a transaction, of which some are replaced or (by an empty value) left out.
fn told_of<'a>(base: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = base.to_vec();
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    fields
}

/// A query's answer for a paid scanned code.
const FOUND: &[(&str, &str)] = &[
    ("version", "5.1.0"),
    ("encoding", "UTF-8"),
    ("signMethod", "01"),
    ("accessType", "0"),
    ("bizType", "000000"),
    ("merId", MERCHANT),
    ("orderId", "T20261121101530001"),
    ("txnTime", "20261121101530"),
    ("txnType", "01"),
    ("txnSubType", "06"),
    ("txnAmt", "1000"),
    ("currencyCode", "156"),
    ("queryId", QUERY_ID),
    ("traceTime", "1121101531"),
    ("respCode", "00"),
    ("respMsg", "成功[0000000]"),
    ("origRespCode", "00"),
    ("origRespMsg", "成功[0000000]"),
];

fn order(presentation: Presentation) -> Order {
    Order {
        kind: OrderKind::Payment,

        order_no: number("T20261121101530001"),
        amount: yuan(1000),
        presentation,
        rail_ref: Some(RailRef::parse(QUERY_ID).unwrap()),
        opened_at: at(OPENED),
        expires_at: at(EXPIRES),
    }
}

fn charge(order: Order) -> Charge {
    let code =
        (order.presentation == Presentation::PayerCode).then(|| PayerCode::parse("6220483728374837281"));
    Charge {
        order,
        description: "测试商品名称".into(),
        wallet: WalletName::parse("quickpass").unwrap(),
        credit: Credit::Allowed,
        payer: Default::default(),
        payer_code: code.transpose().unwrap().into(),
        client_ip: Default::default(),
        payer_alias: Default::default(),
    }
}

/// The charge of the vector `qr_apply` or `qr_barcode_consume`.
fn code_charge(presentation: Presentation, order_no: &str, opened_at: &str) -> Charge {
    let expires_at = at(EXPIRES);
    let (order_no, opened_at, rail_ref) = (number(order_no), at(opened_at), None);
    charge(Order {
        kind: OrderKind::Payment,
        order_no,
        amount: yuan(888),
        presentation,
        rail_ref,
        opened_at,
        expires_at,
    })
}

fn refund() -> RefundOrder {
    RefundOrder {
        order: order(Presentation::DesktopWeb),
        refund_no: number("R20261121120000001"),
        amount: yuan(300),
        reason: "退货原因".into(),
        opened_at: at("2026-11-21T04:00:00Z"),
    }
}

fn reversal(presentation: Presentation) -> Reversal {
    Reversal {
        order: order(presentation),
        reversal_no: number("U20261121120100001"),
        opened_at: at("2026-11-21T04:01:00Z"),
    }
}

/// The hold of the vector `preauth`.
fn hold(presentation: Presentation) -> Order {
    Order {
        kind: OrderKind::Hold,
        order_no: number("P20261121101535001"),
        amount: yuan(5000),
        opened_at: at("2026-11-21T02:15:35Z"),
        ..order(presentation)
    }
}

/// A part of it is taken.
fn capture() -> CaptureOrder {
    CaptureOrder {
        hold: hold(Presentation::DesktopWeb),
        capture_no: number("C20261121110000001"),
        amount: yuan(3000),
        description: "测试商品名称".into(),
        opened_at: at("2026-11-21T03:00:00Z"),
    }
}

/// What was taken, as refunds point to it.
fn captured() -> Order {
    let CaptureOrder { hold, capture_no, amount, opened_at, .. } = capture();
    let rail_ref = Some(RailRef::parse(CAPTURE_ID).unwrap());
    Order { kind: OrderKind::Capture, order_no: capture_no, amount, rail_ref, opened_at, ..hold }
}

fn release() -> ReleaseOrder {
    ReleaseOrder {
        hold: hold(Presentation::DesktopWeb),
        release_no: number("L20261121110100001"),
        opened_at: at("2026-11-21T03:01:00Z"),
    }
}

/// The undo of what was taken.
fn capture_undo() -> Reversal {
    Reversal { order: captured(), ..reversal(Presentation::DesktopWeb) }
}

/// The outcome, or "absent", with its rule: one line per answer.
fn told(answer: &Answer) -> String {
    match answer.outcome() {
        Some(outcome) => format!("{}: {}", answer.rule(), detail(outcome)),
        None => format!("{}: absent", answer.rule()),
    }
}

fn detail(outcome: &Outcome) -> String {
    let reference =
        |reference: &Option<RailRef>| reference.as_ref().map_or("-".to_owned(), RailRef::to_string);
    match outcome {
        Outcome::Paid(settled) | Outcome::Held(settled) | Outcome::Refunded(settled) => {
            let time = settled.settled_at.map_or("-".to_owned(), |time| time.to_string());
            format!("{} {} {} {time}", outcome.word(), settled.amount, reference(&settled.rail_ref))
        }
        Outcome::Refused(refusal) => {
            format!("refused {} {} {:?}", refusal.reason, refusal.rail_code, refusal.basis)
        }
        Outcome::Closed(close) => {
            let returned = close.returned.map_or("-".to_owned(), |amount| amount.to_string());
            format!("closed {returned} {}", reference(&close.rail_ref))
        }
        Outcome::Pending(pending) => {
            let action = pending.next_action.as_ref().map_or("-", |action| action.kind());
            format!("pending {action} {}", reference(&pending.rail_ref))
        }
        Outcome::NotSent(_) => outcome.word().to_owned(),
        Outcome::Unknown(doubt) => format!("unknown {doubt:?}"),
    }
}
