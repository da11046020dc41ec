//! The cumulative rule: examples, and each of its laws for any division and any sequence of steps.

use paifang_money::MINOR_UNITS_MAX;
use proptest::prelude::*;

use super::*;
use crate::testing::{cny, cuts, jpy, parts, steps_of};

fn minors(parts: &Parts) -> Vec<i64> {
    parts.iter().map(Money::minor_units).collect()
}

fn whole(minor: &[i64]) -> Parts {
    Parts::new(Currency::CNY, minor.iter().map(|minor| cny(*minor))).unwrap()
}

#[test]
fn examples() {
    let table: &[(&[i64], i64, &[i64])] = &[
        (&[90, 10], 0, &[0, 0]),
        (&[90, 10], 1, &[1, 0]),
        (&[90, 10], 5, &[5, 0]),
        (&[90, 10], 6, &[5, 1]),
        (&[90, 10], 50, &[45, 5]),
        (&[90, 10], 100, &[90, 10]),
        (&[1, 1, 1], 2, &[1, 1, 0]),
        (&[0, 7, 0], 3, &[0, 3, 0]),
        // Beyond three parts a large one may lag by more than 1: its exact proportion is 50.44.
        (&[97, 1, 1, 1], 52, &[49, 1, 1, 1]),
        (&[0, 0], 0, &[0, 0]),
        (&[], 0, &[]),
        (&[MINOR_UNITS_MAX - 1, 1], MINOR_UNITS_MAX - 1, &[MINOR_UNITS_MAX - 2, 1]),
    ];
    for (sizes, total, wanted) in table {
        assert_eq!(minors(&whole(sizes).after(cny(*total)).unwrap()), *wanted, "{total} of {sizes:?}");
    }
}

/// Division of each step by what is left would let the large part bear the first eighty fen alone.
#[test]
fn a_hundred_refunds_of_one_fen_do_not_drift() {
    let whole = whole(&[90, 10]);
    for total in 0..=100 {
        let small = minors(&whole.after(cny(total)).unwrap())[1];
        assert!((10 * small - total).abs() <= 5, "{small} of {total}");
    }
}

#[test]
fn the_paradox_of_the_largest_remainder_does_not_come_back() {
    let whole = whole(&[6, 6, 2]);
    let mut before = vec![0; 3];
    for total in 0..=14 {
        let after = minors(&whole.after(cny(total)).unwrap());
        assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "{total}");
        before = after;
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let whole = whole(&[3, 4]);
    let said = |result: Result<Parts, Misfit>| result.map_err(|wrong| wrong.to_string());
    let beyond = said(whole.after(cny(8)));
    assert_eq!(beyond, Err("total must be at most 0.07 CNY, is 0.08 CNY".to_owned()));
    assert_eq!(said(whole.after(jpy(1))), Err("total must be in CNY, is in JPY".to_owned()));
    assert!(whole.step(cny(4), cny(4)).is_err() && whole.step(cny(4), jpy(1)).is_err());
    assert!(whole.step(cny(MINOR_UNITS_MAX), cny(1)).is_err());
    assert!(Parts::new(Currency::CNY, [cny(1), jpy(1)]).is_err());
    assert!(Parts::new(Currency::CNY, [cny(MINOR_UNITS_MAX), cny(1)]).is_err());
    assert!(Parts::new(Currency::CNY, vec![cny(0); RECEIVERS_MAX + 1]).is_err());
}

#[test]
fn stored_parts_are_checked_when_they_are_read() {
    let read = |text| serde_json::from_str::<Parts>(text);
    assert_eq!(read(r#"{"currency":"CNY","minor":[3,4]}"#).ok(), Some(whole(&[3, 4])));
    let sum_too_large = format!(r#"{{"currency":"CNY","minor":[{MINOR_UNITS_MAX},1]}}"#);
    for text in [r#"{"currency":"CNY","minor":[-1,4]}"#, r#"{"currency":"RMB","minor":[]}"#, &sum_too_large] {
        assert!(read(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_steps_are_exact_never_negative_and_end_at_the_whole(whole in parts(0..=100), cuts in cuts()) {
        let mut left: Vec<i64> = minors(&whole);
        for (before, amount) in steps_of(whole.sum(), &cuts) {
            let step = whole.step(before, amount).unwrap();
            prop_assert_eq!(step.sum(), amount);
            for (left, part) in left.iter_mut().zip(step.iter()) {
                prop_assert!(part.minor_units() >= 0);
                *left -= part.minor_units();
                prop_assert!(*left >= 0);
            }
        }
        prop_assert!(left.iter().all(|left| *left == 0), "the last step returns the rest");
    }

    #[test]
    fn a_part_stays_near_its_proportion(whole in prop_oneof![parts(1..=3), parts(4..=100)], ppm in 0..=1_000_000u32) {
        let total = crate::Ppm::new(ppm).unwrap().of_floor(whole.sum());
        let [sum, n] = [i128::from(whole.sum().minor_units()), i128::try_from(whole.len()).unwrap()];
        for (part, size) in whole.after(total).unwrap().iter().zip(whole.iter()) {
            let [part, size, total] = [part, size, total].map(|money| i128::from(money.minor_units()));
            let apart = (part * sum - size * total).abs();
            prop_assert!(2 * apart <= sum + n * size, "{part} of {size} at {total} of {sum}");
            prop_assert!(n > 3 || sum == 0 || apart < sum, "quota: {part} of {size} at {total} of {sum}");
        }
    }

    #[test]
    fn of_two_parts_the_first_is_rounded_half_up(a in 0..1_000_000i64, b in 1..1_000_000i64, ppm in 0..=1_000_000u32) {
        let whole = whole(&[a, b]);
        let total = crate::Ppm::new(ppm).unwrap().of_floor(whole.sum());
        let alone = proportion(cny(a), total, PositiveMoney::try_from(whole.sum()).unwrap());
        prop_assert_eq!(whole.after(total).unwrap().iter().next(), Some(alone));
    }

    /// The definition itself, unit by unit, against the way it is computed.
    #[test]
    fn it_is_the_order_that_the_module_defines(sizes in prop::collection::vec(0..12i64, 1..7)) {
        let mut units: Vec<(i64, usize, i64)> = Vec::new();
        let common: i64 = (1..12).product::<i64>() * 12;
        for (at, size) in sizes.iter().enumerate() {
            units.extend((1..=*size).map(|k| ((2 * k - 1) * common / size, at, k)));
        }
        units.sort_unstable();
        let whole = whole(&sizes);
        let mut wanted = vec![0; sizes.len()];
        for (total, (_, at, _)) in (1..).zip(units) {
            wanted[at] += 1;
            prop_assert_eq!(minors(&whole.after(cny(total)).unwrap()), wanted.clone());
        }
    }

    /// Steps that are undone in between, in any order: nothing is lost, nothing is given twice, and where nothing is undone
    /// it is the step of the running total.
    #[test]
    fn steps_after_undone_ones_stay_exact(whole in parts(1..=6), moves in prop::collection::vec((0..=1_000_000u32, any::<bool>(), any::<prop::sample::Index>()), 0..14)) {
        let mut open: Vec<Parts> = Vec::new();
        let mut was_undone = false;
        let given = |open: &[Parts]| {
            let sums = (0..whole.len()).map(|at| cny(open.iter().map(|step| minors(step)[at]).sum()));
            Parts::new(Currency::CNY, sums).unwrap()
        };
        for (ppm, undoes, which) in moves {
            if undoes && !open.is_empty() {
                open.remove(which.index(open.len()));
                was_undone = true;
                continue;
            }
            let before = given(&open);
            let left = cny(whole.sum().minor_units() - before.sum().minor_units());
            let amount = crate::Ppm::new(ppm).unwrap().of_floor(left);
            let step = whole.next(&before, amount).unwrap();
            prop_assert_eq!(step.sum(), amount);
            if !was_undone {
                prop_assert_eq!(&step, &whole.step(before.sum(), amount).unwrap());
            }
            open.push(step);
            prop_assert!(given(&open).iter().zip(whole.iter()).all(|(given, whole)| given.minor_units() <= whole.minor_units()));
        }
        let before = given(&open);
        let left = cny(whole.sum().minor_units() - before.sum().minor_units());
        open.push(whole.next(&before, left).unwrap());
        prop_assert_eq!(given(&open), whole, "the last step returns the rest");
    }
}
