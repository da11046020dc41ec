//! The two objects that replies and notifications share: a transaction and a refund. Unknown members are ignored, as the
//! documentation demands; known ones are read strictly, and one that stands there twice is refused.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Attention, CloseProof, Doubt, Pending, RailRef, Reason, Settled};
use paifang_rail::{Genuine, Outcome};
use serde::Deserialize;

/// A rail's code or state is kept up to this many characters; documented are 32.
const CODE_CHARS_MAX: usize = 64;

/// The state of a refund that the payer's card or account did not take.
const ABNORMAL: &str = "ABNORMAL";

/// An order as a query or a payment's notification shows it.
#[derive(Deserialize)]
pub(crate) struct Transaction {
    pub appid: String,
    pub mchid: String,
    pub out_trade_no: String,
    pub trade_state: String,
    /// For people.
    #[serde(default)]
    pub trade_state_desc: Option<String>,
    /// Once paid.
    #[serde(default)]
    pub transaction_id: Option<String>,
    /// Once paid.
    #[serde(default)]
    success_time: Option<String>,
    /// Once paid.
    #[serde(default)]
    amount: Option<Total>,
}

/// The amounts of an order. What the payer paid after coupons (`payer_total`) is not the order's amount.
#[derive(Deserialize)]
struct Total {
    total: i64,
    #[serde(default)]
    currency: Option<String>,
}

/// A refund as its creation, its query or its notification shows it.
#[derive(Deserialize)]
pub(crate) struct Refund {
    /// Only in notifications.
    #[serde(default)]
    pub mchid: Option<String>,
    pub out_trade_no: String,
    pub transaction_id: String,
    pub out_refund_no: String,
    refund_id: String,
    /// Notifications name it `refund_status`.
    #[serde(alias = "refund_status")]
    pub status: String,
    /// Only once it succeeded.
    #[serde(default)]
    success_time: Option<String>,
    amount: Returned,
}

/// The amounts of a refund.
#[derive(Deserialize)]
struct Returned {
    refund: i64,
    /// Absent in notifications.
    #[serde(default)]
    currency: Option<String>,
}

impl Transaction {
    /// What was paid; an error names the member that is wrong. The amount is the order's, in full.
    pub fn settled(&self) -> Result<Settled, &'static str> {
        let amount = self.amount.as_ref().ok_or("amount")?;
        let rail_ref = self.transaction_id.as_deref().and_then(|id| RailRef::parse(id).ok());
        Ok(Settled {
            amount: money(amount.total, amount.currency.as_deref()).ok_or("amount")?,
            rail_ref: Some(rail_ref.ok_or("transaction_id")?),
            settled_at: time(self.success_time.as_deref()),
        })
    }
}

impl Transaction {
    /// What became of a reversed order: one that has a transaction had been paid, and all of it went back.
    pub fn revoked(&self) -> Result<CloseProof, &'static str> {
        match self.transaction_id {
            Some(_) => self
                .settled()
                .map(|Settled { amount, rail_ref, .. }| CloseProof { returned: Some(amount), rail_ref }),
            None => Ok(CloseProof { returned: None, rail_ref: None }),
        }
    }
}

impl Refund {
    /// What the refund's state means, and the state as a word of a rule; an error names the member that is wrong.
    pub fn outcome(&self, proof: Genuine) -> Result<(Outcome, &'static str), &'static str> {
        let rail_ref = Some(RailRef::parse(&self.refund_id).map_err(|_| "refund_id")?);
        Ok(match self.status.as_str() {
            "SUCCESS" => {
                let amount = money(self.amount.refund, self.amount.currency.as_deref()).ok_or("amount")?;
                let settled_at = time(self.success_time.as_deref());
                (Outcome::refunded(proof, Settled { amount, rail_ref, settled_at }), "success")
            }
            "PROCESSING" => (Outcome::pending(proof, Pending { next_action: None, rail_ref }), "processing"),
            // It waits at the rail until somebody decides where it goes, and then the refund succeeds after all.
            ABNORMAL => {
                let pending = Pending { next_action: None, rail_ref };
                (Outcome::waiting(proof, pending, attention(ABNORMAL)), "abnormal")
            }
            // Given up by the rail, for want of the merchant's money in the usual case; the number is used up.
            "CLOSED" => (Outcome::refused(proof, reason("refund_not_allowed"), "CLOSED", ""), "closed"),
            other => (Outcome::unknown(Doubt::UnlistedCode(shortened(other))), "unlisted_state"),
        })
    }
}

/// Reads a JSON text of UTF-8 throughout.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()
}

/// A reason by one of our own words.
pub(crate) fn reason(word: &'static str) -> Reason {
    Reason::parse(word).expect("a literal word of this crate; a test reads them all")
}

fn attention(word: &'static str) -> Attention {
    Attention::parse(word).expect("a literal of visible letters")
}

/// A code, bounded: an unsigned one may be anything.
pub(crate) fn shortened(code: &str) -> String {
    code.chars().take(CODE_CHARS_MAX).collect()
}

/// `2026-01-01T08:30:00+08:00`, the form of every time that is sent.
pub(crate) fn beijing(at: Timestamp) -> String {
    at.to_zoned(TimeZone::fixed(Offset::constant(8))).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// An amount above zero. A missing currency is the yuan, the only one that this API has.
fn money(minor: i64, currency: Option<&str>) -> Option<PositiveMoney> {
    let currency = Currency::parse(currency.unwrap_or("CNY")).ok()?;
    PositiveMoney::new(minor, currency).ok()
}

/// A time that only informs, of any offset: of odd form it is left out.
fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}
