//! Response codes: two characters and a text that ends with a seven-digit detail in brackets.
//!
//! The details of 00, 05 and 34 were seen in genuine messages; the others are invented, as in the vectors.

use std::borrow::Cow;

/// One response code with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) digits: Cow<'static, str>,
    pub(super) text: Cow<'static, str>,
}

impl Code {
    pub(super) const SUCCESS: Self = Self::known("00", "成功[0000000]");
    /// Counts as success everywhere.
    pub(super) const DEFECTIVE_SUCCESS: Self = Self::known("A6", "有缺陷的成功[6154038]");
    pub(super) const FAILED: Self = Self::known("01", "交易失败，详情请咨询95516[6100030]");
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

    const ALL: [Self; 20] = [
        Self::SUCCESS,
        Self::DEFECTIVE_SUCCESS,
        Self::FAILED,
        Self::ACCEPTED,
        Self::BUSY,
        Self::FORMAT,
        Self::SIGNATURE,
        Self::DUPLICATE,
        Self::MISSING,
        Self::MERCHANT,
        Self::PERMISSION,
        Self::NOT_FOUND,
        Self::ORIGINAL,
        Self::DIFFERS,
        Self::TOO_LATE,
        Self::NOT_OPENED,
        Self::ALREADY_BACK,
        Self::CODE_UNUSABLE,
        Self::NO_MONEY,
        Self::PAYER_TOO_SLOW,
    ];

    const fn known(digits: &'static str, text: &'static str) -> Self {
        Self { digits: Cow::Borrowed(digits), text: Cow::Borrowed(text) }
    }

    /// A code that a test armed, with its text where this list has it.
    pub(super) fn armed(digits: String) -> Self {
        let known = Self::ALL.into_iter().find(|code| code.digits == digits);
        known.unwrap_or(Self { digits: Cow::Owned(digits), text: Cow::Borrowed("模拟应答[9900000]") })
    }

    /// Whether money moved and stays.
    pub(super) fn is_success(&self) -> bool {
        *self == Self::SUCCESS || *self == Self::DEFECTIVE_SUCCESS
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
