//! An amount divided into parts, and the rule by which it goes back step by step.
//!
//! # The cumulative rule
//!
//! Give back `total` of a whole whose parts are `s[0] .. s[n-1]` (sum `S`). Dividing each running total by the largest
//! remainder will not do: a larger total may give a part less, so a later step would be negative. Dividing each step by
//! what is left is never negative, yet it drifts: a hundred refunds of 1 fen would all be borne by the largest part.
//!
//! So every unit of every part has its turn, fixed by the whole alone: the `k`-th unit of part `i` is due when the
//! share `(k - 1/2) / s[i]` of the whole has gone back; units due together go by position of their part. The first
//! `total` units of this order are what has gone back. (It is the divisor method of Webster and Sainte-Laguë.) Hence:
//!
//! - the parts of `total` sum exactly to `total`, and those of `S` are the whole: each part has `s[i]` units in line;
//! - a larger total only adds units, so no part of a later step is negative, and none ever exceeds its whole;
//! - only totals count: any cutting of the same total into steps gives each part the same;
//! - a part is within 1/2 + `n * s[i] / (2 * S)` minor units of its exact proportion, and less than 1 away from it for
//!   up to three parts; of two parts the first is its proportion rounded half up.

use std::cmp::Ordering;

use paifang_money::{Currency, Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::units::part;

/// Parts of one amount at most.
pub const RECEIVERS_MAX: usize = 100;

/// An amount divided into parts that have a fixed order: at most [`RECEIVERS_MAX`] of them, of one currency, with a sum
/// that is an amount itself. Parts may be zero; no part at all is a division of nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Parts {
    currency: Currency,
    minor: Vec<i64>,
}

/// An amount that does not fit the one it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Another currency.
    #[error("{what} must be in {wanted}, is in {given}")]
    Currency {
        /// The argument.
        what: &'static str,
        /// Its currency.
        given: Currency,
        /// The currency that would be right.
        wanted: Currency,
    },
    /// More than there is.
    #[error("{what} must be at most {limit}, is {given}")]
    Beyond {
        /// The argument.
        what: &'static str,
        /// Its amount.
        given: Money,
        /// The most that would be right.
        limit: Money,
    },
    /// The sum of amounts is no amount any more ([`paifang_money::MINOR_UNITS_MAX`]).
    #[error("the sum of {what} must be at most {} minor units", paifang_money::MINOR_UNITS_MAX)]
    SumTooLarge {
        /// The argument.
        what: &'static str,
    },
    /// A division into other parts.
    #[error("what was given back must have {wanted} parts, has {given}")]
    OtherParts {
        /// How many there are.
        wanted: usize,
        /// How many were given.
        given: usize,
    },
    /// More than [`RECEIVERS_MAX`] parts.
    #[error("{what} must be at most {RECEIVERS_MAX}, are {given}")]
    TooMany {
        /// The argument.
        what: &'static str,
        /// How many there were.
        given: usize,
    },
}

impl Parts {
    /// Parts in their order.
    ///
    /// Errors: more than [`RECEIVERS_MAX`], another currency than `currency`, a sum beyond the limit of an amount.
    pub fn new(currency: Currency, parts: impl IntoIterator<Item = Money>) -> Result<Self, Misfit> {
        let what = "parts";
        let mut sum = Money::zero(currency);
        let mut minor = Vec::new();
        for part in parts {
            same_currency(what, part, currency)?;
            sum = sum.checked_add(part).ok_or(Misfit::SumTooLarge { what })?;
            minor.push(part.minor_units());
        }
        if minor.len() > RECEIVERS_MAX {
            return Err(Misfit::TooMany { what, given: minor.len() });
        }
        Ok(Self { currency, minor })
    }

    /// Parts whose sum is known to be an amount: they were divided from one.
    pub(crate) fn of(currency: Currency, minor: Vec<i64>) -> Self {
        Self { currency, minor }
    }

    /// The currency of all parts.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// How many parts there are.
    pub fn len(&self) -> usize {
        self.minor.len()
    }

    /// Whether there is no part at all.
    pub fn is_empty(&self) -> bool {
        self.minor.is_empty()
    }

    /// The parts in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Money> + DoubleEndedIterator {
        let currency = self.currency;
        self.minor.iter().map(move |minor| part(i128::from(*minor), currency))
    }

    /// The whole.
    pub fn sum(&self) -> Money {
        part(self.sum_minor(), self.currency)
    }

    /// What of each part has gone back once `total` of the whole has.
    ///
    /// Errors: another currency; a total above the whole.
    pub fn after(&self, total: Money) -> Result<Self, Misfit> {
        same_currency("total", total, self.currency)?;
        at_most("total", total, self.sum())?;
        let minor = self.first_units(i128::from(total.minor_units()));
        Ok(Self { currency: self.currency, minor })
    }

    /// What of each part goes back in one step: `amount`, after `before` has gone back already. A step that turns out
    /// not to have happened is undone by the same call with the total that stays as `before`.
    ///
    /// Errors: another currency; more than the whole.
    pub fn step(&self, before: Money, amount: Money) -> Result<Self, Misfit> {
        let after = sum_of("the refunded total", before, amount)?;
        let (low, high) = (self.after(before)?, self.after(after)?);
        let minor = high.minor.iter().zip(&low.minor).map(|(high, low)| high - low);
        Ok(Self { currency: self.currency, minor: minor.collect() })
    }

    /// What of each part goes back in one step of `amount`, where `given` of each has gone back already by steps that may
    /// have happened in any order, some of them undone since: the first `amount` units of the order that are left, each
    /// part's first `given` units being gone. Where nothing was undone that is [`Self::step`]; in any case no part gives
    /// more than it is, and the step sums exactly to `amount`.
    ///
    /// Errors: another currency; another number of parts; more than is left of one part, or of all.
    pub fn next(&self, given: &Self, amount: Money) -> Result<Self, Misfit> {
        same_currency("given", Money::zero(given.currency), self.currency)?;
        same_currency("the amount", amount, self.currency)?;
        if given.len() != self.len() {
            return Err(Misfit::OtherParts { wanted: self.len(), given: given.len() });
        }
        for (given, whole) in given.iter().zip(self.iter()) {
            at_most("what was given back of a part", given, whole)?;
        }
        let left = self.sum_minor() - given.sum_minor();
        at_most("the amount", amount, part(left, self.currency))?;
        // One more unit in line is at most one more unit that is left, so each amount is met exactly.
        let beyond = |total: i128| -> Vec<i64> {
            let units = self.first_units(total);
            units.into_iter().zip(&given.minor).map(|(units, given)| (units - given).max(0)).collect()
        };
        let wanted = i128::from(amount.minor_units());
        let (mut low, mut high) = (0, self.sum_minor());
        while low < high {
            let middle = low + (high - low) / 2;
            let reached: i128 = beyond(middle).into_iter().map(i128::from).sum();
            if reached < wanted { low = middle + 1 } else { high = middle }
        }
        Ok(Self { currency: self.currency, minor: beyond(low) })
    }

    fn sum_minor(&self) -> i128 {
        self.minor.iter().copied().map(i128::from).sum()
    }

    /// How many of each part's units are among the first `total` of the order that the module's head defines.
    fn first_units(&self, total: i128) -> Vec<i64> {
        let sum = self.sum_minor();
        if sum == 0 {
            return self.minor.clone();
        }
        let sizes: Vec<i128> = self.minor.iter().copied().map(i128::from).collect();
        // All units due by `total / sum` are a beginning of the order, at most half a unit per part too long or short.
        let mut taken: Vec<i128> = sizes.iter().map(|size| (2 * size * total + sum) / (2 * sum)).collect();
        let mut beyond = taken.iter().sum::<i128>() - total;
        while beyond > 0 {
            let last = (0..sizes.len())
                .filter(|at| taken[*at] > 0)
                .max_by(|a, b| by_turn((*a, 2 * taken[*a] - 1), (*b, 2 * taken[*b] - 1), &sizes));
            taken[last.expect("more than `total` units are taken, so some part has one")] -= 1;
            beyond -= 1;
        }
        while beyond < 0 {
            let next = (0..sizes.len())
                .filter(|at| taken[*at] < sizes[*at])
                .min_by(|a, b| by_turn((*a, 2 * taken[*a] + 1), (*b, 2 * taken[*b] + 1), &sizes));
            taken[next.expect("fewer than `total <= sum` units are taken, so some part has one left")] += 1;
            beyond += 1;
        }
        taken.into_iter().map(|units| i64::try_from(units).expect("at most the size of the part")).collect()
    }
}

/// Which of two units comes first: `(part, 2k - 1)` stands for the `k`-th unit of the part.
fn by_turn((a, odd_a): (usize, i128), (b, odd_b): (usize, i128), sizes: &[i128]) -> Ordering {
    // odd_a / sizes[a] against odd_b / sizes[b]; both products are below 2 * 10^30.
    (odd_a * sizes[b]).cmp(&(odd_b * sizes[a])).then(a.cmp(&b))
}

/// A single part of a whole after `total` of the whole has gone back: its proportion, rounded half up. It grows with
/// the total, is never more than the total where `share` is at most the whole, and is `share` at the end.
/// The callers hold `total <= whole`, and one currency.
pub(crate) fn proportion(share: Money, total: Money, whole: PositiveMoney) -> Money {
    let [share_minor, total, whole] =
        [share.minor_units(), total.minor_units(), whole.minor_units()].map(i128::from);
    part((2 * share_minor * total + whole) / (2 * whole), share.currency())
}

/// Refuses another currency.
pub(crate) fn same_currency(what: &'static str, given: Money, wanted: Currency) -> Result<(), Misfit> {
    if given.currency() == wanted {
        Ok(())
    } else {
        Err(Misfit::Currency { what, given: given.currency(), wanted })
    }
}

/// Refuses more than `limit`; the currencies are equal.
pub(crate) fn at_most(what: &'static str, given: Money, limit: Money) -> Result<(), Misfit> {
    if given.minor_units() <= limit.minor_units() {
        Ok(())
    } else {
        Err(Misfit::Beyond { what, given, limit })
    }
}

/// The sum of two amounts, or why there is none.
pub(crate) fn sum_of(what: &'static str, a: Money, b: Money) -> Result<Money, Misfit> {
    same_currency(what, b, a.currency())?;
    a.checked_add(b).ok_or(Misfit::SumTooLarge { what })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    currency: Currency,
    minor: Vec<i64>,
}

/// Why a stored division is none.
#[derive(Debug, thiserror::Error)]
enum FormError {
    #[error("minor: {0}")]
    Amount(#[from] paifang_money::AmountError),
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl TryFrom<Form> for Parts {
    type Error = FormError;

    fn try_from(form: Form) -> Result<Self, FormError> {
        let parts: Result<Vec<Money>, _> =
            form.minor.into_iter().map(|minor| Money::new(minor, form.currency)).collect();
        Ok(Self::new(form.currency, parts?)?)
    }
}

impl From<Parts> for Form {
    fn from(parts: Parts) -> Self {
        Self { currency: parts.currency, minor: parts.minor }
    }
}

#[cfg(test)]
mod tests;
