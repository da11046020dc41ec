//! Bulk refunds as a replica sees them: the model store, which now and then does not answer.

use jiff::SignedDuration;
use paifang_payment::{BulkId, TenantId};
use paifang_store::{
    BulkCall, BulkCalled, BulkClaim, BulkEntry, BulkRow, BulkStore, BulkThen, BulkTotal, Driven,
    EntriesAdded, EntryOutcome, EntryStage, NewBulk, NewBulkEntry, Page, StoreError,
};

use crate::store::SimStore;

type Answer<T> = Result<T, StoreError>;

impl SimStore {
    /// The answer of a commit, of which now and then nobody hears (F24).
    async fn told<T>(&self, answer: Answer<T>) -> Answer<T> {
        let universe = &self.universe;
        if universe.chaos() && universe.exec.happens(universe.swarm.commit_unknown) {
            universe.trace.fault("F24-commit-unknown", universe.exec.label());
            self.reach().await;
            return Err(StoreError::CommitUnknown("the connection ended".into()));
        }
        answer
    }
}

impl BulkStore for SimStore {
    async fn add_bulk(&self, bulk: &NewBulk) -> Answer<BulkCalled> {
        self.read().await?;
        self.told(self.universe.store.add_bulk(bulk).await).await
    }

    async fn add_bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        entries: &[NewBulkEntry],
    ) -> Answer<EntriesAdded> {
        self.read().await?;
        self.told(self.universe.store.add_bulk_entries(tenant, id, entries).await).await
    }

    async fn steer_bulk(&self, tenant: TenantId, id: BulkId, call: &BulkCall) -> Answer<BulkCalled> {
        self.read().await?;
        self.told(self.universe.store.steer_bulk(tenant, id, call).await).await
    }

    async fn bulk(&self, tenant: TenantId, id: BulkId) -> Answer<Option<BulkRow>> {
        self.read().await?;
        self.universe.store.bulk(tenant, id).await
    }

    async fn bulks(&self, tenant: TenantId, before: Option<BulkId>, max: usize) -> Answer<Page<BulkRow>> {
        self.read().await?;
        self.universe.store.bulks(tenant, before, max).await
    }

    async fn bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        stage: Option<EntryStage>,
        after: u64,
        max: usize,
    ) -> Answer<Vec<BulkEntry>> {
        self.read().await?;
        self.universe.store.bulk_entries(tenant, id, stage, after, max).await
    }

    async fn bulk_totals(&self, tenant: TenantId, id: BulkId) -> Answer<Vec<BulkTotal>> {
        self.read().await?;
        self.universe.store.bulk_totals(tenant, id).await
    }

    async fn claim_bulks(&self, max: usize, owner: &str, lease: SignedDuration) -> Answer<Vec<BulkClaim>> {
        self.read().await?;
        self.universe.store.claim_bulks(max, owner, lease).await
    }

    async fn drive_bulk(
        &self,
        claim: &BulkClaim,
        outcomes: &[(u64, EntryOutcome)],
        then: BulkThen,
    ) -> Answer<Option<Driven>> {
        self.read().await?;
        self.told(self.universe.store.drive_bulk(claim, outcomes, then).await).await
    }

    async fn scan_bulks(&self, after: Option<BulkId>, max: usize) -> Answer<Vec<BulkRow>> {
        self.read().await?;
        self.universe.store.scan_bulks(after, max).await
    }

    async fn scan_open_bulks(&self, after: Option<BulkId>, max: usize) -> Answer<Vec<BulkRow>> {
        self.read().await?;
        self.universe.store.scan_open_bulks(after, max).await
    }

    async fn open_bulks(&self) -> Answer<u64> {
        self.read().await?;
        self.universe.store.open_bulks().await
    }
}
