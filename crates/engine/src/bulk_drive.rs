//! What drives bulk refunds: whoever holds the claim of a bulk begins entry after entry, at its pace, and opens a refund for
//! each on the same way as a storefront's own call does.
//!
//! An entry is written down as begun before its refund is opened. The request id of that refund is made of the bulk and the
//! entry, so whoever takes over opens those that were begun once more and gets the refund that is there, or makes it: one,
//! whatever died in between. The pace lies in the store with the bulk, and holds for whoever comes next.

mod course;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};
use paifang_payment::RequestId;
use paifang_payment::planted::{self, Defect};
use paifang_shares::refund_terms::RefundCase;
use paifang_store::{
    BULK_ASKING_MAX, BulkClaim, BulkEntry, BulkState, BulkTerms, BulkThen, Driven, EntryOutcome, Operation,
    Refused, RequestKey, Resource, Store, StoreError, pause_after,
};

use crate::command::CreateRefund;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};
use course::{Course, chunk};

/// Bulks that one replica drives at once; others wait until one of them rests.
const BULKS_AT_ONCE: usize = 8;
/// A bulk rests so often, so that others have their turn.
const SLICE: SignedDuration = SignedDuration::from_secs(20);
/// The longest wait under a claim, which has to be renewed meanwhile.
const WAIT_MAX: SignedDuration = SignedDuration::from_secs(1);
/// The rest of a bulk that could not be seen to, or of which only entries are left that cannot be asked for now: maybe another
/// replica can.
const TROUBLE_WAIT: SignedDuration = SignedDuration::from_secs(15);
/// How long a paused bulk rests; whoever steers it wakes it.
const PAUSED_REST: SignedDuration = SignedDuration::from_hours(1);
/// Between two looks at what became of refunds, at least and at most; in between so long that looking takes one part in
/// twenty of the time.
const LOOK_EVERY_MIN: SignedDuration = SignedDuration::from_millis(200);
const LOOK_EVERY_MAX: SignedDuration = SignedDuration::from_secs(60);
const LOOK_SHARE: i32 = 20;
/// How long a bulk rests that only waits for the ends of its refunds.
const REST_MIN: SignedDuration = SignedDuration::from_millis(250);
const REST_MAX: SignedDuration = SignedDuration::from_secs(30);

/// Reasons of refused entries for which the engine itself has no word: those that a call of the contract would get.
const RESOURCE_NOT_FOUND: &str = "RESOURCE_NOT_FOUND";
const INVALID_REQUEST: &str = "INVALID_REQUEST";

/// What this process has done for bulks since it began.
#[derive(Debug, Default)]
pub struct BulkCounts {
    asked: AtomicU64,
    refused: AtomicU64,
}

impl BulkCounts {
    /// Entries that got their refund.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Entries that were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn count(&self, outcome: &EntryOutcome) {
        let counter = match outcome {
            EntryOutcome::Asked(..) => &self.asked,
            EntryOutcome::Refused(..) => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is done after a step.
enum Next {
    Go,
    Rest(SignedDuration),
    Over,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Drives bulks until `stop` resolves; those under way then are left to whoever comes next.
    pub async fn drive_bulks(&self, stop: impl Future<Output = ()> + Send + Clone) {
        let mut running = FuturesUnordered::new();
        let mut stopping = stop.clone().boxed().fuse();
        let limits = &self.inner.limits;
        loop {
            let free = BULKS_AT_ONCE.saturating_sub(running.len());
            let claimed = match self.inner.store.claim_bulks(free, &limits.owner, limits.lease).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::error!(%error, "bulk refunds cannot be claimed");
                    Vec::new()
                }
            };
            running.extend(claimed.into_iter().map(|claim| self.see_to_bulk(claim, stop.clone())));
            let pause = self.inner.world.sleep(limits.look_every);
            futures::select_biased! {
                () = stopping => break,
                () = running.select_next_some() => {}
                () = pause.fuse() => {}
            }
        }
        while running.next().await.is_some() {}
    }

    /// Drives everything that is due now, until it rests. For tests and simulators.
    pub async fn drive_bulks_once(&self) -> Result<usize, Error> {
        let limits = &self.inner.limits;
        let claimed = self.inner.store.claim_bulks(BULKS_AT_ONCE, &limits.owner, limits.lease).await?;
        let count = claimed.len();
        for claim in claimed {
            self.drive_bulk(&claim, std::future::pending::<()>()).await?;
        }
        Ok(count)
    }

    /// What this process has done for bulks.
    pub fn bulk_counts(&self) -> &BulkCounts {
        &self.inner.bulk_counts
    }

    /// Neither an error nor a panic of one bulk ends the others (F30).
    async fn see_to_bulk(&self, claim: BulkClaim, stop: impl Future<Output = ()> + Send) {
        let trouble = match AssertUnwindSafe(self.drive_bulk(&claim, stop)).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a panic; the log says where".to_owned(),
        };
        tracing::error!(bulk = %claim.id, trouble, "a bulk refund cannot be driven now");
        let rest = BulkThen::Rest { after: TROUBLE_WAIT, seen: None };
        if let Err(error) = self.inner.store.drive_bulk(&claim, &[], rest).await {
            tracing::error!(bulk = %claim.id, %error, "and it cannot be put off: its lease will end");
        }
    }

    async fn drive_bulk(
        &self,
        claim: &BulkClaim,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), Error> {
        let mut stopping = std::pin::pin!(stop.fuse());
        let until = self.now().saturating_add(SLICE).unwrap_or(Timestamp::MAX);
        let mut course = Course::new();
        loop {
            let then =
                BulkThen::Go { begin: course.begin, look: course.look, lease: self.inner.limits.lease };
            let began = self.now();
            let driven = self.inner.store.drive_bulk(claim, &course.outcomes, then).await?;
            course.outcomes.clear();
            // Somebody else has claimed it since.
            let Some(driven) = driven else { return Ok(()) };
            let next = self.go_on(claim, &driven, &mut course, began).await;
            let stopped = futures::poll!(stopping.as_mut()).is_ready();
            let rest = match next {
                Next::Over => return Ok(()),
                Next::Rest(after) => after,
                Next::Go if stopped || self.now() >= until => {
                    if driven.waiting && course.room == 0 {
                        tracing::warn!(bulk = %claim.id, "a bulk refund waits for rails to take what was sent");
                    }
                    let rests = !stopped && course.is_stuck(&driven);
                    if rests { TROUBLE_WAIT } else { SignedDuration::ZERO }
                }
                Next::Go => continue,
            };
            let then = BulkThen::Rest { after: rest, seen: Some(driven.state) };
            self.inner.store.drive_bulk(claim, &course.outcomes, then).await?;
            return Ok(());
        }
    }

    async fn go_on(&self, claim: &BulkClaim, driven: &Driven, course: &mut Course, began: Timestamp) -> Next {
        let Driven { state, terms, asking, waiting, in_flight, slot } = driven;
        if *state == BulkState::Ended {
            tracing::info!(tenant = %claim.tenant, bulk = %claim.id, "a bulk refund has ended");
            return Next::Over;
        }
        let now = self.now();
        if let Some(in_flight) = in_flight {
            course.room = terms.in_flight_max.saturating_sub(u32::try_from(*in_flight).unwrap_or(u32::MAX));
            let pause = now.duration_since(began).saturating_mul(LOOK_SHARE);
            let pause = pause.clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX);
            course.look_at = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
        }
        let stuck = asking.len() >= BULK_ASKING_MAX as usize;
        course.goes_on = *state == BulkState::Running && *waiting && !stuck && course.room > 0;
        let due = course.turn(asking, terms, now);
        if !due.is_empty() {
            self.inner.world.reached("bulk.begun");
            course.outcomes = self.ask_all(claim, terms, &due).await;
            self.inner.world.reached("bulk.asked");
            course.asked(&due, terms, self.now());
            return Next::Go;
        }
        match state {
            BulkState::Running if *waiting && stuck => return Next::Rest(TROUBLE_WAIT),
            BulkState::Canceling if *waiting => course.look = false,
            BulkState::Running if *waiting => {
                let wait = if course.room == 0 { course.look_at.duration_since(now) } else { *slot };
                self.inner.world.sleep(wait.clamp(SignedDuration::ZERO, WAIT_MAX)).await;
                course.look = self.now() >= course.look_at;
            }
            BulkState::Draft | BulkState::Running | BulkState::Canceling | BulkState::Ended
                if in_flight.is_none() =>
            {
                course.look = true;
            }
            BulkState::Draft | BulkState::Running | BulkState::Canceling | BulkState::Ended => {
                let rest = ((-*slot) / 10).clamp(REST_MIN, REST_MAX);
                return Next::Rest(if asking.is_empty() { rest } else { TROUBLE_WAIT });
            }
            BulkState::Paused => {
                return Next::Rest(if asking.is_empty() { PAUSED_REST } else { TROUBLE_WAIT });
            }
        }
        course.begin = chunk(terms).min(course.room);
        Next::Go
    }

    /// Asks for these entries, one after the other at the bulk's pace, and waits at its end as long as the pace wants.
    async fn ask_all(
        &self,
        claim: &BulkClaim,
        terms: &BulkTerms,
        asking: &[&BulkEntry],
    ) -> Vec<(u64, EntryOutcome)> {
        let (mut running, mut outcomes) = (FuturesUnordered::new(), Vec::new());
        for entry in asking {
            running.push(self.ask(claim, terms, entry));
            let mut pause = self.inner.world.sleep(pause_after(1, terms.pace)).fuse();
            loop {
                futures::select_biased! {
                    () = pause => break,
                    outcome = running.select_next_some() => outcomes.extend(outcome),
                }
            }
        }
        while let Some(outcome) = running.next().await {
            outcomes.extend(outcome);
        }
        outcomes
    }

    /// Opens the refund of an entry. `None`: it is not known whether there is one; the same is to be done again.
    async fn ask(
        &self,
        claim: &BulkClaim,
        terms: &BulkTerms,
        entry: &BulkEntry,
    ) -> Option<(u64, EntryOutcome)> {
        let case = terms.case.as_ref();
        let wanted = CreateRefund {
            request_id: self.request_of(claim, entry),
            intent: entry.intent,
            amount: entry.amount.filter(|_| !planted::is(Defect::BulkAmountDropped)),
            reason: terms.reason.clone(),
            case: case.map(|case| RefundCase {
                reason: case.reason,
                mode: case.mode,
                consented: case.consented,
            }),
        };
        let refused = |reason: &str, message: &str| {
            let operation = Operation::CreateRefund;
            let (request_id, fingerprint) = (wanted.request_id.clone(), self.fingerprint(&wanted)?);
            let resource = Resource::Intent(wanted.intent);
            let request = RequestKey { operation, request_id, fingerprint, resource };
            Ok::<_, Error>(EntryOutcome::Refused(Refused::new(reason, message), request))
        };
        let outcome = match self.create_refund(claim.tenant, wanted.clone()).await {
            Ok(made) => Ok(EntryOutcome::Asked(made.resource.terms.id, made.resource.terms.amount)),
            Err(Error::Precondition { reason, message, .. }) => refused(reason, &message),
            Err(Error::NotFound(_)) => refused(RESOURCE_NOT_FOUND, "there is no such payment intent"),
            Err(Error::Invalid(violations)) => {
                let told = violations.iter().map(|wrong| format!("{}: {}", wrong.field, wrong.rule));
                refused(INVALID_REQUEST, &told.collect::<Vec<_>>().join("; "))
            }
            Err(Error::Busy | Error::Store(StoreError::Unavailable(_) | StoreError::CommitUnknown(_))) => {
                return None;
            }
            // Another replica may have it.
            Err(error @ Error::AccountMissing(_)) => Err(error),
            // Nothing else ever has this request id: whatever went wrong, a refund that is there is this entry's.
            Err(
                error @ (Error::RequestReused | Error::EtagMismatch | Error::Broken(_) | Error::Store(_)),
            ) => self.refund_of_entry(claim, &wanted).await.and_then(|known| known.ok_or(error)),
        };
        // A fault of this process, as rules that it cannot read or an account that it does not have, is no answer: another one, or
        // this one once it is mended, asks again.
        let outcome = outcome
            .inspect_err(|error| {
                tracing::error!(bulk = %claim.id, position = entry.position, %error, "an entry of a bulk refund cannot be asked for now");
            })
            .ok()?;
        self.inner.bulk_counts.count(&outcome);
        Some((entry.position, outcome))
    }

    /// The request id of an entry's refund: always the same.
    fn request_of(&self, claim: &BulkClaim, entry: &BulkEntry) -> RequestId {
        let own = self.inner.names.bulk_request(claim.id, &entry.name);
        if !planted::is(Defect::BulkRequestFresh) {
            return own;
        }
        RequestId::parse(&format!("bulk-{}", planted::drawn())).unwrap_or(own)
    }

    async fn refund_of_entry(
        &self,
        claim: &BulkClaim,
        wanted: &CreateRefund,
    ) -> Result<Option<EntryOutcome>, Error> {
        let store = &self.inner.store;
        let known = store.request(claim.tenant, Operation::CreateRefund, &wanted.request_id).await?;
        let Some(Resource::Refund(id)) = known.map(|known| known.resource) else { return Ok(None) };
        let refund = store.refund(claim.tenant, id).await?;
        let own = refund.filter(|refund| refund.terms.intent == wanted.intent);
        Ok(own.map(|refund| EntryOutcome::Asked(id, refund.terms.amount)))
    }
}
