//! Cancel: end an intent unpaid, by closing or reversing whatever is under way.

use paifang_payment::TenantId;
use paifang_payment::intent::CancelError;
use paifang_store::{Batch, Committed, IntentRow, Operation, RequestKey, Resource, Store};

use crate::command::{CancelIntent, Made};
use crate::confirm::check_etag;
use crate::engine::CONFLICTS_MAX;
use crate::error::reason;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Ends an intent. Durable when it returns; the intent may still be waiting for a rail's word.
    pub async fn cancel_intent(
        &self,
        tenant: TenantId,
        wanted: CancelIntent,
    ) -> Result<Made<IntentRow>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        if let Some(made) =
            self.replayed(tenant, Operation::CancelIntent, &wanted.request_id, fingerprint).await?
        {
            return Ok(made);
        }
        let resource = Resource::Intent(wanted.intent);
        for _ in 0..CONFLICTS_MAX {
            let row = self
                .inner
                .store
                .intent(tenant, wanted.intent)
                .await?
                .ok_or(Error::NotFound("payment intent"))?;
            check_etag(&row, wanted.etag.as_deref())?;
            let now = self.now();
            let step = row.intent.clone().cancel(now, &self.inner.names).map_err(cancel_error)?;
            let mut batch = match &step {
                Some(step) => self.compose(Some(&row), step, now)?,
                None => Batch::new(tenant, now),
            };
            let (operation, request_id) = (Operation::CancelIntent, wanted.request_id.clone());
            batch.request = Some(RequestKey { operation, request_id, fingerprint, resource });
            self.inner.world.reached("cancel.deciding");
            match self.commit(batch).await? {
                Committed::Done => {
                    self.inner.world.reached("cancel.committed");
                    return self.made(tenant, resource, false).await;
                }
                Committed::Replayed(resource) => return self.made(tenant, resource, true).await,
                Committed::RequestReused => return Err(Error::RequestReused),
                Committed::Conflict => {}
                refused => return Err(Error::Broken(format!("a cancel was refused: {refused:?}"))),
            }
        }
        Err(Error::Busy)
    }
}

fn cancel_error(error: CancelError) -> Error {
    let reason = match error {
        CancelError::Succeeded => reason::INTENT_SUCCEEDED,
        CancelError::Capturing => reason::CAPTURE_UNDER_WAY,
        CancelError::Ended(_) => reason::INTENT_FINAL,
    };
    Error::precondition(reason, error.to_string())
}
