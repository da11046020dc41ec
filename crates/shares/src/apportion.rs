//! Division by weights: the largest remainder.

use std::cmp::Reverse;

use paifang_money::Money;

use crate::parts::{Parts, RECEIVERS_MAX};

/// Why an amount cannot be divided so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApportionError {
    /// Too many receivers.
    #[error("weights must be 1 to {RECEIVERS_MAX}, got {given}")]
    TooMany {
        /// How many there were.
        given: usize,
    },
    /// No receiver, or none with a weight.
    #[error("at least one weight must be above 0")]
    NoWeight,
}

/// Divides an amount by integer weights (the method of the largest remainder, or Hamilton's).
///
/// Each receiver gets its exact quotient `total * weight / sum of weights` rounded down; the units that are left go, one
/// each, to the largest remainders. Equal remainders are served by position: the earlier receiver first.
///
/// The parts sum exactly to the amount and each is less than one minor unit away from its exact quotient. A receiver
/// of weight 0 gets nothing, a larger weight never gets less than a smaller one, and whoever stands earlier never gets
/// less than an equal weight behind.
/// A larger amount may give a receiver *less* (the Alabama paradox); for amounts that grow step by step, as refunds do,
/// use [`Parts::step`] on the divided whole.
///
/// Errors: more than [`RECEIVERS_MAX`] weights; no weight above 0.
pub fn apportion(total: Money, weights: &[u64]) -> Result<Parts, ApportionError> {
    if weights.len() > RECEIVERS_MAX {
        return Err(ApportionError::TooMany { given: weights.len() });
    }
    let sum: u128 = weights.iter().copied().map(u128::from).sum();
    if sum == 0 {
        return Err(ApportionError::NoWeight);
    }
    let amount = u128::from(total.minor_units().unsigned_abs());
    // Below 10^15 * 2^64 < 2^114.
    let product = |weight: u64| amount * u128::from(weight);
    let mut shares: Vec<u128> = weights.iter().map(|weight| product(*weight) / sum).collect();
    let left = amount - shares.iter().sum::<u128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| Reverse(product(weights[*at]) % sum)); // a stable sort: ties by position
    // The remainders sum to `left * sum` and each is below `sum`, so more than `left` of them are above 0.
    let left = usize::try_from(left).expect("fewer units are left than there are receivers");
    for at in order.into_iter().take(left) {
        shares[at] += 1;
    }
    let minor = shares.into_iter().map(|share| i64::try_from(share).expect("a share is at most the total"));
    Ok(Parts::of(total.currency(), minor.collect()))
}

#[cfg(test)]
mod tests {
    use paifang_money::MINOR_UNITS_MAX;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{amount, cny, weights};

    fn shares(total: i64, weights: &[u64]) -> Vec<i64> {
        apportion(cny(total), weights).unwrap().iter().map(Money::minor_units).collect()
    }

    #[test]
    fn examples() {
        let table: &[(i64, &[u64], &[i64])] = &[
            (100, &[1, 1, 1], &[34, 33, 33]),
            (2, &[1, 1, 1], &[1, 1, 0]),
            (0, &[3, 5], &[0, 0]),
            (10, &[0, 1, 0], &[0, 10, 0]),
            (100, &[15, 15, 70], &[15, 15, 70]),
            // The remainders are 0.35, 0.45 and 0.20.
            (5, &[7, 9, 4], &[2, 2, 1]),
            (MINOR_UNITS_MAX, &[u64::MAX, u64::MAX], &[MINOR_UNITS_MAX / 2, MINOR_UNITS_MAX / 2]),
        ];
        for (total, weights, wanted) in table {
            assert_eq!(shares(*total, weights), *wanted, "{total} by {weights:?}");
        }
    }

    /// The paradox that a census clerk met in 1881, and why refunds take another rule.
    #[test]
    fn a_larger_amount_may_give_less() {
        assert_eq!(shares(10, &[6, 6, 2]), [4, 4, 2]);
        assert_eq!(shares(11, &[6, 6, 2]), [5, 5, 1]);
    }

    #[test]
    fn nobody_to_give_to_and_too_many_are_refused() {
        assert_eq!(apportion(cny(1), &[]), Err(ApportionError::NoWeight));
        assert_eq!(apportion(cny(0), &[0, 0]), Err(ApportionError::NoWeight));
        assert_eq!(apportion(cny(1), &[1; 101]), Err(ApportionError::TooMany { given: 101 }));
        assert_eq!(shares(100, &[1; 100]), [1; 100]);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_amount_and_each_is_within_one_fen(total in amount(), weights in weights()) {
            let parts = apportion(total, &weights).unwrap();
            prop_assert_eq!(parts.sum(), total);
            let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = i128::from(total.minor_units()) * i128::from(*weight);
                let apart = (i128::from(part.minor_units()) * sum - exact).abs();
                prop_assert!(apart < sum, "{part} of {total} by {weight} of {sum}");
                prop_assert!(*weight > 0 || part.minor_units() == 0);
            }
        }

        #[test]
        fn a_larger_weight_never_gets_less(total in amount(), weights in weights()) {
            let parts: Vec<Money> = apportion(total, &weights).unwrap().iter().collect();
            for (i, a) in weights.iter().enumerate() {
                for (j, b) in weights.iter().enumerate() {
                    let before = a > b || (a == b && i < j);
                    prop_assert!(!before || parts[i].minor_units() >= parts[j].minor_units());
                }
            }
        }

        #[test]
        fn only_the_ratio_of_weights_counts(total in amount(), weights in weights(), times in 1..1_000u64) {
            let small: Vec<u64> = weights.iter().map(|weight| weight / 1_000).collect();
            prop_assume!(small.iter().any(|weight| *weight > 0));
            let large: Vec<u64> = small.iter().map(|weight| weight * times).collect();
            prop_assert_eq!(apportion(total, &small), apportion(total, &large));
        }
    }
}
