//! The total check after a run: our books against the rails' truth, what was promised against what is there, and the
//! store against itself.

mod bulks;
pub mod discounts;
mod events;
mod evidence;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use paifang_ledger::AccountKind;
use paifang_mock_rails::book::BookEntry;
use paifang_payment::{BulkId, IntentId, OrderNo, RefundId, RequestId};
use paifang_store::{IntentRow, NewBulkEntry, Operation, PAGE_MAX, Resource, Store, WorkKey, WorkRow, fsck};

use crate::customer::row;
use crate::exec::locked;
use crate::rails::SimAccount;
use crate::universe::Universe;

/// What a storefront was told.
#[derive(Debug, Clone)]
pub enum Acked {
    /// This call made this intent.
    Intent(RequestId, IntentId),
    /// This call made this refund.
    Refund(RequestId, RefundId),
    /// A capture of so many fen, or of all, was taken on.
    Capture(IntentId, Option<i64>),
    /// A call was taken on, and what it is about.
    Kept(Operation, RequestId, Resource),
    /// A change of the rules.
    Rules(RequestId),
    /// A bulk, with these entries.
    Bulk(BulkId, Vec<NewBulkEntry>),
    /// A call was refused that nothing is wrong with.
    Refused(String),
}

/// Work that may stay: given to a person, or the watch over what has ended.
pub async fn is_quiet(universe: &Universe) -> bool {
    let work = universe.store.scan_work(None, PAGE_MAX).await.unwrap_or_default();
    for row in &work {
        if row.quarantined.is_none() && !only_watched(universe, &work, row).await {
            return false;
        }
    }
    true
}

async fn only_watched(universe: &Universe, all: &[WorkRow], work: &WorkRow) -> bool {
    match &work.key {
        // An intent cannot end before a person has looked at its attempt.
        WorkKey::Expiry { intent, .. } => all.iter().any(|other| match &other.key {
            WorkKey::Attempt { intent: of, .. } => of == intent && other.quarantined.is_some(),
            WorkKey::Refund { .. } | WorkKey::Expiry { .. } => false,
        }),
        WorkKey::Attempt { intent, attempt, .. } => {
            let known = row(universe, *intent).await;
            known.as_ref().and_then(|row| row.intent.attempt(*attempt)).is_some_and(|known| !known.is_live())
        }
        WorkKey::Refund { .. } => false,
    }
}

/// Everything that is wrong.
pub async fn violations(universe: &Arc<Universe>, acked: &[Acked]) -> Vec<String> {
    let mut wrong = locked(&universe.found).clone();
    if !is_quiet(universe).await {
        let work = universe.store.scan_work(None, PAGE_MAX).await.unwrap_or_default();
        wrong.push(format!("I12: something never ends: {work:?}"));
    }
    match fsck::run(&universe.store).await {
        Ok(report) => wrong.extend(report.findings.iter().map(|found| format!("I5 I7 I8: fsck: {found}"))),
        Err(error) => wrong.push(format!("fsck: {error}")),
    }
    let aside = set_aside(universe).await;
    books(universe, &aside, &mut wrong).await;
    strangers(universe, &mut wrong).await;
    promises(universe, acked, &mut wrong).await;
    intents(universe, &aside, &mut wrong).await;
    rules::check(universe, &mut wrong).await;
    discounts::check(universe, &aside, &mut wrong).await;
    bulks::check(universe, acked, &mut wrong).await;
    wrong
}

/// I1, I2: each rail's truth equals our ledger to the fen, and nobody was charged twice.
async fn books(universe: &Universe, aside: &Aside, wrong: &mut Vec<String>) {
    let balances = universe.store.balances(universe.tenant).await.unwrap_or_default();
    for account in &universe.accounts {
        let mut truth = 0_i128;
        for entry in account.mock.book() {
            // A person has it: it was to go back, the rail said "again" for too long, and nobody knows whether it did, so that
            // neither leg is posted (F10).
            let between = is_aside(universe, account, &entry, aside).await
                && universe.is_told_again_at_all(&entry.order_no)
                && universe.is_reversing(&account.id, &entry.order_no).await;
            truth += if between { 0 } else { i128::from(kept_of(&entry)) };
            truth += i128::from(universe.told_again(&account.id, &entry).await);
            // What the rail took by a mistake of its own has its own place in its book (F05).
            if entry.charges > 1 {
                wrong.push(format!("I1: {} was charged {} times", entry.order_no, entry.charges));
            }
            let held = entry.held_fen - entry.captured_fen - entry.released_fen;
            if held != 0 && !is_aside(universe, account, &entry, aside).await {
                wrong.push(format!("I2: a hold of {held} fen stands: {entry:?}"));
            }
        }
        let name = format!("rail:{}", account.id);
        let ours: i128 = balances
            .iter()
            .filter(|row| row.account.kind() == AccountKind::Rail && row.account.to_string() == name)
            .map(|row| row.balance.posted(&row.account))
            .sum();
        if ours != truth {
            let book = account.mock.book();
            wrong.push(format!("I2: {name}: the ledger has {ours} fen, the rail {truth}: {book:#?}"));
        }
    }
}

/// I1, F17: a rail knows no order, no reverse and no refund that is not known here.
async fn strangers(universe: &Universe, wrong: &mut Vec<String>) {
    let reversals = reversals(universe).await;
    for account in &universe.accounts {
        for entry in account.mock.book() {
            let order = match OrderNo::parse(&entry.order_no) {
                Ok(number) => universe.store.attempt_by_order(&account.id, &number).await.ok().flatten(),
                Err(_) => None,
            };
            let mut all_known = order.is_some();
            for number in entry.refunds.iter().map(|refund| OrderNo::parse(&refund.refund_no)) {
                let Ok(number) = number else {
                    all_known = false;
                    continue;
                };
                let refund = universe.store.refund_by_number(&account.id, &number).await.ok().flatten();
                // Alipay books what a cancel gives back under the order's own number.
                let reversal = reversals.contains(&number) || number.as_str() == entry.order_no;
                all_known &= refund.is_some() || reversal;
            }
            if !all_known {
                wrong.push(format!("I1: {} has what nobody here knows: {entry:?}", account.id));
            }
        }
    }
}

/// The numbers of all reverses that could be.
async fn reversals(universe: &Universe) -> BTreeSet<OrderNo> {
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let rows = universe.store.scan_intents(after, PAGE_MAX).await.unwrap_or_default();
        let Some(last) = rows.last() else { return all };
        after = Some(last.intent.terms.id);
        let attempts = rows.iter().flat_map(|row| &row.intent.attempts);
        all.extend(attempts.map(|attempt| attempt.terms.reversal_no.clone()));
    }
}

/// What a rail keeps of an order, in fen.
fn kept_of(entry: &BookEntry) -> i64 {
    let taken = match (entry.paid, entry.held_fen) {
        (false, _) => 0,
        (true, 0) => entry.total_fen,
        (true, _) => entry.captured_fen,
    };
    taken - entry.refunded_fen
}

/// Intents of which something was given to a person: then not everything of them need be at its end.
type Aside = BTreeSet<IntentId>;

async fn set_aside(universe: &Universe) -> Aside {
    let mut aside = Aside::new();
    for row in universe.all_work().await.iter().filter(|row| row.quarantined.is_some()) {
        match &row.key {
            WorkKey::Attempt { intent, .. } | WorkKey::Expiry { intent, .. } => drop(aside.insert(*intent)),
            WorkKey::Refund { tenant, refund } => {
                let known = universe.store.refund(*tenant, *refund).await.ok().flatten();
                aside.extend(known.map(|refund| refund.terms.intent));
            }
        }
    }
    aside
}

/// Whether this order belongs to such an intent.
async fn is_aside(universe: &Universe, account: &SimAccount, entry: &BookEntry, aside: &Aside) -> bool {
    let Ok(number) = OrderNo::parse(&entry.order_no) else { return false };
    let at = universe.store.attempt_by_order(&account.id, &number).await.ok().flatten();
    at.is_some_and(|at| aside.contains(&at.intent))
}

/// I1, I3: what was acknowledged is there, once.
async fn promises(universe: &Universe, acked: &[Acked], wrong: &mut Vec<String>) {
    let mut stands: BTreeMap<String, Resource> = BTreeMap::new();
    for promise in acked {
        let (operation, request, resource) = match promise {
            Acked::Intent(request, id) => (Operation::CreateIntent, request, Resource::Intent(*id)),
            Acked::Refund(request, id) => (Operation::CreateRefund, request, Resource::Refund(*id)),
            Acked::Kept(operation, request, resource) => (*operation, request, *resource),
            Acked::Rules(request) => {
                let kept = universe.store.rules_by_request(universe.tenant, request).await;
                if kept.ok().flatten().is_none() {
                    wrong.push(format!("I3: {request} was acknowledged, and is not in the book of rules"));
                }
                continue;
            }
            Acked::Capture(id, fen) => {
                if !captured(universe, *id, *fen).await {
                    wrong.push(format!(
                        "I3: the capture of {fen:?} fen of {id} was acknowledged, and is not there"
                    ));
                }
                continue;
            }
            // Its entries are looked at with the others.
            Acked::Bulk(..) => continue,
            Acked::Refused(what) => {
                wrong.push(format!("I12: a good call was refused: {what}"));
                continue;
            }
        };
        let first = *stands.entry(request.to_string()).or_insert(resource);
        if first != resource {
            wrong.push(format!("I1: {request} made {first:?}, and then {resource:?}"));
        }
        let kept = universe.store.request(universe.tenant, operation, request).await.ok().flatten();
        if kept.map(|row| row.resource) != Some(resource) {
            wrong.push(format!("I3: {request} was acknowledged as {resource:?}, and is not kept so"));
        }
    }
}

async fn captured(universe: &Universe, id: IntentId, fen: Option<i64>) -> bool {
    let Some(row) = row(universe, id).await else { return false };
    let journal = universe.store.intent_journal(universe.tenant, id).await.unwrap_or_default();
    let told = format!("{journal:?}");
    let wanted = fen.unwrap_or(row.intent.terms.amount.minor_units());
    // Taken, or refused by the rail: either way the journal knows of the wish for so much.
    row.amounts.captured.minor_units() == wanted || told.contains("Capturing")
}

/// At most one payment of an intent stays; what storefronts see is what the rails know.
async fn intents(universe: &Universe, aside: &Aside, wrong: &mut Vec<String>) {
    let strays = strays(universe).await;
    strange(universe, strays.keys(), wrong).await;
    let heard = events::Heard::all(universe, wrong).await;
    heard.compare_refunds(universe, wrong).await;
    let mut after = None;
    loop {
        let rows = universe.store.scan_intents(after, PAGE_MAX).await.unwrap_or_default();
        let Some(last) = rows.last() else { return };
        after = Some(last.intent.terms.id);
        for row in &rows {
            let id = row.intent.terms.id;
            let stray = strays.get(&id).copied().unwrap_or(0);
            intent(universe, row, stray, aside.contains(&id), wrong).await;
            evidence::check(universe, row, wrong).await;
            heard.compare(row, wrong);
        }
    }
}

/// Only what a rail took by a mistake of its own (F05) is explained by nothing of ours: no copy of a request is under way for
/// so long here that we have told its end before.
async fn strange(universe: &Universe, intents: impl Iterator<Item = &IntentId>, wrong: &mut Vec<String>) {
    let books = universe.accounts.iter().flat_map(|account| account.mock.book());
    // Either of the two may be the one that was told first.
    let twice = books.filter_map(|entry| Some([Some(entry.again?.rail_ref), entry.rail_ref]));
    let again: BTreeSet<String> = twice.flatten().flatten().collect();
    for id in intents {
        let Some(row) = row(universe, *id).await else { continue };
        let journal = universe.store.intent_journal(row.intent.terms.tenant, *id).await.unwrap_or_default();
        let unexplained = journal
            .iter()
            .filter_map(|entry| entry.fact.stray())
            .filter(|stray| !again.contains(&stray.number));
        wrong.extend(
            unexplained
                .map(|stray| format!("I2: {} of {id} is stray, and no fault explains it", stray.number)),
        );
    }
}

/// What the books have in suspense for each intent, in fen.
async fn strays(universe: &Universe) -> BTreeMap<IntentId, i64> {
    let (mut all, mut position) = (BTreeMap::new(), 0);
    loop {
        let rows = universe.store.transfers_after(None, position, PAGE_MAX).await.unwrap_or_default();
        let Some(last) = rows.last() else { return all };
        position = last.position;
        for transfer in rows.iter().map(|row| &row.transfer) {
            let Ok(id) = IntentId::parse(&transfer.subject) else { continue };
            let fen = transfer.amount.minor_units();
            if transfer.credit.kind() == AccountKind::SuspenseStray {
                *all.entry(id).or_default() += fen;
            } else if transfer.debit.kind() == AccountKind::SuspenseStray {
                *all.entry(id).or_default() -= fen;
            }
        }
    }
}

async fn intent(universe: &Universe, row: &IntentRow, stray: i64, aside: bool, wrong: &mut Vec<String>) {
    let id = row.intent.terms.id;
    let (mut stay, mut net) = (0, 0);
    for attempt in &row.intent.attempts {
        let account = universe.accounts.iter().find(|account| account.id == attempt.terms.account);
        let Some(account) = account else { continue };
        // Some rails book the capture of a hold as a trade of its own, under the capture's number.
        let numbers: Vec<&str> = attempt.numbers().into_iter().map(|number| number.as_str()).collect();
        let mut own = 0;
        for entry in account.mock.book().iter().filter(|entry| numbers.contains(&entry.order_no.as_str())) {
            own += kept_of(entry);
            net += universe.told_again(&account.id, entry).await;
        }
        stay += u32::from(own > 0);
        net += own;
    }
    if stay > 1 && !aside {
        wrong.push(format!("I1: {stay} payments of {id} stay"));
    }
    let ours = row.amounts.captured.minor_units() - row.amounts.refunded.minor_units() + stray;
    if net != ours && !aside {
        wrong.push(format!("I2: the rails keep {net} fen of {id}, we say {ours}: {:?}", row.intent.state));
    }
    if !row.intent.is_final() && !aside {
        wrong.push(format!("I12: {id} is {:?} at the end", row.intent.state));
    }
    let amount = row.intent.terms.amount.minor_units();
    if row.amounts.captured.minor_units() > amount || ours < 0 {
        wrong.push(format!("I6: {id}: {:?} of {amount}", row.amounts));
    }
}
