//! A storefront's discounts, after a run: each order was for what the payer was to pay; budgets never gave what they had not,
//! were used once and are free of what has ended; and funders got back exactly their part of what went back.

use std::collections::BTreeMap;

use paifang_ledger::{Account, AccountKind, Kind, PostingKey, Transfer};
use paifang_payment::attempt::Attempt;
use paifang_payment::intent::State;
use paifang_payment::refund::{self, Refund};
use paifang_payment::{AttemptId, IntentId, RefundId};
use paifang_shares::discounts::{DiscountBound, Discounted, GivenBack};
use paifang_store::{IntentRow, PAGE_MAX, Store};

use super::Aside;
use crate::universe::Universe;

/// What the ledger has of discounts, in fen.
#[derive(Default)]
struct Booked {
    /// What discounts paid in, by the attempt that was paid.
    used: BTreeMap<AttemptId, i64>,
    /// What went back to funders, by refund.
    back: BTreeMap<RefundId, i64>,
    /// What is set aside of a budget, and for which intent.
    aside: BTreeMap<PostingKey, Transfer>,
    /// What each budget has, less what is set aside of it.
    left: BTreeMap<Account, i128>,
}

/// Everything that is wrong with them.
pub async fn check(universe: &Universe, aside: &Aside, wrong: &mut Vec<String>) {
    let booked = Booked::all(universe, wrong).await;
    for transfer in booked.aside.values() {
        let of = IntentId::parse(&transfer.subject).ok();
        if of.is_none_or(|intent| !aside.contains(&intent)) {
            let (key, fen) = (transfer.key.as_str(), transfer.amount.minor_units());
            wrong.push(format!("I12: {fen} fen of {} are set aside for ever by {key}", transfer.debit));
        }
    }
    let refunds = booked.refunds(universe, wrong).await;
    let mut after = None;
    loop {
        let rows = universe.store.scan_intents(after, PAGE_MAX).await.unwrap_or_default();
        let Some(last) = rows.last() else { return };
        after = Some(last.intent.terms.id);
        for row in &rows {
            orders(universe, row, wrong);
            for attempt in &row.intent.attempts {
                let of = refunds.get(&attempt.terms.id).map_or(&[][..], Vec::as_slice);
                booked.check_payment(universe, row, attempt, of, wrong);
            }
        }
    }
}

/// Each order, here and at its rail, is for what the payer is to pay of the price.
fn orders(universe: &Universe, row: &IntentRow, wrong: &mut Vec<String>) {
    let price = row.intent.terms.amount;
    for attempt in &row.intent.attempts {
        let (id, ordered) = (attempt.terms.id, attempt.terms.amount);
        let discounted = discounts_of(attempt);
        let payable = discounted.map_or(price, Discounted::payable);
        let whole = discounted.map_or(price.money(), Discounted::price);
        if payable != ordered || whole != price.money() {
            wrong.push(format!("I2: {id} is for {ordered}, of {price}, with {discounted:?}"));
        }
        let account = universe.accounts.iter().find(|account| account.id == attempt.terms.account);
        let books = account.map(|account| account.mock.book()).unwrap_or_default();
        let at_rail = books.iter().find(|entry| entry.order_no == attempt.terms.order_no.as_str());
        if let Some(entry) = at_rail.filter(|entry| entry.total_fen != payable.minor_units()) {
            wrong.push(format!("I2: {id}: the rail's order is for {} fen, not {payable}", entry.total_fen));
        }
        let given = discounted.map_or(&[][..], Discounted::given);
        let cover = |is: bool, what: &str| {
            if is {
                universe.trace.cover(format!("ruled discount x {what}"));
            }
        };
        cover(given.iter().any(|one| one.amount.minor_units() > 0), "given");
        cover(given.iter().any(|one| one.is_budgeted() && one.amount.minor_units() > 0), "out of a budget");
        cover(given.iter().any(|one| one.bound == Some(DiscountBound::Budget)), "budget ran dry");
    }
}

impl Booked {
    async fn all(universe: &Universe, wrong: &mut Vec<String>) -> Self {
        let (mut booked, mut position) = (Self::default(), 0);
        loop {
            let rows = universe.store.transfers_after(None, position, PAGE_MAX).await.unwrap_or_default();
            let Some(last) = rows.last() else { return booked };
            position = last.position;
            for transfer in rows.into_iter().map(|row| row.transfer) {
                booked.book(universe, transfer, wrong);
            }
        }
    }

    fn book(&mut self, universe: &Universe, transfer: Transfer, wrong: &mut Vec<String>) {
        let fen = transfer.amount.minor_units();
        let parts: Vec<&str> = transfer.key.as_str().split(':').collect();
        match parts[..] {
            ["discount", attempt, _] => add(&mut self.used, AttemptId::parse(attempt).ok(), fen),
            ["discount_back", refund, _] => add(&mut self.back, RefundId::parse(refund).ok(), fen),
            _ => {}
        }
        let moves = match &transfer.kind {
            Kind::Posted => vec![(transfer.debit.clone(), -fen), (transfer.credit.clone(), fen)],
            Kind::Pending => vec![(transfer.debit.clone(), -fen)],
            // What is used was void before, and is posted as a row of its own.
            Kind::Voids(key) => match self.aside.remove(key) {
                Some(pending) => {
                    universe.trace.cover("ruled discount x free again".to_owned());
                    vec![(pending.debit, fen)]
                }
                None => Vec::new(),
            },
            Kind::Posts(_) => Vec::new(),
        };
        for (account, fen) in moves.into_iter().filter(|(account, _)| account.kind() == AccountKind::Budget) {
            let left = self.left.entry(account.clone()).or_default();
            *left += i128::from(fen);
            if *left < 0 {
                wrong.push(format!("I2: {account} has {left} fen left after {}", transfer.key.as_str()));
            }
        }
        if transfer.kind == Kind::Pending && transfer.debit.kind() == AccountKind::Budget {
            self.aside.insert(transfer.key.clone(), transfer);
        }
    }

    /// All refunds, by the attempt that collected the money; each one's funders got back their parts once it had succeeded.
    async fn refunds(
        &self,
        universe: &Universe,
        wrong: &mut Vec<String>,
    ) -> BTreeMap<AttemptId, Vec<Refund>> {
        let (mut all, mut after) = (BTreeMap::<AttemptId, Vec<Refund>>::new(), None);
        loop {
            let rows = universe.store.scan_refunds(after, PAGE_MAX).await.unwrap_or_default();
            let Some(last) = rows.last() else { return all };
            after = Some(last.terms.id);
            for refund in rows {
                let back = self.back.get(&refund.terms.id).copied().unwrap_or(0);
                let due = if has_succeeded(&refund) { back_of(&refund) } else { 0 };
                if back != due {
                    let id = refund.terms.id;
                    wrong.push(format!("I2: {id}: {back} fen went back to funders, not {due}: {refund:?}"));
                }
                if back > 0 {
                    universe.trace.cover("ruled discount x given back".to_owned());
                }
                all.entry(refund.terms.attempt).or_default().push(refund);
            }
        }
    }

    /// What was paid has used its discounts once, in proportion, and nothing else has; and they have all of it back when
    /// everything has gone back.
    fn check_payment(
        &self,
        universe: &Universe,
        row: &IntentRow,
        attempt: &Attempt,
        refunds: &[Refund],
        wrong: &mut Vec<String>,
    ) {
        let id = attempt.terms.id;
        let won = matches!(row.intent.state, State::Succeeded { winner } if winner == id);
        let taken = attempt.collected().filter(|_| won);
        let division = attempt.terms.division.as_deref();
        let of_taken = taken.zip(division).and_then(|(taken, division)| division.of_taken(taken).ok());
        let due =
            of_taken.and_then(|division| division.discounts).map_or(0, |one| one.paid_in().minor_units());
        let used = self.used.get(&id).copied().unwrap_or(0);
        if used != due {
            wrong.push(format!("I2: {id}: discounts paid in {used} fen, not {due}"));
        }
        if used > 0 {
            universe.trace.cover("ruled discount x used".to_owned());
        }
        let undone =
            |one: &&Refund| has_succeeded(one) && one.bearing().is_some_and(|b| b.given_back.is_some());
        let undone = refunds.iter().filter(undone);
        let (mut gone, mut back) = (0, 0);
        for refund in undone {
            gone += refund.terms.amount.minor_units();
            back += self.back.get(&refund.terms.id).copied().unwrap_or(0);
        }
        let is_whole = taken.is_some_and(|taken| taken.minor_units() == gone);
        if back > used || is_whole && back != used {
            wrong.push(format!(
                "I2: {id}: {back} of {used} fen went back to funders, with {gone} fen to the payer"
            ));
        }
    }
}

fn discounts_of(attempt: &Attempt) -> Option<&Discounted> {
    attempt.terms.division.as_ref()?.discounts.as_ref()
}

fn has_succeeded(refund: &Refund) -> bool {
    matches!(refund.state, refund::State::Succeeded { .. })
}

/// What of a refund funders get, other than the merchant's own account.
pub fn back_of(refund: &Refund) -> i64 {
    let back = refund.bearing().map_or(&[][..], |bearing| &bearing.discounts);
    back.iter().filter(|one: &&GivenBack| !one.is_own()).map(|one| one.amount.minor_units()).sum()
}

fn add<K: Ord>(sums: &mut BTreeMap<K, i64>, key: Option<K>, fen: i64) {
    if let Some(key) = key {
        *sums.entry(key).or_default() += fen;
    }
}
