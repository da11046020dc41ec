//! The checks that a request meets, in this order: version and method, signature (11), fields (13), their form (10),
//! merchant (31, 32), product (43), time (10). Duplicates (12) and the rules of business come after, in the book.
//!
//! The order is an assumption about the real gateway; so is 11 for an unknown `certId`.

use jiff::Timestamp;

use super::certificate::Certificate;
use super::codes::{Code, Refusal};
use super::conduct::Conduct;
use super::rules::{self, Product};
use super::sign;
use super::time;
use super::trade::{Echo, Order, OrderKey, Original, What};
use super::wire::{Charset, Fields};

/// Who may talk to this gateway.
pub(super) struct Registry {
    pub(super) certificates: Vec<Certificate>,
    pub(super) mer_ids: Vec<&'static str>,
}

/// A request that may go on to the book.
pub(super) enum Call {
    Query(OrderKey),
    Place(Box<Order>),
}

/// Checks a request.
pub(super) fn check(
    endpoint: rules::Endpoint,
    fields: &Fields,
    charset: Charset,
    registry: &Registry,
    conduct: &Conduct,
    now: Timestamp,
) -> Result<Call, Refusal> {
    authenticate(fields, charset, registry)?;
    let product = rules::formed(endpoint, fields)?;
    let mer_id = text(fields, "merId")?;
    if !registry.mer_ids.contains(&mer_id) {
        return Err(Refusal::about(Code::MERCHANT, "merId"));
    }
    // Acquirers (1) and platform merchants (2) need a contract that this world has none of.
    if text(fields, "accessType")? != "0" {
        return Err(Refusal::about(Code::PERMISSION, "accessType"));
    }
    if !product.serves(text(fields, "bizType")?) {
        return Err(Refusal::about(Code::NOT_OPENED, "bizType"));
    }
    let key = key(fields, "orderId", "txnTime")?;
    let what = match product {
        // A query names the time of the order it asks about, so that may be any time.
        Product::Query => return Ok(Call::Query(key)),
        Product::NotOpened => return Err(Code::NOT_OPENED.into()),
        Product::Front => What::Front {
            front_url: text(fields, "frontUrl")?.to_owned(),
            pay_timeout: fields.value("payTimeout").and_then(time::parse),
        },
        Product::MerchantCode => {
            What::MerchantCode { pay_timeout: fields.value("payTimeout").and_then(time::parse) }
        }
        Product::PayerCode => What::PayerCode { qr_no: text(fields, "qrNo")?.to_owned() },
        Product::Refund => What::Refund { original: original(fields)? },
        Product::Undo => What::Undo { original: original(fields)? },
    };
    let sent = time::parse(&key.txn_time).ok_or_else(|| Refusal::about(Code::FORMAT, "txnTime"))?;
    if sent.duration_since(now).abs() > conduct.txn_time_tolerance {
        return Err(Refusal::about(Code::FORMAT, "txnTime"));
    }
    Ok(Call::Place(Box::new(Order {
        key,
        what,
        fen: rules::fen(text(fields, "txnAmt")?).ok_or_else(|| Refusal::about(Code::FORMAT, "txnAmt"))?,
        back_url: text(fields, "backUrl")?.to_owned(),
        echo: Echo {
            encoding: text(fields, "encoding")?.to_owned(),
            charset,
            access_type: text(fields, "accessType")?.to_owned(),
            biz_type: text(fields, "bizType")?.to_owned(),
            req_reserved: fields.value("reqReserved").map(str::to_owned),
        },
    })))
}

fn authenticate(fields: &Fields, charset: Charset, registry: &Registry) -> Result<(), Refusal> {
    if text(fields, "version")? != "5.1.0" {
        return Err(Refusal::about(Code::FORMAT, "version"));
    }
    if text(fields, "signMethod")? != "01" {
        return Err(Refusal::about(Code::FORMAT, "signMethod"));
    }
    let refused = || Refusal::from(Code::SIGNATURE);
    let cert_id = fields.value("certId").ok_or_else(refused)?;
    let known = registry.certificates.iter().find(|certificate| certificate.serial() == cert_id);
    if sign::signed_by(known.ok_or_else(refused)?, fields, charset) { Ok(()) } else { Err(refused()) }
}

fn text<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, Refusal> {
    fields.value(name).ok_or_else(|| Refusal::about(Code::MISSING, name))
}

fn key(fields: &Fields, order_id: &str, txn_time: &str) -> Result<OrderKey, Refusal> {
    Ok(OrderKey {
        mer_id: text(fields, "merId")?.to_owned(),
        order_id: text(fields, order_id)?.to_owned(),
        txn_time: text(fields, txn_time)?.to_owned(),
    })
}

fn original(fields: &Fields) -> Result<Original, Refusal> {
    match fields.value("origQryId") {
        Some(id) => Ok(Original::QueryId(id.to_owned())),
        None => Ok(Original::Key(key(fields, "origOrderId", "origTxnTime")?)),
    }
}
