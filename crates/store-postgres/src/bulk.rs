//! The part of the port that keeps bulk refunds.

use jiff::SignedDuration;
use paifang_payment::{BulkId, TenantId};
use paifang_store::{
    BulkCall, BulkCalled, BulkClaim, BulkEntry, BulkRow, BulkStore, BulkThen, BulkTotal, Driven,
    EntriesAdded, EntryOutcome, EntryStage, NewBulk, NewBulkEntry, Page,
};

use crate::read;
use crate::store::{Answer, PostgresStore};
use crate::write::bulk::{Add, AddEntries, Claim, Drive, Steer, transact};

impl BulkStore for PostgresStore {
    async fn add_bulk(&self, bulk: &NewBulk) -> Answer<BulkCalled> {
        let add = Add(bulk.clone());
        self.write(move |inner| async move { transact(&inner.pool, add).await }).await
    }

    async fn add_bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        entries: &[NewBulkEntry],
    ) -> Answer<EntriesAdded> {
        let add = AddEntries(tenant, id, entries.to_vec());
        self.write(move |inner| async move { transact(&inner.pool, add).await }).await
    }

    async fn steer_bulk(&self, tenant: TenantId, id: BulkId, call: &BulkCall) -> Answer<BulkCalled> {
        let call = call.clone();
        self.write(
            move |inner| async move { transact(&inner.pool, Steer(tenant, id, call, &inner.clock)).await },
        )
        .await
    }

    async fn bulk(&self, tenant: TenantId, id: BulkId) -> Answer<Option<BulkRow>> {
        self.read(move |inner| async move { read::bulk::one(&inner.pool, tenant, id).await }).await
    }

    async fn bulks(&self, tenant: TenantId, before: Option<BulkId>, max: usize) -> Answer<Page<BulkRow>> {
        self.read(move |inner| async move { read::bulk::list(&inner.pool, tenant, before, max).await }).await
    }

    async fn bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        stage: Option<EntryStage>,
        after: u64,
        max: usize,
    ) -> Answer<Vec<BulkEntry>> {
        self.read(move |inner| async move {
            read::bulk::entries(&inner.pool, (tenant, id), stage, after, max).await
        })
        .await
    }

    async fn bulk_totals(&self, tenant: TenantId, id: BulkId) -> Answer<Vec<BulkTotal>> {
        self.read(move |inner| async move { read::bulk::totals(&inner.pool, tenant, id).await }).await
    }

    async fn claim_bulks(&self, max: usize, owner: &str, lease: SignedDuration) -> Answer<Vec<BulkClaim>> {
        let owner = owner.to_owned();
        self.write(
            move |inner| async move { transact(&inner.pool, Claim(max, owner, lease, &inner.clock)).await },
        )
        .await
    }

    async fn drive_bulk(
        &self,
        claim: &BulkClaim,
        outcomes: &[(u64, EntryOutcome)],
        then: BulkThen,
    ) -> Answer<Option<Driven>> {
        let (claim, outcomes) = (*claim, outcomes.to_vec());
        self.write(move |inner| async move {
            transact(&inner.pool, Drive(claim, outcomes, then, &inner.clock)).await
        })
        .await
    }

    async fn scan_bulks(&self, after: Option<BulkId>, max: usize) -> Answer<Vec<BulkRow>> {
        self.read(move |inner| async move { read::bulk::scan(&inner.pool, after, max).await }).await
    }

    async fn scan_open_bulks(&self, after: Option<BulkId>, max: usize) -> Answer<Vec<BulkRow>> {
        self.read(move |inner| async move { read::bulk::scan_open(&inner.pool, after, max).await }).await
    }

    async fn open_bulks(&self) -> Answer<u64> {
        self.read(move |inner| async move { read::bulk::open(&inner.pool).await }).await
    }
}
