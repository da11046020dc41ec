//! Who bears a refund: what the tenant's rules grant, what receivers of the payment give back, and who funds the rest.
//!
//! Decided from the rules as they are now, and from what was declared when the payment was opened. A grant is committed with
//! the refund, and only while the book and the payment's other refunds are as they were seen.

use jiff::Timestamp;
use paifang_money::{Money, PositiveMoney};
use paifang_payment::TenantId;
use paifang_payment::attempt::Attempt;
use paifang_payment::planted::{self, Defect};
use paifang_payment::refund::{Refund, RulesVersion, State};
use paifang_policy::bundle::Bundle;
use paifang_policy::facts::Facts;
use paifang_policy::money::refund_facts;
use paifang_shares::RuleId;
use paifang_shares::bearing::{Bearing, Granted};
use paifang_shares::refund_terms::{
    Decision, RefundCase, RefundInputs, RefundTerms, Refusal, RefusedBecause,
};
use paifang_shares::waterfall::{Available, Bearer};
use paifang_store::funds::Owner;
use paifang_store::{IntentRow, RulesSeen, Store};

use crate::command::CreateRefund;
use crate::error::reason;
use crate::ports::{Environment, Rails, Transport};
use crate::refusal::{self, CASE_MISSING, INPUT_MISSING, NO_RULE_FITS, RULE_FAILED, TERMS_MISFIT};
use crate::{Engine, Error};

/// What a refund is about.
pub(crate) struct Asked<'a> {
    pub row: &'a IntentRow,
    pub attempt: &'a Attempt,
    pub wanted: &'a CreateRefund,
    pub amount: PositiveMoney,
    pub paid_at: Timestamp,
    pub now: Timestamp,
    /// All refunds of the payment.
    pub others: &'a [Refund],
}

/// Who bears it, by which version of the rules, and how much of the book that rests on.
pub(crate) struct Borne {
    pub bearing: Option<Box<Bearing>>,
    pub granted_by: Option<RulesVersion>,
    pub rules: RulesSeen,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Says who bears a refund. `fresh`: the rules are read anew, which is done in any case before it is refused.
    pub(crate) async fn bear(&self, asked: &Asked<'_>, fresh: bool) -> Result<Borne, Error> {
        match self.try_bear(asked, fresh).await {
            Err(_) if !fresh => self.try_bear(asked, true).await,
            borne => borne,
        }
    }

    async fn try_bear(&self, asked: &Asked<'_>, fresh: bool) -> Result<Borne, Error> {
        let tenant = asked.row.intent.terms.tenant;
        let ruling = self.ruling(tenant, asked.now, fresh).await?;
        let rules = RulesSeen { entries: ruling.entries(), decided: None };
        // What was taken is what was divided: of a hold it may be less than was agreed.
        let taken = asked.attempt.terms.division.as_deref().zip(asked.attempt.collected());
        let division = taken.map(|(division, taken)| division.of_taken(taken)).transpose();
        let division = division.map_err(|error| Error::Broken(error.to_string()))?;
        let division = division.as_ref();
        let terms = match ruling.bundle() {
            Some((bundle, _)) => self.grant(bundle, asked).await?,
            None => None,
        };
        if terms.is_none() && division.is_none() {
            return Ok(Borne { bearing: None, granted_by: None, rules });
        }
        let merchant = division.and_then(|division| division.merchant.as_ref());
        let owner = Owner { tenant, merchant };
        let available = match &terms {
            Some((_, terms, _)) => self.available(&owner, terms, asked.amount).await?,
            None => Available::new(),
        };
        let stands = asked.others.iter().filter(|other| !matches!(other.state, State::Failed { .. }));
        let before = stands.filter_map(Refund::bearing);
        let granted_by = terms.as_ref().map(|(_, _, version)| *version);
        let granted = terms.as_ref().map(|(granted, terms, _)| (granted.clone(), *terms));
        let bearing = Bearing::of(granted, division, asked.amount, before, &available);
        let version = ruling.decided_by().map(|bundle| bundle.version);
        let rule = terms.as_ref().map(|(granted, ..)| granted.grant.rule.to_string());
        let misfit = refusal::Refusal { version, rule, because: TERMS_MISFIT, missing: Vec::new() };
        let mut bearing = bearing.map_err(|error| closed(&error, misfit))?;
        if planted::is(Defect::DiscountNotReturned) {
            bearing.discounts.clear();
        }
        Ok(Borne { bearing: Some(Box::new(bearing)), granted_by, rules })
    }

    /// What the rules grant; `None` where they say nothing about refunds.
    async fn grant<'b>(
        &self,
        bundle: &'b Bundle,
        asked: &Asked<'_>,
    ) -> Result<Option<(Granted, &'b RefundTerms, RulesVersion)>, Error> {
        let Some(rules) = bundle.refunds() else { return Ok(None) };
        if asked.attempt.terms.division.is_none() && rules.terms().currency() != asked.amount.currency() {
            // A payment from before there were terms, in a currency that they do not speak of.
            return Ok(None);
        }
        let Some(case) = &asked.wanted.case else {
            let by = refused_by(bundle, None, CASE_MISSING, &[]);
            return Err(closed(&"refund_case is missing: the rules about refunds ask why", by));
        };
        let tenant = asked.row.intent.terms.tenant;
        // What was declared stands with the attempt that was chosen, whichever repeat of it was paid.
        let attempt = asked.row.intent.chosen(asked.attempt.terms.id);
        let decided = self.inner.store.decision(tenant, attempt).await?;
        let known = decided.map_or_else(Facts::new, |stored| stored.decided.facts);
        let facts = refund_facts(known, case, asked.amount, (asked.paid_at, asked.now));
        let facts = facts.map_err(|error| Error::Broken(error.to_string()))?;
        let inputs = inputs(case, asked)?;
        let decision = rules.terms().decide(&inputs, |when| rules.applies(when, &facts));
        let misfit = || refused_by(bundle, None, TERMS_MISFIT, &[]);
        match decision.map_err(|error| closed(&error, misfit()))? {
            Decision::Granted(grant) => {
                let (reference, granted) = (bundle.reference(), Granted { reason: case.reason, grant });
                let version = RulesVersion { version: reference.version, digest: reference.digest };
                Ok(Some((granted, rules.terms(), version)))
            }
            Decision::Refused(refusal) => Err(closed(&refused(&refusal), refused_because(bundle, &refusal))),
        }
    }

    /// What each bearer of the terms has.
    async fn available(
        &self,
        owner: &Owner<'_>,
        terms: &RefundTerms,
        amount: PositiveMoney,
    ) -> Result<Available, Error> {
        let bearers = terms.waterfalls().values().flat_map(|waterfall| waterfall.bearers());
        self.available_of(owner, bearers.map(|rule| rule.bearer), amount).await
    }

    /// What these bearers have, in the currency of an amount.
    pub(crate) async fn available_of(
        &self,
        owner: &Owner<'_>,
        bearers: impl Iterator<Item = Bearer>,
        amount: PositiveMoney,
    ) -> Result<Available, Error> {
        let mut found = Available::new();
        for bearer in bearers {
            if found.contains_key(&bearer) {
                continue;
            }
            let account = owner.account(bearer);
            let has = self.inner.store.available(owner.tenant, &account, amount.currency()).await?;
            // More than an amount can be is more than any refund.
            let most = has.clamp(0, paifang_money::MINOR_UNITS_MAX);
            let has =
                Money::new(most, amount.currency()).map_err(|error| Error::Broken(error.to_string()))?;
            found.insert(bearer, has);
        }
        Ok(found)
    }

    /// All refunds of an intent.
    pub(crate) async fn refunds_of(&self, tenant: TenantId, row: &IntentRow) -> Result<Vec<Refund>, Error> {
        let (intent, mut all) = (row.intent.terms.id, Vec::new());
        loop {
            let before = all.last().map(|last: &Refund| last.terms.id);
            let page =
                self.inner.store.refunds(tenant, Some(intent), before, paifang_store::PAGE_MAX).await?;
            all.extend(page.rows);
            if !page.more {
                return Ok(all);
            }
        }
    }
}

fn inputs(case: &RefundCase, asked: &Asked<'_>) -> Result<RefundInputs, Error> {
    let amounts = asked.row.amounts;
    let broken = || Error::Broken("a succeeded intent without a captured amount".into());
    Ok(RefundInputs {
        mode: case.mode,
        reason: case.reason,
        payment: PositiveMoney::try_from(amounts.captured).map_err(|_| broken())?,
        refunded_before: amounts.refunded.checked_add(amounts.reserved).ok_or_else(broken)?,
        refund: asked.amount,
        paid_at: asked.paid_at,
        asked_at: asked.now.max(asked.paid_at),
    })
}

fn refused(refusal: &Refusal) -> String {
    match &refusal.because {
        RefusedBecause::InputMissing { rule, inputs } => {
            format!("rule {rule} cannot be told without {}", inputs.join(", "))
        }
        RefusedBecause::ConditionFailed { rule, text } => {
            format!("the condition of rule {rule} fails: {text}")
        }
        RefusedBecause::NoRuleFits => {
            let tried = refusal.tried.iter().map(|tried| format!("{} ({})", tried.rule, tried.misfit.word()));
            format!("no rule fits; tried {}", tried.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The same in names only.
fn refused_because(bundle: &Bundle, refusal: &Refusal) -> refusal::Refusal {
    match &refusal.because {
        RefusedBecause::InputMissing { rule, inputs } => {
            refused_by(bundle, Some(rule), INPUT_MISSING, inputs)
        }
        RefusedBecause::ConditionFailed { rule, .. } => refused_by(bundle, Some(rule), RULE_FAILED, &[]),
        RefusedBecause::NoRuleFits => refused_by(bundle, None, NO_RULE_FITS, &[]),
    }
}

fn refused_by(
    bundle: &Bundle,
    rule: Option<&RuleId>,
    because: &'static str,
    missing: &[String],
) -> refusal::Refusal {
    let (version, rule) = (Some(bundle.header().version), rule.map(ToString::to_string));
    refusal::Refusal { version, rule, because, missing: missing.to_vec() }
}

fn closed(why: &dyn std::fmt::Display, by: refusal::Refusal) -> Error {
    let message = format!("the rules do not grant this refund: {why}");
    Error::refused(reason::REFUND_CLOSED_BY_POLICY, message, by)
}
