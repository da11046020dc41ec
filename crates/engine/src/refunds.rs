//! Refunds: guarded by one conditional row, sent under one number for ever.

use jiff::{SignedDuration, Timestamp};
use paifang_money::PositiveMoney;
use paifang_payment::intent::State;
use paifang_payment::planted::{self, Defect};
use paifang_payment::refund::{Purpose, Refund, Terms};
use paifang_payment::{Digest, Evidence, Source, TenantId};
use paifang_store::{
    Batch, Committed, Guard, IntentRow, Mark, Marked, Operation, RequestKey, Resource, RulesSeen, Store,
};

use crate::bear::{Asked, Borne};
use crate::command::{CreateRefund, Made};
use crate::compose::{resend_until, whole_second};
use crate::engine::CONFLICTS_MAX;
use crate::error::reason;
use crate::observe::Sends;
use crate::ports::{Environment, Rails, Transport};
use crate::{Account, Engine, Error};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Opens a refund. Durable when it returns; it is then being sent by a task of its own.
    pub async fn create_refund(&self, tenant: TenantId, wanted: CreateRefund) -> Result<Made<Refund>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        match self.inner.store.request(tenant, Operation::CreateRefund, &wanted.request_id).await? {
            Some(known) if known.fingerprint == fingerprint => {
                return self.made_refund(tenant, known.resource, true).await;
            }
            Some(_) => return Err(Error::RequestReused),
            None => {}
        }
        for tries in 0..CONFLICTS_MAX {
            match self.try_create_refund(tenant, &wanted, fingerprint, tries > 0).await {
                Ok(Some(made)) => return Ok(made),
                Ok(None) => {}
                // The same call may have been taken a moment ago by another task: what is left by now, and what the rules say, is
                // not about it.
                Err(error @ Error::Precondition { .. }) => {
                    return match self
                        .inner
                        .store
                        .request(tenant, Operation::CreateRefund, &wanted.request_id)
                        .await?
                    {
                        Some(known) if known.fingerprint == fingerprint => {
                            self.made_refund(tenant, known.resource, true).await
                        }
                        Some(_) | None => {
                            self.note_refusal(tenant, Some(wanted.intent), &error);
                            Err(error)
                        }
                    };
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy)
    }

    /// `None` where the rules, the payment's other refunds, or what its bearers have, moved on since they were read.
    async fn try_create_refund(
        &self,
        tenant: TenantId,
        wanted: &CreateRefund,
        fingerprint: Digest,
        fresh: bool,
    ) -> Result<Option<Made<Refund>>, Error> {
        let row =
            self.inner.store.intent(tenant, wanted.intent).await?.ok_or(Error::NotFound("payment intent"))?;
        let now = self.now();
        let (terms, rules, others) = self.refund_terms(&row, wanted, now, fresh).await?;
        let is_divided = terms.bearing.is_some();
        let step = Refund::open(terms, Evidence::plain(Source::Storefront, "refund.create"));
        let mut batch = Batch::new(tenant, now);
        self.compose_refund(&mut batch, 0, &step, now);
        batch.rules = Some(rules);
        if is_divided {
            batch.guards.push(Guard::Refunds { intent: wanted.intent, count: others + 1 });
        }
        let chosen = row.intent.chosen(step.refund.terms.attempt);
        batch.marks.push(Mark { attempt: chosen, intent: wanted.intent, what: Marked::Refunded });
        let resource = Resource::Refund(step.refund.terms.id);
        let (operation, request_id) = (Operation::CreateRefund, wanted.request_id.clone());
        batch.request = Some(RequestKey { operation, request_id, fingerprint, resource });
        let sends = Sends::of_refunds(&batch);
        self.inner.world.reached("refund.deciding");
        match self.commit(batch).await? {
            Committed::Done => {
                self.inner.world.reached("refund.committed");
                self.send_all(tenant, sends, None);
                self.made_refund(tenant, resource, false).await.map(Some)
            }
            Committed::Replayed(resource) => self.made_refund(tenant, resource, true).await.map(Some),
            Committed::RequestReused => Err(Error::RequestReused),
            Committed::Conflict => Ok(None),
            // Either less is left than is asked for, or a bearer has less by now than was read: that is seen when all is read anew.
            // Nor is all that was left then all that is left.
            Committed::GuardFailed if is_divided || wanted.amount.is_none() => Ok(None),
            Committed::GuardFailed => Err(exceeds(&row)),
            refused => Err(Error::Broken(format!("a refund was refused: {refused:?}"))),
        }
    }

    /// Waits until the rail has taken or refused the refund, or `budget` is over; answers it as it is then.
    pub async fn await_refund(&self, refund: Refund, budget: SignedDuration) -> Result<Refund, Error> {
        use paifang_payment::refund;
        let (tenant, id, intent) = (refund.terms.tenant, refund.terms.id, refund.terms.intent);
        let deadline = self.now().saturating_add(budget).unwrap_or(Timestamp::MAX);
        loop {
            let signal = self.inner.signals.intent(intent);
            let row = self.inner.store.refund(tenant, id).await?.ok_or(Error::NotFound("refund"))?;
            let waiting = matches!(row.state, refund::State::Sending(_) | refund::State::InDoubt(_))
                && row.short().is_none();
            let left = deadline.duration_since(self.now());
            if !waiting || left <= SignedDuration::ZERO {
                return Ok(row);
            }
            let look = left.min(SignedDuration::from_millis(500));
            drop(futures::future::select(signal, self.inner.world.sleep(look)).await);
        }
    }

    pub(crate) async fn made_refund(
        &self,
        tenant: TenantId,
        resource: Resource,
        replayed: bool,
    ) -> Result<Made<Refund>, Error> {
        let Resource::Refund(id) = resource else {
            return Err(Error::Broken("the request made another kind of resource".into()));
        };
        let resource = self.inner.store.refund(tenant, id).await?.ok_or(Error::NotFound("refund"))?;
        Ok(Made { resource, replayed })
    }

    async fn refund_terms(
        &self,
        row: &IntentRow,
        wanted: &CreateRefund,
        now: Timestamp,
        fresh: bool,
    ) -> Result<(Terms, RulesSeen, u64), Error> {
        let State::Succeeded { winner } = row.intent.state else {
            let message =
                format!("the intent is {}; only a succeeded one is refunded", row.intent.state.name());
            return Err(Error::precondition(reason::INTENT_NOT_PAID, message));
        };
        let missing = || Error::Broken(format!("{winner} won but is not there"));
        let attempt = row.intent.attempt(winner).ok_or_else(missing)?;
        let account = self.account(&attempt.terms.account)?;
        let amount = refund_amount(row, wanted)?;
        // Who bears it is not asked about what is not there; the commit's guard has the last word.
        if (attempt.terms.division.is_some() || wanted.case.is_some()) && !is_left(row, amount) {
            return Err(exceeds(row));
        }
        let terms = &row.intent.terms;
        let others = self.refunds_of(terms.tenant, row).await?;
        let paid_at = attempt.paid_at();
        check_rules(row, account, (amount, paid_at), &others, now)?;
        let asked = Asked { row, attempt, wanted, amount, paid_at, now, others: &others };
        let Borne { bearing, granted_by, rules } = self.bear(&asked, fresh).await?;
        let refund_no = self.inner.names.refund(terms.tenant, &account.id, &wanted.request_id);
        let opened_at = whole_second(now);
        let opened = Terms {
            id: self.new_refund_id(),
            tenant: terms.tenant,
            intent: terms.id,
            attempt: winner,
            request_id: wanted.request_id.clone(),
            purpose: Purpose::Requested,
            rail: account.rail.clone(),
            account: account.id.clone(),
            nonce: self.inner.names.nonce(&refund_no),
            refund_no,
            amount,
            reason: wanted.reason.clone(),
            opened_at,
            resend_until: resend_until(account.descriptor, opened_at),
            paced: account.descriptor.refunding.interval_s > 0,
            bearing,
            granted_by,
            case: wanted.case,
        };
        Ok((opened, rules, others.len() as u64))
    }
}

/// What the rail's descriptor allows.
fn check_rules(
    row: &IntentRow,
    account: &Account,
    (amount, paid_at): (PositiveMoney, Timestamp),
    refunds: &[Refund],
    now: Timestamp,
) -> Result<(), Error> {
    let rules = account.descriptor.refunding;
    let unsupported = |message: String| Err(Error::precondition(reason::REFUND_NOT_SUPPORTED, message));
    if !rules.partial && amount.money() != row.amounts.captured {
        return unsupported(format!("{} refunds whole payments only", account.rail));
    }
    let window = SignedDuration::from_hours(24 * i64::from(rules.window_days));
    if now > paid_at.saturating_add(window).unwrap_or(Timestamp::MAX) {
        return unsupported(format!(
            "{} refunds within {} days of the payment",
            account.rail, rules.window_days
        ));
    }
    let counts = |refund: &&Refund| {
        let failed = matches!(refund.state, paifang_payment::refund::State::Failed { .. });
        refund.terms.purpose == Purpose::Requested && !failed
    };
    if refunds.iter().filter(counts).count() >= rules.count_max as usize {
        return unsupported(format!(
            "{} takes at most {} refunds of one payment",
            account.rail, rules.count_max
        ));
    }
    Ok(())
}

/// Whether as much as this is left to be refunded.
fn is_left(row: &IntentRow, amount: PositiveMoney) -> bool {
    let out = row.amounts.refunded.checked_add(row.amounts.reserved);
    let left = out.and_then(|out| row.amounts.captured.checked_sub(out));
    left.is_some_and(|left| left.checked_sub(amount.money()).is_some())
}

fn refund_amount(row: &IntentRow, wanted: &CreateRefund) -> Result<PositiveMoney, Error> {
    let left = row.amounts.captured.checked_sub(row.amounts.refunded);
    let left = left.and_then(|left| left.checked_sub(row.amounts.reserved));
    match wanted.amount {
        Some(amount) if amount.currency() != row.intent.terms.amount.currency() => {
            let rule =
                format!("must be in {}, the currency of the intent", row.intent.terms.amount.currency());
            Err(Error::invalid("amount.currency_code", rule))
        }
        Some(amount) if planted::is(Defect::RefundReadFirst) => {
            let enough = left.is_some_and(|left| left.minor_units() >= amount.minor_units());
            if enough { Ok(amount) } else { Err(exceeds(row)) }
        }
        Some(amount) => Ok(amount),
        None => left.and_then(|left| PositiveMoney::try_from(left).ok()).ok_or_else(|| exceeds(row)),
    }
}

fn exceeds(row: &IntentRow) -> Error {
    let paifang_store::Amounts { captured, reserved, refunded, .. } = row.amounts;
    let message =
        format!("more than is left: captured {captured}, refunded {refunded}, under way {reserved}");
    Error::precondition(reason::REFUND_EXCEEDS_CAPTURE, message)
}
