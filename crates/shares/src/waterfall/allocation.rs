//! Who bears what of one refund, how a shortage is filled, and how a reversal pays back.

use paifang_money::{Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use super::{Available, Bearer, WaterfallError, lesser};
use crate::fault::{Check, Faults};
use crate::parts::{Misfit, Parts, at_most, same_currency, sum_of};
use crate::units::part;

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
    /// This much has none yet, and nothing was reversed.
    Short(PositiveMoney),
    /// This much was borne and paid back: the decision is undone, and what is short is not filled any more.
    Reversed(PositiveMoney),
}

/// What goes back to whom when a decision is reversed, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reversal {
    /// In the order of paying back: the last bearer first. No amount is zero.
    pub back: Vec<(Bearer, PositiveMoney)>,
    /// The allocation afterwards.
    pub left: Allocation,
}

impl Reversal {
    /// How much goes back in all.
    pub fn amount(&self) -> Option<PositiveMoney> {
        let sum = self.back.iter().map(|(_, amount)| amount.money());
        let sum = sum.reduce(plus)?;
        PositiveMoney::try_from(sum).ok()
    }
}

impl Allocation {
    /// All of the refund is short, and each bearer may bear up to its limit.
    pub(super) fn nothing_yet(refund: PositiveMoney, limits: impl Iterator<Item = (Bearer, Money)>) -> Self {
        let none = Money::zero(refund.currency());
        let borne = limits.map(|(bearer, limit)| Borne { bearer, amount: none, limit }).collect();
        Self { refund, borne, short: refund.money(), reversed: none }
    }

    /// The refund.
    pub fn refund(&self) -> PositiveMoney {
        self.refund
    }

    /// Every bearer of the waterfall in its order, with what it bears.
    pub fn borne(&self) -> &[Borne] {
        &self.borne
    }

    /// What nobody bears yet. Above zero the refund must not be sent; neither after a reversal
    /// ([`Allocation::funding`]).
    pub fn short(&self) -> Money {
        self.short
    }

    /// What was reversed.
    pub fn reversed(&self) -> Money {
        self.reversed
    }

    /// Whether every fen has a bearer. Only a [`Funding::Full`] refund may be sent.
    pub fn funding(&self) -> Funding {
        match (PositiveMoney::try_from(self.reversed), PositiveMoney::try_from(self.short)) {
            (Ok(reversed), _) => Funding::Reversed(reversed),
            (Err(_), Ok(short)) => Funding::Short(short),
            (Err(_), Err(_)) => Funding::Full,
        }
    }

    /// Allocates what is short once more, with what bearers have by now beyond what they bear already. The order and
    /// the limits are those of the first decision. Without a shortage nothing changes.
    ///
    /// Errors: another currency; no fact for one of the bearers; a reversal before, in whole or in part.
    pub fn top_up(&self, available: &Available) -> Result<Self, WaterfallError> {
        if let Ok(reversed) = PositiveMoney::try_from(self.reversed) {
            return Err(WaterfallError::Reversed { reversed });
        }
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

    /// Allocates the whole refund anew, under the same limits: for one that was short, of which nobody has borne anything
    /// yet.
    ///
    /// Errors: those of [`Self::top_up`].
    pub fn anew(&self, available: &Available) -> Result<Self, WaterfallError> {
        if let Ok(reversed) = PositiveMoney::try_from(self.reversed) {
            return Err(WaterfallError::Reversed { reversed });
        }
        let limits = self.borne.iter().map(|borne| (borne.bearer, borne.limit));
        Self::nothing_yet(self.refund, limits).top_up(available)
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
