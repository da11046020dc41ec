//! What the rail answers: success bodies in the making, and refusals with their HTTP status, code and text.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use super::sign::AuthFault;
use super::trades::Refused;

/// What a call came to, before it is signed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// 200 with a JSON body.
    Done(Vec<u8>),
    /// 202 with a JSON body: accepted, not finished.
    Accepted(Vec<u8>),
    /// A file: 200, neither JSON nor signed.
    File(Vec<u8>),
    /// 204, an empty body, still signed.
    DoneEmpty,
    /// 4xx or 5xx, unsigned.
    Refused(Refusal),
}

/// A definite no, or an admission of trouble.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Where a parameter is wrong, in the form seen live (the documented one also names `field` and `issue`).
    pub(crate) detail: Option<Value>,
    /// The rail's internal number, the last part of `Request-ID`.
    pub(crate) internal: u32,
    /// Left out on the 401 of the transaction paths.
    pub(crate) request_id: bool,
}

impl Answer {
    /// A 200 with this body.
    pub(crate) fn json(body: &Value) -> Self {
        Self::Done(body.to_string().into_bytes())
    }

    /// For the journal: the status, and the code of a refusal.
    pub(crate) fn verdict(&self) -> String {
        match self {
            Self::Done(_) => "200".to_owned(),
            Self::Accepted(_) => "202".to_owned(),
            Self::File(_) => "200 file".to_owned(),
            Self::DoneEmpty => "204".to_owned(),
            Self::Refused(refusal) => format!("{} {}", refusal.status, refusal.code),
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        of_business(refused)
    }
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: &str, internal: u32) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            detail: None,
            internal,
            request_id: true,
        }
    }

    /// A bad parameter, with the place and the value that came.
    pub(crate) fn param(message: String, location: &'static str, value: Option<Value>) -> Self {
        let mut detail = json!({"location": location});
        if let Some(value) = value {
            detail["value"] = value;
        }
        Self { detail: Some(detail), message, ..Self::new(400, "PARAM_ERROR", "", 268_435_461) }
    }

    /// Keys in alphabetical order, as real bodies have them.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = json!({"code": self.code, "message": self.message});
        if let Some(detail) = &self.detail {
            body["detail"] = detail.clone();
        }
        body.to_string().into_bytes()
    }

    /// The answer to a request that is not proved to be the merchant's.
    pub(crate) fn of_auth(fault: AuthFault, transaction_path: bool) -> Self {
        let message = match fault {
            AuthFault::Malformed if transaction_path => "签名信息错误，验签失败",
            AuthFault::Malformed => "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》",
            AuthFault::Timestamp => "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟",
            AuthFault::Serial => "商户证书序列号有误。请使用签名私钥匹配的证书序列号",
            AuthFault::Signature => "签名错误",
        };
        Self { request_id: !transaction_path, ..Self::new(401, "SIGN_ERROR", message, 268_443_699) }
    }

    /// The answer that carries this code, for a test that wants it: the status is the documented one.
    pub(crate) fn of_code(code: &str) -> Self {
        let (status, message) = match code {
            "ORDER_NOT_EXIST" => (404, "订单不存在"),
            "RESOURCE_NOT_EXISTS" => (404, "退款单不存在"),
            "SIGN_ERROR" => (401, "签名错误"),
            "NOT_ENOUGH" => (403, "基本账户余额不足，请充值后重新发起"),
            "NO_AUTH"
            | "RULE_LIMIT"
            | "TRADE_ERROR"
            | "ACCOUNT_ERROR"
            | "USER_ACCOUNT_ABNORMAL"
            | "REQUEST_BLOCKED" => (403, "请求被拒绝"),
            "OUT_TRADE_NO_USED" => (403, "商户订单号重复"),
            "FREQUENCY_LIMITED"
            | "RATELIMIT_EXCEEDED"
            | "RATELIMIT_EXCEED"
            | "RATE_LIMITED"
            | "FREQUENCY_LIMIT_EXCEED" => (429, "频率超限"),
            "SYSTEM_ERROR" | "BANK_ERROR" | "INVALID_TRANSACTIONID" | "OPENID_MISMATCH" => (500, "系统错误"),
            "SERVICE_UNAVAILABLE" => (503, "服务不可用"),
            _ => (400, "请求失败"),
        };
        Self::new(status, code, message, 268_435_461)
    }
}

/// No business rule has two texts: this is the one list of them.
fn of_business(refused: Refused) -> Refusal {
    let invalid = |message: &str, internal| Refusal::new(400, "INVALID_REQUEST", message, internal);
    match refused {
        Refused::OrderUnknown => Refusal::new(404, "ORDER_NOT_EXIST", "订单不存在", 268_512_771),
        // `ORDER_PAID` is the handbook's spelling; `ORDERPAID` is seen in code. The status is unconfirmed.
        Refused::OrderPaid => Refusal::new(400, "ORDER_PAID", "该订单已支付", 268_449_538),
        Refused::OrderClosed => Refusal::new(400, "ORDER_CLOSED", "该订单已失效", 268_447_914),
        Refused::OrderChanged => invalid("请求重入时，参数与首次请求时不一致", 268_498_688),
        Refused::OrderNumberUsed => Refusal::new(403, "OUT_TRADE_NO_USED", "商户订单号重复", 268_498_688),
        Refused::RefundUnknown => Refusal::new(404, "RESOURCE_NOT_EXISTS", "退款单不存在", 268_512_771),
        Refused::RefundOrderUnknown => Refusal::new(404, "RESOURCE_NOT_EXISTS", "订单不存在", 268_512_771),
        Refused::RefundChanged => invalid("订单金额或退款金额与之前请求不一致，请核实后再试", 268_435_461),
        Refused::RefundedInFull => invalid("订单已全额退款", 268_435_461),
        Refused::RefundTooLarge => invalid("申请退款金额大于订单剩余可退金额", 268_435_461),
        Refused::RefundTooMany => invalid("单笔订单最多支持50次部分退款", 268_435_461),
        Refused::RefundTooLate => invalid("订单已超过可退款的最大期限", 268_435_461),
        Refused::RefundTooSoon => {
            Refusal::new(429, "FREQUENCY_LIMITED", "一笔订单的多次退款需间隔1分钟，请稍后重试", 268_447_840)
        }
        Refused::RefundSplitWrong => invalid("退款出资账户及金额有误", 268_435_461),
        Refused::RefundNotEnough => {
            Refusal::new(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起", 268_435_461)
        }
        Refused::RefundNotAbnormal => invalid("退款单状态不是异常，不能发起异常退款", 268_435_461),
        // The codes of v3 payer's codes are unconfirmed; these are the general ones that fit.
        Refused::CodeInvalid => invalid("付款码无效或已过期，请刷新后再试", 268_435_461),
        Refused::ByPayer => Refusal::new(403, "TRADE_ERROR", "用户余额不足，交易失败", 268_435_461),
        Refused::Risk => Refusal::new(403, "RULE_LIMIT", "业务规则限制", 268_435_461),
        Refused::OnlyReverse => invalid("付款码订单仅支持撤销", 268_449_641),
        Refused::NotReversible => invalid("该订单不支持撤销", 268_435_461),
        Refused::Full => Refusal::new(503, "SERVICE_UNAVAILABLE", "服务不可用", 0),
    }
}

/// Seconds and the offset `+08:00`, as all times of the payment APIs are written.
pub(crate) fn china_time(at: Timestamp) -> String {
    at.to_zoned(china()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// A part of the local time in China, by `strftime` directives.
pub(crate) fn china_format(at: Timestamp, format: &str) -> String {
    at.to_zoned(china()).strftime(format).to_string()
}

fn china() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}
