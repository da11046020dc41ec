//! How one payment is divided: the fee, the parts of receivers, and the rest to the merchant.
//!
//! It is agreed when the payment is opened and stored with it. A refund gives back from what is stored, never from rules that
//! may have changed since. Of a discounted order the price is divided: what the payer pays, and what budgets and funders pay
//! in; what the merchant gives by discounts of its own comes out of its part. The fee stands among the receivers, behind them all: where the merchant's part does not suffice for
//! it, there is no such payment.

use paifang_money::{Currency, Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::discounts::{Discounted, GivenBack};
use crate::fees::Fee;
use crate::parts::{at_most, sum_of};
use crate::refund_terms::Applies;
use crate::splits::{Split, SplitAmounts, SplitError, SplitRules};
use crate::units::part;
use crate::{Merchant, Misfit};

/// How one payment is divided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Division {
    /// Who sold; absent where the storefront names nobody: the storefront itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<Merchant>,
    /// The fee of the whole payment and the rule it comes from; absent where there are no fees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Fee>,
    /// What the payer does not pay, and who does; absent where no discount rules decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discounts: Option<Discounted>,
    /// Who gets what. The fee's part is the receiver [`SplitRules::FEE`].
    pub split: Split,
}

/// What one refund undoes of a division.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// What receivers give back, and the merchant's part: together the refund and what funders get back of it.
    pub given_back: SplitAmounts,
    /// What each discount gets back.
    pub discounts: Vec<GivenBack>,
}

/// What refunds that stand have undone of a division.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// See [`Undone::given_back`].
    pub given_back: &'a SplitAmounts,
    /// See [`Undone::discounts`].
    pub discounts: &'a [GivenBack],
}

impl Division {
    /// Divides a payment: the price, where there are discounts. Without a fee and without splits all of it is the merchant's.
    /// `applies` answers whether a receiver's condition holds.
    ///
    /// Errors: another currency; a receiver of which it cannot be told whether it is one; a fee and fixed amounts for which the payment does not suffice; discounts of the merchant's
    /// own for which its part does not.
    pub fn agree(
        payment: PositiveMoney,
        merchant: Option<Merchant>,
        fee: Option<Fee>,
        splits: Option<&SplitRules>,
        discounts: Option<Discounted>,
        applies: impl Fn(&str) -> Applies,
    ) -> Result<Self, SplitError> {
        let none = SplitRules::none(payment.currency());
        let rules = splits.unwrap_or(&none);
        let split = match &fee {
            Some(fee) => rules.with_fee(fee).divide(payment, applies)?,
            None => rules.divide(payment, applies)?,
        };
        let split = match &discounts {
            Some(discounts) => split.less_own(discounts.own())?,
            None => split,
        };
        Ok(Self { merchant, fee, discounts, split })
    }

    /// What the payer pays: what was divided, less what is paid in.
    pub fn payable(&self) -> Option<PositiveMoney> {
        self.discounts.as_ref().map(Discounted::payable)
    }

    /// The division of what was taken from the payer, where that is less than it was to pay.
    ///
    /// Errors: another currency; more than the payer was to pay.
    pub fn of_taken(&self, taken: PositiveMoney) -> Result<Self, Misfit> {
        let Some(discounts) = &self.discounts else {
            return Ok(Self { split: self.split.of_less(taken)?, ..self.clone() });
        };
        let discounts = discounts.of_less(taken)?;
        let divided = and(taken, discounts.paid_in())?;
        Ok(Self { split: self.split.of_less(divided)?, discounts: Some(discounts), ..self.clone() })
    }

    /// What one more refund of `refund` to the payer undoes, where `before` were undone by refunds that stand.
    ///
    /// Errors: another currency; more than is left; amounts of another division.
    pub fn undo(&self, before: &[Before<'_>], refund: PositiveMoney) -> Result<Undone, Misfit> {
        let given = before.iter().map(|one| one.given_back);
        let Some(discounts) = &self.discounts else {
            return Ok(Undone { given_back: self.split.next(given, refund)?, discounts: Vec::new() });
        };
        let mut refunded = Money::zero(refund.currency());
        for one in before {
            refunded = sum_of("the refunded total", refunded, one.refunded()?)?;
        }
        let back = discounts.next(before.iter().map(|one| one.discounts), refunded, refund)?;
        let whole = and(refund, paid_in_of(&back, refund.currency()))?;
        Ok(Undone { given_back: self.split.next(given, whole)?, discounts: back })
    }

    /// Who gets what.
    pub fn amounts(&self) -> SplitAmounts {
        self.split.amounts()
    }
}

impl Before<'_> {
    /// What of it went to the payer.
    fn refunded(&self) -> Result<Money, Misfit> {
        let mut all = self.given_back.merchant;
        for (_, amount) in &self.given_back.receivers {
            all = sum_of("what was given back", all, *amount)?;
        }
        let back = paid_in_of(self.discounts, all.currency());
        at_most("what funders got back", back, all)?;
        Ok(all.checked_sub(back).expect("at most all of it, as just checked"))
    }
}

/// What of given-back discounts somebody else than the merchant gets.
fn paid_in_of(back: &[GivenBack], currency: Currency) -> Money {
    let minor = back.iter().filter(|one| !one.is_own()).map(|one| one.amount.minor_units());
    part(minor.map(i128::from).sum(), currency)
}

fn and(paid: PositiveMoney, more: Money) -> Result<PositiveMoney, Misfit> {
    let what = "what is divided";
    sum_of(what, paid.money(), more)?.try_into().map_err(|_| Misfit::SumTooLarge { what })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::DiscountId;
    use crate::discounts::{DiscountInputs, DiscountRules};
    use crate::fees::{FeeInputs, FeeSchedule};
    use crate::testing::{paid, payment};

    fn fees() -> FeeSchedule {
        let text = "currency = \"CNY\"\n[[rules]]\nid = \"all\"\nrate_ppm = 20_000\nminimum_minor = 10\non_refund = \"proportional\"";
        toml::from_str(text).unwrap()
    }

    fn splits() -> SplitRules {
        let text = "currency = \"CNY\"\nreceivers = [{ receiver = \"streamer\", share_ppm = 200_000, on_refund = \"proportional\" },
            { receiver = \"delivery\", amount_minor = 30, on_refund = \"keep\" }]";
        toml::from_str(text).unwrap()
    }

    fn divided(payment: PositiveMoney) -> Result<Division, SplitError> {
        let inputs = FeeInputs { category: None, wallet: None, at: Timestamp::UNIX_EPOCH };
        let fee = fees().charge(payment, &inputs).unwrap();
        Division::agree(payment, Merchant::parse("m-1").ok(), Some(fee), Some(&splits()), None, |_| {
            Applies::Yes
        })
    }

    fn said(amounts: &SplitAmounts) -> String {
        let parts =
            amounts.receivers.iter().map(|(receiver, amount)| format!("{receiver} {}", amount.minor_units()));
        let parts: Vec<String> = parts.collect();
        format!("{}, merchant {}", parts.join(", "), amounts.merchant.minor_units())
    }

    #[test]
    fn the_fee_comes_last_and_out_of_the_merchants_part() {
        let whole = divided(paid(10_000)).unwrap();
        assert_eq!(said(&whole.amounts()), "streamer 2000, delivery 30, fee 200, merchant 7770");
        let said_wrong = divided(paid(49)).unwrap_err().to_string();
        assert!(
            said_wrong.starts_with("receivers[2].amount_minor: fee gets 0.10 CNY, but only 0.09 CNY"),
            "{said_wrong}"
        );
        let plain = Division::agree(paid(7), None, None, None, None, |_| Applies::Yes).unwrap();
        assert_eq!(said(&plain.amounts()), ", merchant 7");
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Division>(&text).unwrap(), whole);
    }

    /// A discount of each kind: out of a budget, owed by its funder, and the merchant's own.
    fn discounted(price: PositiveMoney, rate: u32, own: i64, budget: i64) -> Option<Division> {
        let text = format!(
            "currency = \"CNY\"\nrules = [
            {{ id = \"a\", funder = \"platform_b\", rate_ppm = {rate}, budgeted = true }},
            {{ id = \"b\", funder = \"creator\", rate_ppm = 70_000, cap_minor = 77, budgeted = false }},
            {{ id = \"c\", funder = \"merchant\", amount_minor = {own}, budgeted = false }}]"
        );
        let rules: DiscountRules = toml::from_str(&text).unwrap();
        let inputs = DiscountInputs { category: None, wallet: None, at: Timestamp::UNIX_EPOCH };
        let budgets = [(DiscountId::parse("a").unwrap(), paid(budget + 1).money())].into();
        let given = rules.apply(price, &inputs, &budgets, |_| Applies::Yes).unwrap();
        let at = FeeInputs { category: None, wallet: None, at: Timestamp::UNIX_EPOCH };
        let fee = fees().charge(price, &at).unwrap();
        Division::agree(price, None, Some(fee), Some(&splits()), Some(given), |_| Applies::Yes).ok()
    }

    fn undo(
        division: &Division,
        stands: &mut Vec<Undone>,
        refund: PositiveMoney,
        fails: bool,
    ) -> Result<(), TestCaseError> {
        let undone = division.undo(&before(stands), refund).unwrap();
        prop_assert_eq!(refunded(&undone), refund.minor_units());
        prop_assert!(undone.discounts.iter().all(|one| one.amount.minor_units() >= 0));
        if !fails {
            stands.push(undone);
        }
        Ok(())
    }

    fn before(stands: &[Undone]) -> Vec<Before<'_>> {
        stands.iter().map(|one| Before { given_back: &one.given_back, discounts: &one.discounts }).collect()
    }

    fn refunded(undone: &Undone) -> i64 {
        total(&undone.given_back) - paid_in_of(&undone.discounts, Currency::CNY).minor_units()
    }

    fn total(amounts: &SplitAmounts) -> i64 {
        amounts.receivers.iter().map(|(_, amount)| amount.minor_units()).sum::<i64>()
            + amounts.merchant.minor_units()
    }

    proptest! {
        /// Of any payment, any part of it taken, and any two refunds, of which the first may fail after all.
        #[test]
        fn what_was_taken_is_divided_and_given_back_exactly(whole in payment(), taken in 1..=1_000_000u32, first in 1..=1_000_000u32, fails: bool) {
            let Ok(division) = divided(whole) else { return Ok(()) };
            let share = |ppm: u32, of: PositiveMoney| {
                let part = crate::Ppm::new(ppm).unwrap().of_floor(of.money()).minor_units();
                paid(part.max(1))
            };
            let sum = |amounts: &SplitAmounts| {
                amounts.receivers.iter().map(|(_, amount)| amount.minor_units()).sum::<i64>() + amounts.merchant.minor_units()
            };
            let taken = share(taken, whole);
            let division = division.of_taken(taken).unwrap();
            prop_assert_eq!(sum(&division.amounts()), taken.minor_units());
            let first = share(first, taken);
            let one = division.split.next([], first).unwrap();
            prop_assert_eq!(sum(&one), first.minor_units());
            let stands = if fails { Vec::new() } else { vec![one] };
            let left = taken.minor_units() - if fails { 0 } else { first.minor_units() };
            let Ok(rest) = PositiveMoney::new(left, taken.currency()) else { return Ok(()) };
            let two = division.split.next(&stands, rest).unwrap();
            prop_assert_eq!(sum(&two), left);
            prop_assert!(division.split.next(stands.iter().chain([&two]), paid(1)).is_err(), "nothing is left");
        }

        /// Of any discounted price, any part of it taken, and any refunds, of which any may fail after all: what receivers and
        /// the merchant give back is what the payer and funders get, and in the end everyone has back what they gave.
        #[test]
        fn a_discounted_price_is_divided_and_given_back_exactly(
            price in payment(),
            (rate, own, budget) in (0..500_000u32, 0..500i64, 0..2_000i64),
            taken in 1..=1_000_000u32,
            cuts in crate::testing::cuts(),
            failing in prop::collection::vec(any::<bool>(), 0..40),
        ) {
            let Some(division) = discounted(price, rate, own, budget) else { return Ok(()) };
            let payable = division.payable().unwrap();
            let given = division.discounts.clone().unwrap();
            prop_assert_eq!(payable.minor_units() + given.own().minor_units() + given.paid_in().minor_units(), price.minor_units());
            let taken = crate::Ppm::new(taken).unwrap().of_floor(payable.money()).minor_units().max(1);
            let division = division.of_taken(paid(taken)).unwrap();
            let given = division.discounts.clone().unwrap();
            prop_assert_eq!(total(&division.amounts()), taken + given.paid_in().minor_units());

            let mut stands: Vec<Undone> = Vec::new();
            let mut failing = failing.into_iter().chain(std::iter::repeat(false));
            for (_, refund) in crate::testing::refunds_of(paid(taken), &cuts) {
                undo(&division, &mut stands, refund, failing.next() == Some(true))?;
            }
            let left = taken - stands.iter().map(refunded).sum::<i64>();
            if left > 0 {
                undo(&division, &mut stands, paid(left), false)?;
            }
            for (at, given) in given.given().iter().enumerate() {
                let back: i64 = stands.iter().map(|one| one.discounts[at].amount.minor_units()).sum();
                prop_assert_eq!(back, given.amount.minor_units());
            }
            let back: i64 = stands.iter().map(|one| total(&one.given_back)).sum();
            prop_assert_eq!(back, total(&division.amounts()));
            prop_assert!(division.undo(&before(&stands), paid(1)).is_err(), "nothing is left");
        }
    }
}
