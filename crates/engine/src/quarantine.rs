//! Work that is given to a person: what it is, why it is there, and how it goes back to the workers.

use jiff::Timestamp;
use paifang_payment::{IntentId, Remark, TenantId};
use paifang_store::{
    Batch, Committed, IntentWrite, PAGE_MAX, Quarantine, RefundWrite, Store, StoreError, WorkChange, WorkKey,
    WorkRow,
};

use crate::engine::CONFLICTS_MAX;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};

/// Why work goes there: nobody said the last word, and nobody is asked any more.
pub(crate) const NO_FINAL_WORD: &str = "its schedule has ended without a final word";
/// Why work goes there: it has an end, and the end leaves money where it should not be.
pub(crate) const LATE_MONEY_STAYS: &str = "late money could not be returned by this refund";
/// Why it still is there after the rail has carried that refund out all the same.
pub(crate) const LATE_MONEY_WENT: &str =
    "the rail has carried this refund out after all: return nothing, the books have it in suspense_stray";

/// One piece of work in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poisoned {
    /// The work; its epoch is what a re-drive names.
    pub work: WorkRow,
    /// The intent that it is about, itself or by its refund; absent where the refund is not there.
    pub intent: Option<IntentId>,
    /// Where the attempt, refund or intent stands; absent where it is not there.
    pub state: Option<&'static str>,
    /// Why it is there, and what was known of it then.
    pub kept: Quarantine,
}

/// Why work is not given back to the workers. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// No such work, or none that is in quarantine.
    #[error("this work is not in quarantine")]
    NotThere,
    /// Somebody was faster: another operator, or news from the rail.
    #[error("the work has changed since it was read: list the quarantine again")]
    Changed,
    /// What it is about has ended: there is nothing that a worker could do.
    #[error("what it is about has ended as {state}: no worker can do more")]
    Ended {
        /// Where it stands.
        state: &'static str,
    },
    /// The store or the engine failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for RedriveError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Everything in quarantine, ordered by key, at most `max` pieces, and whether there are more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn quarantined(&self, max: usize) -> Result<(Vec<Poisoned>, bool), StoreError> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let rows = self.inner.store.scan_quarantine(after.as_deref(), PAGE_MAX).await?;
            let Some(last) = rows.last() else { return Ok((found, false)) };
            after = Some(last.key.text());
            for row in rows {
                let Some(text) = &row.quarantined else { continue };
                if found.len() >= max {
                    return Ok((found, true));
                }
                let kept = Quarantine::read(text);
                let (intent, state) = self.subject_of(&row.key).await?;
                found.push(Poisoned { work: row, intent, state, kept });
            }
        }
    }

    /// Gives quarantined work back to the workers, due at once and with no tries: by the epoch that was read (`None`: the one
    /// that it has now), so that of two operators one wins. Who did it and why stands in the journal of what it is about, in
    /// the same commit. Answers the key.
    ///
    /// # Errors
    /// See [`RedriveError`].
    pub async fn redrive(
        &self,
        key: &str,
        epoch: Option<u64>,
        by: &Remark,
        why: &Remark,
    ) -> Result<WorkKey, RedriveError> {
        let row = self.poisoned(key).await?.ok_or(RedriveError::NotThere)?;
        let read = epoch.unwrap_or(row.epoch);
        self.redrive_read(&row.key, read, by, why).await?;
        tracing::warn!(work = key, epoch = read, by = %by, why = %why, "an operator gave quarantined work back");
        self.inner.signals.committed(None);
        Ok(row.key)
    }

    async fn redrive_read(
        &self,
        key: &WorkKey,
        epoch: u64,
        by: &Remark,
        why: &Remark,
    ) -> Result<(), RedriveError> {
        for _ in 0..CONFLICTS_MAX {
            let now = self.now();
            let mut batch = Batch::new(key.tenant(), now);
            self.note_redrive(&mut batch, key, (by, why), now).await?;
            batch.work.push(WorkChange::Redrive { key: key.clone(), epoch, due_at: now });
            match self.commit(batch).await? {
                Committed::Done => return Ok(()),
                Committed::Fenced => return Err(RedriveError::Changed),
                // Its row has moved on, maybe by news that is none of the work's: the epoch tells.
                Committed::Conflict => {}
                refused => return Err(Error::Broken(format!("a re-drive was refused: {refused:?}")).into()),
            }
        }
        Err(Error::Busy.into())
    }

    /// Adds the journal entry of what the work is about.
    async fn note_redrive(
        &self,
        batch: &mut Batch,
        key: &WorkKey,
        (by, why): (&Remark, &Remark),
        now: Timestamp,
    ) -> Result<(), RedriveError> {
        let (by, why, store) = (by.clone(), why.clone(), &self.inner.store);
        let (tenant, intent, attempt) = match key {
            WorkKey::Attempt { tenant, intent, attempt } => (*tenant, *intent, Some(*attempt)),
            WorkKey::Expiry { tenant, intent } => (*tenant, *intent, None),
            WorkKey::Refund { tenant, refund } => {
                let row = store.refund(*tenant, *refund).await?.ok_or(RedriveError::NotThere)?;
                let (expected, state) = (row.version, row.state.name());
                let step = row.redrive(by, why, now).ok_or(RedriveError::Ended { state })?;
                batch.refunds.push(RefundWrite { expected, row: step.refund, entries: step.entries });
                return Ok(());
            }
        };
        let row = store.intent(tenant, intent).await?.ok_or(RedriveError::NotThere)?;
        let expected = row.intent.version;
        let step = row.intent.redrive(attempt, by, why, now).ok_or(RedriveError::NotThere)?;
        batch.intent = Some(IntentWrite { expected, row: step.intent, entries: step.entries });
        Ok(())
    }

    /// The work with this key text, if it is in quarantine.
    async fn poisoned(&self, key: &str) -> Result<Option<WorkRow>, StoreError> {
        // The port lists work after a key: a shortened one stands right before it.
        let shorter = key.char_indices().next_back().map(|(last, _)| &key[..last]);
        let rows = self.inner.store.scan_quarantine(shorter, PAGE_MAX).await?;
        Ok(rows.into_iter().find(|row| row.key.text() == key))
    }

    async fn subject_of(
        &self,
        key: &WorkKey,
    ) -> Result<(Option<IntentId>, Option<&'static str>), StoreError> {
        let store = &self.inner.store;
        let of_intent = |tenant: TenantId, id: IntentId| store.intent(tenant, id);
        Ok(match key {
            WorkKey::Attempt { tenant, intent, attempt } => {
                let row = of_intent(*tenant, *intent).await?;
                let known = row.as_ref().and_then(|row| row.intent.attempt(*attempt));
                (Some(*intent), known.map(|known| known.state.name()))
            }
            WorkKey::Expiry { tenant, intent } => {
                (Some(*intent), of_intent(*tenant, *intent).await?.map(|row| row.intent.state.name()))
            }
            WorkKey::Refund { tenant, refund } => {
                let row = store.refund(*tenant, *refund).await?;
                (row.as_ref().map(|row| row.terms.intent), row.as_ref().map(|row| row.state.name()))
            }
        })
    }
}
