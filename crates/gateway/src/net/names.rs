//! Who is meant by the parts that an event tells: the names of parties out of divisions, bearings, discounts and reversals.

use paifang_proto::v1;

use super::party;

/// Nobody that is known here.
pub(super) struct Unknown;

pub(super) fn is_zero(amount: &Option<v1::Money>) -> bool {
    amount.as_ref().is_some_and(|money| money.minor_units == 0)
}

/// Who gives a discount, or gets it back: nobody where the merchant gives it without a budget, or where it was left out.
pub(super) fn giver(one: &v1::Discount) -> Result<Option<String>, Unknown> {
    match (one.budgeted, one.funder()) {
        (true, _) => Ok(Some(format!("budget:{}", one.discount_id))),
        (false, v1::DiscountFunder::Merchant) => Ok(None),
        (false, v1::DiscountFunder::Unspecified) if one.funder == 0 && is_zero(&one.amount) => Ok(None),
        (false, funder) => match party::funder_word(funder) {
            Some(word) => Ok(Some(format!("discount:{word}"))),
            None => Err(Unknown),
        },
    }
}

/// Whom a reversal is charged to.
pub(super) fn charged(reversal: &v1::RefundReversal, bearing: &v1::RefundBearing) -> Result<String, Unknown> {
    match reversal.charged_to {
        0 => Ok("outside".to_owned()),
        _ => bearer_name(reversal.charged_to(), &bearing.merchant_id).ok_or(Unknown),
    }
}

/// The name of a bearer; `None` for one that is not known here.
pub(super) fn bearer_name(bearer: v1::RefundBearer, merchant: &str) -> Option<String> {
    match bearer {
        v1::RefundBearer::Unspecified => None,
        v1::RefundBearer::MerchantBalance => Some(merchants("balance", merchant)),
        v1::RefundBearer::UnsettledFunds => Some(merchants("unsettled", merchant)),
        v1::RefundBearer::Platform => Some("platform".to_owned()),
        v1::RefundBearer::Insurance => Some("insurance".to_owned()),
        v1::RefundBearer::Rail => Some("rail_fund".to_owned()),
    }
}

pub(super) fn receiver(name: &str) -> String {
    if name == "fee" { name.to_owned() } else { format!("receiver:{name}") }
}

pub(super) fn merchants(kind: &str, merchant: &str) -> String {
    if merchant.is_empty() { kind.to_owned() } else { format!("{kind}:{merchant}") }
}
