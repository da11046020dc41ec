//! A draft run over recorded decisions: who could have paid with what, and, of the payments that came of them, what they would
//! have cost, who would have got a part, which refunds would have been granted and who would have borne them.
//!
//! It is a fold: one record at a time, and the memory does not grow with their number. Records are counted once each;
//! a record is compared with what was decided then, not with what its bundle would say again.

mod money;
mod recorded;
mod table;
mod told;

use std::collections::BTreeMap;

use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Presentation, WalletName};
use serde::Serialize;

use crate::RuleId;
use crate::bundle::{Bundle, BundleRef};
use crate::credit::Effect;
use crate::facts::{Facts, Input};
use crate::lifecycle::Overlay;
use crate::opening::{Because, Decision, Lack, Offer, decide};

pub use money::{
    ByBearer, ByReason, ByVerdict, Changes, Counted, FeeLine, Funds, MoneyReport, Pair, PartLine, Payments,
    Refunds, Side, Verdict, Who,
};
pub use recorded::{Answer, Payment, REFUNDS_MAX, Record, Refund, exhausted};

/// Different wallets and presentations in a report at most; what comes beyond is counted in the totals only.
pub const LINES_MAX: usize = 1_000;

/// A draft, and what it changed so far.
#[derive(Debug, Clone)]
pub struct Simulation<'a> {
    draft: &'a Bundle,
    rolled_back: &'a Overlay,
    report: Report,
    money: money::Tally,
}

/// What a draft would have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The draft.
    pub draft: BundleRef,
    /// All records.
    pub total: Totals,
    /// By wallet and presentation.
    pub lines: Vec<Line>,
    /// How often each rule of the draft decided.
    pub rules: BTreeMap<RuleId, u64>,
    /// How often each reason was given.
    pub because: BTreeMap<Because, u64>,
    /// How often each input was missing.
    pub missing: BTreeMap<Lack, u64>,
    /// Records whose wallet and presentation came after [`LINES_MAX`] others.
    pub beyond_lines: u64,
    /// What changed in money; absent where no record had a payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<MoneyReport>,
}

/// The figures of one wallet and presentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The wallet.
    pub wallet: WalletName,
    /// The presentation.
    pub presentation: Presentation,
    /// The figures.
    pub totals: Totals,
}

/// Figures over some records. Amounts are the orders' minor units, by currency; orders whose amount or currency was
/// not known are counted and have no amount.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// How many records.
    pub records: u64,
    /// Shown, accepted and let pay on credit as before.
    pub unchanged: u64,
    /// Shown then.
    pub shown_before: u64,
    /// Shown by the draft.
    pub shown_after: u64,
    /// Accepted then.
    pub accepted_before: u64,
    /// Accepted by the draft.
    pub accepted_after: u64,
    /// Shown by the draft and not then.
    pub newly_shown: u64,
    /// Shown then and not by the draft.
    pub no_longer_shown: u64,
    /// Accepted by the draft and not then.
    pub newly_accepted: u64,
    /// Accepted then and not by the draft.
    pub no_longer_accepted: u64,
    /// Orders that the draft accepts and that were not accepted then.
    pub amount_newly_accepted: BTreeMap<String, i128>,
    /// Orders that were accepted then and are not by the draft.
    pub amount_no_longer_accepted: BTreeMap<String, i128>,
    /// Accepted then, and not on credit.
    pub without_credit_before: u64,
    /// Accepted by the draft, and not on credit.
    pub without_credit_after: u64,
    /// Of those, how many of which it is not recorded whether an order can leave credit out.
    pub without_credit_assumed: u64,
    /// Accepted by the draft's openings, which leave credit out where no order can: closed.
    pub credit_stays: u64,
}

/// Runs a draft over records. `progress` is told the number of records after each `every` of them, and at the end.
pub fn simulate(
    draft: &Bundle,
    rolled_back: &Overlay,
    records: impl IntoIterator<Item = Record>,
    every: u64,
    mut progress: impl FnMut(u64),
) -> Report {
    let mut simulation = Simulation::new(draft, rolled_back);
    for record in records {
        simulation.take(&record);
        let count = simulation.report.total.records;
        if count.is_multiple_of(every.max(1)) {
            progress(count);
        }
    }
    progress(simulation.report.total.records);
    simulation.finish()
}

impl<'a> Simulation<'a> {
    /// Nothing was counted yet.
    pub fn new(draft: &'a Bundle, rolled_back: &'a Overlay) -> Self {
        let report = Report {
            draft: draft.reference(),
            total: Totals::default(),
            lines: Vec::new(),
            rules: BTreeMap::new(),
            because: BTreeMap::new(),
            missing: BTreeMap::new(),
            beyond_lines: 0,
            money: None,
        };
        Self { draft, rolled_back, report, money: money::Tally::new() }
    }

    /// Counts one record, and answers what the draft decides.
    pub fn take(&mut self, record: &Record) -> Decision {
        let Record { offer, facts, payer, decision, can_exclude_credit, payment } = record;
        let before = Effect::of(decision, *can_exclude_credit);
        let after = decide(self.draft, self.rolled_back, offer, facts, payer.as_ref());
        let effect = Effect::of(&after, *can_exclude_credit);
        let mut count = Totals::of(facts, before, effect);
        count.without_credit_assumed = u64::from(effect.without_credit && can_exclude_credit.is_none());
        count.credit_stays = u64::from(effect.credit_stays && after.accepted);
        let report = &mut self.report;
        report.total.add(&count);
        match report.line(offer) {
            Some(line) => line.totals.add(&count),
            None => report.beyond_lines += 1,
        }
        if let Some(rule) = &after.rule {
            *report.rules.entry(rule.clone()).or_default() += 1;
        }
        *report.because.entry(after.because).or_default() += 1;
        for lack in &after.missing {
            *report.missing.entry(*lack).or_default() += 1;
        }
        if let Some(payment) = payment {
            self.money.take(self.draft, record, payment, effect.accepted);
        }
        after
    }

    /// The figures, lines sorted by wallet and presentation.
    pub fn finish(self) -> Report {
        Report { money: self.money.finish(), ..self.report }
    }
}

impl Report {
    /// The line of an offer; `None` where it would be one too many.
    fn line(&mut self, offer: &Offer) -> Option<&mut Line> {
        let key = (&offer.wallet, offer.presentation);
        let found = self.lines.binary_search_by(|line| (&line.wallet, line.presentation).cmp(&key));
        let at = match found {
            Ok(at) => at,
            Err(_) if self.lines.len() >= LINES_MAX => return None,
            Err(at) => {
                let (wallet, presentation) = (offer.wallet.clone(), offer.presentation);
                self.lines.insert(at, Line { wallet, presentation, totals: Totals::default() });
                at
            }
        };
        self.lines.get_mut(at)
    }
}

impl Totals {
    /// The figures of one record, as far as they follow from what was shown, accepted and let pay on credit.
    fn of(facts: &Facts, before: Effect, after: Effect) -> Self {
        let one = |happened: bool| u64::from(happened);
        let says = |effect: Effect| (effect.shown, effect.accepted, effect.without_credit);
        let order = order_sum(facts);
        let sum = |wanted: bool| order.clone().into_iter().filter(|_| wanted).collect();
        Self {
            records: 1,
            unchanged: one(says(before) == says(after)),
            shown_before: one(before.shown),
            shown_after: one(after.shown),
            accepted_before: one(before.accepted),
            accepted_after: one(after.accepted),
            newly_shown: one(!before.shown && after.shown),
            no_longer_shown: one(before.shown && !after.shown),
            newly_accepted: one(!before.accepted && after.accepted),
            no_longer_accepted: one(before.accepted && !after.accepted),
            amount_newly_accepted: sum(!before.accepted && after.accepted),
            amount_no_longer_accepted: sum(before.accepted && !after.accepted),
            without_credit_before: one(before.without_credit),
            without_credit_after: one(after.without_credit),
            ..Self::default()
        }
    }

    fn add(&mut self, more: &Self) {
        self.records += more.records;
        self.unchanged += more.unchanged;
        self.shown_before += more.shown_before;
        self.shown_after += more.shown_after;
        self.accepted_before += more.accepted_before;
        self.accepted_after += more.accepted_after;
        self.newly_shown += more.newly_shown;
        self.no_longer_shown += more.no_longer_shown;
        self.newly_accepted += more.newly_accepted;
        self.no_longer_accepted += more.no_longer_accepted;
        self.without_credit_before += more.without_credit_before;
        self.without_credit_after += more.without_credit_after;
        self.without_credit_assumed += more.without_credit_assumed;
        self.credit_stays += more.credit_stays;
        let sums = [
            (&mut self.amount_newly_accepted, &more.amount_newly_accepted),
            (&mut self.amount_no_longer_accepted, &more.amount_no_longer_accepted),
        ];
        for (sums, more) in sums {
            for (currency, amount) in more {
                *sums.entry(currency.clone()).or_default() += amount;
            }
        }
    }
}

/// The order's currency and amount, where both are known.
fn order_sum(facts: &Facts) -> Option<(String, i128)> {
    let (amount, currency) = (facts.number(Input::OrderAmount)?, facts.text(Input::OrderCurrency)?);
    Some((currency.to_owned(), i128::from(amount)))
}

/// What was to be paid, where it is known.
fn order_amount(facts: &Facts) -> Option<PositiveMoney> {
    let currency = Currency::parse(facts.text(Input::OrderCurrency)?).ok()?;
    PositiveMoney::new(facts.number(Input::OrderAmount)?, currency).ok()
}
