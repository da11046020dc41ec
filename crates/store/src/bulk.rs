//! Bulk refunds: many refunds that a storefront asks for in one go, and how far each of them is.
//!
//! A bulk is a list of entries and a state. Whoever holds its claim drives it ([`BulkStore::drive_bulk`]): an entry is
//! written down as *asking* before its refund is opened, and as *asked* or *refused* afterwards, so that whoever takes over
//! knows which entries may have a refund. What became of a refund is the refund's own row; nothing here is counted twice.

mod row;

use std::future::Future;

use jiff::SignedDuration;
use paifang_payment::{BulkId, TenantId};

use crate::{Page, StoreError};

pub use row::{
    BulkCall, BulkCalled, BulkCase, BulkClaim, BulkEntry, BulkRow, BulkState, BulkStep, BulkTerms, BulkThen,
    BulkTotal, Driven, EntriesAdded, EntryOutcome, EntryStage, NewBulk, NewBulkEntry, Refused, pause_after,
};

/// Entries of one bulk at most.
pub const BULK_ENTRIES_MAX: u64 = 100_000;

/// Entries of a bulk that are being asked for at most. While those of them that cannot be seen to now are fewer, others go on.
pub const BULK_ASKING_MAX: u32 = 32;

/// Entries that a canceled bulk gives up in one commit.
pub const BULK_CANCELED_AT_ONCE: u32 = 1_000;

type Answer<T> = Result<T, StoreError>;

/// The part of the port that keeps bulk refunds.
pub trait BulkStore: Send + Sync + 'static {
    /// Keeps a new bulk without entries, once per request id.
    fn add_bulk(&self, bulk: &NewBulk) -> impl Future<Output = Answer<BulkCalled>> + Send;

    /// Adds entries to a bulk that has not been started: all of them, or none. Those that are there already, with the same
    /// content, are left as they are, in every state of the bulk.
    fn add_bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        entries: &[NewBulkEntry],
    ) -> impl Future<Output = Answer<EntriesAdded>> + Send;

    /// Takes a bulk a step further, once per step and request id.
    fn steer_bulk(
        &self,
        tenant: TenantId,
        id: BulkId,
        call: &BulkCall,
    ) -> impl Future<Output = Answer<BulkCalled>> + Send;

    /// A bulk of this tenant.
    fn bulk(&self, tenant: TenantId, id: BulkId) -> impl Future<Output = Answer<Option<BulkRow>>> + Send;

    /// Bulks of a tenant, newest first, older than `before`.
    fn bulks(
        &self,
        tenant: TenantId,
        before: Option<BulkId>,
        max: usize,
    ) -> impl Future<Output = Answer<Page<BulkRow>>> + Send;

    /// Entries of a bulk behind a position, in their order, with what became of each; of one stage or of all.
    fn bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        stage: Option<EntryStage>,
        after: u64,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<BulkEntry>>> + Send;

    /// How many entries are where, and how much that is, all of one moment. Costs what entries there are.
    fn bulk_totals(
        &self,
        tenant: TenantId,
        id: BulkId,
    ) -> impl Future<Output = Answer<Vec<BulkTotal>>> + Send;

    /// Claims bulks that are due, oldest first, on the store's own clock.
    fn claim_bulks(
        &self,
        max: usize,
        owner: &str,
        lease: SignedDuration,
    ) -> impl Future<Output = Answer<Vec<BulkClaim>>> + Send;

    /// Writes down what became of entries that were asked for, and goes on. `None`: the claim was lost, and nothing was
    /// changed.
    fn drive_bulk(
        &self,
        claim: &BulkClaim,
        outcomes: &[(u64, EntryOutcome)],
        then: BulkThen,
    ) -> impl Future<Output = Answer<Option<Driven>>> + Send;

    /// All bulks of all tenants by id, after `after`; for checks.
    fn scan_bulks(
        &self,
        after: Option<BulkId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<BulkRow>>> + Send;

    /// Bulks of all tenants that were started and have not ended, by id, after `after`. Costs what there are of those.
    fn scan_open_bulks(
        &self,
        after: Option<BulkId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<BulkRow>>> + Send;

    /// How many of these there are.
    fn open_bulks(&self) -> impl Future<Output = Answer<u64>> + Send;
}
