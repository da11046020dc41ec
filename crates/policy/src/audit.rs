//! Who could pay with what, to whomever it is: what a bundle says of each way to pay, rule by rule, and how often each rule decided.
//!
//! [`ways`] is the text of a bundle turned into tables. It decides nothing: it lists the rules in the order in which
//! [`crate::opening::decide`] asks them, up to the first one that holds for everybody. [`Tally`] is a fold over recorded
//! decisions, and its memory does not grow with their number.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paifang_payment::intent::Ending;
use paifang_payment::{Presentation, RailName, Remark, WalletName};
use serde::Serialize;

use crate::bundle::{Bundle, Kill, Opening, Unlisted};
use crate::cohort::Cohort;
use crate::lifecycle::Overlay;
use crate::opening::{Because, Decision, Offer};
use crate::{MerchantId, RuleId};

/// Different lines of a tally at most; what comes beyond is counted as such.
pub const LINES_MAX: usize = 1_000;

/// Ways to pay of one wallet over one rail of which the same rules speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The wallet.
    pub wallet: WalletName,
    /// The rail; absent of a wallet that only the bundle knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rail: Option<RailName>,
    /// The presentations, in the order of their type. Empty of a wallet that only the bundle knows.
    pub presentations: Vec<Presentation>,
    /// The rules, in the order in which they are asked. The last one may hold for everybody.
    pub steps: Vec<Step>,
    /// What holds for whom no rule fits; absent where the last rule holds for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Says>,
}

/// A rule of a way to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The rule.
    pub rule: RuleId,
    /// What it says.
    pub says: Says,
    /// For whom; all that is named must fit.
    #[serde(flatten)]
    pub whom: Whom,
    /// Why; only of a kill switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Remark>,
}

/// What holds for a way to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Neither shown nor accepted.
    Closed,
    /// Shown, and not accepted.
    Visible,
    /// Accepted, and not shown.
    Hidden,
    /// Shown and accepted.
    Accepted,
    /// Closed by a kill switch.
    Killed,
    /// It would be more, and is rolled back: closed.
    RolledBack,
}

/// For whom a rule holds. Nothing named: for everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Whom {
    /// Only this share of the payers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cohort: Option<Share>,
    /// Only these merchants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merchants: Vec<MerchantId>,
    /// Only where this holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Only for orders placed at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Only for orders placed before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A share of the payers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Which draw.
    pub salt: String,
    /// Parts per million.
    pub ppm: u32,
}

/// What a bundle says of these ways to pay, and of the wallets that only it knows, by wallet and rail.
pub fn ways(bundle: &Bundle, rolled_back: &Overlay, offers: impl IntoIterator<Item = Offer>) -> Vec<Way> {
    let offers: BTreeSet<Offer> = offers.into_iter().collect();
    let known: BTreeSet<&WalletName> = offers.iter().map(|offer| &offer.wallet).collect();
    let mut ways: Vec<Way> = Vec::new();
    for offer in &offers {
        let Offer { rail, wallet, presentation } = offer;
        let (steps, otherwise) = steps(bundle, rolled_back, wallet, |names| {
            names.rail.is_none_or(|named| named == rail)
                && names.presentation.is_none_or(|named| named == *presentation)
        });
        let rail = Some(rail.clone());
        let same = |way: &&mut Way| {
            way.wallet == *wallet && way.rail == rail && way.steps == steps && way.otherwise == otherwise
        };
        match ways.iter_mut().find(same) {
            Some(way) => way.presentations.push(*presentation),
            None => {
                let (wallet, presentations) = (wallet.clone(), vec![*presentation]);
                ways.push(Way { wallet, rail, presentations, steps, otherwise });
            }
        }
    }
    let unknown: BTreeSet<&WalletName> = bundle
        .openings()
        .iter()
        .map(|opening| &opening.wallet)
        .filter(|wallet| !known.contains(wallet))
        .collect();
    for wallet in unknown {
        let (steps, otherwise) = steps(bundle, rolled_back, wallet, |_| true);
        let (wallet, presentations) = (wallet.clone(), Vec::new());
        ways.push(Way { wallet, rail: None, presentations, steps, otherwise });
    }
    ways.sort_by(|a, b| (&a.wallet, &a.rail, &a.presentations).cmp(&(&b.wallet, &b.rail, &b.presentations)));
    ways
}

/// What a rule narrows a wallet down to.
struct Names<'a> {
    rail: Option<&'a RailName>,
    presentation: Option<Presentation>,
}

fn steps(
    bundle: &Bundle,
    rolled_back: &Overlay,
    wallet: &WalletName,
    fits: impl Fn(Names<'_>) -> bool,
) -> (Vec<Step>, Option<Says>) {
    let kills = |kill: &&Kill| {
        let Kill { rail, presentation, .. } = kill;
        kill.wallet.as_ref().is_none_or(|named| named == wallet)
            && fits(Names { rail: rail.as_ref(), presentation: *presentation })
    };
    if let Some(kill) = bundle.kills().iter().find(kills) {
        let (rule, note) = (kill.id.clone(), Some(kill.note.clone()));
        return (vec![Step { rule, says: Says::Killed, whom: Whom::default(), note }], None);
    }
    let is_meant = |opening: &&Opening| {
        let Opening { rail, presentation, .. } = opening;
        opening.wallet == *wallet && fits(Names { rail: rail.as_ref(), presentation: *presentation })
    };
    let mut steps = Vec::new();
    for opening in bundle.openings().iter().filter(is_meant) {
        let step = Step::of(opening, rolled_back.holds(&opening.id));
        let is_for_all = step.whom == Whom::default();
        steps.push(step);
        if is_for_all {
            return (steps, None);
        }
    }
    let is_listed = bundle.openings().iter().any(|opening| opening.wallet == *wallet);
    let otherwise = match (is_listed, bundle.header().unlisted) {
        (false, Unlisted::Open) => Says::Accepted,
        (true, _) | (false, Unlisted::Closed) => Says::Closed,
    };
    (steps, Some(otherwise))
}

impl Step {
    fn of(opening: &Opening, is_rolled_back: bool) -> Self {
        let Opening { when, from, until, cohort, merchants, show, accept, .. } = opening;
        let says = match (is_rolled_back, show, accept) {
            (true, ..) => Says::RolledBack,
            (false, false, false) => Says::Closed,
            (false, true, false) => Says::Visible,
            (false, false, true) => Says::Hidden,
            (false, true, true) => Says::Accepted,
        };
        let whom = Whom {
            cohort: cohort
                .as_ref()
                .map(|Cohort { salt, ppm }| Share { salt: salt.to_string(), ppm: ppm.get() }),
            merchants: merchants.clone().unwrap_or_default(),
            when: when.as_ref().map(|when| when.text().to_owned()),
            from: *from,
            until: *until,
        };
        Self { rule: opening.id.clone(), says, whom, note: None }
    }
}

impl Says {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Visible => "visible",
            Self::Hidden => "hidden",
            Self::Accepted => "accepted",
            Self::Killed => "killed",
            Self::RolledBack => "rolled_back",
        }
    }
}

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

impl Tally {
    /// Counts one payment: what was chosen and how that ended, and what else was offered.
    pub fn take<'a>(
        &mut self,
        chosen: (&Offer, &Decision),
        ended: Option<Ending>,
        beside: impl IntoIterator<Item = (&'a Offer, &'a Decision)>,
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

    fn count(&mut self, (offer, decision): (&Offer, &Decision), more: Counts) {
        let Offer { wallet, presentation, .. } = offer;
        let Decision { shown, accepted, rule, because, decided_by, .. } = decision;
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
        counts.shown += u64::from(*shown);
        counts.accepted += u64::from(*accepted);
        counts.refused += u64::from(!*accepted);
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

#[cfg(test)]
mod tests;
