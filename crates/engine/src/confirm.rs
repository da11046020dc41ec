//! Create and confirm: the storefront states what it wants, and chooses a wallet, again to switch.

use jiff::{SignedDuration, Timestamp};
use paifang_payment::attempt::{self, HoldTerms, Rules};
use paifang_payment::intent::{CaptureMode, ConfirmError, Intent, Terms};
use paifang_payment::{AttemptId, OrderNo, RequestId, TenantId};
use paifang_rail::{Closing, Offer};
use paifang_store::{
    Amounts, Committed, IntentRow, Operation, RequestKey, Resource, Store, SubmissionChange,
};

use crate::command::{ConfirmIntent, Confirmation, CreateIntent, Made};
use crate::compose::whole_second;
use crate::consult::{Obstacle, expiry};
use crate::engine::CONFLICTS_MAX;
use crate::error::{Violation, reason};
use crate::observe::{Sends, submission};
use crate::ports::{Environment, Rails, Transport};
use crate::{Account, Consultation, Engine, Error};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Creates an intent. Durable when it returns; the first attempt, if any, is then being sent by a task of its own.
    pub async fn create_intent(
        &self,
        tenant: TenantId,
        wanted: CreateIntent,
    ) -> Result<Made<IntentRow>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        if let Some(made) =
            self.replayed(tenant, Operation::CreateIntent, &wanted.request_id, fingerprint).await?
        {
            return Ok(made);
        }
        let now = self.now();
        let terms = self.intent_terms(tenant, &wanted, now)?;
        let by = (Operation::CreateIntent, &wanted.request_id);
        let first = match &wanted.confirmation {
            Some(choice) => Some(self.attempt_terms(&terms, choice, by, now)?),
            None => None,
        };
        let attempt = first.as_ref().map(|first| first.id);
        let step = Intent::create(terms, first, &self.inner.names);
        let mut batch = self.compose(None, &step, now)?;
        let resource = Resource::Intent(step.intent.terms.id);
        batch.request = Some(RequestKey {
            operation: Operation::CreateIntent,
            request_id: wanted.request_id.clone(),
            fingerprint,
            resource,
        });
        if let (Some(attempt), Some(choice)) = (attempt, &wanted.confirmation) {
            batch.submissions.push(SubmissionChange::Put(attempt, submission(&choice.client)));
        }
        let sends = Sends::of(&batch, &step);
        self.inner.world.reached("create.deciding");
        match self.commit(batch).await? {
            Committed::Done => {
                self.inner.world.reached("create.committed");
                let code = wanted.confirmation.and_then(|choice| choice.client.payer_code);
                self.send_all(tenant, sends, code);
                self.made(tenant, resource, false).await
            }
            Committed::Replayed(resource) => self.made(tenant, resource, true).await,
            Committed::RequestReused => Err(Error::RequestReused),
            refused => Err(Error::Broken(format!("a new intent was refused: {refused:?}"))),
        }
    }

    /// Chooses a wallet. An earlier attempt is settled first; until then the choice waits, durably.
    pub async fn confirm_intent(
        &self,
        tenant: TenantId,
        wanted: ConfirmIntent,
    ) -> Result<Made<IntentRow>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        if let Some(made) =
            self.replayed(tenant, Operation::ConfirmIntent, &wanted.request_id, fingerprint).await?
        {
            return Ok(made);
        }
        for _ in 0..CONFLICTS_MAX {
            let row = self
                .inner
                .store
                .intent(tenant, wanted.intent)
                .await?
                .ok_or(Error::NotFound("payment intent"))?;
            check_etag(&row, wanted.etag.as_deref())?;
            let now = self.now();
            let by = (Operation::ConfirmIntent, &wanted.request_id);
            if row.intent.is_final() {
                return Err(confirm_error(ConfirmError::Final(row.intent.state.name())));
            }
            let next = self.attempt_terms(&row.intent.terms, &wanted.confirmation, by, now)?;
            let attempt = next.id;
            if row.intent.attempt(attempt).is_some() {
                // The same call, taken a moment ago by another task.
                return self.made(tenant, Resource::Intent(wanted.intent), true).await;
            }
            let step = row.intent.clone().confirm(next, now, &self.inner.names).map_err(confirm_error)?;
            let mut batch = self.compose(Some(&row), &step, now)?;
            batch.request = Some(RequestKey {
                operation: Operation::ConfirmIntent,
                request_id: wanted.request_id.clone(),
                fingerprint,
                resource: Resource::Intent(wanted.intent),
            });
            batch.submissions.push(SubmissionChange::Put(attempt, submission(&wanted.confirmation.client)));
            let sends = Sends::of(&batch, &step);
            self.inner.world.reached("confirm.deciding");
            match self.commit(batch).await? {
                Committed::Done => {
                    self.inner.world.reached("confirm.committed");
                    let code = wanted.confirmation.client.payer_code;
                    match code {
                        Some(code) if !step.opened.contains(&attempt) => self.inner.codes.keep(attempt, code),
                        code => self.send_all(tenant, sends, code),
                    }
                    return self.made(tenant, Resource::Intent(wanted.intent), false).await;
                }
                Committed::Replayed(resource) => return self.made(tenant, resource, true).await,
                Committed::RequestReused => return Err(Error::RequestReused),
                Committed::Conflict => {}
                refused => return Err(Error::Broken(format!("a confirmation was refused: {refused:?}"))),
            }
        }
        Err(Error::Busy)
    }

    pub(crate) fn fingerprint(
        &self,
        wanted: &impl serde::Serialize,
    ) -> Result<paifang_payment::Digest, Error> {
        let canonical = serde_json::to_vec(wanted).map_err(|error| Error::Broken(error.to_string()))?;
        Ok(self.inner.names.fingerprint(&canonical))
    }

    /// The current resource of a request id that was used before. The commit checks again; this spares the work.
    pub(crate) async fn replayed(
        &self,
        tenant: TenantId,
        by: Operation,
        request: &RequestId,
        fingerprint: paifang_payment::Digest,
    ) -> Result<Option<Made<IntentRow>>, Error> {
        match self.inner.store.request(tenant, by, request).await? {
            Some(known) if known.fingerprint == fingerprint => {
                Ok(Some(self.made(tenant, known.resource, true).await?))
            }
            Some(_) => Err(Error::RequestReused),
            None => Ok(None),
        }
    }

    pub(crate) async fn made(
        &self,
        tenant: TenantId,
        resource: Resource,
        replayed: bool,
    ) -> Result<Made<IntentRow>, Error> {
        let Resource::Intent(id) = resource else {
            return Err(Error::Broken("the request made another kind of resource".into()));
        };
        let resource = self.inner.store.intent(tenant, id).await?.ok_or(Error::NotFound("payment intent"))?;
        Ok(Made { resource, replayed })
    }

    fn intent_terms(&self, tenant: TenantId, wanted: &CreateIntent, now: Timestamp) -> Result<Terms, Error> {
        let limits = &self.inner.limits;
        let created_at = whole_second(now);
        let after = |life: SignedDuration| created_at.saturating_add(life).unwrap_or(created_at);
        let expires_at = whole_second(wanted.expires_at.unwrap_or_else(|| after(limits.intent_life)));
        if expires_at <= now || expires_at > after(limits.intent_life_max) {
            let rule = format!(
                "must be in the future and at most {} seconds away",
                limits.intent_life_max.as_secs()
            );
            return Err(Error::invalid("expire_time", rule));
        }
        Ok(Terms {
            id: self.new_intent_id(),
            tenant,
            request_id: wanted.request_id.clone(),
            amount: wanted.amount,
            capture: wanted.capture,
            description: wanted.description.clone(),
            metadata: wanted.metadata.clone(),
            created_at,
            expires_at,
        })
    }

    /// The attempt that a choice means: the first account that can carry it out, and everything its message needs.
    fn attempt_terms(
        &self,
        intent: &Terms,
        choice: &Confirmation,
        by: (Operation, &RequestId),
        now: Timestamp,
    ) -> Result<attempt::Terms, Error> {
        let (account, offer) = self.choose(intent, choice, now)?;
        let order_no = self.inner.names.order(intent.tenant, &account.id, by.0, by.1);
        let synchronous = offer.presentation.is_synchronous();
        let hold = self.hold_terms(intent, account, offer, &order_no);
        Ok(attempt::Terms {
            id: AttemptId::from_parts(now, self.inner.names.id_entropy(&order_no)),
            request_id: by.1.clone(),
            n: 0,
            repeats: None,
            rail: account.rail.clone(),
            account: account.id.clone(),
            wallet: choice.wallet.clone(),
            presentation: offer.presentation,
            reversal_no: self.inner.names.reversal(&order_no),
            nonce: self.inner.names.nonce(&order_no),
            order_no,
            amount: intent.amount,
            opened_at: whole_second(now),
            expires_at: expiry(offer, now, intent.expires_at),
            return_url: choice.return_url.clone(),
            rules: Rules {
                resendable: offer.resendable && !synchronous,
                closable: account.descriptor.closing == Closing::ByCall && !synchronous,
                // A reverse is listed for charges; what was only held is released.
                reversible: account.descriptor.reverses && synchronous && hold.is_none(),
                reversible_unknown: account.descriptor.reverses_unknown,
            },
            hold,
        })
    }

    /// What is agreed about the hold, where the intent wants one.
    fn hold_terms(
        &self,
        intent: &Terms,
        account: &Account,
        offer: &Offer,
        order_no: &OrderNo,
    ) -> Option<HoldTerms> {
        let holding = offer.hold.filter(|_| intent.capture == CaptureMode::Manual)?;
        Some(HoldTerms {
            capture_no: self.inner.names.capture(order_no, 0),
            release_no: self.inner.names.release(order_no),
            days: holding.days,
            partial: holding.partial,
            resend_s: account.descriptor.refunding.resend_s,
        })
    }

    fn choose(
        &self,
        intent: &Terms,
        choice: &Confirmation,
        now: Timestamp,
    ) -> Result<(&Account, &'static Offer), Error> {
        let (amount, capture, client) = (intent.amount, intent.capture, choice.client.clone());
        let question = Consultation { amount, capture, client };
        let time = intent.expires_at.duration_since(now);
        let mut fitting = self.inner.accounts.consult(&question, time);
        fitting.retain(|option| {
            choice.rail.as_ref().is_none_or(|rail| *rail == option.rail)
                && option.wallet == choice.wallet
                && choice.presentation.is_none_or(|wanted| wanted == option.presentation)
        });
        let Some(best) = fitting.first() else {
            let message = format!("no rail account offers {} in this presentation", choice.wallet);
            return Err(Error::precondition(reason::WALLET_UNAVAILABLE, message));
        };
        refuse_obstacles(&best.obstacles, &choice.wallet)?;
        let account = self.account(&best.account)?;
        let offer = account.offer(&best.wallet, best.presentation);
        offer.map(|offer| (account, offer)).ok_or_else(|| Error::Broken("an option without an offer".into()))
    }
}

fn refuse_obstacles(obstacles: &[Obstacle], wallet: &paifang_payment::WalletName) -> Result<(), Error> {
    let missing: Vec<Violation> = obstacles
        .iter()
        .filter_map(|obstacle| match obstacle {
            Obstacle::Missing(need) => Some(need_field(*need)),
            _ => None,
        })
        .map(|field| Violation {
            field: field.into(),
            rule: format!("is needed to pay with {wallet} this way"),
        })
        .collect();
    let other: Vec<&str> = obstacles
        .iter()
        .filter(|obstacle| !matches!(obstacle, Obstacle::Missing(_)))
        .map(|obstacle| obstacle.code())
        .collect();
    if !other.is_empty() {
        let message = format!("{wallet} cannot be offered here: {}", other.join(", "));
        return Err(Error::precondition(reason::WALLET_UNAVAILABLE, message));
    }
    if missing.is_empty() { Ok(()) } else { Err(Error::Invalid(missing)) }
}

/// The field's path in the storefront contract: the edge hands it on as it is.
fn need_field(need: paifang_rail::Need) -> &'static str {
    match need {
        paifang_rail::Need::PayerId => "choice.client_context.payer_id",
        paifang_rail::Need::PayerCode => "choice.client_context.payer_code",
        paifang_rail::Need::ClientIp => "choice.client_context.payer_ip",
    }
}

/// The etag of an intent: it changes with every change that a caller can see. At most 64 characters.
pub fn etag(intent: &Intent, amounts: &Amounts) -> String {
    let (reserved, refunded) = (amounts.reserved.minor_units(), amounts.refunded.minor_units());
    format!("{}-{reserved}-{refunded}", intent.version)
}

pub(crate) fn check_etag(row: &IntentRow, seen: Option<&str>) -> Result<(), Error> {
    match seen {
        Some(seen) if seen != etag(&row.intent, &row.amounts) => Err(Error::EtagMismatch),
        Some(_) | None => Ok(()),
    }
}

fn confirm_error(error: ConfirmError) -> Error {
    let reason = match error {
        ConfirmError::Final(_) => reason::INTENT_FINAL,
        ConfirmError::Expired => reason::INTENT_EXPIRED,
        ConfirmError::Ending => reason::INTENT_ENDING,
        ConfirmError::AttemptsUsedUp => reason::ATTEMPTS_USED_UP,
        ConfirmError::HoldStands => reason::INTENT_AUTHORIZED,
        ConfirmError::CaptureMode => return Error::Broken(error.to_string()),
    };
    Error::precondition(reason, error.to_string())
}
