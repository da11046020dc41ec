//! Capture: take held money, all of it or a part. What is left of the hold goes back with it.

use paifang_payment::intent::CaptureError;
use paifang_payment::{AttemptId, TenantId};
use paifang_store::{Committed, IntentRow, Operation, RequestKey, Resource, Store};

use crate::command::{CaptureIntent, Made};
use crate::confirm::check_etag;
use crate::engine::CONFLICTS_MAX;
use crate::error::reason;
use crate::observe::Sends;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Takes held money. Durable when it returns; the capture is then being sent by a task of its own.
    pub async fn capture_intent(
        &self,
        tenant: TenantId,
        wanted: CaptureIntent,
    ) -> Result<Made<IntentRow>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        let operation = Operation::CaptureIntent;
        if let Some(made) = self.replayed(tenant, operation, &wanted.request_id, fingerprint).await? {
            return Ok(made);
        }
        let resource = Resource::Intent(wanted.intent);
        for _ in 0..CONFLICTS_MAX {
            let row = self.inner.store.intent(tenant, wanted.intent).await?;
            let row = row.ok_or(Error::NotFound("payment intent"))?;
            check_etag(&row, wanted.etag.as_deref())?;
            let now = self.now();
            let captured = row.intent.clone().capture(wanted.amount, now, &self.inner.names);
            let (step, attempt) = match captured {
                Ok(captured) => captured,
                Err(error) => {
                    // The same call, taken a moment ago by another task, may be what is under way.
                    let made = self.replayed(tenant, operation, &wanted.request_id, fingerprint).await?;
                    return made.ok_or_else(|| capture_error(error));
                }
            };
            self.check_shared(&row, attempt)?;
            let mut batch = self.compose(Some(&row), &step, now)?;
            let request_id = wanted.request_id.clone();
            batch.request = Some(RequestKey { operation, request_id, fingerprint, resource });
            self.inner.world.reached("capture.deciding");
            match self.commit(batch).await? {
                Committed::Done => {
                    self.inner.world.reached("capture.committed");
                    self.send_all(tenant, Sends::one(wanted.intent, attempt), None);
                    return self.made(tenant, resource, false).await;
                }
                Committed::Replayed(resource) => return self.made(tenant, resource, true).await,
                Committed::RequestReused => return Err(Error::RequestReused),
                Committed::Conflict => {}
                refused => return Err(Error::Broken(format!("a capture was refused: {refused:?}"))),
            }
        }
        Err(Error::Busy)
    }

    /// A capture that needs a field which the operator does not share is not begun.
    fn check_shared(&self, row: &IntentRow, attempt: AttemptId) -> Result<(), Error> {
        let terms = row.intent.attempt(attempt).map(|attempt| &attempt.terms);
        let known = terms.and_then(|terms| self.inner.accounts.get(&terms.account));
        let Some(known) = known else { return Ok(()) };
        let allowed = known.may_be_told(row.intent.terms.tenant);
        let required = known.descriptor.required_by_captures();
        let Some(withheld) = required.iter().find(|field| !allowed.contains(*field)) else { return Ok(()) };
        let account = &known.id;
        let message = format!(
            "a capture needs {withheld}, which the operator withholds from the rail account {account}: share it, or cancel the intent to give the money back"
        );
        Err(Error::precondition(reason::CAPTURE_NOT_SUPPORTED, message))
    }
}

fn capture_error(error: CaptureError) -> Error {
    let reason = match error {
        CaptureError::Currency => {
            return Error::invalid("amount.currency_code", "must be the currency of the intent");
        }
        CaptureError::NotAuthorized(_) => reason::INTENT_NOT_AUTHORIZED,
        CaptureError::UnderWay => reason::CAPTURE_UNDER_WAY,
        CaptureError::ExceedsHold(_) => reason::CAPTURE_EXCEEDS_HOLD,
        CaptureError::NotPartial(_) | CaptureError::UsedUp => reason::CAPTURE_NOT_SUPPORTED,
    };
    Error::precondition(reason, error.to_string())
}
