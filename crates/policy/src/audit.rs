//! Who could pay with what, to whomever it is: what a bundle says of each way to pay, rule by rule, and how often each rule decided.
//!
//! [`ways`] is the text of a bundle turned into tables. It decides nothing: it lists the rules in the order in which
//! [`crate::opening::decide`] asks them, up to the first one that holds for everybody. [`Tally`] is a fold over recorded
//! decisions, and its memory does not grow with their number.

mod tally;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paifang_payment::{Credit, Presentation, RailName, Remark, WalletName};
use serde::Serialize;

use crate::bundle::{Bundle, Kill, Opening, Unlisted};
use crate::cohort::Cohort;
use crate::lifecycle::Overlay;
use crate::opening::Offer;
use crate::{MerchantId, RuleId};

pub use self::tally::{Counts, Line, Tally, Told};

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
    /// Nothing is paid with it, whatever the rules say: every account that offers it is disabled.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// A way to pay that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// The way to pay.
    pub offer: Offer,
    /// An order with it can leave credit out.
    pub can_exclude_credit: bool,
    /// The account that offers it is enabled.
    pub enabled: bool,
}

/// A rule of a way to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The rule.
    pub rule: RuleId,
    /// What it says, and what therefore held of payments that are charged at once.
    pub says: Says,
    /// For whom; all that is named must fit.
    #[serde(flatten)]
    pub whom: Whom,
    /// Why; only of a kill switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Remark>,
    /// What it says of credit; absent: as the payer likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit: Option<CreditSaid>,
}

/// What a rule says of credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditSaid {
    /// It accepts, and not on credit.
    LeftOut,
    /// It would be more, and leaves credit out, which no order with this way to pay can say: closed.
    NotExcludable,
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
pub fn ways(
    bundle: &Bundle,
    rolled_back: &Overlay,
    offers: impl IntoIterator<Item = Configured>,
) -> Vec<Way> {
    // Whether credit can be left out, and whether it is enabled: by any account that offers it.
    let mut all: BTreeMap<Offer, (bool, bool)> = BTreeMap::new();
    for Configured { offer, can_exclude_credit, enabled } in offers {
        let (can, is_enabled) = all.entry(offer).or_default();
        (*can, *is_enabled) = (*can || can_exclude_credit, *is_enabled || enabled);
    }
    let known: BTreeSet<&WalletName> = all.keys().map(|offer| &offer.wallet).collect();
    let mut ways: Vec<Way> = Vec::new();
    for (offer, (can_exclude_credit, enabled)) in &all {
        let disabled = !enabled;
        let Offer { rail, wallet, presentation } = offer;
        let (steps, otherwise) = steps(bundle, rolled_back, wallet, Some((offer, *can_exclude_credit)));
        let rail = Some(rail.clone());
        let same = |way: &&mut Way| {
            let says_the_same = way.steps == steps && way.otherwise == otherwise && way.disabled == disabled;
            way.wallet == *wallet && way.rail == rail && says_the_same
        };
        match ways.iter_mut().find(same) {
            Some(way) => way.presentations.push(*presentation),
            None => {
                let (wallet, presentations) = (wallet.clone(), vec![*presentation]);
                ways.push(Way { wallet, rail, presentations, steps, otherwise, disabled });
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
        let (steps, otherwise) = steps(bundle, rolled_back, wallet, None);
        let (wallet, presentations) = (wallet.clone(), Vec::new());
        ways.push(Way { wallet, rail: None, presentations, steps, otherwise, disabled: false });
    }
    ways.sort_by(|a, b| (&a.wallet, &a.rail, &a.presentations).cmp(&(&b.wallet, &b.rail, &b.presentations)));
    ways
}

/// The rules that can speak of a wallet: over one way to pay, with whether an order with it can leave credit out; or, of a wallet
/// that is configured nowhere, over any. Of such a one a kill switch speaks only if it closes every way to pay.
fn steps(
    bundle: &Bundle,
    rolled_back: &Overlay,
    wallet: &WalletName,
    way: Option<(&Offer, bool)>,
) -> (Vec<Step>, Option<Says>) {
    let fits = |rail: &Option<RailName>, presentation: Option<Presentation>, anywhere: bool| match way {
        Some((offer, _)) => {
            rail.as_ref().is_none_or(|named| *named == offer.rail)
                && presentation.is_none_or(|named| named == offer.presentation)
        }
        None => anywhere || (rail.is_none() && presentation.is_none()),
    };
    let kills = |kill: &&Kill| {
        let Kill { rail, presentation, .. } = kill;
        kill.wallet.as_ref().is_none_or(|named| named == wallet) && fits(rail, *presentation, false)
    };
    if let Some(kill) = bundle.kills().iter().find(kills) {
        let (rule, note) = (kill.id.clone(), Some(kill.note.clone()));
        return (vec![Step { rule, says: Says::Killed, whom: Whom::default(), note, credit: None }], None);
    }
    let is_meant = |opening: &&Opening| {
        let Opening { rail, presentation, .. } = opening;
        opening.wallet == *wallet && fits(rail, *presentation, true)
    };
    let mut steps = Vec::new();
    for opening in bundle.openings().iter().filter(is_meant) {
        let step = Step::of(opening, rolled_back.holds(&opening.id), way.is_none_or(|(_, can)| can));
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
    fn of(opening: &Opening, is_rolled_back: bool, can_exclude_credit: bool) -> Self {
        let Opening { when, from, until, cohort, merchants, show, accept, credit, .. } = opening;
        let is_open = !is_rolled_back && (*show || *accept);
        let credit = match (is_open && *credit == Credit::Excluded, can_exclude_credit) {
            (true, false) => Some(CreditSaid::NotExcludable),
            (true, true) if *accept => Some(CreditSaid::LeftOut),
            (true, true) | (false, _) => None,
        };
        let says = match (is_rolled_back, show, accept) {
            (true, ..) => Says::RolledBack,
            _ if credit == Some(CreditSaid::NotExcludable) => Says::Closed,
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
        Self { rule: opening.id.clone(), says, whom, note: None, credit }
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

#[cfg(test)]
mod tests;
