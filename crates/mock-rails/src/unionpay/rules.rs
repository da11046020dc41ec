//! Which product a request asks for, which fields that product needs, and the form of each field.

use super::codes::{Code, Refusal};
use super::time;
use super::trade::{Follow, Purpose};
use super::wire::Fields;

/// The addresses of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `frontTransReq.do`, where browsers come.
    Front,
    /// `backTransReq.do`, which also takes queries.
    Back,
    /// `queryTrans.do`.
    Query,
    /// `appTransReq.do`.
    App,
    /// `order.do`.
    Order,
    /// `/` of the file host, which is the same host here.
    File,
    /// Addresses of products that this merchant has not opened: card, batch, in-app.
    Other,
}

impl Endpoint {
    /// `None` when the gateway has no such address.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/gateway/api/frontTransReq.do" => Some(Self::Front),
            "/gateway/api/backTransReq.do" => Some(Self::Back),
            "/gateway/api/queryTrans.do" => Some(Self::Query),
            "/gateway/api/appTransReq.do" => Some(Self::App),
            "/gateway/api/order.do" => Some(Self::Order),
            "/" => Some(Self::File),
            "/gateway/api/cardTransReq.do"
            | "/gateway/api/batchTrans.do"
            | "/gateway/api/newAppTransReq.do" => Some(Self::Other),
            _ => None,
        }
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Front(Purpose),
    PreOrder,
    App(Purpose),
    MerchantCode(Purpose),
    PayerCode(Purpose),
    Follow(Follow),
    Query,
    /// By `queryId` in place of number and time.
    QueryById,
    File,
    EncryptionCertificate,
    /// A real product that this mock does not have.
    NotOpened,
}

impl Product {
    /// By address, `txnType` and `txnSubType`; `None` when ACP has no such transaction.
    fn of(endpoint: Endpoint, types: (&str, &str)) -> Option<Self> {
        match (endpoint, types) {
            (Endpoint::Front, ("01", "01")) => Some(Self::Front(Purpose::Purchase)),
            (Endpoint::Front, ("02", "01")) => Some(Self::Front(Purpose::Hold)),
            (Endpoint::App, ("01", "01")) => Some(Self::App(Purpose::Purchase)),
            (Endpoint::App, ("02", "01")) => Some(Self::App(Purpose::Hold)),
            (Endpoint::Order, ("01", "01")) => Some(Self::PreOrder),
            (Endpoint::Back, ("01", "07")) => Some(Self::MerchantCode(Purpose::Purchase)),
            (Endpoint::Back, ("01", "06")) => Some(Self::PayerCode(Purpose::Purchase)),
            // By other clients only: 05 is applied for like 07, 04 is scanned like 06.
            (Endpoint::Back, ("02", "05")) => Some(Self::MerchantCode(Purpose::Hold)),
            (Endpoint::Back, ("02", "04")) => Some(Self::PayerCode(Purpose::Hold)),
            (Endpoint::Back, (txn_type, "00")) if Follow::of(txn_type).is_some() => {
                Follow::of(txn_type).map(Self::Follow)
            }
            (Endpoint::Back, ("95", "00")) => Some(Self::EncryptionCertificate),
            (Endpoint::Back | Endpoint::Query, ("00", "00")) => Some(Self::Query),
            (Endpoint::Back | Endpoint::Query, ("00", "02")) => Some(Self::QueryById),
            (Endpoint::File, ("76", "01")) => Some(Self::File),
            (_, (txn_type, _)) if TXN_TYPES.contains(&txn_type) => Some(Self::NotOpened),
            (
                Endpoint::Front
                | Endpoint::Back
                | Endpoint::Query
                | Endpoint::App
                | Endpoint::Order
                | Endpoint::File
                | Endpoint::Other,
                _,
            ) => None,
        }
    }

    /// Fields it needs beyond those of every request.
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Front(_) => {
                &["channelType", "orderId", "txnTime", "txnAmt", "currencyCode", "backUrl", "frontUrl"]
            }
            Self::App(_) | Self::PreOrder => {
                &["channelType", "orderId", "txnTime", "txnAmt", "currencyCode", "backUrl"]
            }
            Self::MerchantCode(_) | Self::Follow(_) => {
                &["channelType", "orderId", "txnTime", "txnAmt", "backUrl"]
            }
            Self::PayerCode(_) => {
                &["channelType", "orderId", "txnTime", "txnAmt", "backUrl", "qrNo", "termId"]
            }
            Self::Query => &["orderId", "txnTime"],
            Self::QueryById => &["queryId"],
            Self::File => &["settleDate", "txnTime", "fileType"],
            Self::EncryptionCertificate => &["channelType", "orderId", "txnTime", "certType"],
            Self::NotOpened => &["txnTime"],
        }
    }

    /// Whether the merchant may use it under that `bizType`. Clients send all sorts of them in queries and refunds.
    pub(super) fn serves(self, biz_type: &str) -> bool {
        match self {
            Self::Front(_) | Self::App(_) => ["000201", "000202"].contains(&biz_type),
            Self::MerchantCode(_)
            | Self::PayerCode(_)
            | Self::PreOrder
            | Self::File
            | Self::EncryptionCertificate => biz_type == "000000",
            Self::Follow(_) | Self::Query | Self::QueryById => true,
            Self::NotOpened => false,
        }
    }
}

/// Every transaction type of ACP.
const TXN_TYPES: [&str; 21] = [
    "00", "01", "02", "03", "04", "11", "12", "13", "21", "22", "31", "32", "33", "72", "74", "75", "76",
    "77", "78", "79", "95",
];

/// Checks that the fields are there (13) and well formed (10), and says what they ask for.
pub(super) fn formed(endpoint: Endpoint, fields: &Fields) -> Result<Product, Refusal> {
    let missing = |name: &str| Refusal::about(Code::MISSING, name);
    let common = ["txnType", "txnSubType", "bizType", "accessType", "merId"];
    if let Some(name) = common.into_iter().find(|name| fields.value(name).is_none()) {
        return Err(missing(name));
    }
    let types = (fields.value("txnType").unwrap_or(""), fields.value("txnSubType").unwrap_or(""));
    let product = Product::of(endpoint, types).ok_or_else(|| Refusal::about(Code::FORMAT, "txnType"))?;
    if let Some(name) = product.needs().iter().find(|name| fields.value(name).is_none()) {
        return Err(missing(name));
    }
    if matches!(product, Product::Follow(_)) && !names_original(fields) {
        return Err(missing("origQryId"));
    }
    if let Some(name) = fields.blank() {
        return Err(Refusal::about(Code::FORMAT, name));
    }
    match FORMS.iter().find(|(name, fits)| fields.value(name).is_some_and(|value| !fits(value))) {
        Some((name, _)) => Err(Refusal::about(Code::FORMAT, name)),
        None => Ok(product),
    }
}

/// QR products may name the order of the payment in place of its `queryId`.
fn names_original(fields: &Fields) -> bool {
    let by_order = || {
        fields.value("bizType") == Some("000000")
            && fields.value("origOrderId").is_some()
            && fields.value("origTxnTime").is_some()
    };
    fields.value("origQryId").is_some() || by_order()
}

type Form = fn(&str) -> bool;

/// The form of each field, wherever it occurs.
const FORMS: [(&str, Form); 33] = [
    ("txnType", |v| digits(v, 2..=2)),
    ("txnSubType", |v| digits(v, 2..=2)),
    ("bizType", |v| digits(v, 6..=6)),
    ("accessType", |v| ["0", "1", "2"].contains(&v)),
    ("merId", |v| alphanumeric(v, 15..=15)),
    ("channelType", |v| ["05", "07", "08", "16"].contains(&v)),
    ("orderId", |v| alphanumeric(v, 8..=40)),
    ("origOrderId", |v| alphanumeric(v, 8..=40)),
    ("txnTime", |v| time::parse(v).is_some()),
    ("origTxnTime", |v| time::parse(v).is_some()),
    ("payTimeout", |v| time::parse(v).is_some()),
    ("orderTimeout", |v| digits(v, 1..=10)),
    ("txnAmt", |v| fen(v).is_some()),
    ("currencyCode", |v| v == "156"),
    ("origQryId", |v| digits(v, 21..=21)),
    ("qrNo", |v| digits(v, 1..=20)),
    ("termId", |v| alphanumeric(v, 8..=8)),
    ("backUrl", |v| is_url(v.strip_prefix("ZX|").unwrap_or(v))),
    ("frontUrl", is_url),
    ("frontFailUrl", is_url),
    ("reqReserved", |v| v.len() <= 1024),
    ("reserved", is_nested),
    ("riskRateInfo", is_nested),
    ("cardTransData", is_nested),
    ("tokenPayData", is_nested),
    ("certId", |v| digits(v, 1..=40)),
    ("encryptCertId", |v| digits(v, 1..=40)),
    ("queryId", |v| digits(v, 21..=21)),
    ("fileType", |v| v == "00"),
    ("certType", |v| v == "01"),
    ("accType", |v| ["01", "02", "03"].contains(&v)),
    ("settleDate", |v| digits(v, 4..=4) && time::parse(&format!("2024{v}000000")).is_some()),
    ("customerIp", |v| v.parse::<std::net::IpAddr>().is_ok()),
];

/// An amount in fen: 1 to 12 digits, not zero.
pub(super) fn fen(text: &str) -> Option<i64> {
    if digits(text, 1..=12) { text.parse().ok().filter(|fen| *fen > 0) } else { None }
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn alphanumeric(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty())
        && text.len() <= 256
        && text.bytes().all(|b| b.is_ascii_graphic())
}

/// `{k=v&k=v}`.
fn is_nested(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}') && Fields::parse_bare(text).is_ok()
}
