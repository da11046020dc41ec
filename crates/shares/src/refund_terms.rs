//! Which refunds are granted: rules with closed lists of reasons and modes, the bearers, and the times to decide and to
//! appeal.
//!
//! Rules are tried in their order and the first that fits decides ([`RefundTerms::decide`]). Conditions beyond the
//! fields here stand in `when`; this crate does not read them but asks its caller, who answers [`Applies`].
//!
//! ```toml
//! currency = "CNY"
//!
//! [waterfalls]
//! merchant-first = [{ bearer = "merchant_balance" }, { bearer = "unsettled_funds" }, { bearer = "platform" }]
//!
//! [[rules]]
//! id = "small-damage"
//! mode = "refund_without_return"
//! reasons = ["damaged", "missing_parts"]
//! total_max_ppm = 300_000
//! days_max = 7
//! when = 'payer.tier in ["gold", "platinum"]'
//! waterfall = "merchant-first"
//! decide_within_s = 86_400
//! appeal_within_s = 604_800
//! ```

mod decide;

pub use decide::{
    Applies, Decision, Grant, RefundError, RefundInputs, Refusal, RefusedBecause, RuleMisfit, Tried,
};

use std::collections::BTreeMap;

use paifang_money::Currency;
use serde::{Deserialize, Serialize};

use crate::fault::{Check, Faults, RULES_MAX};
use crate::waterfall::{BearerRule, Waterfall, look_through};
use crate::{Ppm, RuleId, WaterfallName};

/// Waterfalls of one set of terms at most.
pub const WATERFALLS_MAX: usize = 100;
/// Longest condition, in characters.
pub const WHEN_CHARS_MAX: usize = 1_000;
/// Longest window of a rule, in days of 24 hours.
pub const DAYS_MAX: u32 = 3_660;
/// Longest time to decide or to appeal, in seconds: 366 days.
pub const WITHIN_S_MAX: u32 = 366 * 86_400;
/// What compensation and freight cover could say at most in earlier releases: ten times the payment. A refund is part of the payment
/// whatever its mode, so what is written now says no more than all of it.
pub const COMPENSATION_PPM_MAX: u32 = 10_000_000;

/// Reasons of a rule at most: there are no more.
const REASONS_MAX: usize = RefundReason::ALL.len();
/// Names told in a fault at most.
const NAMES_TOLD_MAX: usize = 10;

/// Why a refund is asked for. A closed list: a rule can name no other reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// Within the window of returns that need no reason.
    NoReason,
    /// The order was canceled before it was shipped.
    NotShipped,
    /// It did not arrive.
    NotReceived,
    /// It arrived, or was shipped, too late.
    Late,
    /// It arrived damaged.
    Damaged,
    /// It does not work, or its quality is not what it has to be.
    Defective,
    /// It is not what was described.
    NotAsDescribed,
    /// It is something else than was ordered.
    WrongItem,
    /// Something of it is missing.
    MissingParts,
    /// It is a counterfeit.
    Counterfeit,
    /// The service was not rendered.
    ServiceNotRendered,
    /// The price fell within the time for which it was promised.
    PriceProtection,
    /// It was paid more than once.
    PaidTwice,
    /// The cost of sending it back.
    ReturnFreight,
}

impl RefundReason {
    /// Every reason there is.
    pub const ALL: [Self; 14] = [
        Self::NoReason,
        Self::NotShipped,
        Self::NotReceived,
        Self::Late,
        Self::Damaged,
        Self::Defective,
        Self::NotAsDescribed,
        Self::WrongItem,
        Self::MissingParts,
        Self::Counterfeit,
        Self::ServiceNotRendered,
        Self::PriceProtection,
        Self::PaidTwice,
        Self::ReturnFreight,
    ];

    /// Its word in rules and facts.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoReason => "no_reason",
            Self::NotShipped => "not_shipped",
            Self::NotReceived => "not_received",
            Self::Late => "late",
            Self::Damaged => "damaged",
            Self::Defective => "defective",
            Self::NotAsDescribed => "not_as_described",
            Self::WrongItem => "wrong_item",
            Self::MissingParts => "missing_parts",
            Self::Counterfeit => "counterfeit",
            Self::ServiceNotRendered => "service_not_rendered",
            Self::PriceProtection => "price_protection",
            Self::PaidTwice => "paid_twice",
            Self::ReturnFreight => "return_freight",
        }
    }
}

impl RefundMode {
    /// Its word in rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::ReturnAndRefund => "return_and_refund",
            Self::RefundWithoutReturn => "refund_without_return",
            Self::AutomaticCompensation => "automatic_compensation",
            Self::ReturnFreightCover => "return_freight_cover",
        }
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundMode {
    /// The money goes back once the goods are back.
    ReturnAndRefund,
    /// The money goes back and the goods stay.
    RefundWithoutReturn,
    /// A compensation without anybody's request, such as for a late delivery. Only where it is named as the mode.
    AutomaticCompensation,
    /// The cost of sending the goods back.
    ReturnFreightCover,
}

/// What a storefront says of a refund, for its rules to look at. Kept with the refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundCase {
    /// Why.
    pub reason: RefundReason,
    /// Only by a rule of this mode; absent: of any that somebody asks for.
    pub mode: Option<RefundMode>,
    /// Whether the merchant consented; absent: not known.
    pub consented: Option<bool>,
}

/// Checked refund rules of one currency, in the order in which they are tried, and the waterfalls that they name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct RefundTerms {
    currency: Currency,
    waterfalls: BTreeMap<WaterfallName, Waterfall>,
    rules: Vec<RefundRule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundRule {
    /// Its name; unique in the terms.
    pub id: RuleId,
    /// What happens by this rule.
    pub mode: RefundMode,
    /// For these reasons; at least one, each once.
    pub reasons: Vec<RefundReason>,
    /// This refund is at least this share of the payment.
    #[serde(default)]
    pub amount_min_ppm: Ppm,
    /// All refunds of the payment, this one included, are at most this many parts per million of it. A bound of
    /// the total, so that many small refunds do not pass where one large would not. At most 1,000,000, and
    /// [`COMPENSATION_PPM_MAX`] for compensation and freight cover.
    pub total_max_ppm: u32,
    /// Asked for at most this many days of 24 hours after the payment; at most [`DAYS_MAX`].
    pub days_max: u32,
    /// A condition of up to [`WHEN_CHARS_MAX`] characters, which the caller reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Who bears it: a name among the terms' waterfalls.
    pub waterfall: WaterfallName,
    /// Seconds from the request to the decision; at most [`WITHIN_S_MAX`].
    pub decide_within_s: u32,
    /// Seconds from that deadline to the end of the time for an appeal; at most [`WITHIN_S_MAX`].
    pub appeal_within_s: u32,
}

impl RefundTerms {
    /// Checks waterfalls and rules, as each field says.
    pub fn new(
        currency: Currency,
        waterfalls: BTreeMap<WaterfallName, Vec<BearerRule>>,
        rules: Vec<RefundRule>,
    ) -> Result<Self, Faults> {
        let mut check = Check::default();
        let few_waterfalls = check.length(waterfalls.len(), 1, WATERFALLS_MAX, "waterfalls");
        let few_rules = check.length(rules.len(), 1, RULES_MAX, "rules");
        if !few_waterfalls || !few_rules {
            return Err(check.faults());
        }
        for (name, bearers) in &waterfalls {
            look_through(bearers, &format!("waterfalls.{name}."), &mut check);
        }
        let wanted = format!("must be one of the waterfalls: {}", some_of(waterfalls.keys()));
        check.unique(rules.iter().map(|rule| &rule.id), "rules", "id");
        for (at, rule) in rules.iter().enumerate() {
            rule.look_through(&format!("rules[{at}]"), &mut check);
            let known = waterfalls.contains_key(&rule.waterfall);
            check.require(known, format_args!("rules[{at}].waterfall"), &wanted);
        }
        let of = |(name, bearers)| (name, Waterfall::of(currency, bearers));
        check.done(Self { currency, waterfalls: waterfalls.into_iter().map(of).collect(), rules })
    }

    /// The currency of the terms.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The waterfalls by name.
    pub fn waterfalls(&self) -> &BTreeMap<WaterfallName, Waterfall> {
        &self.waterfalls
    }

    /// The rules in their order.
    pub fn rules(&self) -> &[RefundRule] {
        &self.rules
    }
}

impl RefundRule {
    fn look_through(&self, place: &str, check: &mut Check) {
        let list = format!("{place}.reasons");
        if check.length(self.reasons.len(), 1, REASONS_MAX, &list) {
            for (at, reason) in self.reasons.iter().enumerate() {
                let new = !self.reasons[..at].contains(reason);
                check.require(new, format_args!("{list}[{at}]"), "must differ from every entry before it");
            }
        }
        let most = self.mode.total_ppm_max();
        let total = (1..=most).contains(&self.total_max_ppm);
        check.require(
            total,
            format_args!("{place}.total_max_ppm"),
            format!("must be 1 to {most} for this mode"),
        );
        let least = self.amount_min_ppm.get() <= self.total_max_ppm;
        check.require(least, format_args!("{place}.amount_min_ppm"), "must be at most total_max_ppm");
        let days = self.days_max <= DAYS_MAX;
        check.require(days, format_args!("{place}.days_max"), format!("must be at most {DAYS_MAX}"));
        for (name, given) in [("decide", self.decide_within_s), ("appeal", self.appeal_within_s)] {
            let rule = format!("must be at most {WITHIN_S_MAX} (366 days)");
            check.require(given <= WITHIN_S_MAX, format_args!("{place}.{name}_within_s"), rule);
        }
        let when = self.when.as_deref();
        let length =
            when.is_none_or(|text| !text.trim().is_empty() && text.chars().count() <= WHEN_CHARS_MAX);
        let rule = format!("must be 1 to {WHEN_CHARS_MAX} characters and not only blanks, or be left out");
        check.require(length, format_args!("{place}.when"), rule);
    }
}

impl RefundMode {
    /// The most that all refunds of a payment may be under a rule of this mode, in ppm of the payment.
    fn total_ppm_max(self) -> u32 {
        match self {
            Self::ReturnAndRefund | Self::RefundWithoutReturn => Ppm::WHOLE.get(),
            Self::AutomaticCompensation | Self::ReturnFreightCover => COMPENSATION_PPM_MAX,
        }
    }

    /// Whether a request for a mode, or for none in particular, may be answered by this one.
    fn is_meant_by(self, asked: Option<Self>) -> bool {
        match (asked, self) {
            (Some(asked), _) => asked == self,
            (None, Self::AutomaticCompensation) => false,
            (None, Self::ReturnAndRefund | Self::RefundWithoutReturn | Self::ReturnFreightCover) => true,
        }
    }
}

/// The first names of a list, and how many more there are.
fn some_of<'a>(names: impl ExactSizeIterator<Item = &'a WaterfallName>) -> String {
    let more = names.len().saturating_sub(NAMES_TOLD_MAX);
    let told: Vec<&str> = names.take(NAMES_TOLD_MAX).map(WaterfallName::as_str).collect();
    let told = told.join(", ");
    if more == 0 { told } else { format!("{told} and {more} more") }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    currency: Currency,
    waterfalls: BTreeMap<WaterfallName, Vec<BearerRule>>,
    rules: Vec<RefundRule>,
}

impl TryFrom<Form> for RefundTerms {
    type Error = Faults;

    fn try_from(form: Form) -> Result<Self, Faults> {
        Self::new(form.currency, form.waterfalls, form.rules)
    }
}

impl From<RefundTerms> for Form {
    fn from(terms: RefundTerms) -> Self {
        let bearers = |(name, waterfall): (WaterfallName, Waterfall)| (name, waterfall.bearers().to_vec());
        Self {
            currency: terms.currency,
            waterfalls: terms.waterfalls.into_iter().map(bearers).collect(),
            rules: terms.rules,
        }
    }
}

#[cfg(test)]
mod tests;
