//! How a payment is divided by its tenant's rules: what of the price the payer does not pay, what the payment costs, and who
//! shares it. Agreed when the payment is opened.

use std::collections::BTreeMap;

use paifang_money::Money;
use paifang_payment::{TenantId, WalletName};
use paifang_policy::bundle::Bundle;
use paifang_policy::money::{self, Discounting, DivideError, Misfitting};
use paifang_shares::division::Division;
use paifang_store::Store;
use paifang_store::funds::Owner;

use crate::ports::{Environment, Rails, Transport};
use crate::refusal::{INPUT_MISSING, RULE_FAILED, TERMS_MISFIT};
use crate::rules::{Case, Ruling};
use crate::{Engine, Error, Refusal};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// The same case, with what is left of each budget of the discounts that decide. A commit that sets more of it aside than
    /// is left by then is refused.
    pub(crate) async fn with_budgets(
        &self,
        tenant: TenantId,
        ruling: &Ruling,
        case: Case,
    ) -> Result<Case, Error> {
        let discounts = ruling.bundle().and_then(|(bundle, _)| bundle.discounts());
        let (Some(discounts), Some(_)) = (discounts, case.amount) else { return Ok(case) };
        let (owner, currency) = (Owner { tenant, merchant: None }, discounts.rules().currency());
        let mut budgets = BTreeMap::new();
        for id in discounts.rules().budgets() {
            let left = self.inner.store.available(tenant, &owner.budget(id), currency).await?;
            // More than an amount can be is more than any discount.
            let left = Money::new(left.clamp(0, paifang_money::MINOR_UNITS_MAX), currency);
            budgets.insert(id.clone(), left.map_err(|error| Error::Broken(error.to_string()))?);
        }
        Ok(Case { budgets, ..case })
    }
}

/// The division of a payment with this wallet, or why there is none. `None` where the rules say
/// nothing about money, or the amount is not known.
pub(crate) fn divide(
    bundle: &Bundle,
    wallet: &WalletName,
    case: &Case,
) -> Option<Result<Box<Division>, DivideError>> {
    let discounting = Discounting::ByRules { budgets: &case.budgets };
    let division = money::divide(bundle, wallet, &case.facts, (case.amount?, case.at), discounting)?;
    Some(division.map(Box::new))
}

/// What of the rules about money does not take a payment.
pub(crate) fn refusal(version: Option<u32>, why: &DivideError) -> Refusal {
    let Misfitting { rule, missing, has_failed } = why.misfitting();
    let because = match (missing.is_empty(), has_failed) {
        (false, _) => INPUT_MISSING,
        (true, true) => RULE_FAILED,
        (true, false) => TERMS_MISFIT,
    };
    let missing = missing.into_iter().map(str::to_owned).collect();
    Refusal { version, rule: rule.map(str::to_owned), because, missing }
}
