//! Bulk refunds as a storefront asks for them. What drives them is in `bulk_drive.rs`.

use jiff::Timestamp;
use paifang_payment::{BulkId, RequestId, TenantId};
use paifang_store::{
    BULK_ENTRIES_MAX, BulkCall, BulkCalled, BulkRow, BulkState, BulkStep, BulkTerms, BulkTotal, EntriesAdded,
    NewBulk, NewBulkEntry, Store,
};
use serde::Serialize;

use crate::error::reason;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error, Made};

/// Refunds per second at most that a bulk may ask for.
pub const BULK_PACE_MAX: u32 = 1_000;

/// The most that [`BulkTerms::in_flight_max`] may be, and what it is where a storefront does not say.
pub const BULK_IN_FLIGHT_MAX: u32 = 1_000;
/// See [`BULK_IN_FLIGHT_MAX`].
pub const BULK_IN_FLIGHT_DEFAULT: u32 = 100;

/// Make a bulk without entries.
#[derive(Debug, Clone, Serialize)]
pub struct CreateBulk {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// What it is.
    pub terms: BulkTerms,
}

/// Start, pause, resume or cancel a bulk.
#[derive(Debug, Clone, Serialize)]
pub struct SteerBulk {
    /// The storefront's id of this call.
    #[serde(skip)]
    pub request_id: RequestId,
    /// Which.
    pub bulk: BulkId,
    /// What is wanted.
    #[serde(skip)]
    pub step: BulkStep,
}

/// A bulk with its running total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkSeen {
    /// The bulk.
    pub row: BulkRow,
    /// How many entries are where, and how much that is.
    pub totals: Vec<BulkTotal>,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Makes a bulk, once per request id.
    pub async fn create_bulk(&self, tenant: TenantId, wanted: CreateBulk) -> Result<Made<BulkSeen>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        let (id, at) = (self.new_bulk_id(), self.now());
        let call = BulkCall { step: BulkStep::Create, request_id: wanted.request_id, fingerprint, at };
        let bulk = NewBulk { tenant, id, at, terms: wanted.terms, call };
        let called = self.inner.store.add_bulk(&bulk).await?;
        self.made_bulk(tenant, id, called).await
    }

    /// Adds entries to a bulk that was not started: all of them or none. Answers how many are new.
    pub async fn add_bulk_entries(
        &self,
        tenant: TenantId,
        id: BulkId,
        entries: Vec<NewBulkEntry>,
    ) -> Result<(BulkRow, u64), Error> {
        let added = match self.inner.store.add_bulk_entries(tenant, id, &entries).await? {
            EntriesAdded::Done(added) => added,
            EntriesAdded::Unknown => return Err(Error::NotFound("bulk refund")),
            EntriesAdded::Differs(name) => {
                let message = format!("entry {name} is there with another intent or amount");
                return Err(Error::precondition(reason::BULK_ENTRY_DIFFERS, message));
            }
            EntriesAdded::Full => {
                let rule = format!("a bulk refund has at most {BULK_ENTRIES_MAX} entries");
                return Err(Error::invalid("entries", rule));
            }
            EntriesAdded::Refused(state) => return Err(not_in(state, "takes no new entries")),
        };
        let row = self.inner.store.bulk(tenant, id).await?.ok_or(Error::NotFound("bulk refund"))?;
        Ok((row, added))
    }

    /// Takes a bulk a step further, once per request id.
    pub async fn steer_bulk(&self, tenant: TenantId, wanted: SteerBulk) -> Result<Made<BulkSeen>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        let SteerBulk { request_id, bulk, step } = wanted;
        let call = BulkCall { step, request_id, fingerprint, at: self.now() };
        let called = self.inner.store.steer_bulk(tenant, bulk, &call).await?;
        if called == BulkCalled::Done {
            tracing::info!(%tenant, %bulk, step = step.as_str(), "a bulk refund was steered");
            self.inner.signals.committed(None);
        }
        self.made_bulk(tenant, bulk, called).await
    }

    /// A bulk with its running total.
    pub async fn bulk(&self, tenant: TenantId, id: BulkId) -> Result<BulkSeen, Error> {
        // The total is read first: a bulk that has ended by then is not shown with entries that are open.
        let totals = self.inner.store.bulk_totals(tenant, id).await?;
        let row = self.inner.store.bulk(tenant, id).await?.ok_or(Error::NotFound("bulk refund"))?;
        if row.state != BulkState::Ended {
            return Ok(BulkSeen { row, totals });
        }
        let totals = self.inner.store.bulk_totals(tenant, id).await?;
        Ok(BulkSeen { row, totals })
    }

    async fn made_bulk(
        &self,
        tenant: TenantId,
        id: BulkId,
        called: BulkCalled,
    ) -> Result<Made<BulkSeen>, Error> {
        let (id, replayed) = match called {
            BulkCalled::Done => (id, false),
            BulkCalled::Replayed(id) => (id, true),
            BulkCalled::Reused => return Err(Error::RequestReused),
            BulkCalled::Unknown => return Err(Error::NotFound("bulk refund")),
            BulkCalled::Refused(state) => return Err(not_in(state, "has no such step")),
        };
        Ok(Made { resource: self.bulk(tenant, id).await?, replayed })
    }

    fn new_bulk_id(&self) -> BulkId {
        let mut entropy = [0; 10];
        self.inner.world.entropy(&mut entropy);
        let now: Timestamp = self.now();
        BulkId::from_parts(now, entropy)
    }
}

fn not_in(state: BulkState, what: &str) -> Error {
    Error::precondition(reason::BULK_STATE, format!("a bulk refund that is {} {what}", state.as_str()))
}
