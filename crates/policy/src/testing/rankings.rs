//! `[[ranking]]`s by what a payment costs and saves, for tests.

use paifang_shares::discounts::Funder;

use super::{OF_PAYMENTS, Shape, one_of, when, write};
use crate::bundle::Per;

/// At the end of a text, where it has the table that such a ranking goes by.
pub(super) fn by_money(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    for per in Per::ALL {
        let table = match per {
            Per::Fee => "\n[fees]\n",
            Per::Discount => "\n[discounts]\n",
        };
        if !text.contains(table) || pick(3) != 0 {
            continue;
        }
        let (per, is_saving) = (per.as_str(), per == Per::Discount);
        let weight = i64::try_from(pick(2_001)).unwrap_or(0) - 1_000;
        write(
            text,
            format_args!(
                "\n[[ranking]]\nid = \"rank-{per}\"\nper = \"{per}\"\nweight = {weight}\nreason = \"drawn\"\n"
            ),
        );
        if pick(2) == 0 {
            write(text, format_args!("wallet = \"{}\"\n", one_of(&shape.wallets, pick)));
        }
        if is_saving && pick(2) == 0 {
            let (one, other) = (one_of(&Funder::ALL, pick).word(), Funder::Merchant.word());
            let funders = if one == other { vec![one] } else { vec![one, other] };
            write(text, format_args!("funders = {funders:?}\n"));
        }
        when(text, OF_PAYMENTS, pick);
    }
}
