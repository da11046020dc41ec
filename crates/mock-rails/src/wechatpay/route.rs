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
    /// A payer's code is charged.
    Codepay,
    /// Such a charge is taken back.
    Reverse(String),
    /// An abnormal refund is sent another way, by the rail's refund id.
    AbnormalRefund(String),
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
    /// Combined orders, profit sharing and service providers' calls are not in this mock: their paths are unknown.
    pub(crate) fn of(method: &Method, path: &str) -> Result<Self, NoCall> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (wanted, call) = match parts.as_slice() {
            ["v3", "pay", "transactions", "native"] => (Method::POST, Self::Order(Product::Native)),
            ["v3", "pay", "transactions", "jsapi"] => (Method::POST, Self::Order(Product::Jsapi)),
            ["v3", "pay", "transactions", "app"] => (Method::POST, Self::Order(Product::App)),
            ["v3", "pay", "transactions", "h5"] => (Method::POST, Self::Order(Product::H5)),
            ["v3", "pay", "transactions", "codepay"] => (Method::POST, Self::Codepay),
            ["v3", "pay", "transactions", "out-trade-no", number, "reverse"] => {
                (Method::POST, Self::Reverse(decoded(number)?))
            }
            ["v3", "refund", "domestic", "refunds", id, "apply-abnormal-refund"] => {
                (Method::POST, Self::AbnormalRefund(decoded(id)?))
            }
            ["v3", "bill", "tradebill"] => (Method::GET, Self::TradeBill),
            ["v3", "bill", "fundflowbill"] => (Method::GET, Self::FundFlowBill),
            ["v3", "billdownload", "file"] => (Method::GET, Self::BillFile),
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
            Self::Order(_) | Self::Codepay => "charge",
            Self::Reverse(_) => "reverse",
            Self::TradeBill | Self::FundFlowBill | Self::BillFile => "bill",
            Self::QueryByOrderNo(_) | Self::QueryByTransaction(_) => "query",
            Self::Close(_) => "close",
            Self::Refund | Self::AbnormalRefund(_) => "refund",
            Self::QueryRefund(_) => "refund_query",
            Self::Certificates => "certificates",
        }
    }

    /// The rail's word, for the journal.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Order(Product::Native) => "native",
            Self::Order(Product::Jsapi) => "jsapi",
            Self::Order(Product::App) => "app",
            Self::Order(Product::H5) => "h5",
            Self::Order(Product::Micropay) | Self::Codepay => "codepay",
            Self::Reverse(_) => "reverse",
            Self::AbnormalRefund(_) => "abnormal refund",
            Self::TradeBill => "tradebill",
            Self::FundFlowBill => "fundflowbill",
            Self::BillFile => "bill file",
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
            Self::Order(_)
            | Self::QueryByOrderNo(_)
            | Self::QueryByTransaction(_)
            | Self::Close(_)
            | Self::Codepay
            | Self::Reverse(_) => true,
            Self::Refund
            | Self::QueryRefund(_)
            | Self::AbnormalRefund(_)
            | Self::Certificates
            | Self::TradeBill
            | Self::FundFlowBill
            | Self::BillFile => false,
        }
    }
}

fn decoded(part: &str) -> Result<String, NoCall> {
    let text = percent_decode_str(part).decode_utf8().map_err(|_| NoCall::UnknownPath)?;
    if text.is_empty() { Err(NoCall::UnknownPath) } else { Ok(text.into_owned()) }
}
