//! The laws over everything at once: for any rules, any order and any sequence of partial refunds, payer, funders, fee,
//! receivers and bearers sum exactly to the price, the payment and each refund, nothing is negative, and the events
//! of it all net to the same statement in any order and however often each comes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use paifang_money::{Currency, Money, PositiveMoney};
use paifang_shares::discounts::{DiscountInputs, DiscountRule, DiscountRules, Discounted, Funder};
use paifang_shares::fees::{Fee, FeeInputs, FeeRule, FeeSchedule};
use paifang_shares::refund_terms::Applies;
use paifang_shares::splits::{ReceiverRule, Split, SplitRules};
use paifang_shares::statement::{Entry, NetStatement, Period};
use paifang_shares::waterfall::{Allocation, Available, Bearer, BearerRule, Waterfall};
use paifang_shares::{DiscountId, EntryId, EntryKind, Minor, OnRefund, Party, Ppm, Receiver, RuleId};
use proptest::prelude::*;

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::CNY).unwrap()
}

fn ppm(ppm: u32) -> Ppm {
    Ppm::new(ppm).unwrap()
}

fn keep_or_not() -> impl Strategy<Value = OnRefund> {
    prop_oneof![Just(OnRefund::Keep), Just(OnRefund::Proportional)]
}

prop_compose! {
    fn any_discounts()(given in prop::collection::vec((0..400_000u32, 0..5_000i64, any::<bool>()), 0..5)) -> DiscountRules {
        let funders = [Funder::PlatformA, Funder::PlatformB, Funder::Merchant, Funder::Creator, Funder::Rail];
        let rules = given.into_iter().zip(funders).enumerate().map(|(at, ((rate, minor, fixed), funder))| DiscountRule {
            id: DiscountId::parse(&format!("d{at}")).unwrap(),
            funder,
            rate_ppm: (!fixed).then(|| ppm(rate)),
            amount_minor: if fixed { Minor::new(minor).ok() } else { None },
            cap_minor: None,
            budgeted: false,
            wallet: None,
            category: None,
            from: None,
            until: None,
            when: None,
        });
        DiscountRules::new(Currency::CNY, rules.collect()).unwrap()
    }
}

prop_compose! {
    fn any_fees()(rate in 0..=50_000u32, minimum in 0..100i64, on_refund in keep_or_not()) -> FeeSchedule {
        let rule = FeeRule {
            id: RuleId::parse("only").unwrap(),
            category: None,
            wallet: None,
            from: None,
            until: None,
            rate_ppm: ppm(rate),
            minimum_minor: Minor::new(minimum).unwrap(),
            cap_minor: None,
            on_refund,
        };
        FeeSchedule::new(Currency::CNY, vec![rule]).unwrap()
    }
}

prop_compose! {
    fn any_splits()(shares in prop::collection::vec((0..90_000u32, keep_or_not()), 0..11)) -> SplitRules {
        let receivers = shares.into_iter().enumerate().map(|(at, (share, on_refund))| ReceiverRule {
            receiver: Receiver::parse(&format!("r{at}")).unwrap(),
            amount_minor: None,
            share_ppm: Some(ppm(share)),
            on_refund,
            when: None,
        });
        SplitRules::new(Currency::CNY, receivers.collect()).unwrap()
    }
}

prop_compose! {
    fn any_waterfall()(caps in prop::collection::vec(prop::option::of(0..=1_000_000u32), 1..=5)) -> Waterfall {
        let bearers = Bearer::ALL.into_iter().zip(caps);
        let rule = |(bearer, cap): (Bearer, Option<u32>)| BearerRule { bearer, cap_minor: None, cap_ppm: cap.map(ppm) };
        Waterfall::new(Currency::CNY, bearers.map(rule).collect()).unwrap()
    }
}

/// Everything that was agreed on one order.
struct Order {
    discounted: Discounted,
    fee: Fee,
    split: Split,
}

/// What went back so far.
#[derive(Default)]
struct Back {
    discounts: Vec<i64>,
    fee: i64,
    split: Vec<i64>,
    events: Vec<Entry>,
    /// What platform A owes platform B by the events.
    owed: i128,
}

fn order(discounts: &DiscountRules, fees: &FeeSchedule, splits: &SplitRules, price: PositiveMoney) -> Order {
    let at = "2026-06-05T00:00:00Z".parse().unwrap();
    let inputs = DiscountInputs { category: None, wallet: None, at };
    let discounted = discounts.apply(price, &inputs, &BTreeMap::new(), |_| Applies::Yes).unwrap();
    let payment = discounted.payable();
    let fee = fees.charge(payment, &FeeInputs { category: None, wallet: None, at }).unwrap();
    Order { fee, split: splits.divide(payment, |_| Applies::Yes).unwrap(), discounted }
}

impl Order {
    /// One refund goes back everywhere, and each of its amounts fits.
    fn refund(&self, before: Money, refund: PositiveMoney, back: &mut Back) -> Result<(), TestCaseError> {
        let fee = self.fee.returned(before, refund).unwrap();
        prop_assert!(fee.minor_units() <= refund.minor_units());
        back.fee += fee.minor_units();

        let split = self.split.give_back(before, refund).unwrap();
        let amounts = split.receivers.iter().map(|(_, amount)| amount.minor_units());
        let amounts: Vec<i64> = amounts.chain([split.merchant.minor_units()]).collect();
        prop_assert_eq!(amounts.iter().sum::<i64>(), refund.minor_units());
        add(&mut back.split, &amounts)?;

        let discounts = self.discounted.give_back(before, refund).unwrap();
        let amounts: Vec<i64> = discounts.iter().map(|one| one.amount.minor_units()).collect();
        for (funder, sign) in [(Funder::PlatformA, -1), (Funder::PlatformB, 1)] {
            let of = discounts.iter().filter(|one| one.funder == funder);
            let amount: i64 = of.map(|one| one.amount.minor_units()).sum();
            back.event(amount, sign, "subsidy_back");
        }
        back.event(fee.minor_units(), 1, "fee_back");
        add(&mut back.discounts, &amounts)
    }
}

impl Back {
    /// Notes that platform A owes B (`sign` 1) or B owes A (-1).
    fn event(&mut self, amount: i64, sign: i128, kind: &str) {
        let Ok(amount) = PositiveMoney::new(amount, Currency::CNY) else { return };
        let [a, b] = ["platform-a", "platform-b"].map(|name| Party::parse(name).unwrap());
        let (from, to) = if sign > 0 { (a, b) } else { (b, a) };
        self.owed += sign * i128::from(amount.minor_units());
        self.events.push(Entry {
            id: EntryId::parse(&format!("event/{}", self.events.len())).unwrap(),
            at: "2026-06-20T00:00:00Z".parse().unwrap(),
            from,
            to,
            amount,
            kind: EntryKind::parse(kind).unwrap(),
        });
    }
}

fn add(sums: &mut Vec<i64>, amounts: &[i64]) -> Result<(), TestCaseError> {
    prop_assert!(amounts.iter().all(|amount| *amount >= 0), "nothing is negative");
    sums.resize(amounts.len(), 0);
    sums.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
    Ok(())
}

/// Partial refunds `(before, amount)` of the whole payment, cut at these shares of it.
fn refunds(payment: PositiveMoney, cuts: &[u32]) -> Vec<(Money, PositiveMoney)> {
    let mut ends: Vec<Money> = cuts.iter().map(|cut| ppm(*cut).of_floor(payment.money())).collect();
    ends.push(payment.money());
    ends.sort_unstable_by_key(|end| end.minor_units());
    let mut before = cny(0);
    let mut steps = Vec::new();
    for end in ends {
        if let Ok(amount) = PositiveMoney::new(end.minor_units() - before.minor_units(), Currency::CNY) {
            steps.push((before, amount));
            before = end;
        }
    }
    steps
}

fn june(events: Vec<Entry>) -> NetStatement {
    let [a, b] = ["platform-a", "platform-b"].map(|name| Party::parse(name).unwrap());
    let [from, until] = ["2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"].map(|time| time.parse().unwrap());
    NetStatement::fold(a, b, Period { from, until }, BTreeMap::new(), events).unwrap()
}

proptest! {
    #[test]
    fn every_fen_of_an_order_goes_where_it_came_from(
        (discounts, fees, splits) in (any_discounts(), any_fees(), any_splits()),
        price in prop_oneof![1..100i64, 1..10_000_000i64],
        cuts in prop::collection::vec(0..=1_000_000u32, 0..20),
        seed in any::<prop::sample::Index>(),
    ) {
        let order = order(&discounts, &fees, &splits, PositiveMoney::new(price, Currency::CNY).unwrap());
        let payment = order.discounted.payable();
        let given: Vec<i64> = order.discounted.given().iter().map(|one| one.amount.minor_units()).collect();
        prop_assert_eq!(given.iter().sum::<i64>() + payment.minor_units(), price);
        prop_assert_eq!(order.split.payment(), payment.money());

        let mut back = Back::default();
        for (before, refund) in refunds(payment, &cuts) {
            order.refund(before, refund, &mut back)?;
        }
        prop_assert_eq!(&back.discounts, &given);
        let whole_fee = match order.fee.on_refund() {
            OnRefund::Keep => 0,
            OnRefund::Proportional => order.fee.amount().minor_units(),
        };
        prop_assert_eq!(back.fee, whole_fee);
        let mut at_once = Back::default();
        order.refund(cny(0), payment, &mut at_once)?;
        prop_assert_eq!(&back.split, &at_once.split, "any sequence gives back what one refund would");
        prop_assert_eq!(back.owed, at_once.owed);

        let statement = june(back.events.clone());
        let mut again = back.events.clone();
        let turn = if again.is_empty() { 0 } else { seed.index(again.len()) };
        again.rotate_left(turn);
        again.extend(back.events.iter().rev().cloned());
        prop_assert_eq!(june(again).digest(), statement.digest());
        prop_assert_eq!(statement.closing().get(&Currency::CNY).copied().unwrap_or(0), back.owed);
    }

    /// Bearers pay for refunds out of what they have; nobody ever pays more, and a shortage is told each time.
    #[test]
    fn bearers_never_pay_more_than_they_have_over_any_refunds(
        waterfall in any_waterfall(),
        payment in 1..10_000_000i64,
        cuts in prop::collection::vec(0..=1_000_000u32, 0..20),
        purses in prop::collection::vec(0..5_000_000i64, 5),
    ) {
        let payment = PositiveMoney::new(payment, Currency::CNY).unwrap();
        let mut purses: Available = Bearer::ALL.into_iter().zip(purses.into_iter().map(cny)).collect();
        let start: i64 = purses.values().map(|has| has.minor_units()).sum();
        let mut allocations: Vec<Allocation> = Vec::new();
        for (_, refund) in refunds(payment, &cuts) {
            let allocation = waterfall.fund(refund, &purses).unwrap();
            for borne in allocation.borne() {
                let has = purses.get_mut(&borne.bearer).unwrap();
                *has = has.checked_sub(borne.amount).expect("nobody pays more than they have");
            }
            allocations.push(allocation);
        }
        let spent: i64 = start - purses.values().map(|has| has.minor_units()).sum::<i64>();
        let short: i64 = allocations.iter().map(|one| one.short().minor_units()).sum();
        prop_assert_eq!(spent + short, payment.minor_units());
        for allocation in allocations {
            let Ok(borne) = PositiveMoney::new(allocation.refund().minor_units() - allocation.short().minor_units(), Currency::CNY)
            else { continue };
            for (bearer, amount) in allocation.reverse(borne).unwrap().back {
                let has = purses.get_mut(&bearer).unwrap();
                *has = has.checked_add(amount.money()).unwrap();
            }
        }
        prop_assert_eq!(purses.values().map(|has| has.minor_units()).sum::<i64>(), start, "reversed exactly");
    }
}
