//! What was agreed about a payment's money when it was opened.

use paifang_payment::AttemptId;
use paifang_payment::intent::Intent;
use paifang_proto::v1;
use paifang_shares::fees::Fee;

use super::division::division;
use super::{discount, money};

/// What was agreed with this attempt; absent where the rules said nothing about money.
pub(crate) fn agreed(intent: &Intent, attempt: AttemptId) -> Option<v1::AgreedTerms> {
    let attempt = intent.attempt(attempt)?;
    let agreed = attempt.terms.division.as_deref()?;
    let fee = agreed.fee.as_ref();
    let word = |of: fn(&Fee) -> &'static str| fee.map(of).unwrap_or_default().to_owned();
    Some(v1::AgreedTerms {
        amount: Some(money(intent.terms.amount.money())),
        payable_amount: Some(money(attempt.terms.amount.money())),
        fee: fee.map(|fee| money(fee.amount())),
        fee_rule: fee.map(|fee| fee.rule().to_string()).unwrap_or_default(),
        fee_bound: word(|fee| fee.bound().word()),
        fee_on_refund: word(|fee| fee.on_refund().word()),
        discounts: discount::given(agreed.discounts.as_ref()),
        division: Some(division(agreed)),
    })
}
