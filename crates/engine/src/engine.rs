//! The engine itself: what it holds, how it commits, and how a caller waits.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};
use paifang_payment::planted::{self, Defect};
use paifang_payment::{EventId, FundsId, IntentId, RefundId, TenantId};
use paifang_store::{Batch, Committed, IntentRow, Lease, Store, StoreError, SubmissionChange};

use crate::codes::WaitingCodes;
use crate::health::Health;
use crate::ports::{Environment, Rails, Transport};
use crate::rules::Rulebooks;
use crate::signals::Signals;
use crate::upcoming::Upcoming;
use crate::{Account, Accounts, BulkCounts, Egress, Error, Names, RefusalCounts};

/// The use cases over one store, one set of rails, one transport and one environment. Clones share everything.
pub struct Engine<S, R, T, E> {
    pub(crate) inner: Arc<Inner<S, R, T, E>>,
}

pub(crate) struct Inner<S, R, T, E> {
    pub store: S,
    pub rails: R,
    pub transport: T,
    pub world: E,
    pub accounts: Accounts,
    pub names: Names,
    pub limits: Limits,
    pub signals: Signals,
    pub codes: WaitingCodes,
    pub rulebooks: Rulebooks,
    pub upcoming: Upcoming,
    pub health: Health,
    pub egress: Arc<Egress>,
    pub bulk_counts: BulkCounts,
    pub refusals: Arc<RefusalCounts>,
}

/// Bounds of the engine, from the config.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Names this replica in leases.
    pub owner: String,
    /// How long an intent lives that names no end.
    pub intent_life: SignedDuration,
    /// How long an intent may live at most.
    pub intent_life_max: SignedDuration,
    /// How long a claim lasts; longer than a rail call can take.
    pub lease: SignedDuration,
    /// Claims per lane at once.
    pub lane_width: usize,
    /// Pause between two looks at a lane where nothing wakes it.
    pub look_every: SignedDuration,
}

/// How often a decision is taken again because somebody else was faster.
pub(crate) const CONFLICTS_MAX: u32 = 64;

impl<S, R, T, E> Clone for Engine<S, R, T, E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Puts an engine together. The deployment's key comes from the store, where it was kept at the first start.
    pub async fn new(
        store: S,
        rails: R,
        transport: T,
        world: E,
        accounts: Accounts,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let mut fresh = [0; 32];
        world.entropy(&mut fresh);
        let names = Names::new(&store.deployment_key(fresh).await?);
        let (signals, codes) = (Signals::default(), WaitingCodes::default());
        let health = Health::of(&accounts);
        let egress = Arc::new(Egress::new(&accounts));
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                rails,
                transport,
                world,
                accounts,
                names,
                limits,
                signals,
                codes,
                rulebooks: Rulebooks::default(),
                upcoming: Upcoming::default(),
                health,
                egress,
                bulk_counts: BulkCounts::default(),
                refusals: Arc::default(),
            }),
        })
    }

    /// The store, for reads.
    pub fn store(&self) -> &S {
        &self.inner.store
    }

    /// The rail accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.inner.accounts
    }

    /// Derives names and keyed fingerprints; the edge binds page tokens and cursors to a tenant with them.
    pub fn names(&self) -> &Names {
        &self.inner.names
    }

    /// What has crossed to whom.
    pub fn egress(&self) -> &Arc<Egress> {
        &self.inner.egress
    }

    /// How many calls the tenants' own rules did not take.
    pub fn refusals(&self) -> &Arc<RefusalCounts> {
        &self.inner.refusals
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.inner.world.now()
    }

    /// Resolves at the next commit of any kind in this process, or after `most`.
    pub async fn anything_committed(&self, most: SignedDuration) {
        let signal = self.inner.signals.anything();
        drop(select(signal, self.inner.world.sleep(most)).await);
    }

    /// Waits until the intent needs no rail's word any more, or `budget` is over; answers it as it is then.
    pub async fn await_intent(
        &self,
        tenant: TenantId,
        id: IntentId,
        budget: SignedDuration,
    ) -> Result<IntentRow, Error> {
        let quiet = |row: &IntentRow| row.intent.state != paifang_payment::intent::State::Processing;
        self.await_change(tenant, id, budget, quiet).await
    }

    /// Waits until `enough` holds of the intent, or `budget` is over; answers it as it is then.
    pub async fn await_change(
        &self,
        tenant: TenantId,
        id: IntentId,
        budget: SignedDuration,
        enough: impl Fn(&IntentRow) -> bool,
    ) -> Result<IntentRow, Error> {
        let mut deadline = self.inner.world.sleep(budget).fuse();
        loop {
            let signal = self.inner.signals.intent(id);
            let row = self.inner.store.intent(tenant, id).await?.ok_or(Error::NotFound("payment intent"))?;
            if enough(&row) {
                return Ok(row);
            }
            let news = select(signal, self.inner.world.sleep(LOOK_AGAIN));
            if let Either::Left(_) = select(&mut deadline, news).await {
                return Ok(row);
            }
        }
    }

    /// Seals the journal entries, commits, and tells who waits.
    pub(crate) async fn commit(&self, mut batch: Batch) -> Result<Committed, StoreError> {
        batch.seal()?;
        let unwanted: Vec<_> = batch.submissions.iter().filter_map(SubmissionChange::cleared).collect();
        let intent = batch.intent.as_ref().map(|write| write.row.terms.id);
        let intent = intent.or(batch.refunds.first().map(|write| write.row.terms.intent));
        let committed = match self.inner.store.commit(batch).await {
            Err(StoreError::CommitUnknown(_)) if planted::is(Defect::CommitUnknownIsDone) => {
                Ok(Committed::Done)
            }
            Err(StoreError::Unavailable(_)) if planted::is(Defect::CommitFailedIsDone) => Ok(Committed::Done),
            committed => committed,
        };
        if matches!(committed, Ok(Committed::Done)) {
            unwanted.into_iter().for_each(|attempt| self.inner.codes.forget(attempt));
            self.inner.signals.committed(intent);
        }
        committed
    }

    pub(crate) fn account(&self, id: &paifang_payment::AccountId) -> Result<&Account, Error> {
        self.inner.accounts.get(id).ok_or_else(|| Error::AccountMissing(id.clone()))
    }

    pub(crate) fn own_lease(&self) -> Lease {
        let millis = u32::try_from(self.inner.limits.lease.as_millis()).unwrap_or(u32::MAX);
        Lease { owner: self.inner.limits.owner.clone(), millis }
    }

    pub(crate) fn new_intent_id(&self) -> IntentId {
        IntentId::from_parts(self.now(), self.ten_bytes())
    }

    pub(crate) fn new_refund_id(&self) -> RefundId {
        RefundId::from_parts(self.now(), self.ten_bytes())
    }

    pub(crate) fn new_funds_id(&self) -> FundsId {
        FundsId::from_parts(self.now(), self.ten_bytes())
    }

    pub(crate) fn new_event_id(&self) -> EventId {
        EventId::from_parts(self.now(), self.ten_bytes())
    }

    fn ten_bytes(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.inner.world.entropy(&mut bytes);
        if planted::is(Defect::EntropyUnseeded) {
            bytes[0] = planted::unseeded();
        }
        bytes
    }
}

/// How long a waiter sleeps before it looks by itself: another replica may have been at work.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(500);
