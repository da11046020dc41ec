//! Who bears one refund: what receivers of a split give back, and who funds the rest.

use paifang_money::{Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::Merchant;
use crate::discounts::GivenBack;
use crate::division::{Before, Division};
use crate::parts::Misfit;
use crate::refund_terms::{Grant, RefundMode, RefundReason, RefundTerms};
use crate::splits::SplitAmounts;
use crate::waterfall::{Allocation, Available, Funding, WaterfallError};

/// What was decided about one refund. Stored with it.
///
/// What receivers give back and what is funded sum to the refund, and what funders of discounts get back of it, where a rule
/// granted it. What neither covers is borne by the
/// storefront itself: all but the receivers' parts where no rule decides about refunds, everything of a payment that was
/// never divided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bearing {
    /// The rule that granted it; absent where the storefront has none about refunds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Granted>,
    /// Who sold; absent: the storefront itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<Merchant>,
    /// What each receiver gives back, and the part that is the merchant's to give back. Absent where the payment's division
    /// stays as it is: a compensation, or the cost of sending goods back; and where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_back: Option<SplitAmounts>,
    /// What each of the payment's discounts gets back once the refund has succeeded; empty where none does. It comes with what
    /// was given back and funded, which is that much more than the refund ([`crate::discounts::GivenBack::is_own`] aside).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<GivenBack>,
    /// Who funds the rest, as it was when it was asked for; absent where nothing is funded. While it is short, nobody bears
    /// anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Allocation>,
}

/// A refund that a rule granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    /// Why it was asked for.
    pub reason: RefundReason,
    /// The rule, and its deadlines.
    pub grant: Grant,
}

/// Why nobody can be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BearingError {
    /// An amount does not fit.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// It cannot be funded so.
    #[error(transparent)]
    Waterfall(#[from] WaterfallError),
    /// The grant is not one of these terms.
    #[error("no waterfall of the terms is named {0}")]
    OtherTerms(crate::WaterfallName),
}

impl RefundMode {
    /// Whether the payment's receivers give back their parts: where the sale itself is undone.
    pub fn undoes_the_sale(self) -> bool {
        match self {
            Self::ReturnAndRefund | Self::RefundWithoutReturn => true,
            Self::AutomaticCompensation | Self::ReturnFreightCover => false,
        }
    }
}

impl Bearing {
    /// Who bears a refund. `granted` is the rule that granted it, with its terms; `division` that of the payment; `before` the
    /// bearings of the payment's refunds that stand.
    ///
    /// Errors: amounts that do not fit the payment's division; no fact for one of the bearers.
    pub fn of<'a>(
        granted: Option<(Granted, &RefundTerms)>,
        division: Option<&Division>,
        refund: PositiveMoney,
        before: impl IntoIterator<Item = &'a Bearing>,
        available: &Available,
    ) -> Result<Self, BearingError> {
        let undoes = granted.as_ref().is_none_or(|(granted, _)| granted.grant.mode.undoes_the_sale());
        let before: Vec<Before<'_>> = before.into_iter().filter_map(Self::undone).collect();
        let undone =
            division.filter(|_| undoes).map(|division| division.undo(&before, refund)).transpose()?;
        let (given_back, discounts) = match undone {
            Some(undone) => (Some(undone.given_back), undone.discounts),
            None => (None, Vec::new()),
        };
        let rest = given_back.as_ref().map_or(refund.money(), |amounts| amounts.merchant);
        let rest = PositiveMoney::try_from(rest).ok();
        let allocation = match (&granted, division, rest) {
            (Some((granted, terms)), Some(_), Some(rest)) => {
                let other = || BearingError::OtherTerms(granted.grant.waterfall.clone());
                Some(terms.fund(&granted.grant, rest, available).ok_or_else(other)??)
            }
            _ => None,
        };
        let merchant = division.and_then(|division| division.merchant.clone());
        Ok(Self { granted: granted.map(|(granted, _)| granted), merchant, given_back, discounts, allocation })
    }

    /// What it undoes of the payment's division.
    fn undone(&self) -> Option<Before<'_>> {
        Some(Before { given_back: self.given_back.as_ref()?, discounts: &self.discounts })
    }
}

/// Whether what has to be funded is: without an allocation there is nothing to fund.
pub fn is_funded(allocation: Option<&Allocation>) -> bool {
    allocation.is_none_or(|allocation| !matches!(allocation.funding(), Funding::Short(_)))
}

/// What nobody bears yet.
pub fn short(allocation: Option<&Allocation>) -> Option<PositiveMoney> {
    let short: Money = allocation?.short();
    match allocation?.funding() {
        Funding::Short(_) => PositiveMoney::try_from(short).ok(),
        Funding::Full | Funding::Reversed(_) => None,
    }
}
