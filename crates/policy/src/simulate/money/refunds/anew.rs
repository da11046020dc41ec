//! One refund: what was recorded of it, what the draft decides, and who bears it.

use paifang_money::{Currency, MINOR_UNITS_MAX, Money, PositiveMoney};
use paifang_shares::bearing::{Bearing, Granted};
use paifang_shares::division::Division;
use paifang_shares::refund_terms::{
    Decision, RefundCase, RefundInputs, RefundMode, RefundTerms, Refusal, RefusedBecause,
};
use paifang_shares::splits::SplitRules;
use paifang_shares::waterfall::Available;

use super::{Verdict, Who};
use crate::bundle::Bundle;
use crate::facts::Facts;
use crate::money::refund_facts;
use crate::simulate::{Answer, Payment, Refund};

/// What is known of a payment whose refunds are looked at.
pub(in crate::simulate) struct Told<'a> {
    pub draft: &'a Bundle,
    pub facts: &'a Facts,
    pub payment: &'a Payment,
    /// How the draft divides it, `Some(None)` where it says nothing about money and nothing was given; absent where it does not take it.
    pub division: Option<Option<&'a Division>>,
}

/// What was decided about one refund, and who bears it; nobody where nothing was divided and no rule decides.
pub(super) struct Outcome {
    pub verdict: Verdict,
    pub bearing: Option<Bearing>,
}

/// What the draft has granted of a payment so far.
pub(super) struct SoFar {
    granted: Money,
    stands: Vec<Bearing>,
}

/// What was recorded.
pub(super) fn recorded(refund: &Refund) -> Outcome {
    let granted = |granted: &Granted| {
        let grant = &granted.grant;
        Verdict::Granted { mode: grant.mode, rule: grant.rule.clone() }
    };
    match &refund.answer {
        Answer::Granted(bearing) => {
            let bearing = bearing.as_deref().cloned();
            let rule = bearing.as_ref().and_then(|bearing| bearing.granted.as_ref());
            Outcome { verdict: rule.map_or(Verdict::Unruled, granted), bearing }
        }
        Answer::Refused(refusal) => Outcome { verdict: refused(refund.case, refusal), bearing: None },
    }
}

/// What the draft decides.
pub(super) fn anew(told: &Told<'_>, refund: &Refund, so_far: &mut SoFar) -> Outcome {
    let plain = |verdict| Outcome { verdict, bearing: None };
    let Some(division) = told.division else { return plain(Verdict::WithoutPayment) };
    let total = so_far.granted.checked_add(refund.amount.money());
    let left = total.and_then(|total| told.payment.taken.money().checked_sub(total));
    let (Some(total), Some(_)) = (total, left) else { return plain(Verdict::Exceeds) };
    let granted = match told.draft.refunds() {
        None => None,
        Some(rules) => {
            let Some(case) = refund.case else { return plain(Verdict::Untold) };
            match grant(told, refund, &case, so_far.granted) {
                Ok(granted) => Some((granted, rules.terms())),
                Err(verdict) => return plain(verdict),
            }
        }
    };
    let verdict = match &granted {
        Some((granted, _)) => Verdict::Granted { mode: granted.grant.mode, rule: granted.grant.rule.clone() },
        None => Verdict::Unruled,
    };
    if granted.is_none() && division.is_none() {
        so_far.take(refund, total, None);
        return plain(verdict);
    }
    let available = granted.as_ref().map_or_else(Available::new, |(_, terms)| available(terms, refund));
    match Bearing::of(granted, division, refund.amount, &so_far.stands, &available) {
        Ok(bearing) => {
            so_far.take(refund, total, Some(&bearing));
            Outcome { verdict, bearing: Some(bearing) }
        }
        Err(_) => plain(Verdict::Refused { mode: refund.mode(), because: "nobody_can_bear_it", rule: None }),
    }
}

fn grant(
    told: &Told<'_>,
    refund: &Refund,
    case: &RefundCase,
    refunded_before: Money,
) -> Result<Granted, Verdict> {
    let contradicts = || Verdict::Refused { mode: case.mode, because: "contradictory", rule: None };
    let Payment { taken, paid_at, .. } = *told.payment;
    let asked_at = refund.asked_at.max(paid_at);
    let facts = refund_facts(told.facts.clone(), case, refund.amount, (paid_at, asked_at));
    let facts = facts.map_err(|_| contradicts())?;
    let inputs = RefundInputs {
        mode: case.mode,
        reason: case.reason,
        payment: taken,
        refunded_before,
        refund: refund.amount,
        paid_at,
        asked_at,
    };
    let rules = told.draft.refunds().ok_or_else(contradicts)?;
    match rules.terms().decide(&inputs, |when| rules.applies(when, &facts)) {
        Ok(Decision::Granted(grant)) => Ok(Granted { reason: case.reason, grant }),
        Ok(Decision::Refused(refusal)) => Err(refused(Some(*case), &refusal)),
        Err(_) => Err(contradicts()),
    }
}

fn refused(case: Option<RefundCase>, refusal: &Refusal) -> Verdict {
    let mode = case.and_then(|case| case.mode);
    let (because, rule) = match &refusal.because {
        RefusedBecause::NoRuleFits => ("no_rule_fits", None),
        RefusedBecause::InputMissing { rule, .. } => ("input_missing", Some(rule.clone())),
        RefusedBecause::ConditionFailed { rule, .. } => ("condition_failed", Some(rule.clone())),
    };
    Verdict::Refused { mode, because, rule }
}

/// What each bearer of the terms has: as it was recorded, else more than any refund.
fn available(terms: &RefundTerms, refund: &Refund) -> Available {
    let enough = Money::new(MINOR_UNITS_MAX, refund.amount.currency());
    let enough = enough.expect("the greatest amount is an amount");
    let bearers = terms.waterfalls().values().flat_map(|waterfall| waterfall.bearers());
    bearers.map(|rule| (rule.bearer, refund.available.get(&rule.bearer).copied().unwrap_or(enough))).collect()
}

/// Who bears what of a refund that went out, and, as less than nothing, what funders of discounts get back with it; the amounts sum
/// to it.
pub(super) fn parts(refund: PositiveMoney, bearing: Option<&Bearing>) -> Vec<(Who, i64)> {
    let Some(bearing) = bearing else { return vec![(Who::Storefront, refund.minor_units())] };
    let mut found = Vec::new();
    let mut rest = refund.minor_units();
    if let Some(given_back) = &bearing.given_back {
        let is_fee = |receiver: &paifang_shares::Receiver| receiver.as_str() == SplitRules::FEE;
        let sum = |fee: bool| {
            let of = given_back.receivers.iter().filter(|(receiver, _)| is_fee(receiver) == fee);
            of.map(|(_, amount)| amount.minor_units()).sum::<i64>()
        };
        found.extend([(Who::Fee, sum(true)), (Who::Receivers, sum(false))]);
        rest = given_back.merchant.minor_units();
    }
    let funders = bearing.discounts.iter().filter(|discount| !discount.is_own());
    found.push((Who::Funders, -funders.map(|discount| discount.amount.minor_units()).sum::<i64>()));
    match &bearing.allocation {
        None => found.push((Who::Storefront, rest)),
        Some(allocation) => {
            let borne = allocation.borne().iter();
            found.extend(borne.map(|borne| (Who::Bearer(borne.bearer), borne.amount.minor_units())));
            found.push((Who::Reversed, allocation.reversed().minor_units()));
        }
    }
    found
}

impl SoFar {
    pub(super) fn nothing(currency: Currency) -> Self {
        Self { granted: Money::zero(currency), stands: Vec::new() }
    }

    /// What fails gives back what was borne: it counts for no later one.
    fn take(&mut self, refund: &Refund, total: Money, bearing: Option<&Bearing>) {
        if !refund.failed {
            self.granted = total;
            self.stands.extend(bearing.cloned());
        }
    }
}

impl Refund {
    fn mode(&self) -> Option<RefundMode> {
        self.case.and_then(|case| case.mode)
    }
}
