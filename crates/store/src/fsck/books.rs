//! The ledger: it replays, every transfer belongs to a payment, and it says of each refund and each storefront what the
//! rows say.
//!
//! A transfer belongs to what its subject, or a part of its posting key, names: an intent, an attempt or a refund of the
//! same tenant. A refund's money is set aside by one pending transfer that names the refund, and posted or voided with
//! its end; a hold's by one that names the attempt, and voided with its end (what is taken of it is posted beside that).

use std::collections::{BTreeMap, BTreeSet};

use paifang_ledger::{Account, AccountKind, Books, Kind, Transfer};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::attempt::{self, Attempt};
use paifang_payment::refund::{Refund, State};
use paifang_payment::{AttemptId, FundsId, IntentId, RefundId, TenantId};

use super::{Known, Report};
use crate::{PAGE_MAX, Snapshot, Store, StoreError, StoredEvent};

/// What the ledger should say of a refund or hold, and what it does.
pub(super) struct Owed {
    tenant: TenantId,
    amount: PositiveMoney,
    wanted: Phase,
    found: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Nothing,
    Held,
    Posted,
    Voided,
}

/// What was booked among storefronts' own funds, by posting key: what it has to be, until it is found.
#[derive(Default)]
pub(super) struct Own {
    wanted: BTreeMap<(TenantId, String), Booked>,
    /// Transfers that no payment and no refund says, but a call.
    wished: BTreeMap<TenantId, BTreeMap<FundsId, Transfer>>,
}

type Booked = (Account, Account, PositiveMoney, Kind);

impl Own {
    /// These have to be booked.
    pub fn expect(&mut self, tenant: TenantId, transfers: Vec<Transfer>) {
        let row = |transfer: Transfer| {
            let Transfer { key, debit, credit, amount, kind, .. } = transfer;
            ((tenant, key.as_str().to_owned()), (debit, credit, amount, kind))
        };
        self.wanted.extend(transfers.into_iter().map(row));
    }

    /// Whether what an event tells was moved, exactly.
    pub fn has_moved(&self, event: &StoredEvent) -> bool {
        let Snapshot::Funds { transfer } = &event.snapshot else { return false };
        let id = FundsId::parse(&transfer.subject).ok();
        let moved = id.and_then(|id| self.wished.get(&event.tenant)?.get(&id));
        moved == Some(&**transfer)
    }

    /// Whether this transfer is one of them, or moves the storefront's funds by its own wish.
    fn find(&mut self, tenant: TenantId, transfer: &Transfer) -> Result<(), &'static str> {
        let key = transfer.key.as_str();
        let wish = key.strip_prefix("funds:").and_then(|id| FundsId::parse(id).ok());
        let sides = [&transfer.debit, &transfer.credit];
        let clearing = sides.iter().any(|side| side.kind() == AccountKind::Merchant);
        if let Some(wish) = wish.filter(|_| !clearing && transfer.kind == Kind::Posted) {
            let of = tenant.to_string();
            let own = |side: &&Account| {
                side.of().strip_prefix(&of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if !sides.iter().all(own) {
                return Err("it moves another storefront's funds");
            }
            self.wished.entry(tenant).or_default().insert(wish, transfer.clone());
            return Ok(());
        }
        let Transfer { debit, credit, amount, kind, .. } = transfer.clone();
        match self.wanted.remove(&(tenant, key.to_owned())) {
            Some(wanted) if wanted == (debit, credit, amount, kind) => Ok(()),
            Some(_) => Err("it is another one than its payment or refund says"),
            None => Err("no payment and no refund says that it was booked"),
        }
    }
}

impl Owed {
    /// By the state of the row.
    pub fn of(refund: &Refund) -> Self {
        let wanted = match refund.state {
            State::Sending(_) | State::InDoubt(_) | State::Processing { .. } => Phase::Held,
            State::Succeeded { .. } => Phase::Posted,
            State::Failed { .. } => Phase::Voided,
        };
        let (tenant, amount) = (refund.terms.tenant, refund.terms.amount);
        Self { tenant, amount, wanted, found: Phase::Nothing }
    }

    /// By the state of an attempt that was opened as a hold.
    pub fn of_hold(tenant: TenantId, attempt: &Attempt) -> Self {
        let wanted = match &attempt.state {
            attempt::State::Held(_) | attempt::State::Capturing(_) | attempt::State::Releasing(_) => {
                Phase::Held
            }
            attempt::State::Paid(_) => Phase::Voided,
            attempt::State::Closed(closed) if closed.released.is_some() => Phase::Voided,
            attempt::State::Sending(_)
            | attempt::State::AwaitingPayer(_)
            | attempt::State::InDoubt(_)
            | attempt::State::Closing(_)
            | attempt::State::Refused(_)
            | attempt::State::Closed(_)
            | attempt::State::Late(_) => Phase::Nothing,
        };
        Self { tenant, amount: attempt.terms.amount, wanted, found: Phase::Nothing }
    }

    /// Whose it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Whether this transfer is a next step of this refund's money.
    fn follow(&mut self, tenant: TenantId, transfer: &Transfer) -> bool {
        let next = match (&transfer.kind, self.found) {
            (Kind::Pending, Phase::Nothing) => Phase::Held,
            (Kind::Posts(_), Phase::Held) => Phase::Posted,
            (Kind::Voids(_), Phase::Held) => Phase::Voided,
            (Kind::Posted, _)
            | (Kind::Pending, Phase::Held | Phase::Posted | Phase::Voided)
            | (Kind::Posts(_) | Kind::Voids(_), Phase::Nothing | Phase::Posted | Phase::Voided) => {
                return false;
            }
        };
        self.found = next;
        tenant == self.tenant && transfer.amount == self.amount
    }
}

/// Replays every book.
pub(super) async fn check(
    store: &impl Store,
    known: &mut Known,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut books: BTreeMap<TenantId, Books> = BTreeMap::new();
    let mut position = 0;
    loop {
        let rows = store.transfers_after(None, position, PAGE_MAX).await?;
        let Some(last) = rows.last() else { break };
        position = last.position;
        for row in &rows {
            report.transfers += 1;
            known.named.seen_transfer(row.tenant, row.transfer.key.as_str());
            if let Err(error) = books.entry(row.tenant).or_default().append([&row.transfer]) {
                report.find(format!("transfer {}: {error}", row.position));
            }
            if let Err(why) = place(known, row.tenant, &row.transfer) {
                report.find(format!("transfer {}: {why}", row.position));
            }
        }
    }
    let refunds = known.refunds.iter().map(|(refund, owed)| (refund.to_string(), owed));
    let holds = known.holds.iter().map(|(attempt, owed)| (attempt.to_string(), owed));
    for (what, owed) in refunds.chain(holds).filter(|(_, owed)| owed.found != owed.wanted) {
        report.find(format!("{what}: the ledger has {:?}, its state says {:?}", owed.found, owed.wanted));
    }
    for (tenant, key) in known.own.wanted.keys() {
        report.find(format!("{tenant}: {key} was not booked"));
    }
    check_wishes(store, known, report).await?;
    check_sums(store, &books, known, report).await
}

/// Each transfer of funds was asked for by a call, and what a call was told was moved.
async fn check_wishes(store: &impl Store, known: &Known, report: &mut Report) -> Result<(), StoreError> {
    let mut tenants: BTreeSet<TenantId> =
        known.intents.values().chain(known.own.wished.keys()).copied().collect();
    tenants.extend(store.tenants().await?.into_iter().map(|tenant| tenant.id));
    for tenant in tenants {
        let wished = known.own.wished.get(&tenant);
        let wished: BTreeSet<FundsId> = wished.into_iter().flat_map(BTreeMap::keys).copied().collect();
        let (mut asked, mut after) = (BTreeSet::new(), None);
        loop {
            let page = store.funds_asked(tenant, after.as_ref(), PAGE_MAX).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            asked.extend(page.into_iter().map(|(_, id)| id));
        }
        for id in wished.difference(&asked) {
            report.find(format!("{id}: funds were moved, and no call asked for it"));
        }
        for id in asked.difference(&wished) {
            report.find(format!("{id}: a call was told that funds were moved, and they were not"));
        }
    }
    Ok(())
}

/// What a transfer belongs to.
fn place(known: &mut Known, tenant: TenantId, transfer: &Transfer) -> Result<(), &'static str> {
    if transfer.debit.kind().is_own() && transfer.credit.kind().is_own() {
        return known.own.find(tenant, transfer);
    }
    let names: Vec<&str> =
        std::iter::once(transfer.subject.as_str()).chain(transfer.key.as_str().split(':')).collect();
    let mut refunds = names.iter().filter_map(|name| RefundId::parse(name).ok());
    if let Some(refund) = refunds.next() {
        let owed = known.refunds.get_mut(&refund).ok_or("it belongs to a refund that is not there")?;
        let follows = owed.follow(tenant, transfer);
        return if follows { Ok(()) } else { Err("it is no next step of its refund") };
    }
    if transfer.kind != Kind::Posted {
        let attempt = names.iter().find_map(|name| AttemptId::parse(name).ok());
        let hold = attempt.and_then(|attempt| known.holds.get_mut(&attempt));
        let follows = hold.ok_or("it sets money aside for no hold")?.follow(tenant, transfer);
        return if follows { Ok(()) } else { Err("it is no next step of its hold") };
    }
    let belongs = |name: &&str| {
        let intent = IntentId::parse(name).ok().and_then(|id| known.intents.get(&id));
        let attempt = AttemptId::parse(name).ok().and_then(|id| known.attempts.get(&id));
        intent.or(attempt.map(|(tenant, _)| tenant)) == Some(&tenant)
    };
    if names.iter().any(belongs) { Ok(()) } else { Err("it belongs to nothing") }
}

/// Stored balances are the sums of the transfers, and what is owed to a storefront, over all of its own accounts, is what its
/// intents hold and what it paid in from outside.
async fn check_sums(
    store: &impl Store,
    books: &BTreeMap<TenantId, Books>,
    known: &Known,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut owed: BTreeMap<(TenantId, Currency), i128> = BTreeMap::new();
    for (tenant, book) in books {
        let stored = store.balances(*tenant).await?;
        let stored = stored.iter().map(|row| (&row.account, row.currency, row.balance));
        if !stored.eq(book.balances()) {
            report.find(format!("{tenant}: balances differ from the sum of the transfers"));
        }
        for (account, currency, balance) in book.balances() {
            if account.kind().is_bounded() {
                let kept = store.available(*tenant, account, currency).await?;
                if i128::from(kept) != balance.available(account) {
                    report.find(format!(
                        "{tenant}: {kept} {currency} are kept as available of {account}, which has {}",
                        balance.available(account)
                    ));
                }
            }
            if account.kind().is_own() {
                let posted = balance.posted(account);
                let owes = if account.kind().grows_by_debits() { -posted } else { posted };
                *owed.entry((*tenant, currency)).or_default() += owes;
            }
        }
    }
    let all: std::collections::BTreeSet<_> = owed.keys().chain(known.held.keys()).collect();
    for key in all {
        let sum = |sums: &BTreeMap<_, i128>| sums.get(key).copied().unwrap_or(0);
        if sum(&owed) != sum(&known.held) {
            let (tenant, currency) = key;
            report.find(format!(
                "{tenant}: the ledger owes {} in {currency}, the intents say {}",
                sum(&owed),
                sum(&known.held)
            ));
        }
    }
    Ok(())
}
