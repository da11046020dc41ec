//! What a customer does where the storefront has rules: says who it is, tries another wallet where one is closed, says why the
//! money is to go back, waits for funds or gives up, appeals, and complains.

use futures::future::BoxFuture;
use paifang_engine::{Declared, Error, Made, RefundCase, ReportComplaint, ReverseRefund, reason};
use paifang_payment::intent::Complaint;
use paifang_payment::refund::{Refund, State};
use paifang_payment::{IntentId, PayerId, RefundId, Remark};
use paifang_policy::facts::{Facts, Input};
use paifang_shares::refund_terms::{RefundMode, RefundReason};
use paifang_shares::waterfall::Bearer;
use paifang_store::{IntentRow, Operation, Resource, Store};

use crate::bundles::{CATEGORIES, MERCHANTS};
use crate::checks::Acked;
use crate::customer::{Customer, money};
use crate::exec::locked;
use crate::universe::Core;

impl Customer {
    /// What the storefront says of the order and its payer; nothing where it has no rules.
    pub fn declared(&self) -> Declared {
        if !self.universe.swarm.ruled {
            return Declared::default();
        }
        let exec = &self.universe.exec;
        let mut facts = Facts::new();
        let mut say = |often: u32, input: Input, words: &[&str]| {
            if exec.happens(often) {
                let word = words[exec.draw(|chance| chance.usize(0..words.len()))];
                facts = std::mem::take(&mut facts).with(input, word).expect("good words");
            }
        };
        say(800, Input::MerchantId, &MERCHANTS);
        say(850, Input::ProductCategory, &CATEGORIES);
        say(700, Input::PayerTier, &["gold", "plain"]);
        let payer = exec.happens(850).then(|| PayerId::parse(&format!("payer-{}", self.name)).expect("good"));
        Declared { facts, payer }
    }

    /// Why the money is to go back; mostly something that rules know.
    pub fn case(&self) -> Option<RefundCase> {
        if !self.universe.swarm.ruled || self.universe.exec.happens(80) {
            return None;
        }
        let cases = [
            (RefundReason::Damaged, None),
            (RefundReason::Damaged, Some(RefundMode::RefundWithoutReturn)),
            (RefundReason::Damaged, None),
            (RefundReason::NoReason, None),
            (RefundReason::Late, Some(RefundMode::AutomaticCompensation)),
            (RefundReason::ReturnFreight, Some(RefundMode::ReturnFreightCover)),
            (RefundReason::Counterfeit, None),
        ];
        let (reason, mode) = cases[self.universe.exec.draw(|chance| chance.usize(0..cases.len()))];
        Some(RefundCase { reason, mode, consented: None })
    }

    /// Notes what became of a call for a refund, and goes on with it where there is something to do.
    pub async fn after_refund(&mut self, made: Result<&Refund, &Error>) {
        if !self.universe.swarm.ruled {
            return;
        }
        let cover = |what: &str| self.universe.trace.cover(format!("ruled refund x {what}"));
        let refund = match made {
            Ok(refund) => refund,
            Err(Error::Precondition { reason: reason::REFUND_CLOSED_BY_POLICY, .. }) => {
                return cover("closed");
            }
            Err(_) => return,
        };
        if refund.terms.granted_by.is_some() {
            cover("granted");
        } else if refund.bearing().is_some() {
            cover("not granted, and given back");
        } else {
            cover("the storefront's own");
        }
        if refund.short().is_some() {
            cover("short");
            if self.universe.exec.happens(300) {
                self.rest(0, 120_000).await;
                self.give_up(&refund.clone()).await;
            }
            return;
        }
        if self.universe.exec.happens(400) {
            self.appeal(refund.terms.id).await;
        }
    }

    /// The decision is reversed once the money is back: somebody else bears it.
    async fn appeal(&mut self, id: RefundId) {
        for _ in 0..20 {
            let refund = self.universe.store.refund(self.universe.tenant, id).await.ok().flatten();
            match refund.map(|refund| refund.state) {
                Some(State::Succeeded { .. }) => break,
                Some(State::Failed { .. }) | None => return,
                Some(State::Sending(_) | State::InDoubt(_) | State::Processing { .. }) => {
                    self.rest(15_000, 60_000).await;
                }
            }
        }
        let from = [None, Some(Bearer::Platform), Some(Bearer::Insurance), Some(Bearer::MerchantBalance)];
        let from = from[self.universe.exec.draw(|chance| chance.usize(0..from.len()))];
        let amount = self.universe.exec.happens(400).then(|| money(self.draw(1, 3_000)));
        let why = Remark::parse("the appeal was right").expect("a good remark");
        let wanted = ReverseRefund { request_id: self.request_id("reverse"), refund: id, amount, from, why };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.reverse_refund(tenant, wanted).await })
        };
        let made: Option<Result<Made<Refund>, Error>> = self.until_answered("change", call).await;
        match made {
            Some(Ok(_)) => {
                self.universe.trace.cover("ruled refund x reversed".to_owned());
                self.keep(Operation::ReverseRefund, &wanted.request_id, Resource::Refund(id));
            }
            // It was not funded by rules, has not gone out, or who is to bear it cannot.
            Some(Err(Error::Precondition { .. } | Error::Invalid(_))) | None => {}
            Some(Err(error)) => locked(&self.acked).push(Acked::Refused(format!("reverse: {error}"))),
        }
    }

    /// Some payers complain.
    pub async fn perhaps_complain(&mut self, intent: IntentId) {
        if !self.universe.swarm.ruled || !self.universe.exec.happens(400) {
            return;
        }
        let about = Complaint::NotReceived;
        let wanted = ReportComplaint { request_id: self.request_id("complain"), intent, about };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.report_complaint(tenant, wanted).await })
        };
        let made: Option<Result<Made<IntentRow>, Error>> = self.until_answered("report", call).await;
        match made {
            Some(Ok(_)) => {
                self.universe.trace.cover("ruled payment x complained".to_owned());
                self.keep(Operation::ReportComplaint, &wanted.request_id, Resource::Intent(intent));
            }
            Some(Err(Error::Precondition { reason: reason::INTENT_NOT_PAID, .. })) | None => {}
            Some(Err(error)) => locked(&self.acked).push(Acked::Refused(format!("complaint: {error}"))),
        }
    }

    /// Whether it is the storefront's own rules that say no.
    pub fn is_closed(&self, error: &Error) -> bool {
        let what = match error {
            Error::Precondition { reason: reason::WALLET_CLOSED_BY_POLICY, .. } => "closed",
            Error::Precondition { reason: reason::TERMS_DO_NOT_FIT, .. } => "terms do not fit",
            _ => return false,
        };
        self.universe.trace.cover(format!("ruled payment x {what}"));
        self.universe.swarm.ruled
    }
}
