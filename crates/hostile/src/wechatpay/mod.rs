//! WeChat Pay: JSON under signed headers, the news itself sealed inside.

mod binding;
mod notices;
mod replies;
mod sealed;

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::book::Message;
use crate::case::Case;
use crate::scene::{self, CANARY, WECHATPAY};
use crate::sign::{self, How, Key};

pub(crate) fn files() -> Vec<(String, Vec<Case>)> {
    vec![
        notices::control(),
        notices::signatures(),
        notices::times(),
        notices::doors(),
        sealed::envelopes(),
        sealed::bodies(),
        binding::money(),
        binding::names(),
        binding::kinds(),
        replies::control(),
        replies::signatures(),
        replies::content(),
    ]
}

const SERIAL: &str = "5F2C9A7E10B34D6688C1F0A9E7D5B3C2A1908F02";
/// Of a certificate that this account does not have.
const RETIRED: &str = "6A7B8C9D0E1F2A3B4C5D6E7F8091A2B3C4D5E603";
const NONCE: &str = "8bf7092dc450bd3c22be38ff16715b7f";
const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

fn own() -> Key {
    Key::at("wechatpay", "/keys/platform_certificate/private_key_pem")
}

fn apiv3() -> Vec<u8> {
    sign::text_at("wechatpay", "/keys/apiv3_key").into_bytes()
}

/// What is told: the order was paid.
fn paid() -> Value {
    json!({
        "mchid": "1900000109", "appid": "wxd678efh567hg6787", "out_trade_no": WECHATPAY.charge,
        "transaction_id": "4200000000202603010000000002", "trade_type": "NATIVE", "trade_state": "SUCCESS",
        "trade_state_desc": "paid", "bank_type": "OTHERS", "attach": CANARY,
        "success_time": "2026-03-01T11:59:58+08:00", "payer": { "openid": CANARY },
        "amount": { "total": 10_000, "payer_total": 10_000, "currency": "CNY", "payer_currency": "CNY" },
    })
}

/// What is told: the refund went out.
fn refunded() -> Value {
    json!({
        "mchid": "1900000109", "out_trade_no": WECHATPAY.paid, "transaction_id": WECHATPAY.paid_ref,
        "out_refund_no": WECHATPAY.refund, "refund_id": "50000000000202603010000000001", "refund_status": "SUCCESS",
        "success_time": "2026-03-01T12:00:00+08:00", "user_received_account": CANARY,
        "amount": { "total": 10_000, "refund": 3_000, "payer_total": 10_000, "payer_refund": 3_000 },
    })
}

/// The event and the kind of what is inside.
type Event = (&'static str, &'static str);

const PAID: Event = ("TRANSACTION.SUCCESS", "transaction");
const REFUNDED: Event = ("REFUND.SUCCESS", "refund");

/// The sealed part, sealed as the rail does.
fn resource(kind: &str, plain: &[u8]) -> Value {
    sealed_under(kind, plain, &apiv3(), "0123456789ab", kind)
}

fn sealed_under(kind: &str, plain: &[u8], key: &[u8], nonce: &str, aad: &str) -> Value {
    let sealed = sign::seal(key, nonce.as_bytes(), aad.as_bytes(), plain);
    json!({
        "original_type": kind, "algorithm": "AEAD_AES_256_GCM", "ciphertext": STANDARD.encode(sealed),
        "associated_data": aad, "nonce": nonce,
    })
}

fn envelope(event: &str, resource: &Value) -> Value {
    json!({
        "id": "00000001-0000-5000-8000-000000000000", "create_time": "2026-03-01T12:00:00+08:00",
        "resource_type": "encrypt-resource", "event_type": event, "summary": "news", "resource": resource,
    })
}

/// Everything that is signed, and by whom.
#[derive(Clone)]
struct Signed {
    timestamp: String,
    nonce: String,
    serial: String,
    body: Vec<u8>,
    key: Key,
    how: How,
}

impl Signed {
    fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            timestamp: scene::now().as_second().to_string(),
            nonce: NONCE.to_owned(),
            serial: SERIAL.to_owned(),
            body: body.into(),
            key: own(),
            how: How::Sha256,
        }
    }

    fn text(&self) -> Vec<u8> {
        let head = format!("{}\n{}\n", self.timestamp, self.nonce);
        [head.as_bytes(), &self.body, b"\n"].concat()
    }

    fn signature(&self) -> String {
        self.key.sign(self.how, &self.text())
    }

    fn message(&self) -> Message {
        self.message_with(&self.signature())
    }

    fn message_with(&self, signature: &str) -> Message {
        Message::default()
            .plus_header("Content-Type", "application/json")
            .plus_header("Wechatpay-Timestamp", &self.timestamp)
            .plus_header("Wechatpay-Nonce", &self.nonce)
            .plus_header("Wechatpay-Serial", &self.serial)
            .plus_header("Wechatpay-Signature", signature)
            .plus_header("Wechatpay-Signature-Type", SCHEME)
            .with_body(self.body.clone())
    }
}

/// A signed notification of this content.
fn told(event: Event, content: &Value) -> Signed {
    told_text(event, content.to_string().as_bytes())
}

fn told_text((event, kind): Event, content: &[u8]) -> Signed {
    Signed::new(envelope(event, &resource(kind, content)).to_string())
}

fn genuine(event: Event, content: &Value) -> Message {
    told(event, content).message()
}

/// A JSON value with one member changed; the path is a JSON pointer.
fn with(value: &Value, pointer: &str, to: Value) -> Value {
    let mut changed = value.clone();
    match changed.pointer_mut(pointer) {
        Some(place) => *place = to,
        None => {
            let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
            if let Some(Value::Object(members)) = changed.pointer_mut(parent) {
                members.insert(name.to_owned(), to);
            }
        }
    }
    changed
}

fn less(value: &Value, pointer: &str) -> Value {
    let mut changed = value.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    if let Some(Value::Object(members)) = changed.pointer_mut(parent) {
        members.remove(name);
    }
    changed
}

/// In gzip, without a time in its head.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).and_then(|()| packer.finish()).expect("a vector takes all that is written")
}
