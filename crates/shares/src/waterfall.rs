//! Who funds a refund: bearers in order, each with what it has and up to its cap; a shortage is told, never hidden.
//!
//! Each bearer in turn bears as much of what is left as its available amount (a fact that the caller hands in) and its cap
//! allow. What nobody bears is [`Allocation::short`]; a short refund is not sent, but waits for [`Allocation::top_up`]
//! with later facts. Caps in ppm are of the refund, rounded down.
//!
//! A decision that is reversed pays back in the opposite order: the last bearer, who stood in for all before it, first.
//!
//! ```toml
//! currency = "CNY"
//! bearers = [
//!     { bearer = "merchant_balance" },
//!     { bearer = "unsettled_funds" },
//!     { bearer = "platform", cap_ppm = 500_000, cap_minor = 10_000 },
//! ]
//! ```

use std::collections::BTreeMap;
use std::fmt;

use paifang_money::{Currency, Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::fault::{Check, Faults};
use crate::parts::{Misfit, Parts, at_most, same_currency, sum_of};
use crate::units::part;
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
    /// At most this share of the refund, rounded down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_ppm: Option<Ppm>,
}

/// What each bearer has at the time of the decision: a fact that the caller hands in.
pub type Available = BTreeMap<Bearer, Money>;

/// Who bears what of one refund. Stored with the refund; later steps are computed from this, not from the rules.
///
/// What all bear, what is short and what was reversed sum to the refund, always.
#[must_use = "a shortage is only seen by looking"]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AllocationForm", into = "AllocationForm")]
pub struct Allocation {
    refund: PositiveMoney,
    borne: Vec<Borne>,
    short: Money,
    reversed: Money,
}

/// One bearer's part of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Borne {
    /// Who.
    pub bearer: Bearer,
    /// What it bears now; may be zero.
    pub amount: Money,
    /// The most it bears of this refund.
    pub limit: Money,
}

/// Whether a refund is funded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Funding {
    /// Every fen has a bearer.
    Full,
    /// This much has none yet.
    Short(PositiveMoney),
}

/// What goes back to whom when a decision is reversed, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// In the order of paying back: the last bearer first. No amount is zero.
    pub back: Vec<(Bearer, PositiveMoney)>,
    /// The allocation afterwards.
    pub left: Allocation,
}

/// Why a refund cannot be funded so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaterfallError {
    /// What a bearer has was not handed in. Zero is said as zero.
    #[error("available.{bearer} is missing; what a bearer has is never guessed")]
    AvailableMissing {
        /// Who.
        bearer: Bearer,
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
        let none = Money::zero(self.currency);
        let borne =
            |rule: &BearerRule| Borne { bearer: rule.bearer, amount: none, limit: rule.limit(refund) };
        let borne = self.bearers.iter().map(borne).collect();
        Allocation { refund, borne, short: refund.money(), reversed: none }.top_up(available)
    }
}

/// Notes what is wrong with a list of bearers that stands under `place`.
pub(crate) fn look_through(bearers: &[BearerRule], place: &str, check: &mut Check) {
    let list = format!("{place}bearers");
    check.length(bearers.len(), 1, Bearer::ALL.len(), &list);
    check.unique(bearers.iter().map(|rule| rule.bearer), &list, "bearer");
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

impl Allocation {
    /// The refund.
    pub fn refund(&self) -> PositiveMoney {
        self.refund
    }

    /// Every bearer of the waterfall in its order, with what it bears.
    pub fn borne(&self) -> &[Borne] {
        &self.borne
    }

    /// What nobody bears yet. Above zero the refund must not be sent.
    pub fn short(&self) -> Money {
        self.short
    }

    /// What was reversed.
    pub fn reversed(&self) -> Money {
        self.reversed
    }

    /// Whether every fen has a bearer.
    pub fn funding(&self) -> Funding {
        PositiveMoney::try_from(self.short).map_or(Funding::Full, Funding::Short)
    }

    /// Allocates what is short once more, with what bearers have by now beyond what they bear already. The order and
    /// the limits are those of the first decision. Without a shortage nothing changes.
    ///
    /// Errors: another currency; no fact for one of the bearers.
    pub fn top_up(&self, available: &Available) -> Result<Self, WaterfallError> {
        let mut next = self.clone();
        for borne in &mut next.borne {
            let bearer = borne.bearer;
            let has = *available.get(&bearer).ok_or(WaterfallError::AvailableMissing { bearer })?;
            same_currency("available", has, self.refund.currency())?;
            let more = lesser(lesser(has, less(borne.limit, borne.amount)), next.short);
            next.short = less(next.short, more);
            borne.amount = plus(borne.amount, more);
        }
        Ok(next)
    }

    /// Pays `amount` back to the bearers, the last one first, each at most what it bears.
    ///
    /// Errors: another currency; more than all of them bear.
    pub fn reverse(&self, amount: PositiveMoney) -> Result<Reversal, Misfit> {
        same_currency("the reversed amount", amount.money(), self.refund.currency())?;
        let borne = self.borne.iter().map(|borne| i128::from(borne.amount.minor_units())).sum();
        at_most("the reversed amount", amount.money(), part(borne, self.refund.currency()))?;
        let mut left = self.clone();
        left.reversed = plus(left.reversed, amount.money());
        let mut open = amount.money();
        let mut back = Vec::new();
        for borne in left.borne.iter_mut().rev() {
            let one = lesser(borne.amount, open);
            borne.amount = less(borne.amount, one);
            open = less(open, one);
            back.extend(PositiveMoney::try_from(one).ok().map(|one| (borne.bearer, one)));
        }
        Ok(Reversal { back, left })
    }
}

fn lesser(a: Money, b: Money) -> Money {
    if b.minor_units() < a.minor_units() { b } else { a }
}

/// `from - amount`, where `amount` was bounded by `from`.
fn less(from: Money, amount: Money) -> Money {
    from.checked_sub(amount).expect("bounded by what it is taken from, in one currency")
}

/// A sum of two parts of one refund.
fn plus(a: Money, b: Money) -> Money {
    a.checked_add(b).expect("parts of one refund together are at most the refund")
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AllocationForm {
    refund: PositiveMoney,
    borne: Vec<Borne>,
    short: Money,
    reversed: Money,
}

/// Why a stored allocation is none.
#[derive(Debug, thiserror::Error)]
enum FormError {
    #[error(transparent)]
    Misfit(#[from] Misfit),
    #[error(transparent)]
    Faults(#[from] Faults),
    #[error("borne, short and reversed must sum to the refund {refund}, sum to {sum}")]
    Sum { refund: PositiveMoney, sum: Money },
}

impl TryFrom<AllocationForm> for Allocation {
    type Error = FormError;

    fn try_from(form: AllocationForm) -> Result<Self, FormError> {
        let AllocationForm { refund, borne, short, reversed } = form;
        let mut check = Check::default();
        check.unique(borne.iter().map(|borne| borne.bearer), "borne", "bearer");
        check.done(())?;
        for borne in &borne {
            same_currency("limit", borne.limit, refund.currency())?;
            at_most("limit", borne.limit, refund.money())?;
            same_currency("amount", borne.amount, refund.currency())?;
            at_most("amount", borne.amount, borne.limit)?;
        }
        let all = Parts::new(refund.currency(), borne.iter().map(|borne| borne.amount))?.sum();
        let sum = sum_of("borne, short and reversed", sum_of("borne and short", all, short)?, reversed)?;
        if sum != refund.money() {
            return Err(FormError::Sum { refund, sum });
        }
        Ok(Self { refund, borne, short, reversed })
    }
}

impl From<Allocation> for AllocationForm {
    fn from(allocation: Allocation) -> Self {
        let Allocation { refund, borne, short, reversed } = allocation;
        Self { refund, borne, short, reversed }
    }
}

#[cfg(test)]
mod tests;
