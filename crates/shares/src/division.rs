//! How one payment is divided: the fee, the parts of receivers, and the rest to the merchant.
//!
//! It is agreed when the payment is opened and stored with it. A refund gives back from what is stored, never from rules that
//! may have changed since. The fee stands among the receivers, behind them all: where the merchant's part does not suffice for
//! it, there is no such payment.

use paifang_money::PositiveMoney;
use serde::{Deserialize, Serialize};

use crate::fees::Fee;
use crate::splits::{Split, SplitAmounts, SplitError, SplitRules};
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
    /// Who gets what. The fee's part is the receiver [`SplitRules::FEE`].
    pub split: Split,
}

impl Division {
    /// Divides a payment. Without a fee and without splits all of it is the merchant's.
    ///
    /// Errors: another currency; a fee and fixed amounts for which the payment does not suffice.
    pub fn agree(
        payment: PositiveMoney,
        merchant: Option<Merchant>,
        fee: Option<Fee>,
        splits: Option<&SplitRules>,
    ) -> Result<Self, SplitError> {
        let none = SplitRules::none(payment.currency());
        let rules = splits.unwrap_or(&none);
        let split = match &fee {
            Some(fee) => rules.with_fee(fee).divide(payment)?,
            None => rules.divide(payment)?,
        };
        Ok(Self { merchant, fee, split })
    }

    /// The division of what was taken of the payment, where that is less.
    ///
    /// Errors: another currency; more than the payment.
    pub fn of_taken(&self, taken: PositiveMoney) -> Result<Self, Misfit> {
        Ok(Self { split: self.split.of_less(taken)?, ..self.clone() })
    }

    /// Who gets what.
    pub fn amounts(&self) -> SplitAmounts {
        self.split.amounts()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
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
        Division::agree(payment, Merchant::parse("m-1").ok(), Some(fee), Some(&splits()))
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
        let plain = Division::agree(paid(7), None, None, None).unwrap();
        assert_eq!(said(&plain.amounts()), ", merchant 7");
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Division>(&text).unwrap(), whole);
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
    }
}
