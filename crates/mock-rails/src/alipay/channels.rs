//! Which of the payer's means pays: channel restrictions and Huabei instalments.
//!
//! The payer of this world has balance, a money fund, debit and credit cards and Huabei, and no coupon, points or
//! merchant card. The first of these that the order allows pays; instalments come first when the order names them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Sub, acq};
use super::biz::{Biz, yuan};

/// What the money of an order comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Funds {
    channel: String,
    /// Of a bank card: DEBIT_CARD or CREDIT_CARD.
    card: Option<String>,
    /// How many Huabei instalments, when it is those.
    instalments: Option<u8>,
}

/// A channel as orders name it, and the fund channel that shows afterwards.
const PURSE: [(&str, &str, Option<&str>); 9] = [
    ("balance", "ALIPAYACCOUNT", None),
    ("moneyFund", "FINANCEACCOUNT", None),
    ("debitCardExpress", "BANKCARD", Some("DEBIT_CARD")),
    ("bankPay", "BANKCARD", Some("DEBIT_CARD")),
    ("creditCardExpress", "BANKCARD", Some("CREDIT_CARD")),
    ("creditCard", "BANKCARD", Some("CREDIT_CARD")),
    ("creditCardCartoon", "BANKCARD", Some("CREDIT_CARD")),
    ("pcredit", "PCREDIT", None),
    (INSTALMENTS, "PCREDIT", None),
];

const INSTALMENTS: &str = "pcreditpayInstallment";

/// What `credit_group` stands for.
const CREDIT_GROUP: [&str; 5] =
    ["creditCard", "creditCardExpress", "creditCardCartoon", "pcredit", INSTALMENTS];

impl Funds {
    /// Chooses for an order.
    pub(super) fn of(biz: &Biz) -> Result<Self, Sub> {
        let list =
            |name| biz.text(name).map(|text| text.split(',').map(|part| part.trim().to_owned()).collect());
        let (enabled, disabled): (Option<Vec<String>>, Option<Vec<String>>) =
            (list("enable_pay_channels"), list("disable_pay_channels"));
        if enabled.is_some() && disabled.is_some() {
            return Err(acq::INVALID_PARAMETER);
        }
        let instalments = instalments(biz)?;
        let usable = |channel: &str| match (&enabled, &disabled) {
            (Some(enabled), _) => names(enabled, channel),
            (None, Some(disabled)) => !names(disabled, channel),
            (None, None) => true,
        };
        if instalments.is_some() && usable(INSTALMENTS) {
            return Ok(Self { channel: "PCREDIT".to_owned(), card: None, instalments });
        }
        // Instalments need their number; without one they are no means of payment.
        let found = PURSE.iter().find(|(channel, _, _)| *channel != INSTALMENTS && usable(channel));
        let (_, channel, card) = found.ok_or(acq::NO_PAYMENT_INSTRUMENTS)?;
        Ok(Self { channel: (*channel).to_owned(), card: card.map(str::to_owned), instalments: None })
    }

    /// As answers show it.
    pub(super) fn bill_list(&self, fen: i64) -> Value {
        self.list(fen, "fund_channel", "fund_type")
    }

    /// As notices show it, as text.
    pub(super) fn notice_list(&self, fen: i64) -> String {
        self.list(fen, "fundChannel", "fundType").to_string()
    }

    fn list(&self, fen: i64, channel: &str, card: &str) -> Value {
        let mut entry = json!({ "amount": yuan(fen), channel: self.channel });
        if let (Some(kind), Some(members)) = (&self.card, entry.as_object_mut()) {
            members.insert(card.to_owned(), kind.as_str().into());
        }
        json!([entry])
    }

    /// `hb_fq_pay_info` of a query.
    pub(super) fn instalment_info(&self, fen: i64, trade_no: &str) -> Option<Value> {
        let count = self.instalments?;
        // The shape of fq_inst_id was found nowhere.
        Some(
            json!({ "user_install_num": count.to_string(), "fq_amount": yuan(fen), "fq_inst_id": format!("FQ{trade_no}") }),
        )
    }
}

fn names(list: &[String], channel: &str) -> bool {
    let group = CREDIT_GROUP.contains(&channel) && list.iter().any(|name| name == "credit_group");
    group || list.iter().any(|name| name == channel)
}

/// `hb_fq_num` and `hb_fq_seller_percent` of `extend_params`, as text or number.
fn instalments(biz: &Biz) -> Result<Option<u8>, Sub> {
    let extend = biz.whole().get("extend_params");
    let member = |name: &str| match extend.and_then(|extend| extend.get(name)) {
        Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) | None => None,
    };
    let (count, percent) = (member("hb_fq_num"), member("hb_fq_seller_percent"));
    match (count.as_deref(), percent.as_deref()) {
        (None, None) => Ok(None),
        (Some("3"), None | Some("0" | "100")) => Ok(Some(3)),
        (Some("6"), None | Some("0" | "100")) => Ok(Some(6)),
        (Some("12"), None | Some("0" | "100")) => Ok(Some(12)),
        (Some("24"), None | Some("0" | "100")) => Ok(Some(24)),
        (Some(_) | None, _) => Err(acq::INVALID_PARAMETER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_allowed_means_pays() {
        for (members, wanted) in [
            ("{}", Ok(r#"[{"amount":"1.00","fund_channel":"ALIPAYACCOUNT"}]"#)),
            (
                r#"{"disable_pay_channels":"balance,moneyFund"}"#,
                Ok(r#"[{"amount":"1.00","fund_channel":"BANKCARD","fund_type":"DEBIT_CARD"}]"#),
            ),
            (
                r#"{"enable_pay_channels":"credit_group"}"#,
                Ok(r#"[{"amount":"1.00","fund_channel":"BANKCARD","fund_type":"CREDIT_CARD"}]"#),
            ),
            (r#"{"enable_pay_channels":"pcredit"}"#, Ok(r#"[{"amount":"1.00","fund_channel":"PCREDIT"}]"#)),
            (r#"{"enable_pay_channels":"coupon,point"}"#, Err(acq::NO_PAYMENT_INSTRUMENTS)),
            (r#"{"enable_pay_channels":"pcreditpayInstallment"}"#, Err(acq::NO_PAYMENT_INSTRUMENTS)),
            (
                r#"{"enable_pay_channels":"balance","disable_pay_channels":"pcredit"}"#,
                Err(acq::INVALID_PARAMETER),
            ),
            (
                r#"{"extend_params":{"hb_fq_num":"6","hb_fq_seller_percent":"0"}}"#,
                Ok(r#"[{"amount":"1.00","fund_channel":"PCREDIT"}]"#),
            ),
            (r#"{"extend_params":{"hb_fq_num":"5"}}"#, Err(acq::INVALID_PARAMETER)),
            (
                r#"{"extend_params":{"hb_fq_num":"3","hb_fq_seller_percent":"50"}}"#,
                Err(acq::INVALID_PARAMETER),
            ),
            (
                r#"{"extend_params":{"hb_fq_num":3},"disable_pay_channels":"credit_group"}"#,
                Ok(r#"[{"amount":"1.00","fund_channel":"ALIPAYACCOUNT"}]"#),
            ),
        ] {
            let funds = Funds::of(&Biz::parse(members).unwrap());
            let seen = funds.map(|funds| funds.bill_list(100).to_string());
            assert_eq!(seen, wanted.map(str::to_owned), "{members}");
        }
    }
}
