//! How a payment is divided by its tenant's rules: what they cost it, and who shares it. Agreed when the payment is opened.

use paifang_payment::WalletName;
use paifang_policy::bundle::Bundle;
use paifang_policy::money;
use paifang_shares::division::Division;

use crate::rules::Case;

/// The division of a payment with this wallet, or why there is none, for the storefront to read. `None` where the rules say
/// nothing about money, or the amount is not known.
pub(crate) fn divide(
    bundle: &Bundle,
    wallet: &WalletName,
    case: &Case,
) -> Option<Result<Box<Division>, String>> {
    let division = money::divide(bundle, wallet, &case.facts, (case.amount?, case.at))?;
    Some(division.map(Box::new).map_err(|error| error.to_string()))
}
