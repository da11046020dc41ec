//! Whether a wallet is open for a payment, and why.
//!
//! [`decide`] asks the kill switches first, then the openings in the order of the file; the first that fits decides.
//! An opening fits when its wallet, presentation and rail are those of the offer and its dates, merchants, cohort and
//! condition all say yes. Where one of them says no it does not fit, whatever else is missing. Where none says no and
//! an input is missing, the opening is undecided: it may have fitted, or left the decision to those behind it. Then the
//! wallet is shown, or accepted, only if that holds both ways; where it does not, the decision names what was missing.
//! So a missing input is never a yes, it never opens what an earlier rule would have closed, and to learn it later
//! never takes away what was shown (but by a condition that asks with `has()`). A condition that fails closes at once;
//! one that may fail ([`crate::condition::Condition::may_fail`]) and lacks an input may close, whatever its opening
//! says.

use std::fmt;

use paifang_payment::{Credit, Presentation, RailName, WalletName};
use serde::{Deserialize, Serialize};

use crate::RuleId;
use crate::bundle::{Bundle, BundleRef, Kill, Opening, Unlisted};
use crate::cohort::Pseudonym;
use crate::condition::{Condition, Failure, Verdict};
use crate::facts::{Facts, Input};
use crate::lifecycle::Overlay;

/// One way to pay that could be offered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offer {
    /// The rail it goes through.
    pub rail: RailName,
    /// The wallet.
    pub wallet: WalletName,
    /// How the payer is asked.
    pub presentation: Presentation,
}

/// What was decided about an offer, for a new payment. It is recorded with the facts that it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the payer is shown the offer.
    pub shown: bool,
    /// Whether a payment with it is taken.
    pub accepted: bool,
    /// Whether the payer may pay it on credit; says something of an accepted offer only.
    #[serde(default, skip_serializing_if = "Credit::is_allowed")]
    pub credit: Credit,
    /// The rule that decided; absent where none did (`because` then says what holds without one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// Why.
    pub because: Because,
    /// What `rule`, and undecided openings behind it, lacked, in the order of the inputs' table. Empty unless `because`
    /// says that an input is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Lack>,
    /// How `rule` failed, for whoever wrote it. Absent unless `because` says that it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The bundle that decided.
    pub decided_by: BundleRef,
    /// What no decision can close.
    pub standing: Standing,
}

/// Why something was decided as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// A kill switch is on.
    Killed,
    /// The opening fits, and shows or accepts: its `show` and `accept` hold.
    OpeningFits,
    /// The opening fits, and neither shows nor accepts.
    OpeningCloses,
    /// The opening would fit, but it is rolled back.
    RolledBack,
    /// The opening cannot be judged without an input, and it matters; `shown` and `accepted` are what holds either way.
    InputMissing,
    /// The opening's condition failed.
    RuleFailed,
    /// Openings name the wallet, and none fits.
    NoOpeningFits,
    /// No opening names the wallet, and the bundle leaves such wallets open.
    UnlistedOpen,
    /// No opening names the wallet, and the bundle closes such wallets.
    UnlistedClosed,
}

/// What a rule lacked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lack {
    /// A declared input.
    Input(Input),
    /// The payer's pseudonym, which cohorts go by.
    Pseudonym,
}

/// What stays as it is whatever a policy decides: the one value of this type says that what was paid can be queried
/// and refunded. A wallet that is closed or killed takes no new payment; nothing else ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Queries of payments and refunds.
    pub queries: Alive,
    /// Refunds of what was paid.
    pub refunds: Alive,
}

/// Not to be closed by any rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alive {
    /// It goes on.
    #[default]
    Alive,
}

/// Decides about an offer for a new payment. The answer depends on nothing but the arguments, and of the facts only on
/// those that a rule names ([`inputs_of`]). `payer` is absent where no pseudonym is known.
pub fn decide(
    bundle: &Bundle,
    rolled_back: &Overlay,
    offer: &Offer,
    facts: &Facts,
    payer: Option<&Pseudonym>,
) -> Decision {
    if let Some(kill) = bundle.kills().iter().find(|kill| kills(kill, offer)) {
        return closed(bundle, Some(&kill.id), Because::Killed);
    }
    let mut undecided = Vec::new();
    for opening in bundle.openings().iter().filter(|opening| names(opening, offer)) {
        let is_rolled_back = rolled_back.holds(&opening.id);
        match fit(opening, facts, payer) {
            Ok(Fit::No) => {}
            Ok(Fit::Yes) => return settle(bundle, undecided, fitting(bundle, opening, is_rolled_back)),
            Ok(Fit::Missing { missing, may_fail }) => {
                let fitting = fitting(bundle, opening, is_rolled_back);
                undecided.push(Undecided { fitting, may_fail, missing });
            }
            Err(failure) => {
                let failure = Some(failure.to_string());
                return Decision { failure, ..closed(bundle, Some(&opening.id), Because::RuleFailed) };
            }
        }
    }
    let is_listed = bundle.openings().iter().any(|opening| opening.wallet == offer.wallet);
    let without = match (is_listed, bundle.header().unlisted) {
        (true, _) => closed(bundle, None, Because::NoOpeningFits),
        (false, Unlisted::Closed) => closed(bundle, None, Because::UnlistedClosed),
        (false, Unlisted::Open) => {
            Decision { shown: true, accepted: true, ..closed(bundle, None, Because::UnlistedOpen) }
        }
    };
    settle(bundle, undecided, without)
}

/// An opening that lacks an input: what it would say, whether it may close by failing, and what it lacks (never empty).
struct Undecided {
    fitting: Decision,
    may_fail: bool,
    missing: Vec<Lack>,
}

fn fitting(bundle: &Bundle, opening: &Opening, is_rolled_back: bool) -> Decision {
    let Opening { id, show, accept, credit, .. } = opening;
    if is_rolled_back {
        return closed(bundle, Some(id), Because::RolledBack);
    }
    let because = if *show || *accept { Because::OpeningFits } else { Because::OpeningCloses };
    Decision { shown: *show, accepted: *accept, credit: *credit, ..closed(bundle, Some(id), because) }
}

/// What holds whether the undecided openings fit, fail or do neither; `decided` is what holds if none of them does.
fn settle(bundle: &Bundle, undecided: Vec<Undecided>, decided: Decision) -> Decision {
    let shows = |one: &Undecided| one.fitting.shown && !one.may_fail;
    let accepts = |one: &Undecided| one.fitting.accepted && !one.may_fail;
    let is_closed = !decided.shown && !decided.accepted;
    let same = |one: &Undecided| {
        let says = |decision: &Decision| (decision.shown, decision.accepted, decision.credit);
        let fits_the_same = says(&one.fitting) == says(&decided);
        fits_the_same && (is_closed || !one.may_fail)
    };
    if undecided.iter().all(same) {
        return decided;
    }
    let shown = decided.shown && undecided.iter().all(shows);
    let accepted = decided.accepted && undecided.iter().all(accepts);
    let leaves_out = undecided.iter().any(|one| one.fitting.credit == Credit::Excluded);
    let credit = if leaves_out { Credit::Excluded } else { decided.credit };
    let rule = undecided.first().and_then(|one| one.fitting.rule.clone());
    let mut missing: Vec<Lack> = undecided.into_iter().flat_map(|one| one.missing).collect();
    missing.sort();
    missing.dedup();
    Decision { shown, accepted, credit, missing, ..closed(bundle, rule.as_ref(), Because::InputMissing) }
}

/// What decisions by this bundle may depend on, in the order of the inputs' table.
pub fn inputs_of(bundle: &Bundle) -> Vec<Lack> {
    let mut found: Vec<Lack> = bundle.openings().iter().flat_map(inputs).collect();
    found.extend(
        bundle
            .rankings()
            .iter()
            .flat_map(|ranking| &ranking.when)
            .flat_map(|when| when.names().map(Lack::Input)),
    );
    let by_money = bundle.rankings().iter().filter(|ranking| ranking.per.is_some());
    found.extend(by_money.map(|_| Lack::Input(Input::OrderAmount)));
    found.sort();
    found.dedup();
    found
}

enum Fit {
    Yes,
    No,
    /// `missing` is never empty; `may_fail` says that the condition is what lacks an input, and may fail with it.
    Missing {
        missing: Vec<Lack>,
        may_fail: bool,
    },
}

fn fit(opening: &Opening, facts: &Facts, payer: Option<&Pseudonym>) -> Result<Fit, Failure> {
    let Opening { from, until, merchants, cohort, when, .. } = opening;
    let mut missing = Vec::new();
    let mut lacks = |lack| {
        missing.push(lack);
        true
    };
    let in_time = match (from, until, facts.order_at()) {
        (None, None, _) => true,
        (_, _, None) => lacks(Lack::Input(Input::OrderAt)),
        (from, until, Some(at)) => from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until),
    };
    let of_merchant = match (merchants, facts.text(Input::MerchantId)) {
        (None, _) => true,
        (Some(_), None) => lacks(Lack::Input(Input::MerchantId)),
        (Some(merchants), Some(id)) => merchants.binary_search_by(|one| one.as_str().cmp(id)).is_ok(),
    };
    let in_cohort = match (cohort, payer) {
        (None, _) => true,
        (Some(_), None) => lacks(Lack::Pseudonym),
        (Some(cohort), Some(payer)) => cohort.holds(payer),
    };
    if !(in_time && of_merchant && in_cohort) {
        return Ok(Fit::No);
    }
    let mut may_fail = false;
    match when.as_ref().map_or(Ok(Verdict::Yes), |when| when.evaluate(facts))? {
        Verdict::No => return Ok(Fit::No),
        Verdict::Yes => {}
        Verdict::Missing(inputs) => {
            missing.extend(inputs.into_iter().map(Lack::Input));
            may_fail = when.as_ref().is_some_and(Condition::may_fail);
        }
    }
    missing.sort();
    missing.dedup();
    Ok(if missing.is_empty() { Fit::Yes } else { Fit::Missing { missing, may_fail } })
}

fn inputs(opening: &Opening) -> Vec<Lack> {
    let Opening { from, until, merchants, cohort, when, .. } = opening;
    let mut found: Vec<Lack> = when.iter().flat_map(|when| when.names().map(Lack::Input)).collect();
    if from.is_some() || until.is_some() {
        found.push(Lack::Input(Input::OrderAt));
    }
    if merchants.is_some() {
        found.push(Lack::Input(Input::MerchantId));
    }
    if cohort.is_some() {
        found.push(Lack::Pseudonym);
    }
    found
}

fn kills(kill: &Kill, offer: &Offer) -> bool {
    kill.rail.as_ref().is_none_or(|rail| *rail == offer.rail)
        && kill.wallet.as_ref().is_none_or(|wallet| *wallet == offer.wallet)
        && kill.presentation.is_none_or(|presentation| presentation == offer.presentation)
}

fn names(opening: &Opening, offer: &Offer) -> bool {
    opening.wallet == offer.wallet
        && opening.rail.as_ref().is_none_or(|rail| *rail == offer.rail)
        && opening.presentation.is_none_or(|presentation| presentation == offer.presentation)
}

fn closed(bundle: &Bundle, rule: Option<&RuleId>, because: Because) -> Decision {
    Decision {
        shown: false,
        accepted: false,
        credit: Credit::Allowed,
        rule: rule.cloned(),
        because,
        missing: Vec::new(),
        failure: None,
        decided_by: bundle.reference(),
        standing: Standing::default(),
    }
}

impl Because {
    /// The name in records and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::OpeningFits => "opening_fits",
            Self::OpeningCloses => "opening_closes",
            Self::RolledBack => "rolled_back",
            Self::InputMissing => "input_missing",
            Self::RuleFailed => "rule_failed",
            Self::NoOpeningFits => "no_opening_fits",
            Self::UnlistedOpen => "unlisted_open",
            Self::UnlistedClosed => "unlisted_closed",
        }
    }
}

impl Lack {
    /// The name: that of the input, or `payer.pseudonym`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input(input) => input.name(),
            Self::Pseudonym => "payer.pseudonym",
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Lack> for String {
    fn from(lack: Lack) -> Self {
        lack.name().to_owned()
    }
}

impl TryFrom<String> for Lack {
    type Error = UnknownLack;

    fn try_from(name: String) -> Result<Self, UnknownLack> {
        if name == Self::Pseudonym.name() {
            return Ok(Self::Pseudonym);
        }
        Input::by_name(&name).map(Self::Input).ok_or(UnknownLack)
    }
}

/// The text is neither the name of a declared input nor `payer.pseudonym`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be the name of a declared input, or payer.pseudonym")]
pub struct UnknownLack;
