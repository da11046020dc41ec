//! UnionPay: signed fields that carry the signer's certificate; posted as a form, answered as bare text.

mod binding;
mod certificates;
mod notices;
mod replies;

use crate::book::Message;
use crate::case::Case;
use crate::form::{self, Fields, fields, set, without};
use crate::scene::{CANARY, UNIONPAY};
use crate::sign::{self, How, Key};

pub(crate) fn files() -> Vec<(String, Vec<Case>)> {
    vec![
        notices::control(),
        notices::signatures(),
        notices::forms(),
        notices::doors(),
        certificates::file(),
        binding::money(),
        binding::names(),
        binding::kinds(),
        replies::control(),
        replies::signatures(),
        replies::content(),
    ]
}

/// A signer: its private key and its certificate, by their name in the vectors.
#[derive(Clone)]
struct Signer {
    key: Key,
    certificate: String,
}

impl Signer {
    fn named(name: &str) -> Self {
        Self {
            key: Key::at("unionpay", &format!("/certificates/{name}/private_key_pem")),
            certificate: certificate(name).replace("\r\n", "\n").replace('\n', "\r\n"),
        }
    }
}

fn certificate(name: &str) -> String {
    sign::text_at("unionpay", &format!("/certificates/{name}/cert_pem"))
}

/// UnionPay itself.
fn own() -> Signer {
    Signer::named("upsign")
}

/// The news that the order was paid.
fn paid() -> Fields {
    fields(&[
        ("accNo", CANARY),
        ("accessType", "0"),
        ("bizType", "000000"),
        ("currencyCode", "156"),
        ("encoding", "UTF-8"),
        ("merId", "777290058110048"),
        ("orderId", UNIONPAY.charge),
        ("payCardType", "01"),
        ("queryId", "042603011159006789018"),
        ("reqReserved", "tea{large=1&cold=0}"),
        ("respCode", "00"),
        ("respMsg", "成功[0000000]"),
        ("settleAmt", "10000"),
        ("settleCurrencyCode", "156"),
        ("settleDate", "0301"),
        ("signMethod", "01"),
        ("traceNo", "678901"),
        ("traceTime", "0301115900"),
        ("txnAmt", "10000"),
        ("txnSubType", "07"),
        ("txnTime", "20260301115900"),
        ("txnType", "01"),
        ("version", "5.1.0"),
    ])
}

/// The news that the refund went out.
fn refunded() -> Fields {
    let changes = [
        ("orderId", UNIONPAY.refund),
        ("origQryId", "042603011158006789018"),
        ("queryId", "042603011200006789028"),
        ("settleAmt", "3000"),
        ("txnAmt", "3000"),
        ("txnSubType", "00"),
        ("txnType", "04"),
    ];
    changes.iter().fold(paid(), |news, (name, value)| set(&news, name, value))
}

/// The news that the money is held.
fn held() -> Fields {
    let changes = [
        ("orderId", UNIONPAY.hold.unwrap_or_default()),
        ("txnSubType", "01"),
        ("txnType", "02"),
        ("preAuthId", "000001"),
    ];
    changes.iter().fold(paid(), |news, (name, value)| set(&news, name, value))
}

/// What is signed: the fields but the signature, sorted and joined.
fn text(news: &Fields) -> String {
    form::joined(&without(news, "signature"))
}

fn digits(news: &Fields) -> String {
    hex::encode(sign::sha256(text(news).as_bytes()))
}

fn signed(news: &Fields) -> Fields {
    signed_by(news, &own(), How::Sha256)
}

fn signed_by(news: &Fields, signer: &Signer, how: How) -> Fields {
    let whole = set(news, "signPubKeyCert", &signer.certificate);
    let signature = signer.key.sign(how, digits(&whole).as_bytes());
    set(&whole, "signature", &signature)
}

fn raw(body: impl Into<Vec<u8>>) -> Message {
    let kind = "application/x-www-form-urlencoded;charset=UTF-8";
    Message::default().plus_header("Content-Type", kind).with_body(body)
}

fn posted(news: &Fields) -> Message {
    raw(form::encoded(news))
}

fn genuine(news: &Fields) -> Message {
    posted(&signed(news))
}
