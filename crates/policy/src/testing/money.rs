//! `[fees]`, `[splits]`, `[refunds]` and `[discounts]` for tests.

use paifang_shares::discounts::Funder;
use paifang_shares::refund_terms::RefundReason;
use paifang_shares::waterfall::Bearer;

use super::{CATEGORIES, OF_PAYMENTS, Shape, dates, one_of, write};

const WHOLE: u64 = 1_000_000;

/// Conditions over what is known when a refund is asked for.
const OF_REFUNDS: &[&str] = &[
    "payer.tier == 'gold'",
    "refund.days_since_payment <= 3",
    "refund.amount_fen < 5000",
    "refund.consented",
    "merchant.id == 'm-1' || product.live_room",
    "refund.reason in ['damaged', 'late']",
];

pub(super) fn tables(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    if pick(4) != 0 {
        fees(text, shape, pick);
    }
    if pick(4) != 0 {
        splits(text, shape, pick);
    }
    if pick(8) != 0 {
        refunds(text, pick);
    }
    if pick(2) == 0 {
        discounts(text, shape, pick);
    }
}

/// Rules with more criteria first: one that fits wherever a later one does would be refused.
fn fees(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    write(text, format_args!("\n[fees]\ncurrency = \"CNY\"\n"));
    let both =
        shape.wallets.iter().flat_map(|wallet| CATEGORIES.map(|category| (Some(wallet), Some(category))));
    let one = shape.wallets.iter().map(|wallet| (Some(wallet), None));
    let other = CATEGORIES.map(|category| (None, Some(category)));
    let criteria: Vec<_> = both.chain(one).chain(other).collect();
    for (at, (wallet, category)) in criteria.into_iter().enumerate() {
        // A criterion that is not declared refuses the payment: only where that may be.
        let asks = shape.divides_from.is_some() && category.is_some();
        if pick(4) == 0 && !asks {
            write(text, format_args!("[[fees.rules]]\nid = \"fee-{at}\"\n"));
            if let Some(wallet) = wallet {
                write(text, format_args!("wallet = \"{wallet}\"\n"));
            }
            if let Some(category) = category {
                write(text, format_args!("category = \"{category}\"\n"));
            }
            rate(text, shape, pick);
        }
    }
    write(text, format_args!("[[fees.rules]]\nid = \"standard\"\n"));
    rate(text, shape, pick);
}

fn rate(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    let rates = if shape.divides_from.is_some() { WHOLE / 10 } else { WHOLE };
    let (rate, minimum) = (pick(rates + 1), pick(least(shape)));
    let after = on_refund(pick);
    write(text, format_args!("rate_ppm = {rate}\nminimum_minor = {minimum}\non_refund = \"{after}\"\n"));
    if pick(3) == 0 {
        write(text, format_args!("cap_minor = {}\n", minimum + pick(10_000)));
    }
}

/// A tenth of what is always divided.
fn least(shape: &Shape) -> u64 {
    let most = shape.divides_from.map_or(1_000, |from| from / 10);
    u64::try_from(most).unwrap_or(0).max(1)
}

fn splits(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    write(text, format_args!("\n[splits]\ncurrency = \"CNY\"\nreceivers = [\n"));
    let count = pick(6);
    let mut shares = if shape.divides_from.is_some() { WHOLE * 6 / 10 } else { WHOLE };
    let mut fixed = least(shape);
    for at in 0..count {
        let after = on_refund(pick);
        let part = if pick(2) == 0 {
            let share = pick(shares + 1);
            shares -= share;
            format!("share_ppm = {share}")
        } else {
            let amount = pick(fixed + 1);
            fixed -= amount;
            format!("amount_minor = {amount}")
        };
        // A condition that asks for what is not declared refuses the payment: only where that may be.
        let when = match (pick(3), shape.divides_from) {
            (0, None) => format!(", when = \"{}\"", one_of(OF_PAYMENTS, pick)),
            (0, Some(_)) => ", when = \"order.amount_fen >= 5000\"".to_owned(),
            (_, None | Some(_)) => String::new(),
        };
        write(
            text,
            format_args!("    {{ receiver = \"receiver-{at}\", {part}, on_refund = \"{after}\"{when} }},\n"),
        );
    }
    write(text, format_args!("]\n"));
}

fn on_refund(pick: &mut impl FnMut(u64) -> u64) -> &'static str {
    if pick(3) == 0 { "keep" } else { "proportional" }
}

fn refunds(text: &mut String, pick: &mut impl FnMut(u64) -> u64) {
    write(text, format_args!("\n[refunds]\ncurrency = \"CNY\"\n[refunds.waterfalls]\n"));
    let waterfalls = 1 + pick(3);
    for at in 0..waterfalls {
        write(text, format_args!("fall-{at} = [{}]\n", bearers(pick)));
    }
    let rules = pick(5);
    for at in 0..rules {
        let reasons = some_of(&RefundReason::ALL.map(RefundReason::word), pick);
        rule(text, &format!("rule-{at}"), &reasons, waterfalls, pick);
    }
    // Most often the last rule grants what is asked for in any case.
    let all = RefundReason::ALL.map(RefundReason::word);
    if rules == 0 || pick(4) != 0 {
        let (waterfall, within) = (pick(waterfalls), pick(100_000));
        write(
            text,
            format_args!(
                "[[refunds.rules]]\nid = \"else\"\nmode = \"return_and_refund\"\nreasons = {all:?}\ntotal_max_ppm = 1_000_000\ndays_max = 90\nwaterfall = \"fall-{waterfall}\"\ndecide_within_s = {within}\nappeal_within_s = 0\n"
            ),
        );
    }
}

fn bearers(pick: &mut impl FnMut(u64) -> u64) -> String {
    let chosen = some_of(&Bearer::ALL.map(Bearer::word), pick);
    let each = chosen.into_iter().map(|bearer| {
        let caps = match pick(4) {
            0 => format!(", cap_ppm = {}", pick(WHOLE + 1)),
            1 => format!(", cap_minor = {}", pick(10_000)),
            _ => String::new(),
        };
        format!("{{ bearer = \"{bearer}\"{caps} }}")
    });
    each.collect::<Vec<_>>().join(", ")
}

/// At least one of them, in any order.
fn some_of(all: &[&'static str], pick: &mut impl FnMut(u64) -> u64) -> Vec<&'static str> {
    let mut left = all.to_vec();
    let mut chosen = Vec::new();
    for _ in 0..=pick(all.len() as u64) {
        let at = usize::try_from(pick(left.len() as u64)).unwrap_or(0);
        chosen.push(left.swap_remove(at));
    }
    chosen
}

fn rule(text: &mut String, id: &str, reasons: &[&str], waterfalls: u64, pick: &mut impl FnMut(u64) -> u64) {
    let modes =
        ["return_and_refund", "refund_without_return", "automatic_compensation", "return_freight_cover"];
    let at = pick(4);
    let mode = modes[usize::try_from(at).unwrap_or(0) % modes.len()];
    let total = 1 + pick(WHOLE);
    let least = if pick(3) == 0 { pick(total + 1) } else { 0 };
    let (days, waterfall) = (pick(31), pick(waterfalls));
    write(
        text,
        format_args!(
            "[[refunds.rules]]\nid = \"{id}\"\nmode = \"{mode}\"\nreasons = {reasons:?}\namount_min_ppm = {least}\ntotal_max_ppm = {total}\ndays_max = {days}\nwaterfall = \"fall-{waterfall}\"\ndecide_within_s = {}\nappeal_within_s = {}\n",
            pick(1_000_000),
            pick(1_000_000)
        ),
    );
    match pick(3) {
        0 => write(text, format_args!("when = \"{}\"\n", one_of(OF_REFUNDS, pick))),
        1 if pick(3) == 0 => write(text, format_args!("when = \"{}\"\n", one_of(OF_PAYMENTS, pick))),
        _ => {}
    }
}

/// One of them at most is the merchant's own, so that its part suffices for it.
fn discounts(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    write(text, format_args!("\n[discounts]\ncurrency = \"CNY\"\n"));
    let count = 1 + pick(3);
    let own = pick(count + 1);
    for at in 0..count {
        let budgeted = shape.budgets && at != own && pick(2) == 0;
        let funder = match (at == own, budgeted) {
            (true, _) => Funder::Merchant,
            (false, true) => *one_of(&Funder::ALL, pick),
            (false, false) => {
                *one_of(&[Funder::Rail, Funder::PlatformA, Funder::PlatformB, Funder::Creator], pick)
            }
        };
        let is_small = at == own && shape.divides_from.is_some();
        let part = match (pick(2), is_small) {
            (0, true) => format!("rate_ppm = {}", pick(WHOLE / 10 + 1)),
            (0, false) => format!("rate_ppm = {}", pick(WHOLE + 1)),
            (_, true) => format!("amount_minor = {}", pick(least(shape))),
            (_, false) => format!("amount_minor = {}", pick(3_000)),
        };
        write(
            text,
            format_args!(
                "[[discounts.rules]]\nid = \"discount-{at}\"\nfunder = \"{}\"\n{part}\nbudgeted = {budgeted}\n",
                funder.word()
            ),
        );
        if pick(3) == 0 {
            write(text, format_args!("cap_minor = {}\n", pick(2_000)));
        }
        narrowed(text, shape, pick);
    }
}

/// For whom a discount is. What need not be declared refuses the payment: only where that may be.
fn narrowed(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    if pick(4) == 0 {
        write(text, format_args!("wallet = \"{}\"\n", one_of(&shape.wallets, pick)));
    }
    dates(text, shape, pick);
    match (pick(4), shape.divides_from) {
        (0, None) => write(text, format_args!("category = \"{}\"\n", one_of(&CATEGORIES, pick))),
        (1, None) => write(text, format_args!("when = \"{}\"\n", one_of(OF_PAYMENTS, pick))),
        (1, Some(_)) => write(text, format_args!("when = \"order.amount_fen >= 5000\"\n")),
        (_, None | Some(_)) => {}
    }
}
