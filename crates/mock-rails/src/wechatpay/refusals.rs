//! Refusals: HTTP status, code, text and the place of a mistake, in the rail's words.

use serde_json::{Value, json};

use super::settings::{ErrorDetail, Settings};
use super::sign::AuthFault;
use super::trades::Refused;

/// A definite no, or an admission of trouble.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// In the present spelling; see [`Refusal::body`].
    pub(crate) code: String,
    pub(crate) message: String,
    /// Where a parameter is wrong.
    pub(crate) detail: Option<Box<Detail>>,
    /// The rail's internal number, the last part of `Request-ID`.
    pub(crate) internal: u32,
    /// Left out on the 401 of the transaction paths.
    pub(crate) request_id: bool,
    /// Whether the request was proved to be the merchant's before it was refused.
    pub(crate) known: bool,
}

/// The place of a mistake.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detail {
    /// JSON pointer, or the parameter's name.
    pub(crate) field: String,
    pub(crate) location: &'static str,
    pub(crate) value: Option<Value>,
}

/// The one code of all 429, until it is written in the spelling of [`Settings::rate_code`].
pub(crate) const RATE: &str = "FREQUENCY_LIMITED";

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: &str, internal: u32) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            detail: None,
            internal,
            request_id: true,
            known: true,
        }
    }

    /// A bad parameter, with the place and the value that came.
    pub(crate) fn param(message: String, field: &str, location: &'static str, value: Option<Value>) -> Self {
        let detail = Detail { field: field.to_owned(), location, value };
        Self { detail: Some(Box::new(detail)), message, ..Self::new(400, "PARAM_ERROR", "", 268_435_461) }
    }

    /// Breaks a rule of the rail.
    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(400, "INVALID_REQUEST", message, 268_435_461)
    }

    /// Too often.
    pub(crate) fn rate(message: &str) -> Self {
        Self::new(429, RATE, message, 268_447_840)
    }

    /// Keys in alphabetical order, as real bodies have them.
    pub(crate) fn body(&self, settings: &Settings) -> Vec<u8> {
        let mut body = json!({"code": self.spelt(settings), "message": self.message});
        if let Some(detail) = &self.detail {
            let mut told = json!({"location": detail.location});
            if let Some(value) = &detail.value {
                told["value"] = value.clone();
            }
            match settings.error_detail {
                ErrorDetail::AsSeen => {}
                ErrorDetail::AsDocumented => {
                    told["field"] = detail.field.as_str().into();
                    told["issue"] = self.message.as_str().into();
                }
            }
            body["detail"] = told;
        }
        body.to_string().into_bytes()
    }

    /// The code in the spelling that is set.
    pub(crate) fn spelt(&self, settings: &Settings) -> String {
        let code =
            if self.code == RATE { settings.rate_code.word() } else { settings.spelling.of(&self.code) };
        code.to_owned()
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
        let refusal = Self::new(401, "SIGN_ERROR", message, 268_443_699);
        Self { request_id: !transaction_path, known: false, ..refusal }
    }

    /// No `User-Agent` or no `Accept`, where that is looked at.
    pub(crate) fn no_user_agent() -> Self {
        Self { known: false, ..Self::invalid("Http头缺少Accept或User-Agent") }
    }

    /// The answer that carries this code, for a test that wants it: the status is the documented one.
    pub(crate) fn of_code(code: &str) -> Self {
        let (status, message) = match code {
            "USERPAYING" => (202, "需要用户输入支付密码"),
            "ORDER_NOT_EXIST" | "ORDERNOTEXIST" => (404, "订单不存在"),
            "RESOURCE_NOT_EXISTS" => (404, "退款单不存在"),
            "SIGN_ERROR" => (401, "签名错误"),
            "NOT_ENOUGH" | "NOTENOUGH" => (403, "基本账户余额不足，请充值后重新发起"),
            "NO_AUTH"
            | "NOAUTH"
            | "RULE_LIMIT"
            | "RULELIMIT"
            | "TRADE_ERROR"
            | "ACCOUNT_ERROR"
            | "ACCOUNTERROR"
            | "USER_ACCOUNT_ABNORMAL"
            | "REQUEST_BLOCKED" => (403, "请求被拒绝"),
            "OUT_TRADE_NO_USED" => (403, "商户订单号重复"),
            RATE | "RATELIMIT_EXCEEDED" | "RATELIMIT_EXCEED" | "RATE_LIMITED" | "FREQUENCY_LIMIT_EXCEED" => {
                (429, "频率超限")
            }
            "SYSTEM_ERROR"
            | "SYSTEMERROR"
            | "BANK_ERROR"
            | "BANKERROR"
            | "INVALID_TRANSACTIONID"
            | "OPENID_MISMATCH" => (500, "系统错误"),
            "SERVICE_UNAVAILABLE" => (503, "服务不可用"),
            _ => (400, "请求失败"),
        };
        Self::new(status, code, message, 268_435_461)
    }
}

impl From<Refused> for Refusal {
    /// No business rule has two texts: this is the one list of them.
    fn from(refused: Refused) -> Self {
        let invalid = |message: &str, internal| Self { internal, ..Self::invalid(message) };
        match refused {
            Refused::OrderUnknown => Self::new(404, "ORDER_NOT_EXIST", "订单不存在", 268_512_771),
            // `ORDER_PAID` is the handbook's spelling; `ORDERPAID` is seen in code. The status is unconfirmed.
            Refused::OrderPaid => Self::new(400, "ORDER_PAID", "该订单已支付", 268_449_538),
            Refused::OrderClosed => Self::new(400, "ORDER_CLOSED", "该订单已失效", 268_447_914),
            Refused::OrderChanged => invalid("请求重入时，参数与首次请求时不一致", 268_498_688),
            Refused::OrderNumberUsed => Self::new(403, "OUT_TRADE_NO_USED", "商户订单号重复", 268_498_688),
            Refused::OnlyReverse => invalid("该订单仅支持撤销", 268_449_641),
            // All codes of payment codes on v3 are unconfirmed.
            Refused::OnlyForCodes => Self::invalid("仅付款码支付订单支持撤销"),
            Refused::ReverseRefunded => Self::invalid("订单发生过退款，不支持撤销"),
            Refused::CodeUnknown => Self::invalid("付款码无效，请重新扫码"),
            Refused::CodeExpired => Self::invalid("付款码已过期，请用户刷新后重试"),
            Refused::PayerDeclined => Self::new(403, "TRADE_ERROR", "用户取消支付，请更换订单号重试", 0),
            Refused::PayerShort => Self::new(403, "NOT_ENOUGH", "用户账号余额不足", 0),
            Refused::Risk => Self::new(403, "RULE_LIMIT", "交易存在风险，请更换支付方式", 0),
            Refused::RefundUnknown => Self::new(404, "RESOURCE_NOT_EXISTS", "退款单不存在", 268_512_771),
            Refused::RefundOrderUnknown => Self::new(404, "RESOURCE_NOT_EXISTS", "订单不存在", 268_512_771),
            Refused::RefundChanged => Self::invalid("订单金额或退款金额与之前请求不一致，请核实后再试"),
            Refused::RefundedInFull => Self::invalid("订单已全额退款"),
            Refused::RefundTooLarge => Self::invalid("申请退款金额大于订单剩余可退金额"),
            Refused::RefundTooMany => Self::invalid("单笔订单最多支持50次部分退款"),
            Refused::RefundTooLate => Self::invalid("订单已超过可退款的最大期限"),
            Refused::RefundTooSoon => Self::rate("一笔订单的多次退款需间隔1分钟，请稍后重试"),
            Refused::RefundSplitWrong => Self::invalid("退款出资账户及金额有误"),
            Refused::RefundGoodsWrong => Self::invalid("退款商品信息与订单不一致"),
            Refused::RefundNotEnough => {
                Self::new(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起", 268_435_461)
            }
            Refused::RefundNotAbnormal => Self::invalid("退款单状态不是退款异常，不能发起异常退款"),
            Refused::RefundNumbersDiffer => Self::invalid("微信支付退款单号与商户退款单号不匹配"),
            Refused::Full => Self::new(503, "SERVICE_UNAVAILABLE", "服务不可用", 0),
        }
    }
}
