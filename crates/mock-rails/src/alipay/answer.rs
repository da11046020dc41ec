//! Answers: the business object of both protocols, its codes, and the signed envelope of the v2 gateway.
//!
//! What is sent stays within what every published client can cut out of the text: compact JSON, the method's own key,
//! response then `alipay_cert_sn` then `sign`, the signature's `/` and `+` written plainly. Slashes inside the signed
//! object are escaped as the real gateway does, so that a client that re-serialises it fails here.

use http::StatusCode;
use serde_json::Value;

use super::codes;
use super::wire::Charset;

/// A code with its Chinese text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sub(pub(super) &'static str, pub(super) &'static str);

/// Business codes that this mock decides on itself.
pub(super) mod acq {
    use super::Sub;

    pub(crate) const TRADE_NOT_EXIST: Sub = Sub("ACQ.TRADE_NOT_EXIST", "交易不存在");
    pub(crate) const TRADE_STATUS_ERROR: Sub = Sub("ACQ.TRADE_STATUS_ERROR", "交易状态不合法");
    pub(crate) const TRADE_HAS_SUCCESS: Sub = Sub("ACQ.TRADE_HAS_SUCCESS", "交易已被支付");
    pub(crate) const TRADE_HAS_CLOSE: Sub = Sub("ACQ.TRADE_HAS_CLOSE", "交易已经关闭");
    pub(crate) const TRADE_HAS_FINISHED: Sub = Sub("ACQ.TRADE_HAS_FINISHED", "交易已完结");
    pub(crate) const CONTEXT_INCONSISTENT: Sub = Sub("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改");
    pub(crate) const INVALID_PARAMETER: Sub = Sub("ACQ.INVALID_PARAMETER", "参数无效");
    pub(crate) const TOTAL_FEE_EXCEED: Sub = Sub("ACQ.TOTAL_FEE_EXCEED", "订单总金额不在允许范围内");
    pub(crate) const EXPIRED_ALREADY: Sub =
        Sub("ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "当前时间晚于交易超时时间");
    pub(crate) const TOO_MANY_GOODS: Sub = Sub("ACQ.SUB_GOODS_SIZE_MAX_COUNT", "商品明细数量超限");
    pub(crate) const INVALID_RECEIVE_ACCOUNT: Sub = Sub("ACQ.INVALID_RECEIVE_ACCOUNT", "收款账户不合法");
    pub(crate) const NO_PAYMENT_INSTRUMENTS: Sub =
        Sub("ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE", "没用可用的支付工具");
    pub(crate) const CODE_INVALID: Sub = Sub("ACQ.PAYMENT_AUTH_CODE_INVALID", "支付授权码无效");
    pub(crate) const BALANCE_NOT_ENOUGH: Sub = Sub("ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足");
    pub(crate) const HAS_RISK: Sub = Sub("ACQ.PAYMENT_REQUEST_HAS_RISK", "支付有风险");
    pub(crate) const BUYER_SELLER_EQUAL: Sub = Sub("ACQ.BUYER_SELLER_EQUAL", "买卖家不能相同");
    pub(crate) const BUYER_NOT_MATCH: Sub = Sub("ACQ.TRADE_BUYER_NOT_MATCH", "交易买家不匹配");
    pub(crate) const AUTH_NO_ERROR: Sub = Sub("ACQ.AUTH_NO_ERROR", "预授权号错误或状态不对");
    pub(crate) const AUTH_NOT_ENOUGH: Sub = Sub("ACQ.AUTH_AMOUNT_NOT_ENOUGH", "授权金额不足");
    pub(crate) const AUTH_NOT_PAID: Sub = Sub("ACQ.AUTH_ORDER_NOT_PAID", "预授权订单未支付");
    pub(crate) const AUTH_FINISHED: Sub = Sub("ACQ.AUTH_ORDER_HAS_FINISHED", "预授权订单已完结");
    pub(crate) const AUTH_CLOSED: Sub = Sub("ACQ.AUTH_ORDER_HAS_CLOSED", "预授权订单已关闭");
    pub(crate) const AUTH_PRODUCT: Sub = Sub("ACQ.PRE_AUTH_PROD_CODE_INCONSISTENT", "预授权产品码不一致");
    pub(crate) const UNKNOWN_ERROR: Sub = Sub("isp.unknow-error", "系统繁忙");
    pub(crate) const SELLER_NOT_ENOUGH: Sub = Sub("ACQ.SELLER_BALANCE_NOT_ENOUGH", "商户余额不足");
    pub(crate) const REFUND_TOO_MUCH: Sub = Sub("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限");
    pub(crate) const DISCORDANT_REPEAT: Sub = Sub("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求");
    pub(crate) const REFUND_FEE_ERR: Sub = Sub("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效");
}

/// The value of a `…_response` member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inner {
    code: &'static str,
    msg: &'static str,
    sub: Option<(String, String)>,
    members: Vec<(&'static str, Value)>,
}

impl Inner {
    /// Code 10000.
    pub(super) fn success() -> Self {
        Self { code: "10000", msg: "Success", sub: None, members: Vec::new() }
    }

    /// Code 40004 with a business code.
    pub(super) fn failed(sub: Sub) -> Self {
        Self::coded(sub.0, sub.1)
    }

    /// For the journal: the verdict, and whether it is a refusal.
    pub(super) fn judgement(&self) -> (String, bool) {
        (self.verdict(), self.is_refusal())
    }

    /// Any sub_code, under the gateway code it belongs to.
    pub(super) fn coded(sub_code: &str, sub_msg: &str) -> Self {
        let (code, msg) = gateway_code(sub_code);
        Self { code, msg, sub: Some((sub_code.to_owned(), sub_msg.to_owned())), members: Vec::new() }
    }

    /// Code 10003: the payer is asked. The message starts with a space in genuine answers.
    pub(super) fn waiting() -> Self {
        Self { code: "10003", msg: " order success pay inprocess", sub: None, members: Vec::new() }
    }

    /// A code on demand ([`crate::faults::Fault::BusinessCode`]): any, with its documented text where there is one.
    pub(super) fn on_demand(sub_code: &str) -> Self {
        let busy = matches!(gateway_code(sub_code).0, "20000") || sub_code.ends_with("SYSTEM_ERROR");
        let unlisted = if busy { "系统繁忙" } else { "业务处理失败" };
        Self::coded(sub_code, codes::text(sub_code).unwrap_or(unlisted))
    }

    /// Whether the answer comes from the business behind the gateway, and not from the gateway itself.
    pub(super) fn is_business(&self) -> bool {
        matches!(self.code, "10000" | "10003" | "40004")
    }

    /// With a business member.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// With a business member, if there is a value.
    #[must_use]
    pub(super) fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Whether the call came to nothing.
    pub(super) fn is_refusal(&self) -> bool {
        self.sub.is_some()
    }

    /// For the journal: the code and what it stands for.
    pub(super) fn verdict(&self) -> String {
        match &self.sub {
            Some((sub_code, _)) => format!("{} {sub_code}", self.code),
            None => self.code.to_owned(),
        }
    }

    /// The code, the message under it and the texts of a failure, for an HTML page.
    pub(super) fn texts(&self) -> (&'static str, &str, &str) {
        match &self.sub {
            Some((sub_code, sub_msg)) => (self.code, sub_code, sub_msg),
            None => (self.code, "", self.msg),
        }
    }

    /// Compact JSON: code, msg, sub_code, sub_msg, then the members by name, slashes escaped.
    pub(super) fn json(&self) -> String {
        let mut all: Vec<(&str, Value)> = vec![("code", self.code.into()), ("msg", self.msg.into())];
        if let Some((sub_code, sub_msg)) = &self.sub {
            all.push(("sub_code", sub_code.as_str().into()));
            all.push(("sub_msg", sub_msg.as_str().into()));
        }
        let mut members = self.members.clone();
        members.sort_by_key(|(name, _)| *name);
        all.extend(members);
        let texts: Vec<String> = all.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        // Outside of strings JSON has no slash, and no escape ends in one, so this escapes exactly those in strings.
        format!("{{{}}}", texts.join(",")).replace('/', "\\/")
    }
}

impl Inner {
    /// The v3 form: HTTP status, and the members at top level; on failure `code` and `message` beside them. `waiting` is
    /// the status while the payer is asked.
    pub(super) fn v3(&self, trace_id: &str, waiting: StatusCode) -> (StatusCode, String) {
        let mut members: Vec<(&str, String)> =
            self.members.iter().map(|(name, value)| (*name, value.to_string())).collect();
        let status = match &self.sub {
            None if self.code == "10003" => waiting,
            None => StatusCode::OK,
            Some((sub_code, sub_msg)) => {
                members.push(("code", Value::from(v3_code(sub_code)).to_string()));
                members.push(("message", Value::from(sub_msg.as_str()).to_string()));
                // Seen on errors of the gateway, absent on a business error.
                if !self.is_business() {
                    let link =
                        format!("https://open.alipay.com/api/errCheck?traceId={trace_id}&source=openapi");
                    members.push(("links", format!("[{{\"link\":\"{link}\",\"desc\":\"解决方案\"}}]")));
                }
                v3_status(self.code, sub_code)
            }
        };
        members.sort_by_key(|(name, _)| *name);
        let texts: Vec<String> =
            members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        (status, format!("{{{}}}", texts.join(",")))
    }
}

/// Gateway codes lose their prefix; business codes and the one wire spelling of a missing bill stay as they are.
fn v3_code(sub_code: &str) -> &str {
    if sub_code == "isp.bill_not_exist" {
        return sub_code;
    }
    ["isv.", "isp.", "aop."].iter().find_map(|head| sub_code.strip_prefix(head)).unwrap_or(sub_code)
}

fn v3_status(code: &str, sub_code: &str) -> StatusCode {
    match code {
        "20000" => StatusCode::INTERNAL_SERVER_ERROR,
        "20001" => StatusCode::UNAUTHORIZED,
        "40005" => StatusCode::TOO_MANY_REQUESTS,
        "40006" if sub_code == "isv.insufficient-isv-permissions" => StatusCode::UNAUTHORIZED,
        // Documentation lists invalid-signature under 400 and under 401; a missing header was answered 400.
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The gateway code and message that a sub_code comes under.
fn gateway_code(sub_code: &str) -> (&'static str, &'static str) {
    const UNAVAILABLE: (&str, &str) = ("20000", "Service Currently Unavailable");
    let has = |head: &str| sub_code.starts_with(head);
    match sub_code {
        "aop.unknow-error" | "aop.ACQ.SYSTEM_ERROR" | "aop.SYSTEM_ERROR" => UNAVAILABLE,
        // `isp.` is a fault of the provider, with this one exception, which is a business answer.
        "isp.bill_not_exist" | "isv.invalid_arguments" => ("40004", "Business Failed"),
        "isv.app-call-limited" | "isv.method-call-limited" => ("40005", "Call Limited"),
        "isv.insufficient-isv-permissions"
        | "isv.insufficient-user-permissions"
        | "isv.self-invoke-forbidden"
        | "isv.app-api-punished" => ("40006", "Insufficient Permissions"),
        "isv.missing-signature-config" | "isv.decryption-error-unknown" => {
            ("40003", "Insufficient Conditions")
        }
        "isv.decryption-error-missing-encrypt-type" => ("40001", "Missing Required Arguments"),
        _ if has("isp.") => UNAVAILABLE,
        _ if has("aop.") => ("20001", "Insufficient Token Permissions"),
        _ if has("isv.missing-") => ("40001", "Missing Required Arguments"),
        _ if has("isv.") => ("40002", "Invalid Arguments"),
        _ => ("40004", "Business Failed"),
    }
}

/// The whole body, in the request's charset.
pub(super) fn envelope(
    key: &str,
    inner: &str,
    cert_sn: Option<&str>,
    sign: Option<&str>,
    charset: Charset,
) -> Vec<u8> {
    let mut text = format!("{{\"{key}\":{inner}");
    if let Some(cert_sn) = cert_sn {
        text.push_str(&format!(",\"alipay_cert_sn\":\"{cert_sn}\""));
    }
    if let Some(sign) = sign {
        text.push_str(&format!(",\"sign\":\"{sign}\""));
    }
    text.push('}');
    charset.encode(&text)
}
