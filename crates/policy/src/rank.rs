//! The order in which a payer sees what is shown, with the reasons.
//!
//! The weights of all rankings that hold for a wallet are added up; more comes first. Where two weigh the same, the
//! order in which they were handed in stays. A ranking that lacks an input, or fails, adds nothing and is named.
//!
//! One that goes by a fee or by discounts ([`Ranking::per`]) adds `weight * amount * 10_000 / price`, rounded toward zero.
//! Where that is nothing it is no reason.

use paifang_shares::discounts::Given;
use paifang_shares::division::Division;
use serde::{Deserialize, Serialize};

use crate::bundle::{Bundle, Per, Ranking};
use crate::condition::Verdict;
use crate::facts::{Facts, Input};
use crate::money::DivideError;
use crate::opening::{Decision, Offer};
use crate::{Code, RuleId};

/// An offer in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ranked {
    /// The offer.
    pub offer: Offer,
    /// The sum of the weights.
    pub weight: i64,
    /// Why it stands there, in the order of the bundle.
    pub reasons: Vec<Reason>,
    /// Rankings of its wallet that could not be judged, in the order of the bundle.
    pub unjudged: Vec<Unjudged>,
}

/// One ranking that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule.
    pub rule: RuleId,
    /// Its reason.
    pub reason: Code,
    /// What it added.
    pub weight: i64,
}

/// One ranking that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unjudged {
    /// The rule.
    pub rule: RuleId,
    /// The inputs it lacked; empty where it failed.
    pub missing: Vec<Input>,
    /// How it failed; absent where it lacked an input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What may be put in order.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The offer.
    pub offer: &'a Offer,
    /// What was decided about it.
    pub decision: &'a Decision,
    /// How its money would be divided, or why it cannot be ([`crate::money::divide`]); absent where the bundle says nothing
    /// about money, or the amount is not known.
    pub terms: Option<Result<&'a Division, &'a DivideError>>,
}

/// Puts the offers that are shown in order; the others are left out.
pub fn rank<'a>(bundle: &Bundle, facts: &Facts, entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<Ranked> {
    let judged: Vec<(&Ranking, Judgement)> =
        bundle.rankings().iter().map(|ranking| (ranking, judge(ranking, facts))).collect();
    let shown = entries.into_iter().filter(|entry| entry.decision.shown);
    let mut ranked: Vec<Ranked> = shown.map(|entry| place(entry, facts, &judged)).collect();
    ranked.sort_by_key(|one| std::cmp::Reverse(one.weight));
    ranked
}

enum Judgement {
    Holds,
    Fails,
    Open(Unjudged),
}

fn judge(ranking: &Ranking, facts: &Facts) -> Judgement {
    match ranking.when.as_ref().map_or(Ok(Verdict::Yes), |when| when.evaluate(facts)) {
        Ok(Verdict::Yes) => Judgement::Holds,
        Ok(Verdict::No) => Judgement::Fails,
        Ok(Verdict::Missing(missing)) => Judgement::Open(lacks(ranking, missing)),
        Err(failure) => Judgement::Open(failed(ranking, failure.to_string())),
    }
}

fn place(entry: Entry<'_>, facts: &Facts, judged: &[(&Ranking, Judgement)]) -> Ranked {
    let mut ranked =
        Ranked { offer: entry.offer.clone(), weight: 0, reasons: Vec::new(), unjudged: Vec::new() };
    let is_about =
        |ranking: &Ranking| ranking.wallet.as_ref().is_none_or(|wallet| *wallet == entry.offer.wallet);
    for (ranking, judgement) in judged.iter().filter(|(ranking, _)| is_about(ranking)) {
        let added = match judgement {
            Judgement::Holds => added(ranking, facts, entry.terms),
            Judgement::Fails => continue,
            Judgement::Open(unjudged) => Err(unjudged.clone()),
        };
        match added {
            Ok(0) if ranking.per.is_some() => {}
            Ok(weight) => {
                let Ranking { id, reason, .. } = ranking;
                ranked.weight = ranked.weight.saturating_add(weight);
                ranked.reasons.push(Reason { rule: id.clone(), reason: reason.clone(), weight });
            }
            Err(unjudged) => ranked.unjudged.push(unjudged),
        }
    }
    ranked
}

/// What a ranking that holds adds.
fn added(
    ranking: &Ranking,
    facts: &Facts,
    terms: Option<Result<&Division, &DivideError>>,
) -> Result<i64, Unjudged> {
    let Some(per) = ranking.per else { return Ok(ranking.weight) };
    let price = facts.number(Input::OrderAmount).filter(|price| *price > 0);
    let (Some(price), Some(terms)) = (price, terms) else {
        return Err(lacks(ranking, vec![Input::OrderAmount]));
    };
    let division = terms.map_err(|why| failed(ranking, why.to_string()))?;
    let amount: i128 = match per {
        Per::Fee => division.fee.iter().map(|fee| i128::from(fee.amount().minor_units())).sum(),
        Per::Discount => {
            let counts = |one: &&Given| ranking.funders.as_ref().is_none_or(|of| of.contains(&one.funder));
            let given = division.discounts.iter().flat_map(|discounts| discounts.given()).filter(counts);
            given.map(|one| i128::from(one.amount.minor_units())).sum()
        }
    };
    let weight = i128::from(ranking.weight) * amount * SHARES / i128::from(price);
    let farthest = if weight < 0 { i64::MIN } else { i64::MAX };
    Ok(i64::try_from(weight).unwrap_or(farthest))
}

fn lacks(ranking: &Ranking, missing: Vec<Input>) -> Unjudged {
    Unjudged { rule: ranking.id.clone(), missing, failure: None }
}

fn failed(ranking: &Ranking, failure: String) -> Unjudged {
    Unjudged { rule: ranking.id.clone(), missing: Vec::new(), failure: Some(failure) }
}

/// A price has this many of the shares that [`Ranking::per`] counts.
const SHARES: i128 = 10_000;
