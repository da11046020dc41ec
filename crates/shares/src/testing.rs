//! Amounts, divisions and sequences of refunds for this crate's tests.

use std::ops::RangeInclusive;

use paifang_money::{Currency, MINOR_UNITS_MAX, Money, PositiveMoney};
use proptest::prelude::*;

use crate::{Parts, Ppm, RECEIVERS_MAX};

pub(crate) fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::CNY).unwrap()
}

pub(crate) fn paid(minor: i64) -> PositiveMoney {
    PositiveMoney::new(minor, Currency::CNY).unwrap()
}

pub(crate) fn jpy(minor: i64) -> Money {
    Money::new(minor, Currency::parse("JPY").unwrap()).unwrap()
}

pub(crate) fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

/// Small amounts, where a fen weighs most, and any amount.
pub(crate) fn amount() -> impl Strategy<Value = Money> {
    prop_oneof![0..200i64, 0..1_000_000i64, 0..=MINOR_UNITS_MAX].prop_map(cny)
}

/// As [`amount`], from one fen.
pub(crate) fn payment() -> impl Strategy<Value = PositiveMoney> {
    prop_oneof![1..200i64, 1..1_000_000i64, 1..=MINOR_UNITS_MAX].prop_map(paid)
}

/// Weights of which at least one is above zero.
pub(crate) fn weights() -> impl Strategy<Value = Vec<u64>> {
    let weight = prop_oneof![0..4u64, 0..=1_000_000u64, any::<u64>()];
    prop::collection::vec(weight, 1..=RECEIVERS_MAX)
        .prop_filter("one above zero", |weights| weights.iter().any(|weight| *weight > 0))
}

pub(crate) fn parts(count: RangeInclusive<usize>) -> impl Strategy<Value = Parts> {
    let size = prop_oneof![0..4i64, 0..100_000i64, 0..=MINOR_UNITS_MAX / 100];
    prop::collection::vec(size, count)
        .prop_map(|sizes| Parts::new(Currency::CNY, sizes.into_iter().map(cny)).unwrap())
}

/// Where a sequence of partial refunds cuts the whole, in ppm of it.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..=1_000_000u32, 0..12)
}

/// The steps `(before, amount)` of such a sequence; the last one refunds the rest. Steps may be zero.
pub(crate) fn steps_of(whole: Money, cuts: &[u32]) -> Vec<(Money, Money)> {
    let mut ends: Vec<i64> =
        cuts.iter().map(|ppm| Ppm::new(*ppm).unwrap().of_floor(whole).minor_units()).collect();
    ends.push(whole.minor_units());
    ends.sort_unstable();
    let mut before = 0;
    let mut steps = Vec::new();
    for end in ends {
        steps.push((cny(before), cny(end - before)));
        before = end;
    }
    steps
}

/// The steps of more than nothing, as refunds are.
pub(crate) fn refunds_of(whole: PositiveMoney, cuts: &[u32]) -> Vec<(Money, PositiveMoney)> {
    let steps = steps_of(whole.money(), cuts).into_iter();
    steps.filter_map(|(before, amount)| Some((before, PositiveMoney::try_from(amount).ok()?))).collect()
}
