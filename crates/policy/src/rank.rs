//! The order in which a payer sees what is shown, with the reasons.
//!
//! The weights of all rankings that hold for a wallet are added up; more comes first. Where two weigh the same, the
//! order in which they were handed in stays. A ranking that lacks an input, or fails, adds nothing and is named.

use serde::{Deserialize, Serialize};

use crate::bundle::{Bundle, Ranking};
use crate::condition::Verdict;
use crate::facts::{Facts, Input};
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

/// Puts the offers that are shown in order; the others are left out.
pub fn rank<'a>(
    bundle: &Bundle,
    facts: &Facts,
    offers: impl IntoIterator<Item = (&'a Offer, &'a Decision)>,
) -> Vec<Ranked> {
    let judged: Vec<(&Ranking, Judgement)> =
        bundle.rankings().iter().map(|ranking| (ranking, judge(ranking, facts))).collect();
    let shown = offers.into_iter().filter(|(_, decision)| decision.shown);
    let mut ranked: Vec<Ranked> = shown.map(|(offer, _)| place(offer, &judged)).collect();
    ranked.sort_by_key(|one| std::cmp::Reverse(one.weight));
    ranked
}

enum Judgement {
    Holds(Reason),
    Fails,
    Open(Unjudged),
}

fn judge(ranking: &Ranking, facts: &Facts) -> Judgement {
    let Ranking { id, when, weight, reason, .. } = ranking;
    let open = |missing, failure| Judgement::Open(Unjudged { rule: id.clone(), missing, failure });
    match when.as_ref().map_or(Ok(Verdict::Yes), |when| when.evaluate(facts)) {
        Ok(Verdict::Yes) => {
            Judgement::Holds(Reason { rule: id.clone(), reason: reason.clone(), weight: *weight })
        }
        Ok(Verdict::No) => Judgement::Fails,
        Ok(Verdict::Missing(missing)) => open(missing, None),
        Err(failure) => open(Vec::new(), Some(failure.to_string())),
    }
}

fn place(offer: &Offer, judged: &[(&Ranking, Judgement)]) -> Ranked {
    let mut ranked = Ranked { offer: offer.clone(), weight: 0, reasons: Vec::new(), unjudged: Vec::new() };
    for (_, judgement) in judged.iter().filter(|(ranking, _)| ranking.wallet == offer.wallet) {
        match judgement {
            Judgement::Holds(reason) => {
                ranked.weight = ranked.weight.saturating_add(reason.weight);
                ranked.reasons.push(reason.clone());
            }
            Judgement::Fails => {}
            Judgement::Open(unjudged) => ranked.unjudged.push(unjudged.clone()),
        }
    }
    ranked
}
