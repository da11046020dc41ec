//! Who funds a refund: bearers in order, each with what it has and up to its cap; a shortage is told, never hidden.
//!
//! Each bearer in turn bears as much of what is left as its available amount (a fact that the caller hands in) and its cap
//! allow. What nobody bears is [`Allocation::short`]; a short refund is not sent, but waits for [`Allocation::top_up`]
//! with later facts. Caps in ppm are of the refund, rounded down.
//!
//! A decision that is reversed pays back in the opposite order: the last bearer, who stood in for all before it, first.
//! From then on it is [`Funding::Reversed`]: not to be sent, and not to be topped up.
//!
//! ```toml
//! currency = "CNY"
//! bearers = [
//!     { bearer = "merchant_balance" },
//!     { bearer = "unsettled_funds" },
//!     { bearer = "platform", cap_ppm = 500_000, cap_minor = 10_000 },
//! ]
//! ```

mod allocation;

pub use allocation::{Allocation, Borne, Funding, Reversal};

use std::collections::BTreeMap;
use std::fmt;

use paifang_money::{Currency, Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::fault::{Check, Faults};
use crate::parts::{Misfit, same_currency};
use crate::{Minor, Ppm};

/// Who may bear a part of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bearer {
    /// What the merchant holds with us.
    MerchantBalance,
    /// What the merchant earned and has not been settled yet.
    UnsettledFunds,
    /// The platform.
    Platform,
    /// An insurance, such as return-freight cover.
    Insurance,
    /// The rail.
    Rail,
}

/// Checked bearers in their order, for refunds of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Waterfall {
    currency: Currency,
    bearers: Vec<BearerRule>,
}

/// One bearer and the most it bears of one refund. Of two caps the lower one counts; without a cap only what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BearerRule {
    /// Who; once per waterfall.
    pub bearer: Bearer,
    /// At most this, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_minor: Option<Minor>,
    /// At most this share of what bearers bear of the refund (all of it but what receivers give back), rounded down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_ppm: Option<Ppm>,
}

/// What each bearer has at the time of the decision: a fact that the caller hands in.
pub type Available = BTreeMap<Bearer, Money>;

/// Why a refund cannot be funded so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaterfallError {
    /// What a bearer has was not handed in. Zero is said as zero.
    #[error("available.{bearer} is missing; what a bearer has is never guessed")]
    AvailableMissing {
        /// Who.
        bearer: Bearer,
    },
    /// Some of it was borne and paid back, so it is not to be filled up.
    #[error("{reversed} of the refund was reversed; fund it anew")]
    Reversed {
        /// What was paid back.
        reversed: PositiveMoney,
    },
    /// An amount does not fit.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl Waterfall {
    /// Checks the bearers: at least one, each once.
    pub fn new(currency: Currency, bearers: Vec<BearerRule>) -> Result<Self, Faults> {
        let mut check = Check::default();
        look_through(&bearers, "", &mut check);
        check.done(Self { currency, bearers })
    }

    /// Bearers that [`look_through`] found right.
    pub(crate) fn of(currency: Currency, bearers: Vec<BearerRule>) -> Self {
        Self { currency, bearers }
    }

    /// The currency of refunds that it funds.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The bearers in their order.
    pub fn bearers(&self) -> &[BearerRule] {
        &self.bearers
    }

    /// Allocates a refund to its bearers.
    ///
    /// Errors: another currency; no fact for one of the bearers.
    pub fn fund(&self, refund: PositiveMoney, available: &Available) -> Result<Allocation, WaterfallError> {
        same_currency("refund", refund.money(), self.currency)?;
        let limits = self.bearers.iter().map(|rule| (rule.bearer, rule.limit(refund)));
        Allocation::nothing_yet(refund, limits).top_up(available)
    }
}

/// Notes what is wrong with a list of bearers that stands under `place`.
pub(crate) fn look_through(bearers: &[BearerRule], place: &str, check: &mut Check) {
    let list = format!("{place}bearers");
    if check.length(bearers.len(), 1, Bearer::ALL.len(), &list) {
        check.unique(bearers.iter().map(|rule| rule.bearer), &list, "bearer");
    }
}

impl BearerRule {
    fn limit(&self, refund: PositiveMoney) -> Money {
        let caps = [
            self.cap_minor.map(|cap| cap.of(refund.currency())),
            self.cap_ppm.map(|cap| cap.of_floor(refund.money())),
        ];
        caps.into_iter().flatten().fold(refund.money(), lesser)
    }
}

impl Bearer {
    /// Every bearer there is.
    pub const ALL: [Self; 5] =
        [Self::MerchantBalance, Self::UnsettledFunds, Self::Platform, Self::Insurance, Self::Rail];

    /// Its word in rules and facts.
    pub fn word(self) -> &'static str {
        match self {
            Self::MerchantBalance => "merchant_balance",
            Self::UnsettledFunds => "unsettled_funds",
            Self::Platform => "platform",
            Self::Insurance => "insurance",
            Self::Rail => "rail",
        }
    }
}

impl fmt::Display for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

fn lesser(a: Money, b: Money) -> Money {
    if b.minor_units() < a.minor_units() { b } else { a }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    currency: Currency,
    bearers: Vec<BearerRule>,
}

impl TryFrom<Form> for Waterfall {
    type Error = Faults;

    fn try_from(form: Form) -> Result<Self, Faults> {
        Self::new(form.currency, form.bearers)
    }
}

impl From<Waterfall> for Form {
    fn from(waterfall: Waterfall) -> Self {
        Self { currency: waterfall.currency, bearers: waterfall.bearers }
    }
}

#[cfg(test)]
mod tests;
