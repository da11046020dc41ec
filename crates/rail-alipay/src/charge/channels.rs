//! Which means of payment an order may be paid with: the account's settings, and whether it may be paid on credit.

use paifang_payment::Credit;
use paifang_rail::PlanError;

use crate::Settings;

/// Huabei by instalments.
pub(super) const INSTALMENTS: &str = "pcreditpayInstallment";

/// All means of payment that are credit, under one name.
pub(crate) const CREDIT_GROUP: &str = "credit_group";

/// What [`CREDIT_GROUP`] stands for, by Alipay's list of channels.
const CREDIT: [&str; 5] = ["creditCard", "creditCardExpress", "creditCardCartoon", "pcredit", INSTALMENTS];

/// `enable_pay_channels` and `disable_pay_channels`. Alipay takes one of them, and none when there is nothing to say.
pub(super) fn of(settings: &Settings, credit: Credit) -> Result<(Option<String>, Option<String>), PlanError> {
    let (enabled, disabled) = (&settings.enable_pay_channels, &settings.disable_pay_channels);
    let list = |names: Vec<&str>| (!names.is_empty()).then(|| names.join(","));
    let all = |names: &'_ [String]| list(names.iter().map(String::as_str).collect());
    match credit {
        Credit::Allowed => Ok((all(enabled), all(disabled))),
        Credit::Excluded if enabled.is_empty() => {
            let rest = disabled.iter().map(String::as_str).filter(|name| !is_credit(name));
            Ok((None, list(rest.chain([CREDIT_GROUP]).collect())))
        }
        Credit::Excluded => {
            let left = list(enabled.iter().map(String::as_str).filter(|name| !is_credit(name)).collect());
            let none =
                PlanError::Unsupported("an order without credit: enable_pay_channels names nothing else");
            Ok((Some(left.ok_or(none)?), None))
        }
    }
}

fn is_credit(name: &str) -> bool {
    name == CREDIT_GROUP || CREDIT.contains(&name)
}
