//! The end of a run with rules: everybody is funded, what no funds help is given up, and what was paid is given back, whatever
//! rules there were when it was.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::BoxFuture;
use jiff::SignedDuration;
use paifang_engine::{CancelRefund, CreateRefund, Error, Fund, Made, RefundCase, reason};
use paifang_payment::intent::State;
use paifang_payment::refund::Refund;
use paifang_shares::Merchant;
use paifang_shares::refund_terms::{RefundMode, RefundReason};
use paifang_shares::waterfall::Bearer;
use paifang_store::{Operation, PAGE_MAX, Resource, Store};

use crate::bundles::{MERCHANTS, generous};
use crate::checks::Acked;
use crate::customer::Customer;
use crate::exec::locked;
use crate::universe::Core;

/// More than all refunds of a run come to, in fen.
const PLENTY: i64 = 10_000_000;
/// How often refunds that are short are looked at at the end, before they are given up.
const LOOKS: u32 = 3;
/// How often the end of all refunds is looked for, a quarter of an hour between.
const ENDS: u32 = 400;

impl Customer {
    /// When nothing fails any more and the customers have gone: funds everybody, gives up what no funds help, and gives back
    /// some of what was paid, whatever rules there were when it was.
    pub(crate) async fn close(mut self, left: &AtomicU32) {
        while self.universe.chaos() || left.load(Ordering::Relaxed) > 1 {
            self.universe.exec.sleep(SignedDuration::from_mins(10)).await;
        }
        self.publish_text(None, generous).await;
        let mut funds: Vec<Fund> = [Bearer::Platform, Bearer::Insurance, Bearer::Rail]
            .map(|bearer| Fund::Bearer(bearer, None))
            .into();
        for merchant in [None, Some(MERCHANTS[0]), Some(MERCHANTS[1])] {
            let merchant = merchant.and_then(|name| Merchant::parse(name).ok());
            let of = |bearer| Fund::Bearer(bearer, merchant.clone());
            funds.extend([of(Bearer::UnsettledFunds), of(Bearer::MerchantBalance)]);
        }
        for fund in funds {
            self.transfer(Fund::Outside, fund, PLENTY).await;
        }
        for _ in 0..LOOKS {
            self.universe.exec.sleep(SignedDuration::from_mins(5)).await;
        }
        for refund in self.all_refunds().await {
            if refund.short().is_some() {
                self.give_up(&refund).await;
            }
        }
        self.give_back_what_was_paid().await;
        for _ in 0..ENDS {
            if self.all_refunds().await.iter().all(Refund::is_final) {
                return;
            }
            self.universe.exec.sleep(SignedDuration::from_mins(15)).await;
        }
    }

    async fn all_refunds(&self) -> Vec<Refund> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.universe.store.scan_refunds(after, PAGE_MAX).await.unwrap_or_default();
            let Some(last) = page.last() else { return all };
            after = Some(last.terms.id);
            all.extend(page);
        }
    }

    /// Cancels a refund that is short.
    pub(crate) async fn give_up(&mut self, refund: &Refund) {
        let wanted = CancelRefund { request_id: self.request_id("give-up"), refund: refund.terms.id };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.cancel_refund(tenant, wanted).await })
        };
        let made: Option<Result<Made<Refund>, Error>> = self.until_answered("change", call).await;
        match made {
            Some(Ok(made)) => {
                self.universe.trace.cover("ruled refund x given up".to_owned());
                let resource = Resource::Refund(made.resource.terms.id);
                self.keep(Operation::CancelRefund, &wanted.request_id, resource);
            }
            // It was funded a moment ago.
            Some(Err(Error::Precondition { reason: reason::REFUND_STATE, .. })) | None => {}
            Some(Err(error)) => locked(&self.acked).push(Acked::Refused(format!("give up: {error}"))),
        }
    }

    /// What was paid stays refundable: now that the rules grant everything, nothing but the rail may say no.
    async fn give_back_what_was_paid(&mut self) {
        let mut after = None;
        loop {
            let page = self.universe.store.scan_intents(after, PAGE_MAX).await.unwrap_or_default();
            let Some(last) = page.last() else { return };
            after = Some(last.intent.terms.id);
            for row in page {
                let State::Succeeded { .. } = row.intent.state else { continue };
                let amounts = &row.amounts;
                let out = amounts.refunded.minor_units() + amounts.reserved.minor_units();
                if amounts.captured.minor_units() == out || !self.universe.exec.happens(350) {
                    continue;
                }
                let case = RefundCase {
                    reason: RefundReason::Damaged,
                    mode: Some(RefundMode::RefundWithoutReturn),
                    consented: None,
                };
                let (intent, request_id) = (row.intent.terms.id, self.request_id("back"));
                let wanted =
                    CreateRefund { request_id, intent, amount: None, reason: None, case: Some(case) };
                self.give_back(wanted).await;
            }
        }
    }

    async fn give_back(&mut self, wanted: CreateRefund) {
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.create_refund(tenant, wanted).await })
        };
        let made: Option<Result<Made<Refund>, Error>> = self.until_answered("refund", call).await;
        match made {
            Some(Ok(made)) => {
                self.universe.trace.cover("ruled refund x given back at the end".to_owned());
                locked(&self.acked).push(Acked::Refund(wanted.request_id, made.resource.terms.id));
            }
            // The rail takes so many of one payment, and no more.
            Some(Err(Error::Precondition { reason: reason::REFUND_NOT_SUPPORTED, .. })) | None => {}
            Some(Err(error)) => {
                let what = format!("{} was paid and is not given back: {error}", wanted.intent);
                locked(&self.acked).push(Acked::Refused(what));
            }
        }
    }
}
