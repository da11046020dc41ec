//! Bundles for tests: any valid one, drawn from the choices that the caller makes.
//!
//! A generator is a function of its choices: `pick(n)` answers a number from 0 to `n - 1`, so a property test, a simulator with its own
//! randomness and a plain seed ([`seeded`]) all draw from the same bundles. Every text that [`bundle_text`] makes is read
//! without a fault.

mod money;

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::facts::{Facts, Input, Value};

/// What the bundles of a test have in common.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Their name.
    pub name: String,
    /// From when they are meant to decide.
    pub effective_at: Timestamp,
    /// The wallets that rules may name; at least one.
    pub wallets: Vec<String>,
    /// The merchants that rules may name; at least one.
    pub merchants: Vec<String>,
    /// Every wallet is open to everybody: the bundles differ in what they say about money.
    pub all_open: bool,
    /// Payments of at least so many minor units are always divided, whatever the fees and splits; at least 100. Absent: fees and
    /// splits may ask for more than there is.
    pub divides_from: Option<i64>,
    /// Whether there are guard rails.
    pub guard_rails: bool,
}

impl Shape {
    /// Wallets that are open to everybody, two merchants, and rules about money that fit every payment of a yuan or more.
    pub fn about_money(wallets: &[&str]) -> Self {
        Self {
            name: "drawn".to_owned(),
            effective_at: Timestamp::UNIX_EPOCH,
            wallets: wallets.iter().map(|name| (*name).to_owned()).collect(),
            merchants: vec!["m-1".to_owned(), "m-2".to_owned()],
            all_open: true,
            divides_from: Some(100),
            guard_rails: false,
        }
    }
}

/// The text of a bundle.
pub fn bundle_text(shape: &Shape, version: u32, pick: &mut impl FnMut(u64) -> u64) -> String {
    let mut text = String::new();
    let Shape { name, effective_at, .. } = shape;
    let unlisted = if shape.all_open || pick(2) == 0 { "open" } else { "closed" };
    write(
        &mut text,
        format_args!(
            "[bundle]\nname = \"{name}\"\nversion = {version}\nnote = \"drawn\"\neffective_at = {effective_at}\nunlisted = \"{unlisted}\"\n"
        ),
    );
    if !shape.all_open {
        openings(&mut text, shape, pick);
    }
    for at in 0..pick(3) {
        let wallet = one_of(&shape.wallets, pick);
        let weight = i64::try_from(pick(200)).unwrap_or(0) - 100;
        write(
            &mut text,
            format_args!(
                "\n[[ranking]]\nid = \"rank-{at}\"\nwallet = \"{wallet}\"\nweight = {weight}\nreason = \"drawn\"\n"
            ),
        );
        when(&mut text, OF_PAYMENTS, pick);
    }
    money::tables(&mut text, shape, pick);
    text
}

/// What a storefront may declare with a payment of such bundles; some of it left out.
pub fn declared(shape: &Shape, pick: &mut impl FnMut(u64) -> u64) -> Facts {
    let merchant = one_of(&shape.merchants, pick).to_owned();
    let values: [(Input, Value); 6] = [
        (Input::MerchantId, merchant.into()),
        (Input::ProductCategory, (*one_of(&CATEGORIES, pick)).into()),
        (Input::PayerTier, (*one_of(&["gold", "plain"], pick)).into()),
        (Input::PayerRegion, (*one_of(&["330100", "440300"], pick)).into()),
        (Input::ProductLiveRoom, (pick(2) == 0).into()),
        (Input::MerchantCategory, (*one_of(&["shop", "brand"], pick)).into()),
    ];
    values.into_iter().fold(Facts::new(), |facts, (input, value)| {
        let known = pick(8) != 0;
        if known { facts.with(input, value).expect("values of their inputs' kinds") } else { facts }
    })
}

/// Choices that follow from a seed (SplitMix64).
pub fn seeded(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % below.max(1)
    }
}

/// Product categories that rules and facts name.
pub const CATEGORIES: [&str; 3] = ["books", "toys", "tea"];

/// Conditions over what is known when a payment is opened.
const OF_PAYMENTS: &[&str] = &[
    "product.category in ['books', 'toys']",
    "payer.tier == 'gold'",
    "payer.region.startsWith('3301')",
    "product.live_room || order.amount_fen >= 5000",
    "merchant.category != 'brand'",
];

fn openings(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    let count = pick(4);
    let watched = (shape.guard_rails && count > 0).then(|| pick(count));
    for at in 0..count {
        let wallet = one_of(&shape.wallets, pick);
        // What is watched has to accept, or there would be nothing to measure.
        let (show, accept) = (pick(8) != 0, pick(8) != 0 || watched == Some(at));
        write(
            text,
            format_args!(
                "\n[[opening]]\nid = \"open-{at}\"\nwallet = \"{wallet}\"\nshow = {show}\naccept = {accept}\n"
            ),
        );
        when(text, OF_PAYMENTS, pick);
        if pick(4) == 0 {
            let ppm = pick(1_000_001);
            write(text, format_args!("cohort = {{ salt = \"s-{at}\", ppm = {ppm} }}\n"));
        }
        if pick(4) == 0 {
            let merchant = one_of(&shape.merchants, pick);
            write(text, format_args!("merchants = [\"{merchant}\"]\n"));
        }
    }
    if pick(8) == 0 {
        let wallet = one_of(&shape.wallets, pick);
        write(text, format_args!("\n[[kill]]\nid = \"kill\"\nwallet = \"{wallet}\"\nnote = \"drawn\"\n"));
    }
    if let Some(watched) = watched {
        let min = pick(1_000_001);
        write(
            text,
            format_args!(
                "\n[[guard_rail]]\nid = \"guard\"\nopening = \"open-{watched}\"\nmeasure = \"success_rate\"\nwindow_s = 3600\nat_least = 5\nmin = {min}\naction = \"roll_back\"\n"
            ),
        );
    }
}

fn when(text: &mut String, conditions: &[&str], pick: &mut impl FnMut(u64) -> u64) {
    if pick(3) == 0 {
        write(text, format_args!("when = \"{}\"\n", one_of(conditions, pick)));
    }
}

fn one_of<'a, T>(all: &'a [T], pick: &mut impl FnMut(u64) -> u64) -> &'a T {
    let at = usize::try_from(pick(all.len() as u64)).unwrap_or(0);
    all.get(at).or(all.first()).expect("a list to draw from has an entry")
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a text takes whatever is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;

    #[test]
    fn every_text_is_a_bundle() {
        let open = Shape::about_money(&["alipay", "wechatpay"]);
        let any = Shape { all_open: false, divides_from: None, guard_rails: true, ..open.clone() };
        let mut with = [0; 3];
        for seed in 0..2_000 {
            let mut pick = seeded(seed);
            for shape in [&open, &any] {
                let text = bundle_text(shape, 1, &mut pick);
                let bundle = Bundle::read(&text).unwrap_or_else(|faults| panic!("{seed}: {text}\n{faults}"));
                let has = [bundle.fees().is_some(), bundle.splits().is_some(), bundle.refunds().is_some()];
                for (count, has) in with.iter_mut().zip(has) {
                    *count += u32::from(has);
                }
            }
            declared(&any, &mut pick);
        }
        assert!(with.iter().all(|count| (1_000..4_000).contains(count)), "{with:?}");
    }
}
