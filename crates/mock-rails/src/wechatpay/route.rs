//! Which call a request is: the path decides first (404), then the method (405), both with an empty body and before
//! any other check (seen live).

use http::Method;
use percent_encoding::percent_decode_str;

use super::trades::Product;

/// A call, with the parts of its path decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// By product; payer's codes too.
    Order(Product),
    QueryByOrderNo(String),
    QueryByTransaction(String),
    Close(String),
    Reverse(String),
    Refund,
    QueryRefund(String),
    /// By the rail's number of the refund.
    Abnormal(String),
    Certificates,
    TradeBill,
    FundFlowBill,
    BillFile,
}

/// Why there is no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCall {
    UnknownPath,
    WrongMethod,
}

impl Call {
    pub(crate) fn of(method: &Method, path: &str) -> Result<Self, NoCall> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (wanted, call) = match parts.as_slice() {
            ["v3", "pay", "transactions", rest @ ..] => transaction(rest)?,
            ["v3", "refund", "domestic", "refunds"] => (Method::POST, Self::Refund),
            ["v3", "refund", "domestic", "refunds", number] => {
                (Method::GET, Self::QueryRefund(decoded(number)?))
            }
            ["v3", "refund", "domestic", "refunds", number, "apply-abnormal-refund"] => {
                (Method::POST, Self::Abnormal(decoded(number)?))
            }
            ["v3", "certificates"] => (Method::GET, Self::Certificates),
            ["v3", "bill", "tradebill"] => (Method::GET, Self::TradeBill),
            ["v3", "bill", "fundflowbill"] => (Method::GET, Self::FundFlowBill),
            ["v3", "billdownload", "file"] => (Method::GET, Self::BillFile),
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
            Self::Reverse(_) => "reverse",
            Self::Refund | Self::Abnormal(_) => "refund",
            Self::QueryRefund(_) => "refund_query",
            Self::Certificates => "certificates",
            Self::TradeBill | Self::FundFlowBill | Self::BillFile => "bill",
        }
    }

    /// The rail's word, for the journal.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Order(Product::Native) => "native",
            Self::Order(Product::Jsapi) => "jsapi",
            Self::Order(Product::App) => "app",
            Self::Order(Product::H5) => "h5",
            Self::Order(Product::Code) => "codepay",
            Self::QueryByOrderNo(_) => "query by out_trade_no",
            Self::QueryByTransaction(_) => "query by transaction_id",
            Self::Close(_) => "close",
            Self::Reverse(_) => "reverse",
            Self::Refund => "refund",
            Self::QueryRefund(_) => "refund query",
            Self::Abnormal(_) => "abnormal refund",
            Self::Certificates => "certificates",
            Self::TradeBill => "trade bill",
            Self::FundFlowBill => "fund flow bill",
            Self::BillFile => "bill file",
        }
    }

    /// The transaction paths word a malformed `Authorization` differently.
    pub(crate) fn is_transaction(&self) -> bool {
        match self {
            Self::Order(_)
            | Self::QueryByOrderNo(_)
            | Self::QueryByTransaction(_)
            | Self::Close(_)
            | Self::Reverse(_) => true,
            Self::Refund
            | Self::QueryRefund(_)
            | Self::Abnormal(_)
            | Self::Certificates
            | Self::TradeBill
            | Self::FundFlowBill
            | Self::BillFile => false,
        }
    }

    /// Only refunds and certificates are known to ask for a `User-Agent` (seen live; bills were not probed).
    pub(crate) fn wants_user_agent(&self) -> bool {
        match self {
            Self::Refund | Self::QueryRefund(_) | Self::Abnormal(_) | Self::Certificates => true,
            Self::Order(_)
            | Self::QueryByOrderNo(_)
            | Self::QueryByTransaction(_)
            | Self::Close(_)
            | Self::Reverse(_)
            | Self::TradeBill
            | Self::FundFlowBill
            | Self::BillFile => false,
        }
    }
}

/// What follows `/v3/pay/transactions/`.
fn transaction(rest: &[&str]) -> Result<(Method, Call), NoCall> {
    Ok(match rest {
        ["native"] => (Method::POST, Call::Order(Product::Native)),
        ["jsapi"] => (Method::POST, Call::Order(Product::Jsapi)),
        ["app"] => (Method::POST, Call::Order(Product::App)),
        ["h5"] => (Method::POST, Call::Order(Product::H5)),
        ["codepay"] => (Method::POST, Call::Order(Product::Code)),
        ["out-trade-no", number] => (Method::GET, Call::QueryByOrderNo(decoded(number)?)),
        ["id", number] => (Method::GET, Call::QueryByTransaction(decoded(number)?)),
        ["out-trade-no", number, "close"] => (Method::POST, Call::Close(decoded(number)?)),
        ["out-trade-no", number, "reverse"] => (Method::POST, Call::Reverse(decoded(number)?)),
        _ => return Err(NoCall::UnknownPath),
    })
}

fn decoded(part: &str) -> Result<String, NoCall> {
    let text = percent_decode_str(part).decode_utf8().map_err(|_| NoCall::UnknownPath)?;
    if text.is_empty() { Err(NoCall::UnknownPath) } else { Ok(text.into_owned()) }
}
