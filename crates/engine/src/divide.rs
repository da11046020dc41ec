//! How a payment is divided by its tenant's rules: what they cost it, and who shares it. Agreed when the payment is opened.

use paifang_money::PositiveMoney;
use paifang_payment::WalletName;
use paifang_policy::bundle::Bundle;
use paifang_policy::facts::Input;
use paifang_shares::division::Division;
use paifang_shares::fees::{Fee, FeeInputs, FeeSchedule};
use paifang_shares::{Category, Merchant, Wallet};

use crate::rules::Case;

/// The division of a payment with this wallet, or why there is none, for the storefront to read. `None` where the rules say
/// nothing about money, or the amount is not known.
pub(crate) fn divide(
    bundle: &Bundle,
    wallet: &WalletName,
    case: &Case,
) -> Option<Result<Box<Division>, String>> {
    let amount = case.amount.filter(|_| bundle.divides())?;
    Some(agree(bundle, wallet, case, amount).map(Box::new))
}

fn agree(
    bundle: &Bundle,
    wallet: &WalletName,
    case: &Case,
    amount: PositiveMoney,
) -> Result<Division, String> {
    let merchant = case.facts.text(Input::MerchantId).and_then(|id| Merchant::parse(id).ok());
    if let Some(terms) =
        bundle.refunds().map(|rules| rules.terms()).filter(|terms| terms.currency() != amount.currency())
    {
        let (right, given) = (terms.currency(), amount.currency());
        return Err(format!(
            "refunds: the terms are in {right}, the payment is in {given}: it could never be refunded"
        ));
    }
    let fee = bundle.fees().map(|fees| fee_of(fees, wallet, case, amount)).transpose()?;
    Division::agree(amount, merchant, fee, bundle.splits()).map_err(|error| format!("splits: {error}"))
}

fn fee_of(
    fees: &FeeSchedule,
    wallet: &WalletName,
    case: &Case,
    amount: PositiveMoney,
) -> Result<Fee, String> {
    let inputs = FeeInputs {
        category: case.facts.text(Input::ProductCategory).and_then(|word| Category::parse(word).ok()),
        wallet: Wallet::parse(wallet.as_str()).ok(),
        at: case.at,
    };
    fees.charge(amount, &inputs).map_err(|error| format!("fees: {error}"))
}
