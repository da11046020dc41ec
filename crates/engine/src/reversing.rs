//! A reverse is written ahead like every message that moves money: that it may have been sent, and under which time.

use paifang_payment::attempt::{self, Attempt};
use paifang_payment::intent::Opened;
use paifang_payment::planted::{self, Defect};
use paifang_store::{AttemptRef, Committed, IntentRow, Leased, Store};

use crate::claim;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Commits under this claim that the reverse may be sent (again), before a byte leaves, and returns the intent after it.
    /// The claim goes on: the work is not scheduled anew. `None`: another one was faster, or has the claim.
    pub(crate) async fn write_reverse_ahead(
        &self,
        item: &Leased,
        row: IntentRow,
        at: &AttemptRef,
        opened: &Opened,
    ) -> Result<Option<IntentRow>, Error> {
        let now = self.now();
        let Some(step) = row.intent.clone().begin_reverse(at.attempt, opened, now, &self.inner.names) else {
            return Ok(Some(row));
        };
        let mut batch = self.compose(Some(&row), &step, now)?;
        batch.work.retain(|change| *change.key() != item.key);
        batch.fence = Some(claim::of(item)).filter(|_| !planted::is(Defect::StaleWorkerWrites));
        let intent = step.intent;
        match self.commit(batch).await? {
            Committed::Done => {
                self.inner.world.reached("reverse.written_ahead");
                Ok(Some(IntentRow { intent, ..row }))
            }
            _ => Ok(None),
        }
    }
}

/// The reverse that is under way, as the journal knows it.
pub(crate) async fn reverse_of(
    store: &impl Store,
    row: &IntentRow,
    attempt: &Attempt,
) -> Result<Option<Opened>, Error> {
    let reversing = matches!(&attempt.state, attempt::State::Closing(closing) if closing.verb == attempt::CloseVerb::Reverse);
    if !reversing {
        return Ok(None);
    }
    let journal = store.intent_journal(row.intent.terms.tenant, row.intent.terms.id).await?;
    let opened = Opened::read(&journal, attempt.terms.id);
    Ok(Some(opened.ok_or_else(|| Error::Broken("a reverse that the journal does not know".into()))?))
}
