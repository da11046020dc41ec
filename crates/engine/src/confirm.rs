//! Create and confirm: the storefront states what it wants, and chooses a wallet, again to switch.

use jiff::{SignedDuration, Timestamp};
use paifang_payment::attempt::{self, HoldTerms, Rules};
use paifang_payment::intent::{CaptureMode, ConfirmError, Intent, Step, Terms};
use paifang_payment::planted::{self, Defect};
use paifang_payment::{AttemptId, Digest, IntentId, OrderNo, RequestId, TenantId};
use paifang_rail::{Closing, Offer, PayerCode};
use paifang_store::{
    Amounts, Committed, DecidedWrite, IntentRow, Operation, RequestKey, Resource, RulesSeen, Store,
};

use crate::choose::Chosen;
use crate::command::{ConfirmIntent, Confirmation, CreateIntent, Made};
use crate::compose::whole_second;
use crate::consult::expiry;
use crate::engine::CONFLICTS_MAX;
use crate::error::reason;
use crate::observe::Sends;
use crate::ports::{Environment, Rails, Transport};
use crate::{Account, Engine, Error};

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
        for tries in 0..CONFLICTS_MAX {
            match self.try_create(tenant, &wanted, fingerprint, tries > 0).await {
                Ok(Some(made)) => return Ok(made),
                Ok(None) => {}
                Err(error) => {
                    let by = (Operation::CreateIntent, &wanted.request_id);
                    return self.refuse(tenant, by, (None, fingerprint), error).await;
                }
            }
        }
        Err(Error::Busy)
    }

    /// `None` where the tenant's rules, or what is left of a discount's budget, have changed since they were read.
    async fn try_create(
        &self,
        tenant: TenantId,
        wanted: &CreateIntent,
        fingerprint: Digest,
        fresh: bool,
    ) -> Result<Option<Made<IntentRow>>, Error> {
        let now = self.now();
        let terms = self.intent_terms(tenant, wanted, now)?;
        let by = (Operation::CreateIntent, &wanted.request_id);
        let (first, rules) = match &wanted.confirmation {
            Some(choice) => {
                let (first, rules) = self.attempt_terms(&terms, choice, by, now, fresh).await?;
                (Some(first), Some(rules))
            }
            None => (None, None),
        };
        let kept = first.as_ref().zip(wanted.confirmation.as_ref());
        let kept = kept.map(|(first, choice)| self.kept_of_payer(tenant, first, choice));
        let step = Intent::create(terms, first, &self.inner.names);
        let mut batch = self.compose(None, &step, now)?;
        batch.rules = rules;
        let resource = Resource::Intent(step.intent.terms.id);
        batch.request = Some(RequestKey {
            operation: Operation::CreateIntent,
            request_id: wanted.request_id.clone(),
            fingerprint,
            resource,
        });
        batch.submissions.extend(kept);
        let sends = Sends::of(&batch, &step);
        let rests_on_rules = batch.rules.is_some();
        self.inner.world.reached("create.deciding");
        match self.commit(batch).await? {
            Committed::Done => {
                self.inner.world.reached("create.committed");
                let code = wanted.confirmation.as_ref().and_then(|choice| choice.client.payer_code.clone());
                self.send_all(tenant, sends, code);
                self.made(tenant, resource, false).await.map(Some)
            }
            Committed::Replayed(resource) => self.made(tenant, resource, true).await.map(Some),
            Committed::RequestReused => Err(Error::RequestReused),
            // The rules moved on, or a budget has less by now than was read.
            Committed::Conflict | Committed::GuardFailed if rests_on_rules => Ok(None),
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
        for tries in 0..CONFLICTS_MAX {
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
            let choice = &wanted.confirmation;
            let next = self.attempt_terms(&row.intent.terms, choice, by, now, tries > 0).await;
            let (next, rules) = match next {
                Ok(next) => next,
                Err(error) => {
                    return self.refuse(tenant, by, (Some(wanted.intent), fingerprint), error).await;
                }
            };
            let (attempt, kept) = (next.id, self.kept_of_payer(tenant, &next, choice));
            if row.intent.attempt(attempt).is_some() {
                // The same call, taken a moment ago by another task.
                return self.made(tenant, Resource::Intent(wanted.intent), true).await;
            }
            let step = row.intent.clone().confirm(next, now, &self.inner.names).map_err(confirm_error)?;
            let mut batch = self.compose(Some(&row), &step, now)?;
            batch.rules = Some(rules).filter(|_| !planted::is(Defect::SecondChoiceUnruled));
            batch.request = Some(RequestKey {
                operation: Operation::ConfirmIntent,
                request_id: wanted.request_id.clone(),
                fingerprint,
                resource: Resource::Intent(wanted.intent),
            });
            batch.submissions.push(kept);
            let sends = Sends::of(&batch, &step);
            let code = self.code_to_send(&step, attempt, choice);
            self.inner.world.reached("confirm.deciding");
            match self.commit(batch).await? {
                Committed::Done => {
                    self.inner.world.reached("confirm.committed");
                    self.send_all(tenant, sends, code);
                    return self.made(tenant, Resource::Intent(wanted.intent), false).await;
                }
                Committed::Replayed(resource) => return self.made(tenant, resource, true).await,
                refused => {
                    self.inner.codes.forget(attempt);
                    match refused {
                        // A budget has less by now than was read.
                        Committed::Conflict | Committed::GuardFailed => {}
                        Committed::RequestReused => return Err(Error::RequestReused),
                        _ => return Err(Error::Broken(format!("a confirmation was refused: {refused:?}"))),
                    }
                }
            }
        }
        Err(Error::Busy)
    }

    /// The payer's code that goes out with this commit. That of an attempt which has to wait is kept before the commit: once
    /// it is done, another task may be faster to open it.
    fn code_to_send(&self, step: &Step, attempt: AttemptId, choice: &Confirmation) -> Option<PayerCode> {
        let code = choice.client.payer_code.clone()?;
        if step.opened.contains(&attempt) {
            return Some(code);
        }
        self.inner.codes.keep(attempt, code, self.now());
        None
    }

    /// The rules refuse a call, unless it was taken a moment ago by another task: what they say by now is not about it.
    async fn refuse(
        &self,
        tenant: TenantId,
        (by, request): (Operation, &RequestId),
        (intent, fingerprint): (Option<IntentId>, Digest),
        error: Error,
    ) -> Result<Made<IntentRow>, Error> {
        let made = match error {
            Error::Precondition {
                reason: reason::WALLET_CLOSED_BY_POLICY | reason::TERMS_DO_NOT_FIT,
                ..
            } => self.replayed(tenant, by, request, fingerprint).await?.ok_or(error),
            error => Err(error),
        };
        made.inspect_err(|error| self.note_refusal(tenant, intent, error))
    }

    pub(crate) fn fingerprint(&self, wanted: &impl serde::Serialize) -> Result<Digest, Error> {
        let canonical = serde_json::to_vec(wanted).map_err(|error| Error::Broken(error.to_string()))?;
        Ok(self.inner.names.fingerprint(&canonical))
    }

    /// The current resource of a request id that was used before. The commit checks again; this spares the work.
    pub(crate) async fn replayed(
        &self,
        tenant: TenantId,
        by: Operation,
        request: &RequestId,
        fingerprint: Digest,
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

    /// The attempt that a choice means: the first account that can carry it out, and everything its message needs; and what
    /// the tenant's rules said to it. `fresh`: the rules are read anew.
    async fn attempt_terms(
        &self,
        intent: &Terms,
        choice: &Confirmation,
        by: (Operation, &RequestId),
        now: Timestamp,
        fresh: bool,
    ) -> Result<(attempt::Terms, RulesSeen), Error> {
        let Chosen { account, offer, decided, entries, division, credit } =
            self.choose(intent, choice, now, fresh).await?;
        let order_no = self.inner.names.order(intent.tenant, &account.id, by.0, by.1);
        let synchronous = offer.presentation.is_synchronous();
        let hold = self.hold_terms(intent, account, offer, &order_no);
        let payable = division.as_ref().and_then(|division| division.payable()).unwrap_or(intent.amount);
        let id = AttemptId::from_parts(now, self.inner.names.id_entropy(&order_no));
        let decided = decided.map(|decided| DecidedWrite { attempt: id, intent: intent.id, decided });
        let terms = attempt::Terms {
            id,
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
            amount: payable,
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
            credit,
            division,
        };
        Ok((terms, RulesSeen { entries, decided }))
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
