//! The checks that a request meets, in this order: version and method, signature (11), fields (13), their form (10),
//! merchant (31, 32), product (43), time (10). Duplicates (12) and the rules of business come after, in the book.
//!
//! The order is an assumption about the real gateway; so is 11 for an unknown `certId`.

use jiff::Timestamp;

use super::codes::{Code, Refusal};
use super::conduct::Conduct;
use super::keyring::Keyring;
use super::rules::{self, Product};
use super::sensitive;
use super::sign::Dialect;
use super::time;
use super::trade::{Echo, Order, OrderKey, Original, Payment, Purpose, Way, What};
use super::wire::{Charset, Fields};

/// Who may talk to this gateway.
pub(super) struct Registry {
    pub(super) keys: Keyring,
    pub(super) mer_ids: Vec<String>,
}

/// A request that may go on to the book.
pub(super) enum Call {
    Query(OrderKey),
    QueryById {
        mer_id: String,
        query_id: String,
    },
    Place(Box<Order>),
    /// The file of that `settleDate`.
    File {
        mer_id: String,
        settle_date: String,
    },
    EncryptionCertificate,
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
    let dialect = authenticate(fields, charset, registry, conduct)?;
    let product = rules::formed(endpoint, fields)?;
    let mer_id = text(fields, "merId")?;
    if !registry.mer_ids.iter().any(|known| known == mer_id) {
        return Err(Refusal::about(Code::MERCHANT, "merId"));
    }
    // Acquirers (1) and platform merchants (2) need a contract that this world has none of.
    if text(fields, "accessType")? != "0" {
        return Err(Refusal::about(Code::PERMISSION, "accessType"));
    }
    if !product.serves(text(fields, "bizType")?) {
        return Err(Refusal::about(Code::NOT_OPENED, "bizType"));
    }
    let owned = |name| text(fields, name).map(str::to_owned);
    let what = match product {
        // A query names the time of the order it asks about, so that may be any time.
        Product::Query => return Ok(Call::Query(key(fields, "orderId", "txnTime")?)),
        Product::QueryById => {
            return Ok(Call::QueryById { mer_id: owned("merId")?, query_id: owned("queryId")? });
        }
        Product::File => {
            return Ok(Call::File { mer_id: owned("merId")?, settle_date: owned("settleDate")? });
        }
        Product::EncryptionCertificate => return Ok(Call::EncryptionCertificate),
        Product::NotOpened => return Err(Code::NOT_OPENED.into()),
        Product::Front(purpose) => {
            let fail_url = fields.value("frontFailUrl").map(str::to_owned);
            payment(fields, purpose, Way::Front { front_url: owned("frontUrl")?, fail_url })
        }
        Product::PreOrder => {
            let front_url = fields.value("frontUrl").map(str::to_owned);
            payment(fields, Purpose::Purchase, Way::PreOrder { front_url })
        }
        Product::App(purpose) => payment(fields, purpose, Way::App),
        Product::MerchantCode(purpose) => payment(fields, purpose, Way::MerchantCode),
        Product::PayerCode(purpose) => payment(fields, purpose, Way::PayerCode { qr_no: owned("qrNo")? }),
        Product::Follow(kind) => What::Follow { kind, original: original(fields)? },
    };
    let key = key(fields, "orderId", "txnTime")?;
    let sent = time::parse(&key.txn_time).ok_or_else(|| Refusal::about(Code::FORMAT, "txnTime"))?;
    if sent.duration_since(now).abs() > conduct.txn_time_tolerance {
        return Err(Refusal::about(Code::FORMAT, "txnTime"));
    }
    Ok(Call::Place(Box::new(Order {
        key,
        what,
        fen: rules::fen(text(fields, "txnAmt")?).ok_or_else(|| Refusal::about(Code::FORMAT, "txnAmt"))?,
        back_url: owned("backUrl")?,
        echo: Echo {
            encoding: owned("encoding")?,
            charset,
            dialect,
            access_type: owned("accessType")?,
            biz_type: owned("bizType")?,
            req_reserved: fields.value("reqReserved").map(str::to_owned),
        },
        card: sensitive::card(fields, charset, &registry.keys)?,
        description: description(fields),
    })))
}

fn payment(fields: &Fields, purpose: Purpose, way: Way) -> What {
    // A payer who stands at the till has no page to leave open.
    let timed = !matches!(way, Way::PayerCode { .. });
    let pay_timeout = fields.value("payTimeout").filter(|_| timed).and_then(time::parse);
    What::Payment(Payment { purpose, way, pay_timeout })
}

/// `orderDesc`, or the name of the goods in `riskRateInfo`.
fn description(fields: &Fields) -> Option<String> {
    let goods = || {
        let risk = Fields::parse_bare(fields.value("riskRateInfo")?).ok()?;
        risk.value("commodityName").map(str::to_owned)
    };
    fields.value("orderDesc").map(str::to_owned).or_else(goods)
}

/// The dialect that a request names, if the merchant may speak it.
pub(super) fn dialect(fields: &Fields, conduct: &Conduct) -> Option<Dialect> {
    let named = Dialect::of(fields.value("version")?, fields.value("signMethod")?)?;
    named.opened(conduct).then_some(named)
}

fn authenticate(
    fields: &Fields,
    charset: Charset,
    registry: &Registry,
    conduct: &Conduct,
) -> Result<Dialect, Refusal> {
    let (version, method) = (text(fields, "version")?, text(fields, "signMethod")?);
    let dialect = dialect(fields, conduct).ok_or_else(|| {
        let speaks = |version| Dialect::of(version, "01").is_some_and(|known| known.opened(conduct));
        let field = if speaks(version) { "signMethod" } else { "version" };
        Refusal::about(Code::FORMAT, field)
    })?;
    debug_assert_eq!((dialect.version(), dialect.sign_method()), (version, method));
    if registry.keys.is_genuine(fields, dialect, charset) { Ok(dialect) } else { Err(Code::SIGNATURE.into()) }
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
