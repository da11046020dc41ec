//! The part of the port that keeps bulk refunds.

use jiff::SignedDuration;
use paifang_payment::{BulkId, TenantId};
use paifang_store::{
    BulkCall, BulkCalled, BulkClaim, BulkEntry, BulkRow, BulkStore, BulkThen, BulkTotal, Driven,
    EntriesAdded, EntryOutcome, EntryStage, NewBulk, NewBulkEntry, Page,
};

use crate::store::{Answer, SqliteStore};
use crate::writer::Made;
use crate::{read, write};

impl BulkStore for SqliteStore {
    async fn add_bulk(&self, bulk: &NewBulk) -> Answer<BulkCalled> {
        let bulk = bulk.clone();
        self.write(move |connection, _| write::bulk::add(connection, &bulk).map(Made::Keep)).await
    }

    async fn add_bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        entries: &[NewBulkEntry],
    ) -> Answer<EntriesAdded> {
        let entries = entries.to_vec();
        self.write(move |connection, _| write::bulk::add_entries(connection, tenant, id, &entries)).await
    }

    async fn steer_bulk(&self, tenant: TenantId, id: BulkId, call: &BulkCall) -> Answer<BulkCalled> {
        let call = call.clone();
        self.write(move |connection, now| {
            write::bulk::steer(connection, tenant, id, &call, now).map(Made::Keep)
        })
        .await
    }

    async fn bulk(&self, tenant: TenantId, id: BulkId) -> Answer<Option<BulkRow>> {
        self.read(move |connection| read::bulk::one(connection, tenant, id)).await
    }

    async fn bulks(&self, tenant: TenantId, before: Option<BulkId>, max: usize) -> Answer<Page<BulkRow>> {
        self.read(move |connection| read::bulk::list(connection, tenant, before, max)).await
    }

    async fn bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        stage: Option<EntryStage>,
        after: u64,
        max: usize,
    ) -> Answer<Vec<BulkEntry>> {
        self.read(move |connection| read::bulk::entries(connection, (tenant, id), stage, after, max)).await
    }

    async fn bulk_totals(&self, tenant: TenantId, id: BulkId) -> Answer<Vec<BulkTotal>> {
        self.read(move |connection| read::bulk::totals(connection, tenant, id)).await
    }

    async fn claim_bulks(&self, max: usize, owner: &str, lease: SignedDuration) -> Answer<Vec<BulkClaim>> {
        let owner = owner.to_owned();
        self.write(move |connection, now| {
            write::bulk::claim(connection, max, &owner, lease, now).map(Made::Keep)
        })
        .await
    }

    async fn drive_bulk(
        &self,
        claim: &BulkClaim,
        outcomes: &[(u64, EntryOutcome)],
        then: BulkThen,
    ) -> Answer<Option<Driven>> {
        let (claim, outcomes) = (*claim, outcomes.to_vec());
        self.write(move |connection, now| {
            write::bulk::drive(connection, &claim, &outcomes, then, now).map(Made::Keep)
        })
        .await
    }

    async fn scan_bulks(&self, after: Option<BulkId>, max: usize) -> Answer<Vec<BulkRow>> {
        self.read(move |connection| read::bulk::scan(connection, after, max)).await
    }

    async fn scan_open_bulks(&self, after: Option<BulkId>, max: usize) -> Answer<Vec<BulkRow>> {
        self.read(move |connection| read::bulk::scan_open(connection, after, max)).await
    }

    async fn open_bulks(&self) -> Answer<u64> {
        self.read(read::bulk::open).await
    }
}
