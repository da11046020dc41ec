//! Response codes: two characters (four for two of them) and a text that ends with a seven-digit detail in brackets.
//!
//! The details of 00, 05 and 34 were seen in genuine messages; the others are invented, as in the vectors.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One response code with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) digits: Cow<'static, str>,
    pub(super) text: Cow<'static, str>,
}

/// What a code says about the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Success, or accepted.
    Success,
    /// Undecided: ask later.
    Pending,
    /// Refused for good.
    Final,
    /// The request or the set-up is at fault.
    Request,
    /// It depends: busy, closed, duplicate and the like.
    Depends,
}

impl Code {
    pub(super) const SUCCESS: Self = Self::known("00", "成功[0000000]");
    /// Counts as success everywhere.
    pub(super) const DEFECTIVE_SUCCESS: Self = Self::known("A6", "有缺陷的成功[6154038]");
    pub(super) const FAILED: Self = Self::known("01", "交易失败，详情请咨询95516[6100030]");
    pub(super) const CLOSED: Self = Self::known("02", "系统未开放或暂时关闭，请稍后再试[9100002]");
    pub(super) const TIMEOUT: Self = Self::known("03", "交易通讯超时，请发起查询交易[9100003]");
    pub(super) const UNKNOWN: Self = Self::known("04", "交易状态未明，请查询对账结果[6154036]");
    pub(super) const ACCEPTED: Self = Self::known("05", "交易已受理，请稍后查询交易结果[6154037]");
    pub(super) const BUSY: Self = Self::known("06", "系统繁忙，请稍后再试[9100001]");
    pub(super) const FORMAT: Self = Self::known("10", "报文格式错误[1000010]");
    pub(super) const SIGNATURE: Self = Self::known("11", "验证签名失败[9100004]");
    pub(super) const DUPLICATE: Self = Self::known("12", "重复交易[2010001]");
    pub(super) const MISSING: Self = Self::known("13", "报文交易要素缺失[1000013]");
    pub(super) const MERCHANT: Self = Self::known("31", "商户状态不正确[1000031]");
    pub(super) const PERMISSION: Self = Self::known("32", "无此交易权限[1000032]");
    pub(super) const NOT_FOUND: Self = Self::known("34", "查无此交易[2600000]");
    pub(super) const ORIGINAL: Self = Self::known("35", "原交易不存在或状态不正确[2040035]");
    pub(super) const DIFFERS: Self = Self::known("36", "与原交易信息不符[2040004]");
    pub(super) const TOO_OFTEN: Self = Self::known("37", "已超过最大查询次数或操作过于频繁[1000037]");
    pub(super) const RISK: Self = Self::known("38", "风险受限[1000038]");
    /// Money came after `payTimeout` and goes back by itself.
    pub(super) const TOO_LATE: Self = Self::known("42", "扣款成功但交易超过规定支付时间[2040042]");
    pub(super) const NOT_OPENED: Self = Self::known("43", "无此业务权限[1000043]");
    pub(super) const ALREADY_BACK: Self = Self::known("45", "已被成功退货或已被成功撤销[2040045]");
    /// What a payer's code that nobody issued, or that was used before, is refused with (assumption).
    pub(super) const CODE_UNUSABLE: Self = Self::known("61", "输入的卡号无效，请确认后输入[1000061]");
    /// What a payer who turns away is reported as.
    pub(super) const NO_MONEY: Self = Self::known("64", "卡上的余额不足[1000051]");
    /// What an order is reported as that nobody paid before its `payTimeout` (assumption).
    pub(super) const PAYER_TOO_SLOW: Self = Self::known("69", "交易超时，请重新下单[1000069]");
    pub(super) const NO_FILE: Self = Self::known("98", "文件不存在[5100098]");

    /// Every code of the sheet with its class.
    const ALL: [(Self, Class); 55] = [
        (Self::SUCCESS, Class::Success),
        (Self::DEFECTIVE_SUCCESS, Class::Success),
        (Self::FAILED, Class::Final),
        (Self::CLOSED, Class::Depends),
        (Self::TIMEOUT, Class::Pending),
        (Self::UNKNOWN, Class::Pending),
        (Self::ACCEPTED, Class::Pending),
        (Self::BUSY, Class::Depends),
        (Self::FORMAT, Class::Request),
        (Self::SIGNATURE, Class::Request),
        (Self::DUPLICATE, Class::Depends),
        (Self::MISSING, Class::Request),
        (Self::known("14", "批量文件格式错误[1000014]"), Class::Request),
        (Self::known("30", "交易未通过，请使用其他银联卡支付[1000030]"), Class::Final),
        (Self::MERCHANT, Class::Request),
        (Self::PERMISSION, Class::Request),
        (Self::known("33", "交易金额超限[1000033]"), Class::Final),
        (Self::NOT_FOUND, Class::Pending),
        (Self::ORIGINAL, Class::Final),
        (Self::DIFFERS, Class::Final),
        (Self::TOO_OFTEN, Class::Depends),
        (Self::RISK, Class::Final),
        (Self::known("39", "交易不在受理时间范围内[1000039]"), Class::Final),
        (Self::known("40", "绑定关系检查失败[1000040]"), Class::Final),
        (Self::known("41", "批量状态不正确，无法下载[1000041]"), Class::Request),
        (Self::TOO_LATE, Class::Final),
        (Self::NOT_OPENED, Class::Request),
        (Self::known("44", "输入号码错误或暂未开通此项业务[1000044]"), Class::Final),
        (Self::ALREADY_BACK, Class::Final),
        (Self::known("60", "交易失败，详情请咨询您的发卡行[1000060]"), Class::Final),
        (Self::CODE_UNUSABLE, Class::Final),
        (Self::known("62", "发卡银行不支持的商户[1000062]"), Class::Final),
        (Self::known("63", "卡状态不正确[1000063]"), Class::Final),
        (Self::NO_MONEY, Class::Final),
        (Self::known("65", "输入的密码、有效期或CVN2有误[1000065]"), Class::Final),
        (Self::known("66", "持卡人身份信息或手机号输入不正确[1000066]"), Class::Final),
        (Self::known("67", "密码输入次数超限[1000067]"), Class::Final),
        (Self::known("68", "您的银行卡暂不支持该业务[1000068]"), Class::Final),
        (Self::PAYER_TOO_SLOW, Class::Final),
        (Self::known("70", "交易已跳转，等待持卡人输入[1000070]"), Class::Pending),
        (Self::known("71", "动态口令或短信验证码校验失败[1000071]"), Class::Final),
        (Self::known("72", "您尚未签约或输入的卡号有误[1000072]"), Class::Final),
        (Self::known("73", "支付卡已超过有效期[1000073]"), Class::Final),
        (Self::known("74", "扣款成功，销账未知[1000074]"), Class::Pending),
        (Self::known("75", "扣款成功，销账失败[1000075]"), Class::Pending),
        (Self::known("76", "需要验密开通[1000076]"), Class::Final),
        (Self::known("77", "银行卡未开通认证支付[1000077]"), Class::Final),
        (Self::known("78", "发卡行交易权限受限[1000078]"), Class::Final),
        (Self::known("79", "此卡可用，但发卡行暂不支持短信验证[1000079]"), Class::Final),
        (Self::known("80", "令牌已过期[1000080]"), Class::Final),
        (Self::known("82", "需要校验密码[1000082]"), Class::Final),
        (Self::NO_FILE, Class::Depends),
        (Self::known("99", "通用错误[1000099]"), Class::Depends),
        (Self::known("PR05", "交易审核中[1000105]"), Class::Pending),
        (Self::known("PR99", "交易审核未通过[1000199]"), Class::Final),
    ];

    const fn known(digits: &'static str, text: &'static str) -> Self {
        Self { digits: Cow::Borrowed(digits), text: Cow::Borrowed(text) }
    }

    /// Every code of the sheet with its class.
    #[cfg(test)]
    pub(super) fn all() -> Vec<(Self, Class)> {
        Self::ALL.into_iter().collect()
    }

    /// A code that a test armed, with its text and class where the list has it.
    pub(super) fn armed(digits: String) -> (Self, Class) {
        let known = Self::ALL.into_iter().find(|(code, _)| code.digits == digits);
        let other = Self { digits: Cow::Owned(digits), text: Cow::Borrowed("模拟应答[9900000]") };
        known.unwrap_or((other, Class::Request))
    }

    /// Whether the transaction may still come to either end.
    pub(super) fn is_pending(&self) -> bool {
        Self::armed(self.digits.clone().into_owned()).1 == Class::Pending
    }

    /// The code that an amount asks for, where amounts may: `97NN` at its end is code NN, and 96, 94 and 95 there stand
    /// for A6, PR05 and PR99.
    pub(super) fn of_amount(fen: i64) -> Option<(Self, Class)> {
        if fen % 10_000 / 100 != 97 {
            return None;
        }
        let digits = match fen % 100 {
            96 => "A6".to_owned(),
            94 => "PR05".to_owned(),
            95 => "PR99".to_owned(),
            number => format!("{number:02}"),
        };
        Self::ALL.into_iter().find(|(code, _)| code.digits == digits)
    }

    /// Whether money moved and stays.
    pub(super) fn is_success(&self) -> bool {
        self.digits == "00" || self.digits == "A6"
    }
}

/// Why a request is turned away before it becomes a trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    /// The field it is about.
    pub(super) field: Option<String>,
}

impl Refusal {
    pub(super) fn about(code: Code, field: &str) -> Self {
        Self { code, field: Some(field.to_owned()) }
    }

    /// The text with the field before the detail: only names that a field can have, so that it cannot break a message.
    pub(super) fn text(&self) -> String {
        let plain = |name: &&String| name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphanumeric());
        match (self.field.as_ref().filter(plain), self.code.text.split_once('[')) {
            (Some(field), Some((text, detail))) => format!("{text}:{field}[{detail}"),
            (Some(_) | None, _) => self.code.text.clone().into_owned(),
        }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { code, field: None }
    }
}
