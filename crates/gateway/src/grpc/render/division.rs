//! How a payment is divided.

use std::borrow::Cow;

use paifang_payment::attempt::Attempt;
use paifang_proto::v1;
use paifang_shares::Receiver;
use paifang_shares::division::Division;

use super::money;

/// How an attempt's payment is divided: as it was agreed, or of what was taken once it was.
pub(super) fn of_attempt(attempt: &Attempt) -> Option<Cow<'_, Division>> {
    let agreed = attempt.terms.division.as_deref()?;
    let taken = attempt.collected().and_then(|taken| agreed.of_taken(taken).ok());
    Some(taken.map_or(Cow::Borrowed(agreed), Cow::Owned))
}

/// Who gets what.
pub(super) fn division(division: &Division) -> v1::PaymentDivision {
    let amounts = division.amounts();
    v1::PaymentDivision {
        merchant_id: division.merchant.as_ref().map(ToString::to_string).unwrap_or_default(),
        receivers: amounts.receivers.iter().map(|(receiver, amount)| part(receiver, *amount)).collect(),
        merchant_amount: Some(money(amounts.merchant)),
    }
}

/// A receiver's part.
pub(super) fn part(receiver: &Receiver, amount: paifang_money::Money) -> v1::ReceiverAmount {
    v1::ReceiverAmount { receiver: receiver.to_string(), amount: Some(money(amount)) }
}
