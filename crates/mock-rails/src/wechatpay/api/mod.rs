//! The calls themselves: from a request that is proved to be the merchant's to its answer.

mod certificates;
mod codes;
mod orders;
mod refunds;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::WechatPay;
use super::answers::Answer;
use super::keys::KeyChoice;
use super::refusals::Refusal;
use super::route::Call;
use super::trades::Product;
use crate::RailRequest;
use crate::notifier::Notice;

/// A request on its way through a call.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) request: &'a RailRequest,
    /// The platform key that it names.
    pub(super) key: Option<KeyChoice>,
    /// How a fault ends the refund that this asks for: `ABNORMAL` or `CLOSED`.
    pub(super) end: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// What a request came to.
pub(super) struct Done {
    pub(super) answer: Answer,
    /// Delivered before the reply is sent.
    pub(super) first: Vec<Notice>,
}

impl From<Answer> for Done {
    fn from(answer: Answer) -> Self {
        Self { answer, first: Vec::new() }
    }
}

impl WechatPay {
    /// Does what the request asks for.
    pub(super) fn call(&self, call: &Call, asked: Asked<'_>) -> Result<Done, Refusal> {
        match call {
            Call::Order(Product::Code) => self.charge(asked),
            Call::Order(product @ (Product::Native | Product::Jsapi | Product::App | Product::H5)) => {
                self.order(*product, asked)
            }
            Call::QueryByOrderNo(order_no) => self.query_by_order_no(order_no, asked),
            Call::QueryByTransaction(id) => self.query_by_transaction(id, asked),
            Call::Close(order_no) => self.close(order_no, asked),
            Call::Reverse(order_no) => self.reverse(order_no, asked),
            Call::Refund => self.refund(asked),
            Call::QueryRefund(refund_no) => self.query_refund(refund_no),
            Call::Abnormal(refund_id) => self.divert(refund_id, asked),
            Call::Certificates => self.certificates(asked.request.query()),
            Call::TradeBill => self.trade_bill(asked.request, asked.now),
            Call::FundFlowBill => self.fund_flow_bill(asked.request, asked.now),
            Call::BillFile => self.bill_file(asked.request.query(), asked.now),
        }
    }

    /// The merchant number of a body or a query must be the one of the `Authorization` header, which is ours.
    fn check_mchid(&self, mchid: &str) -> Result<(), Refusal> {
        if mchid == self.keyring.keys.account.mchid {
            return Ok(());
        }
        let message = "http header中的mchid与post payload中的mchid不匹配";
        Err(Refusal { internal: 268_447_843, ..Refusal::param(message.to_owned(), "/mchid", "body", None) })
    }

    fn check_appid(&self, appid: &str) -> Result<(), Refusal> {
        if appid == self.keyring.keys.account.appid {
            return Ok(());
        }
        Err(Refusal::new(400, "APPID_MCHID_NOT_MATCH", "商户号mchid与appid不匹配", 268_445_527))
    }
}

/// The first parameter of this name, decoded.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let matches = key == name;
        matches.then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}
