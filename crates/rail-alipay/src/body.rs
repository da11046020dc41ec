//! The members of answers that this adapter reads, and how their values are taken.

use paifang_money::{Currency, Money, PositiveMoney};
use paifang_payment::RailRef;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::beijing;

macro_rules! members {
    ($($(#[$doc:meta])* $name:ident: $read:literal),* $(,)?) => {
        /// The members that are read, over all calls. Absent, null and empty are the same; all others are left alone,
        /// lists of refunded funds and of vouchers too.
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub(crate) struct Body {
            $($(#[$doc])* #[serde(deserialize_with = $read)] pub $name: Option<String>,)*
        }
    };
}

members! {
    code: "text",
    msg: "text",
    sub_code: "text",
    sub_msg: "text",
    /// The text of an error in v3.
    message: "text",
    out_trade_no: "text",
    trade_no: "text",
    qr_code: "text",
    trade_status: "text",
    total_amount: "decimal",
    trans_currency: "text",
    send_pay_date: "text",
    gmt_payment: "text",
    action: "text",
    retry_flag: "text",
    fund_change: "text",
    refund_fee: "decimal",
    out_request_no: "text",
    refund_status: "text",
    refund_amount: "decimal",
    gmt_refund_pay: "text",
    out_order_no: "text",
    auth_no: "text",
    operation_id: "text",
    operation_type: "text",
    order_status: "text",
    status: "text",
    amount: "decimal",
    total_freeze_amount: "decimal",
    total_pay_amount: "decimal",
    gmt_trans: "text",
    code_value: "text",
    bill_download_url: "text",
    bill_file_code: "text",
    alipay_cert_content: "text",
}

impl Body {
    /// The sub-code where there is one, else the code: what names the failure.
    pub fn shown_code(&self) -> &str {
        self.sub_code.as_deref().or(self.code.as_deref()).unwrap_or_default()
    }

    /// The rail's number of the trade. One of odd form is left out: it is a reference, nothing is decided by it.
    pub fn rail_ref(&self) -> Option<RailRef> {
        RailRef::parse(self.trade_no.as_deref()?).ok()
    }

    /// The rail's number of the hold.
    pub fn auth_ref(&self) -> Option<RailRef> {
        RailRef::parse(self.auth_no.as_deref()?).ok()
    }

    /// Whether a refund query found something.
    pub fn tells_of_a_refund(&self) -> bool {
        self.refund_status.is_some()
            || self.refund_amount.is_some()
            || self.gmt_refund_pay.is_some()
            || self.out_request_no.is_some()
    }
}

/// An amount in yuan above zero, exact.
pub(crate) fn yuan(text: Option<&str>) -> Option<PositiveMoney> {
    Money::from_decimal(text?, Currency::CNY).ok()?.try_into().ok()
}

/// Whether an amount is given and is nothing.
pub(crate) fn is_zero(text: Option<&str>) -> bool {
    text.and_then(|text| Money::from_decimal(text, Currency::CNY).ok())
        .is_some_and(|money| money.minor_units() == 0)
}

/// A time that only informs: of odd form it is left out.
pub(crate) fn time(text: Option<&str>) -> Option<jiff::Timestamp> {
    beijing::read(text?)
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()))
}

/// An amount is a string; callers of other gateways have seen numbers, so a number's digits are taken as they stand.
fn decimal<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    let raw = raw.get();
    if raw.starts_with('"') || raw == "null" {
        let text: Option<String> = serde_json::from_str(raw).map_err(serde::de::Error::custom)?;
        return Ok(text.filter(|text| !text.is_empty()));
    }
    let number = raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if number { Ok(Some(raw.to_owned())) } else { Err(serde::de::Error::custom("not an amount")) }
}
