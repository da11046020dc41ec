//! What a draft would have changed in fees, parts and refunds of recorded payments.
//!
//! Each payment is divided anew by the draft, and each of its refunds is asked for anew, in the order of its record: what the
//! draft grants of one counts for the next. A payment that the draft does not take has no fee, no parts and no refunds by it.
//!
//! What bearers had is known only as far as records say ([`super::Refund::available`]). Any other bearer is assumed to have
//! enough, up to its caps; the report counts both. What the draft takes from a bearer for one refund does not lessen what it has
//! for the next.

mod refunds;

use std::collections::BTreeMap;

use paifang_money::PositiveMoney;
use paifang_payment::WalletName;
use paifang_shares::discounts::Discounted;
use paifang_shares::division::Division;
use paifang_shares::splits::SplitRules;
use paifang_shares::{Receiver, RuleId};
use serde::Serialize;

use super::{LINES_MAX, Payment, Record};
use crate::bundle::Bundle;
use crate::money::{Discounting, divide};

pub use refunds::{ByBearer, ByReason, ByVerdict, Changes, Funds, Refunds, Side, Verdict, Who};

/// What changed in money. Amounts are minor units; tables are sorted by their first columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MoneyReport {
    /// The payments, by currency.
    pub payments: Vec<Payments>,
    /// What payments cost, by currency, wallet and rule.
    pub fees: Vec<FeeLine>,
    /// Who got a part of payments and gave back a part of refunds, by currency and receiver; the fee is one.
    pub parts: Vec<PartLine>,
    /// The refunds.
    pub refunds: Refunds,
    /// Payments whose record contradicts itself: they are in no table.
    pub contradictory: u64,
    /// Lines that would have come after [`LINES_MAX`] others of their table.
    pub beyond_lines: u64,
}

/// Payments of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payments {
    /// The currency.
    pub currency: &'static str,
    /// All: what payers paid.
    pub taken: Counted,
    /// What budgets and funders of discounts paid in besides, and of how many payments. The parts of each side sum to that and to what
    /// was taken.
    pub paid_in: Pair,
    /// Those that the draft's openings do not take.
    pub closed: Counted,
    /// Those that the draft's fees, splits or refunds do not fit, by the table.
    pub misfits: BTreeMap<&'static str, Counted>,
}

/// A number and its amount in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// How much.
    pub amount: i128,
}

/// Before the draft, and with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pair {
    /// As it was recorded.
    pub before: Counted,
    /// By the draft.
    pub after: Counted,
}

/// What payments with one wallet cost by one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeeLine {
    /// The currency.
    pub currency: &'static str,
    /// The wallet.
    pub wallet: WalletName,
    /// The rule.
    pub rule: RuleId,
    /// How many payments, and their fees.
    pub fees: Pair,
}

/// What one receiver got and gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartLine {
    /// The currency.
    pub currency: &'static str,
    /// Who; absent: the merchants.
    pub receiver: Option<Receiver>,
    /// Its parts of payments.
    pub got: Pair,
    /// Its parts of refunds that went out; of the merchants, who fund theirs, nothing stands here.
    pub gave_back: Pair,
}

/// The fold.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    is_empty: bool,
    payments: BTreeMap<&'static str, Payments>,
    fees: BTreeMap<(&'static str, WalletName, RuleId), Pair>,
    parts: BTreeMap<(&'static str, Option<Receiver>), (Pair, Pair)>,
    refunds: refunds::Tally,
    contradictory: u64,
    beyond_lines: u64,
}

impl Counted {
    pub(super) fn add(&mut self, amount: i64) {
        self.count += 1;
        self.amount += i128::from(amount);
    }
}

impl Pair {
    pub(super) fn side(&mut self, side: Side) -> &mut Counted {
        match side {
            Side::Before => &mut self.before,
            Side::After => &mut self.after,
        }
    }
}

/// A line of a table; `None`, and counted, where it would be one too many.
pub(super) fn line<'a, K: Ord, V: Default>(
    lines: &'a mut BTreeMap<K, V>,
    beyond: &mut u64,
    key: K,
) -> Option<&'a mut V> {
    if lines.len() >= LINES_MAX && !lines.contains_key(&key) {
        *beyond += 1;
        return None;
    }
    Some(lines.entry(key).or_default())
}

/// How the draft divides a payment.
enum Divided {
    /// So; or not at all, where it says nothing about money and nothing was given.
    So(Option<Division>),
    /// It does not take it.
    NotTaken,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { is_empty: true, ..Self::default() }
    }

    /// Counts the payment of a record; `accepted`: whether the draft's openings take it.
    pub(super) fn take(&mut self, draft: &Bundle, record: &Record, payment: &Payment, accepted: bool) {
        self.is_empty = false;
        let currency = payment.taken.currency().code();
        let before = payment.division.as_ref().map(|division| division.of_taken(payment.taken)).transpose();
        let Ok(before) = before else {
            self.contradictory += 1;
            return;
        };
        let after = self.divide(draft, record, payment, accepted);
        self.count_division(Side::Before, record, payment, before.as_ref());
        if let Divided::So(after) = &after {
            self.count_division(Side::After, record, payment, after.as_ref());
        }
        let after = match &after {
            Divided::So(division) => Some(division.as_ref()),
            Divided::NotTaken => None,
        };
        let told = refunds::Told { draft, facts: &record.facts, payment, division: after };
        for (side, bearing) in self.refunds.take(&told) {
            let Some(given_back) = &bearing.given_back else { continue };
            for (receiver, amount) in &given_back.receivers {
                let key = (currency, Some(receiver.clone()));
                if let Some((_, back)) = line(&mut self.parts, &mut self.beyond_lines, key) {
                    back.side(side).add(amount.minor_units());
                }
            }
        }
    }

    fn payments(&mut self, currency: &'static str) -> &mut Payments {
        self.payments.entry(currency).or_insert_with(|| Payments::of(currency))
    }

    fn divide(&mut self, draft: &Bundle, record: &Record, payment: &Payment, accepted: bool) -> Divided {
        let currency = payment.taken.currency().code();
        let all = self.payments(currency);
        all.taken.add(payment.taken.minor_units());
        if !accepted {
            all.closed.add(payment.taken.minor_units());
            return Divided::NotTaken;
        }
        // What was agreed is about the order, of which less may have been taken.
        let taken = payment.taken;
        let discounts = payment.division.as_ref().and_then(|division| division.discounts.as_ref());
        // Of a discounted order the price is more than what was divided, where the merchant gave some of it itself.
        let price = |division: &Division| discounts.map_or(division.split.payment(), Discounted::price);
        let agreed = payment.division.as_ref().and_then(|division| price(division).try_into().ok());
        let order = agreed.or_else(|| super::order_amount(&record.facts)).filter(|order: &PositiveMoney| {
            order.currency() == taken.currency() && order.minor_units() >= taken.minor_units()
        });
        let at = record.facts.order_at().unwrap_or(payment.paid_at);
        let order = (order.unwrap_or(taken), at);
        let divided =
            divide(draft, &record.offer.wallet, &record.facts, order, Discounting::AsGiven(discounts))
                .transpose();
        match divided {
            Ok(division) => {
                let of_taken = |division: Division| division.of_taken(taken).ok();
                Divided::So(division.and_then(of_taken))
            }
            Err(error) => {
                all.misfits.entry(error.table()).or_default().add(payment.taken.minor_units());
                Divided::NotTaken
            }
        }
    }

    fn count_division(
        &mut self,
        side: Side,
        record: &Record,
        payment: &Payment,
        division: Option<&Division>,
    ) {
        let currency = payment.taken.currency().code();
        let mut parts: Vec<(Option<Receiver>, i64)> = Vec::new();
        let discounts = division.and_then(|division| division.discounts.as_ref());
        let paid_in = discounts.map_or(0, |discounts| discounts.paid_in().minor_units());
        if paid_in > 0 {
            self.payments(currency).paid_in.side(side).add(paid_in);
        }
        match division.map(Division::amounts) {
            None => parts.push((None, payment.taken.minor_units())),
            Some(amounts) => {
                parts.push((None, amounts.merchant.minor_units()));
                parts.extend(
                    amounts
                        .receivers
                        .into_iter()
                        .map(|(receiver, amount)| (Some(receiver), amount.minor_units())),
                );
            }
        }
        if let Some(fee) = division.and_then(|division| division.fee.as_ref()) {
            let is_fee =
                |who: &Option<Receiver>| who.as_ref().is_some_and(|who| who.as_str() == SplitRules::FEE);
            let amount = parts.iter().find(|(who, _)| is_fee(who)).map_or(0, |(_, amount)| *amount);
            let key = (currency, record.offer.wallet.clone(), fee.rule().clone());
            if let Some(fees) = line(&mut self.fees, &mut self.beyond_lines, key) {
                fees.side(side).add(amount);
            }
        }
        for (receiver, amount) in parts {
            if let Some((got, _)) = line(&mut self.parts, &mut self.beyond_lines, (currency, receiver)) {
                got.side(side).add(amount);
            }
        }
    }

    /// The figures; nothing where no record had a payment.
    pub(super) fn finish(self) -> Option<MoneyReport> {
        if self.is_empty {
            return None;
        }
        let fees = self.fees.into_iter();
        let parts = self.parts.into_iter();
        Some(MoneyReport {
            payments: self.payments.into_values().collect(),
            fees: fees
                .map(|((currency, wallet, rule), fees)| FeeLine { currency, wallet, rule, fees })
                .collect(),
            parts: parts
                .map(|((currency, receiver), (got, gave_back))| PartLine {
                    currency,
                    receiver,
                    got,
                    gave_back,
                })
                .collect(),
            contradictory: self.contradictory,
            beyond_lines: self.beyond_lines + self.refunds.beyond_lines(),
            refunds: self.refunds.finish(),
        })
    }
}

impl Payments {
    fn of(currency: &'static str) -> Self {
        let none = Counted::default();
        Self { currency, taken: none, paid_in: Pair::default(), closed: none, misfits: BTreeMap::new() }
    }
}
