//! Discounts, and who funds them.

use paifang_money::Money;
use paifang_proto::v1;
use paifang_shares::DiscountId;
use paifang_shares::discounts::{Discounted, Funder, GivenBack};

use super::money;

/// What discounts give.
pub(super) fn given(discounted: Option<&Discounted>) -> Vec<v1::Discount> {
    let given = discounted.into_iter().flat_map(Discounted::given);
    given.map(|one| discount(&one.id, one.funder, one.amount, one.is_budgeted())).collect()
}

/// What discounts get back.
pub(super) fn given_back(back: &[GivenBack]) -> Vec<v1::Discount> {
    back.iter().map(|one| discount(&one.id, one.funder, one.amount, one.budgeted)).collect()
}

fn discount(id: &DiscountId, by: Funder, amount: Money, budgeted: bool) -> v1::Discount {
    v1::Discount {
        discount_id: id.to_string(),
        funder: funder(by).into(),
        amount: Some(money(amount)),
        budgeted,
    }
}

/// A funder.
pub(crate) fn funder(funder: Funder) -> v1::DiscountFunder {
    match funder {
        Funder::Rail => v1::DiscountFunder::Rail,
        Funder::PlatformA => v1::DiscountFunder::PlatformA,
        Funder::PlatformB => v1::DiscountFunder::PlatformB,
        Funder::Merchant => v1::DiscountFunder::Merchant,
        Funder::Creator => v1::DiscountFunder::Creator,
    }
}
