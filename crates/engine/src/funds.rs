//! A storefront's own funds: moving them, funding a refund that was short, giving one up, and changing who bears one.

use paifang_ledger::Account as LedgerAccount;
use paifang_payment::refund::{Refund, ReverseError, Step};
use paifang_payment::{Digest, FundsId, RefundId, RequestId, TenantId};
use paifang_shares::waterfall::Bearer;
use paifang_store::funds::{Owner, of_transfer};
use paifang_store::{Batch, Committed, Leased, Operation, RequestKey, Resource, Snapshot, Store};

use crate::command::{CancelRefund, Fund, Made, ReverseRefund, TransferFunds};
use crate::engine::CONFLICTS_MAX;
use crate::error::reason;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Moves funds of a storefront, once per request id.
    pub async fn transfer_funds(
        &self,
        tenant: TenantId,
        wanted: TransferFunds,
    ) -> Result<Made<FundsId>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        let now = self.now();
        let id = self.new_funds_id();
        let from = wanted.from.account(tenant);
        let to = wanted.to.account(tenant);
        if from == to {
            return Err(Error::invalid("to", "must be another fund than `from`"));
        }
        let mut batch = Batch::new(tenant, now);
        let transfer = of_transfer(id, (from, to), wanted.amount, now);
        batch.transfers.push(transfer.clone());
        self.tell_of(&mut batch, None, "funds.transferred", Snapshot::Funds { transfer: Box::new(transfer) });
        let resource = Resource::Funds(id);
        let operation = Operation::TransferFunds;
        batch.request =
            Some(RequestKey { operation, request_id: wanted.request_id.clone(), fingerprint, resource });
        match self.commit(batch).await? {
            Committed::Done => {
                self.inner.world.reached("funds.moved");
                Ok(Made { resource: id, replayed: false })
            }
            Committed::Replayed(Resource::Funds(id)) => Ok(Made { resource: id, replayed: true }),
            Committed::RequestReused => Err(Error::RequestReused),
            Committed::GuardFailed => {
                let message = format!("`from` has less than {}", wanted.amount);
                Err(Error::precondition(reason::FUNDS_SHORT, message))
            }
            refused => Err(Error::Broken(format!("a transfer of funds was refused: {refused:?}"))),
        }
    }

    /// Gives up a refund that is short of funds: it has never been sent, and will not be.
    pub async fn cancel_refund(&self, tenant: TenantId, wanted: CancelRefund) -> Result<Made<Refund>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        let by = (Operation::CancelRefund, &wanted.request_id, fingerprint);
        self.change_refund(tenant, wanted.refund, by, |refund| {
            let name = refund.state.name();
            let refused = || {
                let message = format!("the refund is {name} and not short of funds: it may have been sent");
                Error::precondition(reason::REFUND_STATE, message)
            };
            refund.cancel(self.now()).ok_or_else(refused)
        })
        .await
    }

    /// Reverses the decision who bears a refund: bearers get back what they bore, and another one bears it.
    pub async fn reverse_refund(
        &self,
        tenant: TenantId,
        wanted: ReverseRefund,
    ) -> Result<Made<Refund>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        let by = (Operation::ReverseRefund, &wanted.request_id, fingerprint);
        self.change_refund(tenant, wanted.refund, by, |refund| {
            let (amount, from, why) = (wanted.amount, wanted.from, wanted.why.clone());
            refund.reverse(amount, from, why, self.now()).map_err(|error| not_reversed(&error))
        })
        .await
    }

    /// Commits a step of a refund that a call asks for, once per request id.
    async fn change_refund(
        &self,
        tenant: TenantId,
        id: RefundId,
        (operation, request_id, fingerprint): (Operation, &RequestId, Digest),
        step: impl Fn(Refund) -> Result<Step, Error>,
    ) -> Result<Made<Refund>, Error> {
        match self.inner.store.request(tenant, operation, request_id).await? {
            Some(known) if known.fingerprint == fingerprint => {
                return self.made_refund(tenant, known.resource, true).await;
            }
            Some(_) => return Err(Error::RequestReused),
            None => {}
        }
        for _ in 0..CONFLICTS_MAX {
            let refund = self.inner.store.refund(tenant, id).await?.ok_or(Error::NotFound("refund"))?;
            let expected = refund.version;
            let step = match step(refund) {
                Ok(step) => step,
                // The same call may have been taken a moment ago by another task.
                Err(error) => match self.inner.store.request(tenant, operation, request_id).await? {
                    Some(known) if known.fingerprint == fingerprint => {
                        return self.made_refund(tenant, known.resource, true).await;
                    }
                    Some(_) | None => return Err(error),
                },
            };
            let now = self.now();
            let mut batch = Batch::new(tenant, now);
            self.compose_refund(&mut batch, expected, &step, now);
            let resource = Resource::Refund(id);
            batch.request =
                Some(RequestKey { operation, request_id: request_id.clone(), fingerprint, resource });
            match self.commit(batch).await? {
                Committed::Done => {
                    self.inner.world.reached("refund.changed");
                    return self.made_refund(tenant, resource, false).await;
                }
                Committed::Replayed(resource) => return self.made_refund(tenant, resource, true).await,
                Committed::RequestReused => return Err(Error::RequestReused),
                Committed::Conflict => {}
                Committed::GuardFailed => {
                    let message = "who is to bear it has not that much";
                    return Err(Error::precondition(reason::FUNDS_SHORT, message));
                }
                refused => return Err(Error::Broken(format!("a step of a refund was refused: {refused:?}"))),
            }
        }
        Err(Error::Busy)
    }

    /// Looks whether a refund that was short can be funded by now. `false`: it cannot; `true`: it is, or has moved.
    pub(crate) async fn try_fund(&self, item: &Leased, refund: Refund) -> Result<bool, Error> {
        let Some(short) = refund.allocation.clone() else { return Ok(false) };
        let (tenant, expected) = (refund.terms.tenant, refund.version);
        let merchant = refund.bearing().and_then(|bearing| bearing.merchant.clone());
        let owner = Owner { tenant, merchant: merchant.as_ref() };
        let bearers: Vec<Bearer> = short.borne().iter().map(|borne| borne.bearer).collect();
        let available = self.available_of(&owner, bearers.into_iter(), short.refund()).await?;
        let allocation = short.anew(&available).map_err(|error| Error::Broken(error.to_string()))?;
        let now = self.now();
        let Some(step) = refund.fund(allocation, now) else { return Ok(false) };
        let mut batch = Batch::new(tenant, now);
        self.compose_refund(&mut batch, expected, &step, now);
        batch.fence = Some(crate::claim::of(item));
        let committed = self.commit(batch).await?;
        self.inner.world.reached("refund.funded");
        match committed {
            Committed::Done | Committed::Fenced | Committed::Conflict => Ok(true),
            // Somebody was quicker to take what there was.
            Committed::GuardFailed => Ok(false),
            refused => Err(Error::Broken(format!("the funding of a refund was refused: {refused:?}"))),
        }
    }
}

impl Fund {
    /// Its account in the book of a storefront.
    pub fn account(&self, tenant: TenantId) -> LedgerAccount {
        let owner = |merchant| Owner { tenant, merchant };
        match self {
            Self::Outside => owner(None).outside(),
            Self::Fees => owner(None).fees(),
            Self::Receiver(receiver) => owner(None).receiver(receiver),
            Self::Bearer(bearer, merchant) => owner(merchant.as_ref()).account(*bearer),
            Self::Budget(discount) => owner(None).budget(discount),
            Self::Discounts(funder) => owner(None).funder(*funder),
        }
    }
}

fn not_reversed(error: &ReverseError) -> Error {
    match error {
        ReverseError::NotSucceeded(_) | ReverseError::NothingBorne => {
            Error::precondition(reason::REFUND_STATE, error.to_string())
        }
        ReverseError::BearsItself(_) => Error::invalid("charged_to", error.to_string()),
        ReverseError::Misfit(misfit) => Error::invalid("amount", misfit.to_string()),
    }
}
