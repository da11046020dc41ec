//! Reads of the content.

use std::ops::Bound;

use jiff::Timestamp;
use paifang_payment::intent::Ending;
use paifang_payment::refund::{self, Refund};
use paifang_payment::{FundsId, IntentId, RefundId, RequestId, TenantId};
use paifang_policy::guard::Tally;

use super::Content;
use crate::{
    AccountBalance, GuardedBook, InboxVerdict, IntentFilter, IntentRow, PAGE_MAX, Page, Resource, RulesEntry,
    Sample, Stats, StoredDecided, StoredEvent, StoredTransfer, WorkRow,
};

impl Content {
    pub(super) fn list_intents(
        &self,
        tenant: TenantId,
        filter: &IntentFilter,
        max: usize,
    ) -> Page<IntentRow> {
        let end = filter.before.map_or(Bound::Unbounded, Bound::Excluded);
        let older = self.intents.range((Bound::Unbounded, end)).rev().map(|(_, row)| row);
        let wanted = |row: &&IntentRow| {
            let state = filter.state.as_deref().is_none_or(|state| row.intent.state.name() == state);
            row.intent.terms.tenant == tenant && state
        };
        page(older.filter(wanted).cloned(), max)
    }

    pub(super) fn list_refunds(
        &self,
        tenant: TenantId,
        intent: Option<IntentId>,
        before: Option<RefundId>,
        max: usize,
    ) -> Page<Refund> {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let older = self.refunds.range((Bound::Unbounded, end)).rev().map(|(_, row)| row);
        let wanted = |row: &&Refund| {
            row.terms.tenant == tenant && intent.is_none_or(|intent| row.terms.intent == intent)
        };
        page(older.filter(wanted).cloned(), max)
    }

    pub(super) fn events_after(&self, tenant: Option<TenantId>, cursor: u64, max: usize) -> Vec<StoredEvent> {
        let wanted = |event: &&StoredEvent| {
            event.cursor > cursor && tenant.is_none_or(|tenant| event.tenant == tenant)
        };
        self.events.iter().filter(wanted).take(max.min(PAGE_MAX)).cloned().collect()
    }

    pub(super) fn transfers_after(
        &self,
        tenant: Option<TenantId>,
        position: u64,
        max: usize,
    ) -> Vec<StoredTransfer> {
        let wanted = |row: &&StoredTransfer| {
            row.position > position && tenant.is_none_or(|tenant| row.tenant == tenant)
        };
        self.transfers.iter().filter(wanted).take(max.min(PAGE_MAX)).cloned().collect()
    }

    pub(super) fn list_balances(&self, tenant: TenantId) -> Vec<AccountBalance> {
        let books = self.books.get(&tenant);
        let balances = books.into_iter().flat_map(|books| books.balances());
        balances
            .map(|(account, currency, balance)| AccountBalance {
                account: account.clone(),
                currency,
                balance,
            })
            .collect()
    }

    pub(super) fn scan_intents(&self, after: Option<IntentId>, max: usize) -> Vec<IntentRow> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.intents
            .range((start, Bound::Unbounded))
            .take(max.min(PAGE_MAX))
            .map(|(_, row)| row.clone())
            .collect()
    }

    pub(super) fn scan_refunds(&self, after: Option<RefundId>, max: usize) -> Vec<Refund> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.refunds
            .range((start, Bound::Unbounded))
            .take(max.min(PAGE_MAX))
            .map(|(_, row)| row.clone())
            .collect()
    }

    pub(super) fn scan_work(&self, after: Option<&str>, max: usize) -> Vec<WorkRow> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.work.range::<str, _>((start, Bound::Unbounded));
        rows.take(max.min(PAGE_MAX)).map(|(_, work)| work.row.clone()).collect()
    }

    pub(super) fn scan_quarantine(&self, after: Option<&str>, max: usize) -> Vec<WorkRow> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.work.range::<str, _>((start, Bound::Unbounded)).map(|(_, work)| &work.row);
        rows.filter(|row| row.quarantined.is_some()).take(max.min(PAGE_MAX)).cloned().collect()
    }

    pub(super) fn tally(&self, sample: &Sample) -> Tally {
        let by_it = |row: &&StoredDecided| {
            row.tenant == sample.tenant
                && row.decided.opening() == Some(&sample.opening)
                && row.decided.counted_as() == sample.version
        };
        let ended = self.decided.values().filter(by_it).filter_map(|row| Some((row.marks.ended?, row)));
        let ended = ended.filter(|((_, at), _)| *at >= sample.since);
        let ended = ended.filter(|((ending, _), _)| *ending == Ending::Paid || !sample.paid_only);
        let is_seen =
            |row: &StoredDecided| self.seen.get(&row.attempt).is_some_and(|seen| *seen >= sample.entries);
        let mut ended: Vec<_> = ended.filter(|(_, row)| is_seen(row)).collect();
        ended.sort_by_key(|((_, at), _)| std::cmp::Reverse(*at));
        ended.truncate(usize::try_from(sample.max).unwrap_or(usize::MAX));
        let oldest = ended.last().map(|((_, at), _)| *at);
        let mut tally = Tally { ended: ended.len() as u64, oldest, ..Tally::default() };
        for ((_, _), row) in ended.iter().filter(|((ending, _), _)| *ending == Ending::Paid) {
            tally.paid += 1;
            tally.refunded += u64::from(row.marks.refunded_at.is_some());
            tally.complained += u64::from(row.marks.complained_at.is_some());
        }
        tally
    }

    pub(super) fn funds_asked(
        &self,
        tenant: TenantId,
        after: Option<&RequestId>,
        max: usize,
    ) -> Vec<(RequestId, FundsId)> {
        let asked = self.requests.iter().filter_map(|((of, _, request), row)| match row.resource {
            Resource::Funds(id) if *of == tenant && after.is_none_or(|after| request > after) => {
                Some((request.clone(), id))
            }
            Resource::Funds(_) | Resource::Intent(_) | Resource::Refund(_) => None,
        });
        asked.take(max.min(PAGE_MAX)).collect()
    }

    pub(super) fn guarded_books(&self, after: Option<TenantId>, max: usize) -> Vec<GuardedBook> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let books = self.rules.range((start, Bound::Unbounded));
        let guarded = books.filter(|(_, book)| book.iter().any(|entry| entry.guarded));
        let row = |(tenant, book): (&TenantId, &Vec<RulesEntry>)| GuardedBook {
            tenant: *tenant,
            entries: book.len() as u64,
        };
        guarded.map(row).take(max.min(PAGE_MAX)).collect()
    }

    pub(super) fn stats(&self, now: Timestamp) -> Stats {
        let mut stats = Stats { last_event: self.events.len() as u64, ..Stats::default() };
        for row in self.intents.values() {
            *stats.intents.entry(row.intent.state.name().to_owned()).or_default() += 1;
            for attempt in &row.intent.attempts {
                if attempt.state.is_in_doubt() {
                    doubt(&mut stats, attempt.terms.opened_at);
                }
            }
        }
        for refund in self.refunds.values() {
            if matches!(refund.state, refund::State::InDoubt(_)) {
                doubt(&mut stats, refund.opened_at());
            }
        }
        for work in self.work.values().map(|work| &work.row) {
            if work.quarantined.is_some() {
                stats.quarantined += 1;
            } else if let Some(until) = work.leased_until.filter(|until| *until > now) {
                stats.leased += 1;
                stats.oldest_lease_until =
                    Some(stats.oldest_lease_until.map_or(until, |oldest| oldest.min(until)));
            } else if work.due_at <= now {
                stats.due += 1;
                stats.oldest_due =
                    Some(stats.oldest_due.map_or(work.due_at, |oldest| oldest.min(work.due_at)));
            }
        }
        let odd = self.inbox.iter().filter(|row| matches!(row.verdict, InboxVerdict::Suspicious { .. }));
        stats.suspicious = odd.count() as u64;
        stats
    }
}

/// A doubt is as old as the operation that it is about.
fn doubt(stats: &mut Stats, since: Timestamp) {
    stats.doubts += 1;
    stats.oldest_doubt = Some(stats.oldest_doubt.map_or(since, |oldest| oldest.min(since)));
}

pub(super) fn page<T>(rows: impl Iterator<Item = T>, max: usize) -> Page<T> {
    let max = max.clamp(1, PAGE_MAX);
    let mut rows: Vec<T> = rows.take(max + 1).collect();
    let more = rows.len() > max;
    rows.truncate(max);
    Page { rows, more }
}
