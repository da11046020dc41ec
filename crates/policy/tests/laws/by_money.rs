//! Rankings that go by money, and what payments cost and save for them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use paifang_policy::bundle::{Bundle, Per, Ranking};
use paifang_policy::facts::{Facts, Input};
use paifang_policy::money::{Discounting, DivideError, divide};
use paifang_policy::opening::Offer;
use paifang_shares::division::Division;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{TAME, WALLETS};

/// A fee for each wallet, and a discount that a rail gives and one of the merchant's own.
pub const MONEY: &str = "
[fees]
currency = 'CNY'
[[fees.rules]]
id = 'alipay'
wallet = 'alipay'
rate_ppm = 6_000
on_refund = 'keep'
[[fees.rules]]
id = 'standard'
rate_ppm = 3_800
on_refund = 'keep'
[discounts]
currency = 'CNY'
[[discounts.rules]]
id = 'theirs'
funder = 'rail'
amount_minor = 30
budgeted = false
[[discounts.rules]]
id = 'own'
funder = 'merchant'
rate_ppm = 50_000
budgeted = false
";

pub type Terms = Option<Result<Division, DivideError>>;

/// What an order of this amount is divided into; `None` where the amount is not known.
pub fn divided(bundle: &Bundle, offer: &Offer, facts: &Facts) -> Terms {
    let price = PositiveMoney::new(facts.number(Input::OrderAmount)?, Currency::CNY).ok()?;
    let budgets = BTreeMap::new();
    let discounting = Discounting::ByRules { budgets: &budgets };
    divide(bundle, &offer.wallet, facts, (price, Timestamp::UNIX_EPOCH), discounting)
}

/// What a ranking adds by the page about it: for each ten-thousandth of the price, rounded toward zero.
pub fn adds(ranking: &Ranking, per: Per, division: &Division, facts: &Facts) -> i64 {
    let fen = match per {
        Per::Fee => division.fee.as_ref().unwrap().amount().minor_units(),
        Per::Discount => {
            let given = division.discounts.as_ref().unwrap().given().iter();
            let counts =
                given.filter(|one| ranking.funders.as_ref().is_none_or(|of| of.contains(&one.funder)));
            counts.map(|one| one.amount.minor_units()).sum()
        }
    };
    ranking.weight * fen * 10_000 / facts.number(Input::OrderAmount).unwrap()
}

/// The lines of a ranking but for its id.
pub fn rankings() -> impl Strategy<Value = String> {
    let pers = vec!["", "per = 'fee'", "per = 'discount'", "per = 'discount'\nfunders = ['rail', 'creator']"];
    (select(pers), 0..4_usize, -5..5_i64, select(TAME)).prop_map(|(per, wallet, weight, when)| {
        // A plain weight is for one wallet.
        let wallet = if per.is_empty() { wallet % 3 } else { wallet };
        let wallet = WALLETS.get(wallet).map(|name| format!("wallet = '{name}'\n")).unwrap_or_default();
        format!("{per}\n{wallet}weight = {weight}\nreason = 'why'\nwhen = \"{when}\"\n")
    })
}
