//! What a draft would have granted of recorded refunds, and who would have borne them.

mod anew;

use std::collections::BTreeMap;

use paifang_shares::RuleId;
use paifang_shares::bearing::{Bearing, short};
use paifang_shares::refund_terms::{RefundMode, RefundReason};
use paifang_shares::waterfall::Bearer;
use serde::{Serialize, Serializer};

use self::anew::{Outcome, SoFar, anew, parts, recorded};
use super::{Counted, Pair, line};
use crate::bundle::Bundle;
use crate::simulate::Refund;

pub(super) use self::anew::Told;

/// What changed in refunds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Refunds {
    /// By currency.
    pub changes: Vec<Changes>,
    /// By currency and what was decided.
    pub verdicts: Vec<ByVerdict>,
    /// By currency and reason.
    pub reasons: Vec<ByReason>,
    /// Who bore what went out, by currency, and what funders of discounts got back with it. The amounts of each side sum to
    /// [`Changes::out`].
    pub bearers: Vec<ByBearer>,
    /// How it was known what bearers of the draft had.
    pub funds: Funds,
    /// Refunds that the records leave out: they are in no table.
    pub left_out: u64,
}

/// Refunds of one currency. `asked` is the sum of those that are granted still, newly, no longer or still not, and of those
/// that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// The currency.
    pub currency: &'static str,
    /// All that were asked for.
    pub asked: Counted,
    /// Granted, and so by the draft.
    pub still_granted: Counted,
    /// Of those, by a rule of another name or mode.
    pub by_another_rule: Counted,
    /// Not granted, but by the draft.
    pub newly_granted: Counted,
    /// Granted, and not by the draft.
    pub no_longer_granted: Counted,
    /// Not granted, and not by the draft.
    pub still_refused: Counted,
    /// Granted, and the draft asks why they were asked for, which was not recorded.
    pub untold: Counted,
    /// Of payments that the draft does not take.
    pub without_payment: Counted,
    /// What was granted, had every fen borne and did not fail.
    pub out: Pair,
    /// What waits for its bearers: the number of such refunds, and what they lack.
    pub short: Pair,
}

/// Refunds by what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByVerdict {
    /// The currency.
    pub currency: &'static str,
    /// What was decided.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How many, and how much.
    pub refunds: Pair,
}

/// Refunds by why they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByReason {
    /// The currency.
    pub currency: &'static str,
    /// Why; absent where it was not recorded.
    pub reason: Option<RefundReason>,
    /// How many were asked for.
    pub asked: Counted,
    /// How many were granted.
    pub granted: Pair,
}

/// What one sort of bearer bore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByBearer {
    /// The currency.
    pub currency: &'static str,
    /// Who.
    pub who: Who,
    /// Of how many refunds, and how much.
    pub borne: Pair,
}

/// Who bore a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The fee's part that came back.
    Fee,
    /// What receivers of splits gave back.
    Receivers,
    /// A bearer of a waterfall.
    Bearer(Bearer),
    /// The storefront, where no rule says who.
    Storefront,
    /// The funders of discounts, the merchants' own aside: they bear nothing and get back what they gave, so it is less than nothing.
    Funders,
    /// Given back to the bearers when the decision was reversed; who bears it instead is not recorded.
    Reversed,
}

/// What was decided about a refund.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// A rule granted it.
    Granted {
        /// What happened.
        mode: RefundMode,
        /// The rule.
        rule: RuleId,
    },
    /// No rules about refunds: it went out.
    Unruled,
    /// It was not granted.
    Refused {
        /// The mode that was asked for; absent: none in particular.
        mode: Option<RefundMode>,
        /// Why.
        because: &'static str,
        /// The rule that could not be told; absent where none fits.
        rule: Option<RuleId>,
    },
    /// More than was left of what was taken.
    Exceeds,
    /// The draft asks why, which was not recorded.
    Untold,
    /// The draft does not take the payment.
    WithoutPayment,
}

/// How it was known what bearers of the draft had: a bearer of each refund counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Funds {
    /// As it was recorded.
    pub recorded: u64,
    /// It was assumed to have enough, up to its caps.
    pub assumed: u64,
}

/// Which column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// As it was recorded.
    Before,
    /// By the draft.
    After,
}

/// The fold.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    changes: BTreeMap<&'static str, Changes>,
    verdicts: BTreeMap<(&'static str, Verdict), Pair>,
    reasons: BTreeMap<(&'static str, Option<RefundReason>), (Counted, Pair)>,
    bearers: BTreeMap<(&'static str, Who), Pair>,
    funds: Funds,
    left_out: u64,
    beyond_lines: u64,
}

impl Tally {
    /// Counts the refunds of a payment; answers the bearings of those that went out.
    pub(super) fn take(&mut self, told: &Told<'_>) -> Vec<(Side, Bearing)> {
        let currency = told.payment.taken.currency();
        let mut so_far = SoFar::nothing(currency);
        let mut out = Vec::new();
        self.left_out += told.payment.refunds_left_out;
        for refund in &told.payment.refunds {
            let before = recorded(refund);
            let after = anew(told, refund, &mut so_far);
            self.compare(currency.code(), refund, &before.verdict, &after.verdict);
            if after.bearing.as_ref().is_some_and(|bearing| bearing.allocation.is_some()) {
                self.note_funds(told.draft, refund, &after.verdict);
            }
            for (side, outcome) in [(Side::Before, before), (Side::After, after)] {
                if self.count(currency.code(), refund, side, &outcome) {
                    out.extend(outcome.bearing.map(|bearing| (side, bearing)));
                }
            }
        }
        out
    }

    fn changes(&mut self, currency: &'static str) -> &mut Changes {
        self.changes.entry(currency).or_insert_with(|| Changes::of(currency))
    }

    fn compare(&mut self, currency: &'static str, refund: &Refund, before: &Verdict, after: &Verdict) {
        let amount = refund.amount.minor_units();
        let changes = self.changes(currency);
        changes.asked.add(amount);
        let kind = match (before.is_granted(), after) {
            (_, Verdict::WithoutPayment) => &mut changes.without_payment,
            (true, Verdict::Untold) => &mut changes.untold,
            (true, _) if after.is_granted() => {
                if before != after {
                    changes.by_another_rule.add(amount);
                }
                &mut changes.still_granted
            }
            (true, _) => &mut changes.no_longer_granted,
            (false, _) if after.is_granted() => &mut changes.newly_granted,
            (false, _) => &mut changes.still_refused,
        };
        kind.add(amount);
        let reason = (currency, refund.case.map(|case| case.reason));
        if let Some((asked, granted)) = line(&mut self.reasons, &mut self.beyond_lines, reason) {
            asked.add(amount);
            for (side, verdict) in [(Side::Before, before), (Side::After, after)] {
                if verdict.is_granted() {
                    granted.side(side).add(amount);
                }
            }
        }
    }

    fn note_funds(&mut self, draft: &Bundle, refund: &Refund, verdict: &Verdict) {
        let Verdict::Granted { rule, .. } = verdict else { return };
        let Some(terms) = draft.refunds().map(|rules| rules.terms()) else { return };
        let rule = terms.rules().iter().find(|one| one.id == *rule);
        let waterfall = rule.and_then(|rule| terms.waterfalls().get(&rule.waterfall));
        for bearer in waterfall.into_iter().flat_map(|waterfall| waterfall.bearers()) {
            let is_known = refund.available.contains_key(&bearer.bearer);
            *(if is_known { &mut self.funds.recorded } else { &mut self.funds.assumed }) += 1;
        }
    }

    /// Counts one side of a refund; whether it went out.
    fn count(&mut self, currency: &'static str, refund: &Refund, side: Side, outcome: &Outcome) -> bool {
        let amount = refund.amount.minor_units();
        let key = (currency, outcome.verdict.clone());
        if let Some(refunds) = line(&mut self.verdicts, &mut self.beyond_lines, key) {
            refunds.side(side).add(amount);
        }
        if !outcome.verdict.is_granted() || refund.failed {
            return false;
        }
        let allocation = outcome.bearing.as_ref().and_then(|bearing| bearing.allocation.as_ref());
        if let Some(lacks) = short(allocation) {
            self.changes(currency).short.side(side).add(lacks.minor_units());
            return false;
        }
        self.changes(currency).out.side(side).add(amount);
        for (who, amount) in parts(refund.amount, outcome.bearing.as_ref()) {
            if amount != 0 {
                self.bearers.entry((currency, who)).or_default().side(side).add(amount);
            }
        }
        true
    }

    pub(super) fn beyond_lines(&self) -> u64 {
        self.beyond_lines
    }

    pub(super) fn finish(self) -> Refunds {
        let verdicts = self.verdicts.into_iter();
        let reasons = self.reasons.into_iter();
        let bearers = self.bearers.into_iter();
        Refunds {
            changes: self.changes.into_values().collect(),
            verdicts: verdicts
                .map(|((currency, verdict), refunds)| ByVerdict { currency, verdict, refunds })
                .collect(),
            reasons: reasons
                .map(|((currency, reason), (asked, granted))| ByReason { currency, reason, asked, granted })
                .collect(),
            bearers: bearers.map(|((currency, who), borne)| ByBearer { currency, who, borne }).collect(),
            funds: self.funds,
            left_out: self.left_out,
        }
    }
}

impl Verdict {
    /// Whether the refund was opened.
    pub fn is_granted(&self) -> bool {
        match self {
            Self::Granted { .. } | Self::Unruled => true,
            Self::Refused { .. } | Self::Exceeds | Self::Untold | Self::WithoutPayment => false,
        }
    }
}

impl Changes {
    fn of(currency: &'static str) -> Self {
        let none = Counted::default();
        Self {
            currency,
            asked: none,
            still_granted: none,
            by_another_rule: none,
            newly_granted: none,
            no_longer_granted: none,
            still_refused: none,
            untold: none,
            without_payment: none,
            out: Pair::default(),
            short: Pair::default(),
        }
    }
}

impl Who {
    /// Its word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fee => "fee",
            Self::Receivers => "receivers",
            Self::Bearer(bearer) => bearer.word(),
            Self::Storefront => "storefront",
            Self::Funders => "funders",
            Self::Reversed => "reversed",
        }
    }
}

impl Serialize for Who {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}
