//! How often each rule decided: a fold over recorded decisions, whose memory does not grow with their number.

use std::collections::BTreeMap;

use paifang_payment::intent::Ending;
use paifang_payment::{Presentation, WalletName};
use serde::Serialize;

use super::LINES_MAX;
use crate::RuleId;
use crate::credit::Effect;
use crate::opening::{Because, Decision, Offer};

/// How often each rule decided, over recorded decisions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Payments that were let in.
    pub payments: u64,
    /// By wallet, presentation, version and what decided.
    lines: BTreeMap<Key, Counts>,
    /// Decisions whose line came after [`LINES_MAX`] others.
    pub beyond_lines: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    wallet: WalletName,
    presentation: Presentation,
    version: u32,
    rule: Option<RuleId>,
    because: Because,
}

/// A line of a tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The wallet.
    pub wallet: WalletName,
    /// How the payer was to be asked.
    pub presentation: Presentation,
    /// The version that decided.
    pub version: u32,
    /// The rule that decided; absent where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// Why.
    pub because: Because,
    /// The figures.
    #[serde(flatten)]
    pub counts: Counts,
}

/// The figures of a line: at how many of the payments that were let in this way to pay was ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// ... shown.
    pub shown: u64,
    /// ... accepted.
    pub accepted: u64,
    /// ... not accepted, or would not have been.
    pub refused: u64,
    /// ... what the payer chose.
    pub chosen: u64,
    /// ... what the payer chose, and paid with.
    pub paid: u64,
    /// ... what the payer chose, and failed to pay with.
    pub failed: u64,
}

/// What was decided about an offer, and what it came to.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The offer.
    pub offer: &'a Offer,
    /// The decision.
    pub decision: &'a Decision,
    /// What it came to.
    pub effect: Effect,
}

impl Tally {
    /// Counts one payment: what was chosen and how that ended, and what else was offered.
    pub fn take<'a>(
        &mut self,
        chosen: Told<'_>,
        ended: Option<Ending>,
        beside: impl IntoIterator<Item = Told<'a>>,
    ) {
        self.payments += 1;
        let counts = Counts {
            chosen: 1,
            paid: u64::from(ended == Some(Ending::Paid)),
            failed: u64::from(ended == Some(Ending::Failed)),
            ..Counts::default()
        };
        self.count(chosen, counts);
        for other in beside {
            self.count(other, Counts::default());
        }
    }

    fn count(&mut self, told: Told<'_>, more: Counts) {
        let Offer { wallet, presentation, .. } = told.offer;
        let Decision { rule, because, decided_by, .. } = told.decision;
        let Effect { shown, accepted, .. } = told.effect;
        let key = Key {
            wallet: wallet.clone(),
            presentation: *presentation,
            version: decided_by.version,
            rule: rule.clone(),
            because: *because,
        };
        if self.lines.len() >= LINES_MAX && !self.lines.contains_key(&key) {
            self.beyond_lines += 1;
            return;
        }
        let counts = self.lines.entry(key).or_default();
        counts.shown += u64::from(shown);
        counts.accepted += u64::from(accepted);
        counts.refused += u64::from(!accepted);
        counts.chosen += more.chosen;
        counts.paid += more.paid;
        counts.failed += more.failed;
    }

    /// The lines, by wallet, presentation, version and rule.
    pub fn lines(self) -> Vec<Line> {
        let lines = self.lines.into_iter().map(|(key, counts)| {
            let Key { wallet, presentation, version, rule, because } = key;
            Line { wallet, presentation, version, rule, because, counts }
        });
        lines.collect()
    }
}
