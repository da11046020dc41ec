//! Bulk refunds in memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::Vacant;
use std::future::{Future, ready};
use std::ops::Bound;

use jiff::{SignedDuration, Timestamp};
use paifang_payment::refund::{Refund, State};
use paifang_payment::{BulkId, RefundId, RequestId, TenantId};

use super::read::page;
use super::{Answer, Content, ModelStore, Work};
use crate::{
    BULK_ASKING_MAX, BULK_CANCELED_AT_ONCE, BULK_ENTRIES_MAX, BulkCall, BulkCalled, BulkClaim, BulkEntry,
    BulkRow, BulkState, BulkStep, BulkStore, BulkThen, BulkTotal, Driven, EntriesAdded, EntryOutcome,
    EntryStage, NewBulk, NewBulkEntry, Operation, PAGE_MAX, Page, RequestKey, RequestRow, pause_after,
};

type Requests = BTreeMap<(TenantId, Operation, RequestId), RequestRow>;

/// A bulk with its entries and its claim.
#[derive(Clone)]
pub(super) struct Bulk {
    row: BulkRow,
    /// The stage of an entry with a refund is looked up.
    entries: Vec<Entry>,
    /// When somebody is to look; absent where nobody is.
    due_at: Option<Timestamp>,
    leased_until: Option<Timestamp>,
    epoch: u64,
    /// When the next entry may begin.
    next_at: Timestamp,
}

#[derive(Clone)]
struct Entry {
    row: BulkEntry,
    added: NewBulkEntry,
    asking: bool,
}

impl Content {
    fn called(&self, tenant: TenantId, call: &BulkCall) -> Option<BulkCalled> {
        let known = self.bulk_calls.get(&(tenant, call.step, call.request_id.clone()));
        known.map(|(fingerprint, id)| {
            if *fingerprint == call.fingerprint { BulkCalled::Replayed(*id) } else { BulkCalled::Reused }
        })
    }

    fn keep_call(&mut self, tenant: TenantId, call: &BulkCall, id: BulkId) {
        self.bulk_calls.insert((tenant, call.step, call.request_id.clone()), (call.fingerprint, id));
    }

    fn own_bulk(&self, tenant: TenantId, id: BulkId) -> Option<&Bulk> {
        self.bulks.get(&id).filter(|bulk| bulk.row.tenant == tenant)
    }

    fn add_bulk(&mut self, bulk: &NewBulk) -> BulkCalled {
        if let Some(known) = self.called(bulk.tenant, &bulk.call) {
            return known;
        }
        self.keep_call(bulk.tenant, &bulk.call, bulk.id);
        let row = BulkRow {
            tenant: bulk.tenant,
            id: bulk.id,
            terms: bulk.terms.clone(),
            state: BulkState::Draft,
            entries: 0,
            created_at: bulk.at,
            started_at: None,
            ended_at: None,
        };
        let (entries, due_at, leased_until) = (Vec::new(), None, None);
        let next_at = Timestamp::UNIX_EPOCH;
        self.bulks.insert(bulk.id, Bulk { row, entries, due_at, leased_until, epoch: 0, next_at });
        BulkCalled::Done
    }

    fn add_bulk_entries(&mut self, tenant: TenantId, id: BulkId, added: &[NewBulkEntry]) -> EntriesAdded {
        let own = self.bulks.get_mut(&id).filter(|bulk| bulk.row.tenant == tenant);
        let Some(bulk) = own else { return EntriesAdded::Unknown };
        let mut entries = bulk.entries.clone();
        for wanted in added {
            match entries.iter().find(|entry| entry.added.name == wanted.name) {
                Some(known) if known.added == *wanted => {}
                Some(_) => return EntriesAdded::Differs(wanted.name.clone()),
                None => {
                    let position = entries.len() as u64 + 1;
                    entries.push(Entry {
                        row: waiting(position, wanted),
                        added: wanted.clone(),
                        asking: false,
                    });
                }
            }
        }
        let new = entries.len().saturating_sub(bulk.entries.len()) as u64;
        if new > 0 && bulk.row.state != BulkState::Draft {
            return EntriesAdded::Refused(bulk.row.state);
        }
        if entries.len() as u64 > BULK_ENTRIES_MAX {
            return EntriesAdded::Full;
        }
        bulk.row.entries = entries.len() as u64;
        bulk.entries = entries;
        EntriesAdded::Done(new)
    }

    fn steer_bulk(&mut self, tenant: TenantId, id: BulkId, call: &BulkCall, now: Timestamp) -> BulkCalled {
        if let Some(known) = self.called(tenant, call) {
            return known;
        }
        let own = self.bulks.get_mut(&id).filter(|bulk| bulk.row.tenant == tenant);
        let Some(bulk) = own else { return BulkCalled::Unknown };
        let Some(next) = bulk.row.state.after(call.step) else {
            return BulkCalled::Refused(bulk.row.state);
        };
        bulk.row.state = next;
        if call.step == BulkStep::Start {
            bulk.row.started_at = Some(call.at);
        }
        bulk.due_at = Some(now);
        self.keep_call(tenant, call, id);
        BulkCalled::Done
    }

    fn claim_bulks(&mut self, max: usize, now: Timestamp, lease: SignedDuration) -> Vec<BulkClaim> {
        let free = |bulk: &Bulk| {
            bulk.due_at.is_some_and(|due| due <= now) && bulk.leased_until.is_none_or(|until| until <= now)
        };
        let mut due: Vec<(Option<Timestamp>, BulkId)> =
            self.bulks.values().filter(|bulk| free(bulk)).map(|bulk| (bulk.due_at, bulk.row.id)).collect();
        due.sort();
        due.truncate(max.min(PAGE_MAX));
        let mut claimed = Vec::new();
        for (_, id) in due {
            if let Some(bulk) = self.bulks.get_mut(&id) {
                bulk.epoch += 1;
                bulk.leased_until = now.checked_add(lease).ok();
                claimed.push(BulkClaim { tenant: bulk.row.tenant, id, epoch: bulk.epoch });
            }
        }
        claimed
    }

    fn drive_bulk(
        &mut self,
        claim: &BulkClaim,
        outcomes: &[(u64, EntryOutcome)],
        then: BulkThen,
        now: Timestamp,
    ) -> Option<Driven> {
        let (refunds, work, requests) = (&self.refunds, &self.work, &mut self.requests);
        let held = self.bulks.get_mut(&claim.id);
        let bulk = held.filter(|bulk| bulk.row.tenant == claim.tenant && bulk.epoch == claim.epoch)?;
        bulk.write(outcomes, requests);
        let mut in_flight = None;
        match then {
            BulkThen::Rest { after, seen } => {
                let is_as_seen = seen.is_none_or(|seen| bulk.row.state == seen);
                let after = if is_as_seen { after } else { SignedDuration::ZERO };
                bulk.epoch += 1;
                bulk.leased_until = None;
                bulk.due_at = now.checked_add(after).ok();
            }
            BulkThen::Go { begin, look, lease } => {
                bulk.leased_until = now.checked_add(lease).ok();
                bulk.give_up();
                bulk.begin(begin, now);
                if look {
                    in_flight = Some(bulk.look(refunds, work, now));
                }
            }
        }
        let asking = bulk.entries.iter().filter(|entry| entry.asking).take(PAGE_MAX);
        Some(Driven {
            state: bulk.row.state,
            terms: bulk.row.terms.clone(),
            asking: asking.map(|entry| entry.row.clone()).collect(),
            waiting: bulk.entries.iter().any(|entry| entry.row.stage == EntryStage::Waiting),
            in_flight,
            slot: bulk.next_at.duration_since(now),
        })
    }
}

impl Bulk {
    fn write(&mut self, outcomes: &[(u64, EntryOutcome)], requests: &mut Requests) {
        for (position, outcome) in outcomes {
            let mut asking = self.entries.iter_mut().filter(|entry| entry.asking);
            let Some(entry) = asking.find(|entry| entry.row.position == *position) else { continue };
            match outcome {
                EntryOutcome::Asked(refund, amount) => {
                    (entry.row.refund, entry.row.amount) = (Some(*refund), Some(*amount));
                }
                EntryOutcome::Refused(refused, request) => {
                    let RequestKey { operation, request_id, fingerprint, resource } = request.clone();
                    let Vacant(free) = requests.entry((self.row.tenant, operation, request_id)) else {
                        continue;
                    };
                    free.insert(RequestRow { fingerprint, resource });
                    entry.row.stage = EntryStage::Refused;
                    entry.row.refused = Some(refused.clone());
                }
            }
            entry.asking = false;
        }
    }

    fn give_up(&mut self) {
        if self.row.state == BulkState::Canceling {
            let waiting = self.entries.iter_mut().filter(|entry| entry.row.stage == EntryStage::Waiting);
            for entry in waiting.take(BULK_CANCELED_AT_ONCE as usize) {
                entry.row.stage = EntryStage::Canceled;
            }
        }
    }

    fn begin(&mut self, most: u32, now: Timestamp) {
        let asking = self.entries.iter().filter(|entry| entry.asking).count();
        let most = (most as usize).min((BULK_ASKING_MAX as usize).saturating_sub(asking));
        if self.row.state != BulkState::Running || self.next_at > now {
            return;
        }
        let waiting = self.entries.iter_mut().filter(|entry| entry.row.stage == EntryStage::Waiting);
        let mut begun = 0;
        for entry in waiting.take(most) {
            (entry.asking, entry.row.stage) = (true, EntryStage::Asked);
            begun += 1;
        }
        if begun > 0 {
            let pause = pause_after(begun, self.row.terms.pace);
            self.next_at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        }
    }

    /// Ends a bulk in which nothing is open; answers how many refunds are in flight, those aside that a person has.
    fn look(
        &mut self,
        refunds: &BTreeMap<RefundId, Refund>,
        work: &BTreeMap<String, Work>,
        now: Timestamp,
    ) -> u64 {
        let runs = matches!(self.row.state, BulkState::Running | BulkState::Canceling);
        if runs && self.entries.iter().all(|entry| seen(entry, refunds).stage.is_final()) {
            self.row.state = BulkState::Ended;
            self.row.ended_at = Some(now);
            (self.due_at, self.leased_until) = (None, None);
            self.epoch += 1;
        }
        let flies = |entry: &&Entry| {
            let refund = entry.row.refund.and_then(|id| refunds.get(&id));
            let work = entry.row.refund.and_then(|id| work.get(&id.to_string()));
            let is_aside = work.is_some_and(|work| work.row.quarantined.is_some());
            !is_aside
                && refund.is_some_and(|refund| {
                    matches!(refund.state, State::Sending(_) | State::InDoubt(_)) && refund.short().is_none()
                })
        };
        self.entries.iter().filter(flies).count() as u64
    }
}

fn waiting(position: u64, added: &NewBulkEntry) -> BulkEntry {
    let NewBulkEntry { name, intent, amount } = added.clone();
    BulkEntry { position, name, intent, amount, stage: EntryStage::Waiting, refund: None, refused: None }
}

/// An entry as it is shown: that of a refund is as far as the refund.
fn seen(entry: &Entry, refunds: &BTreeMap<RefundId, Refund>) -> BulkEntry {
    let refund = entry.row.refund.and_then(|id| refunds.get(&id));
    let stage = refund.map_or(entry.row.stage, |refund| match &refund.state {
        State::Sending(_) if refund.short().is_some() => EntryStage::AwaitingFunds,
        State::Sending(_) => EntryStage::Asked,
        State::InDoubt(_) | State::Processing { .. } => EntryStage::Sent,
        State::Succeeded { .. } => EntryStage::Succeeded,
        State::Failed { .. } => EntryStage::Failed,
    });
    BulkEntry { stage, ..entry.row.clone() }
}

fn totals(entries: impl Iterator<Item = BulkEntry>) -> Vec<BulkTotal> {
    let mut sums: BTreeMap<(EntryStage, Option<String>, Option<&str>), BulkTotal> = BTreeMap::new();
    for entry in entries {
        let BulkEntry { stage, amount, refused, .. } = entry;
        let reason = refused.map(|refused| refused.reason);
        let currency = amount.map(|amount| amount.currency());
        let none = BulkTotal { stage, reason, currency, count: 0, minor: 0 };
        let sum = sums.entry(none.place()).or_insert(none);
        sum.count += 1;
        sum.minor += i128::from(amount.map_or(0, |amount| amount.minor_units()));
    }
    sums.into_values().collect()
}

impl BulkStore for ModelStore {
    fn add_bulk(&self, bulk: &NewBulk) -> impl Future<Output = Answer<BulkCalled>> + Send {
        ready(Ok(self.content().add_bulk(bulk)))
    }

    fn add_bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        entries: &[NewBulkEntry],
    ) -> impl Future<Output = Answer<EntriesAdded>> + Send {
        ready(Ok(self.content().add_bulk_entries(tenant, id, entries)))
    }

    fn steer_bulk(
        &self,
        tenant: TenantId,
        id: BulkId,
        call: &BulkCall,
    ) -> impl Future<Output = Answer<BulkCalled>> + Send {
        let now = (self.now)();
        ready(Ok(self.content().steer_bulk(tenant, id, call, now)))
    }

    fn bulk(&self, tenant: TenantId, id: BulkId) -> impl Future<Output = Answer<Option<BulkRow>>> + Send {
        self.read(|all| all.own_bulk(tenant, id).map(|bulk| bulk.row.clone()))
    }

    fn bulks(
        &self,
        tenant: TenantId,
        before: Option<BulkId>,
        max: usize,
    ) -> impl Future<Output = Answer<Page<BulkRow>>> + Send {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        self.read(|all| {
            let older = all.bulks.range((Bound::Unbounded, end)).rev().map(|(_, bulk)| &bulk.row);
            page(older.filter(|row| row.tenant == tenant).cloned(), max)
        })
    }

    fn bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        stage: Option<EntryStage>,
        after: u64,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<BulkEntry>>> + Send {
        self.read(|all| {
            let own = all.own_bulk(tenant, id).into_iter().flat_map(|bulk| &bulk.entries);
            let later = own.filter(|entry| entry.row.position > after).map(|entry| seen(entry, &all.refunds));
            let wanted = later.filter(|entry| stage.is_none_or(|stage| entry.stage == stage));
            wanted.take(max.min(PAGE_MAX)).collect()
        })
    }

    fn bulk_totals(
        &self,
        tenant: TenantId,
        id: BulkId,
    ) -> impl Future<Output = Answer<Vec<BulkTotal>>> + Send {
        self.read(|all| {
            let own = all.own_bulk(tenant, id).into_iter().flat_map(|bulk| &bulk.entries);
            totals(own.map(|entry| seen(entry, &all.refunds)))
        })
    }

    fn claim_bulks(
        &self,
        max: usize,
        owner: &str,
        lease: SignedDuration,
    ) -> impl Future<Output = Answer<Vec<BulkClaim>>> + Send {
        let _ = owner;
        let now = (self.now)();
        ready(Ok(self.content().claim_bulks(max, now, lease)))
    }

    fn drive_bulk(
        &self,
        claim: &BulkClaim,
        outcomes: &[(u64, EntryOutcome)],
        then: BulkThen,
    ) -> impl Future<Output = Answer<Option<Driven>>> + Send {
        let now = (self.now)();
        ready(Ok(self.content().drive_bulk(claim, outcomes, then, now)))
    }

    fn scan_bulks(
        &self,
        after: Option<BulkId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<BulkRow>>> + Send {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.read(|all| {
            let later = all.bulks.range((from, Bound::Unbounded)).map(|(_, bulk)| bulk.row.clone());
            later.take(max.min(PAGE_MAX)).collect()
        })
    }

    fn scan_open_bulks(
        &self,
        after: Option<BulkId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<BulkRow>>> + Send {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.read(|all| {
            let later = all.bulks.range((from, Bound::Unbounded)).map(|(_, bulk)| bulk);
            let open = later.filter(|bulk| bulk.due_at.is_some()).map(|bulk| bulk.row.clone());
            open.take(max.min(PAGE_MAX)).collect()
        })
    }

    fn open_bulks(&self) -> impl Future<Output = Answer<u64>> + Send {
        self.read(|all| all.bulks.values().filter(|bulk| bulk.due_at.is_some()).count() as u64)
    }
}
