//! A batch with the stored form of everything in it. Made by the caller's thread, so that the one writer only writes.

use paifang_store::form::{Stored, write};
use paifang_store::{Batch, StoreError, SubmissionChange, WorkChange};

/// A batch and its bodies; each list runs beside the batch's own.
pub(crate) struct Encoded {
    pub batch: Batch,
    pub intent: Option<Bodies>,
    pub refunds: Vec<Bodies>,
    /// Empty where the change keeps nothing.
    pub work: Vec<String>,
    /// Empty where the change keeps nothing.
    pub submissions: Vec<String>,
    pub events: Vec<String>,
    pub decided: Option<String>,
}

/// A row and its new journal entries.
pub(crate) struct Bodies {
    pub row: String,
    pub entries: Vec<String>,
}

impl Encoded {
    /// The bodies of all rows.
    pub fn of(batch: Batch) -> Result<Self, StoreError> {
        let intent = match &batch.intent {
            Some(intent) => Some(bodies(&intent.row, &intent.entries)?),
            None => None,
        };
        let refunds = batch.refunds.iter().map(|refund| bodies(&refund.row, &refund.entries));
        let refunds = refunds.collect::<Result<_, _>>()?;
        let work = batch.work.iter().map(|change| match change {
            WorkChange::Put { key, .. } | WorkChange::Turn { key, .. } => write(key),
            WorkChange::Delay { .. }
            | WorkChange::Remove { .. }
            | WorkChange::Quarantine { .. }
            | WorkChange::Redrive { .. } => Ok(String::new()),
        });
        let work = work.collect::<Result<_, _>>()?;
        let submissions = batch.submissions.iter().map(|change| match change {
            SubmissionChange::Put(_, submission) => write(submission),
            SubmissionChange::Clear(_) => Ok(String::new()),
        });
        let submissions = submissions.collect::<Result<_, _>>()?;
        let events = batch.events.iter().map(|event| write(&event.snapshot)).collect::<Result<_, _>>()?;
        let decided = batch.rules.as_ref().and_then(|rules| rules.decided.as_ref());
        let decided = decided.map(|write_down| write(&write_down.decided)).transpose()?;
        Ok(Self { batch, intent, refunds, work, submissions, events, decided })
    }
}

fn bodies<T: Stored, E: Stored>(row: &T, entries: &[E]) -> Result<Bodies, StoreError> {
    Ok(Bodies { row: write(row)?, entries: entries.iter().map(write).collect::<Result<_, _>>()? })
}
