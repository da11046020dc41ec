//! A storefront's year, drawn from one seed: orders, payments, refunds, and their records as a gateway would have kept them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use paifang_money::{Currency, MINOR_UNITS_MAX, Money, PositiveMoney};
use paifang_payment::{Presentation, RailName, WalletName};
use paifang_policy::bundle::Bundle;
use paifang_policy::cohort::Pseudonym;
use paifang_policy::facts::{Facts, Input};
use paifang_policy::lifecycle::Overlay;
use paifang_policy::money::{Discounting, divide, refund_facts};
use paifang_policy::opening::{Offer, decide};
use paifang_policy::simulate::{Answer, Payment, Record, Refund};
use paifang_shares::bearing::{Bearing, Granted};
use paifang_shares::refund_terms::{Decision, RefundCase, RefundInputs, RefundMode, RefundReason};
use paifang_shares::waterfall::{Available, Bearer};

pub const BEFORE: &str = include_str!("before.toml");
pub const AFTER: &str = include_str!("after.toml");

pub const WALLETS: [&str; 3] = ["alipay", "wechatpay", "ecny"];
pub const CATEGORIES: [&str; 4] = ["apparel", "books", "toys", "food"];
pub const REASONS: [RefundReason; 5] = [
    RefundReason::NoReason,
    RefundReason::Damaged,
    RefundReason::NotAsDescribed,
    RefundReason::WrongItem,
    RefundReason::Late,
];

/// An order, in whole tens of yuan, so that every tenth of every part of it is a whole number of fen.
pub struct Order {
    pub number: u64,
    pub wallet: usize,
    pub category: usize,
    /// 0: not declared; 1: gold; 2: plain.
    pub tier: u64,
    pub fen: i64,
    pub is_paid: bool,
    pub backs: Vec<Back>,
}

/// A refund that is asked for, in tenths of the payment.
pub struct Back {
    pub days: i64,
    pub tenths: i64,
    pub reason: RefundReason,
    pub mode: Option<RefundMode>,
    pub fails: bool,
    /// What the merchant's unsettled funds are, where that was recorded.
    pub unsettled: Option<i64>,
}

pub fn orders(count: u64) -> impl Iterator<Item = Order> {
    let mut state = 20_241_001_u64;
    let mut draw = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..count).map(move |number| {
        let wallet = [0, 0, 0, 0, 1, 1, 1, 1, 1, 2][index(draw(10))];
        let category = index(draw(4));
        let tier = [0, 1, 1, 1, 2, 2, 2, 2, 2, 2][index(draw(10))];
        // Many small ones, few large ones.
        let most = [10, 10, 10, 50, 50, 200][index(draw(6))];
        let fen = whole(1 + draw(most)) * 1_000;
        let is_paid = draw(100) < 92;
        let mut backs = Vec::new();
        let mut left = 10;
        let wanted = if draw(100) < 35 { 1 + draw(3) } else { 0 };
        for _ in 0..wanted {
            let reason = REASONS[index(draw(5))];
            let mode = match (reason, draw(3)) {
                (RefundReason::Late, _) => Some(RefundMode::AutomaticCompensation),
                (_, 0) => Some(RefundMode::ReturnAndRefund),
                _ => None,
            };
            let most = if reason == RefundReason::Late { 1 } else { left };
            let tenths = whole(1 + draw(10)).min(most).min(left);
            let (days, fails) = (whole(draw(20)), draw(25) == 0);
            let unsettled = (draw(15) == 0).then(|| whole(draw(2)) * 100);
            if tenths > 0 {
                left -= tenths;
                backs.push(Back { days, tenths, reason, mode, fails, unsettled });
            }
        }
        Order { number, wallet, category, tier, fen, is_paid, backs }
    })
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}

/// What is recorded of an order: the choice, and for every second one what else there was.
pub fn record(bundle: &Bundle, order: &Order) -> Vec<Record> {
    let start: Timestamp = "2026-01-10T00:00:00+08:00".parse().unwrap();
    let at = start + SignedDuration::from_secs(whole(order.number) * 60);
    let facts = facts(order, at);
    let payer = Pseudonym::parse(&format!("payer-{}", order.number % 30_000)).ok();
    let decided = |wallet: usize| {
        let name = WALLETS[wallet];
        let offer = Offer {
            rail: RailName::parse(name).unwrap(),
            wallet: WalletName::parse(name).unwrap(),
            presentation: Presentation::QrShown,
        };
        let decision = decide(bundle, &Overlay::none(), &offer, &facts, payer.as_ref());
        Record {
            offer,
            facts: facts.clone(),
            payer: payer.clone(),
            decision,
            can_exclude_credit: Some(true),
            payment: None,
        }
    };
    let mut chosen = decided(order.wallet);
    if order.is_paid {
        chosen.payment = Some(Box::new(payment(bundle, order, &chosen, at)));
    }
    let beside = (order.number.is_multiple_of(2)).then(|| decided((order.wallet + 1) % 3));
    std::iter::once(chosen).chain(beside).collect()
}

fn facts(order: &Order, at: Timestamp) -> Facts {
    let facts = Facts::new()
        .with(Input::ProductCategory, CATEGORIES[order.category])
        .and_then(|facts| facts.with(Input::MerchantId, format!("m-{}", order.number % 200)))
        .and_then(|facts| facts.with(Input::OrderAmount, order.fen))
        .and_then(|facts| facts.with(Input::OrderCurrency, "CNY"))
        .and_then(|facts| facts.with(Input::OrderAt, at))
        .unwrap();
    match order.tier {
        0 => facts,
        1 => facts.with(Input::PayerTier, "gold").unwrap(),
        _ => facts.with(Input::PayerTier, "plain").unwrap(),
    }
}

fn fen(minor: i64) -> PositiveMoney {
    PositiveMoney::new(minor, Currency::CNY).unwrap()
}

fn payment(bundle: &Bundle, order: &Order, chosen: &Record, at: Timestamp) -> Payment {
    let budgets = BTreeMap::new();
    let discounting = Discounting::ByRules { budgets: &budgets };
    let division = divide(bundle, &chosen.offer.wallet, &chosen.facts, (fen(order.fen), at), discounting);
    let division = division.unwrap().unwrap();
    let (taken, paid_at) = (division.payable().unwrap(), at + SignedDuration::from_secs(30));
    let terms = bundle.refunds().unwrap();
    let (mut stands, mut before) = (Vec::<Bearing>::new(), Money::zero(Currency::CNY));
    let mut refunds = Vec::new();
    for back in &order.backs {
        let asked_at = paid_at + SignedDuration::from_hours(24 * back.days + 1);
        let case = RefundCase { reason: back.reason, mode: back.mode, consented: None };
        let amount = fen(taken.minor_units() / 10 * back.tenths);
        let inputs = RefundInputs {
            mode: case.mode,
            reason: case.reason,
            payment: taken,
            refunded_before: before,
            refund: amount,
            paid_at,
            asked_at,
        };
        let facts = refund_facts(chosen.facts.clone(), &case, amount, (paid_at, asked_at)).unwrap();
        let available = |bearer| match (bearer, back.unsettled) {
            (Bearer::UnsettledFunds, Some(fen)) => Money::new(fen, Currency::CNY).unwrap(),
            _ => Money::new(MINOR_UNITS_MAX, Currency::CNY).unwrap(),
        };
        let available: Available = Bearer::ALL.map(|bearer| (bearer, available(bearer))).into();
        let answer = match terms.terms().decide(&inputs, |when| terms.applies(when, &facts)).unwrap() {
            Decision::Refused(refusal) => Answer::Refused(refusal),
            Decision::Granted(grant) => {
                let granted = Granted { reason: case.reason, grant };
                let granted = Some((granted, terms.terms()));
                let bearing = Bearing::of(granted, Some(&division), amount, &stands, &available).unwrap();
                if !back.fails {
                    before = before.checked_add(amount.money()).unwrap();
                    stands.push(bearing.clone());
                }
                Answer::Granted(Some(Box::new(bearing)))
            }
        };
        let known = back.unsettled.map(|_| (Bearer::UnsettledFunds, available[&Bearer::UnsettledFunds]));
        let available: BTreeMap<Bearer, Money> = known.into_iter().collect();
        refunds.push(Refund { asked_at, amount, case: Some(case), answer, failed: back.fails, available });
    }
    Payment { taken, paid_at, division: Some(division), refunds, refunds_left_out: 0 }
}
