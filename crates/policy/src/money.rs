//! What a bundle says about the money of one payment and of one refund: functions of what was declared, and of nothing else.

use jiff::Timestamp;
use paifang_money::PositiveMoney;
use paifang_payment::WalletName;
use paifang_shares::division::Division;
use paifang_shares::fees::{Fee, FeeError, FeeInputs, FeeSchedule};
use paifang_shares::refund_terms::RefundCase;
use paifang_shares::splits::SplitError;
use paifang_shares::{Category, Merchant, Wallet};

use crate::bundle::Bundle;
use crate::facts::{FactError, Facts, Input};

/// Why a payment cannot be divided by a bundle's rules; such a payment is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DivideError {
    /// The terms of refunds are in another currency.
    #[error("refunds: the terms are in {terms}, the payment is in {payment}: it could never be refunded")]
    Refunds {
        /// The terms' currency.
        terms: paifang_money::Currency,
        /// The payment's.
        payment: paifang_money::Currency,
    },
    /// There is no fee for it.
    #[error("fees: {0}")]
    Fees(#[from] FeeError),
    /// There is not enough of it.
    #[error("splits: {0}")]
    Splits(#[from] SplitError),
}

impl DivideError {
    /// The table that it does not fit.
    pub fn table(&self) -> &'static str {
        match self {
            Self::Refunds { .. } => "refunds",
            Self::Fees(_) => "fees",
            Self::Splits(_) => "splits",
        }
    }
}

/// How a payment of `amount` with this wallet, chosen at `at`, is divided; `None` where the bundle says nothing about money.
pub fn divide(
    bundle: &Bundle,
    wallet: &WalletName,
    facts: &Facts,
    (amount, at): (PositiveMoney, Timestamp),
) -> Option<Result<Division, DivideError>> {
    bundle.divides().then(|| agree(bundle, wallet, facts, (amount, at)))
}

fn agree(
    bundle: &Bundle,
    wallet: &WalletName,
    facts: &Facts,
    (amount, at): (PositiveMoney, Timestamp),
) -> Result<Division, DivideError> {
    let merchant = facts.text(Input::MerchantId).and_then(|id| Merchant::parse(id).ok());
    let terms = bundle.refunds().map(|rules| rules.terms().currency());
    if let Some(terms) = terms.filter(|terms| *terms != amount.currency()) {
        return Err(DivideError::Refunds { terms, payment: amount.currency() });
    }
    let fee = bundle.fees().map(|fees| fee_of(fees, wallet, facts, (amount, at))).transpose()?;
    Ok(Division::agree(amount, merchant, fee, bundle.splits())?)
}

fn fee_of(
    fees: &FeeSchedule,
    wallet: &WalletName,
    facts: &Facts,
    (amount, at): (PositiveMoney, Timestamp),
) -> Result<Fee, FeeError> {
    let inputs = FeeInputs {
        category: facts.text(Input::ProductCategory).and_then(|word| Category::parse(word).ok()),
        wallet: Wallet::parse(wallet.as_str()).ok(),
        at,
    };
    fees.charge(amount, &inputs)
}

/// What the rules about refunds may look at: what was declared with the payment, and the refund.
///
/// Errors: an amount or a number of days that no input holds.
pub fn refund_facts(
    known: Facts,
    case: &RefundCase,
    amount: PositiveMoney,
    (paid_at, asked_at): (Timestamp, Timestamp),
) -> Result<Facts, FactError> {
    let days = asked_at.duration_since(paid_at).as_hours().max(0) / 24;
    let facts = known
        .with(Input::RefundReason, case.reason.word())?
        .with(Input::RefundAmount, amount.minor_units())?
        .with(Input::RefundDays, days)?;
    match case.consented {
        Some(consented) => facts.with(Input::RefundConsented, consented),
        None => Ok(facts.without(Input::RefundConsented)),
    }
}
