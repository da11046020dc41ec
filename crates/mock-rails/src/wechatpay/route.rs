//! Which call a request is: the path decides first (404), then the method (405), both with an empty body and before
//! any other check (seen live).

use http::Method;
use percent_encoding::percent_decode_str;

use super::trades::Product;

/// A call, with the parts of its path decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Order(Product),
    QueryByOrderNo(String),
    QueryByTransaction(String),
    Close(String),
    Refund,
    QueryRefund(String),
    Certificates,
}

/// Why there is no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCall {
    UnknownPath,
    WrongMethod,
}

impl Call {
    /// Payer's-code charges, reversal, app and H5 orders, and bills are not in this mock yet: their paths are unknown.
    pub(crate) fn of(method: &Method, path: &str) -> Result<Self, NoCall> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (wanted, call) = match parts.as_slice() {
            ["v3", "pay", "transactions", "native"] => (Method::POST, Self::Order(Product::Native)),
            ["v3", "pay", "transactions", "jsapi"] => (Method::POST, Self::Order(Product::Jsapi)),
            ["v3", "pay", "transactions", "out-trade-no", number] => {
                (Method::GET, Self::QueryByOrderNo(decoded(number)?))
            }
            ["v3", "pay", "transactions", "id", number] => {
                (Method::GET, Self::QueryByTransaction(decoded(number)?))
            }
            ["v3", "pay", "transactions", "out-trade-no", number, "close"] => {
                (Method::POST, Self::Close(decoded(number)?))
            }
            ["v3", "refund", "domestic", "refunds"] => (Method::POST, Self::Refund),
            ["v3", "refund", "domestic", "refunds", number] => {
                (Method::GET, Self::QueryRefund(decoded(number)?))
            }
            ["v3", "certificates"] => (Method::GET, Self::Certificates),
            _ => return Err(NoCall::UnknownPath),
        };
        if *method == wanted { Ok(call) } else { Err(NoCall::WrongMethod) }
    }

    /// The framework's word, for faults.
    pub(crate) fn operation(&self) -> &'static str {
        match self {
            Self::Order(_) => "charge",
            Self::QueryByOrderNo(_) | Self::QueryByTransaction(_) => "query",
            Self::Close(_) => "close",
            Self::Refund => "refund",
            Self::QueryRefund(_) => "refund_query",
            Self::Certificates => "certificates",
        }
    }

    /// The rail's word, for the journal.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Order(Product::Native) => "native",
            Self::Order(Product::Jsapi) => "jsapi",
            Self::QueryByOrderNo(_) => "query by out_trade_no",
            Self::QueryByTransaction(_) => "query by transaction_id",
            Self::Close(_) => "close",
            Self::Refund => "refund",
            Self::QueryRefund(_) => "refund query",
            Self::Certificates => "certificates",
        }
    }

    /// The transaction paths word a malformed `Authorization` differently and do not ask for a `User-Agent`.
    pub(crate) fn is_transaction(&self) -> bool {
        match self {
            Self::Order(_) | Self::QueryByOrderNo(_) | Self::QueryByTransaction(_) | Self::Close(_) => true,
            Self::Refund | Self::QueryRefund(_) | Self::Certificates => false,
        }
    }
}

fn decoded(part: &str) -> Result<String, NoCall> {
    let text = percent_decode_str(part).decode_utf8().map_err(|_| NoCall::UnknownPath)?;
    if text.is_empty() { Err(NoCall::UnknownPath) } else { Ok(text.into_owned()) }
}
