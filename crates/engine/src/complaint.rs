//! Complaints: a storefront tells that the payer of a paid intent complains. Of each intent the first one counts; later ones
//! are taken, and change nothing.

use paifang_payment::TenantId;
use paifang_payment::intent::{Fact, State};
use paifang_store::{Batch, Committed, IntentRow, Mark, Marked, Operation, RequestKey, Resource, Store};

use crate::command::{Made, ReportComplaint};
use crate::engine::CONFLICTS_MAX;
use crate::error::reason;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};

/// Told to the storefront's other systems; the snapshot is the intent as it stands.
const KIND: &str = "payment_intent.complained";

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Takes a complaint about a paid intent. Durable when it returns.
    pub async fn report_complaint(
        &self,
        tenant: TenantId,
        wanted: ReportComplaint,
    ) -> Result<Made<IntentRow>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        let operation = Operation::ReportComplaint;
        if let Some(made) = self.replayed(tenant, operation, &wanted.request_id, fingerprint).await? {
            return Ok(made);
        }
        let resource = Resource::Intent(wanted.intent);
        for _ in 0..CONFLICTS_MAX {
            let row = self.inner.store.intent(tenant, wanted.intent).await?;
            let row = row.ok_or(Error::NotFound("payment intent"))?;
            let mut batch = self.complained(&row, &wanted).await?;
            let request_id = wanted.request_id.clone();
            batch.request = Some(RequestKey { operation, request_id, fingerprint, resource });
            let is_first = batch.intent.is_some();
            match self.commit(batch).await? {
                Committed::Done => {
                    self.inner.world.reached("complaint.taken");
                    tracing::info!(payment = %wanted.intent, about = wanted.about.as_str(), is_first, "complaint taken");
                    return self.made(tenant, resource, false).await;
                }
                Committed::Replayed(resource) => return self.made(tenant, resource, true).await,
                Committed::RequestReused => return Err(Error::RequestReused),
                Committed::Conflict => {}
                refused => return Err(Error::Broken(format!("a complaint was refused: {refused:?}"))),
            }
        }
        Err(Error::Busy)
    }

    /// What the first complaint changes; nothing for a later one.
    async fn complained(&self, row: &IntentRow, wanted: &ReportComplaint) -> Result<Batch, Error> {
        let (tenant, now) = (row.intent.terms.tenant, self.now());
        let State::Succeeded { winner } = row.intent.state else {
            let state = row.intent.state.name();
            let message = format!("the intent is {state}; only a paid one is complained about");
            return Err(Error::precondition(reason::INTENT_NOT_PAID, message));
        };
        let journal = self.inner.store.intent_journal(tenant, wanted.intent).await?;
        if journal.iter().any(|entry| matches!(entry.fact, Fact::Complained { .. })) {
            return Ok(Batch::new(tenant, now));
        }
        let step = row.intent.clone().note_complaint(wanted.about, now);
        let step = step.ok_or_else(|| Error::Broken("a paid intent takes no complaint".into()))?;
        let mut batch = self.compose(Some(row), &step, now)?;
        self.event(&mut batch, &step.intent, KIND, row.amounts);
        let attempt = row.intent.chosen(winner);
        batch.marks.push(Mark { attempt, intent: wanted.intent, what: Marked::Complained });
        Ok(batch)
    }
}
