//! Bundles for tests: any valid one, drawn from the choices that the caller makes.
//!
//! A generator is a function of its choices: `pick(n)` answers a number from 0 to `n - 1`, so a property test, a simulator with its own
//! randomness and a plain seed ([`seeded`]) all draw from the same bundles. Every text that [`bundle_text`] makes is read
//! without a fault.

mod money;
mod rankings;

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use paifang_payment::Presentation;

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
    /// Whether discounts may have budgets: what such a one gives depends on what was given before.
    pub budgets: bool,
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
            budgets: true,
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
    rankings::by_money(&mut text, shape, pick);
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

/// Presentations that rules name.
const PRESENTATIONS: [Presentation; 3] = [Presentation::QrShown, Presentation::PayerCode, Presentation::App];

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
        if pick(4) == 0 {
            write(text, format_args!("credit = false\n"));
        }
        if pick(4) == 0 {
            let presentation = one_of(&PRESENTATIONS, pick).as_str();
            write(text, format_args!("presentation = \"{presentation}\"\n"));
        }
        if pick(4) == 0 {
            // Most rails have the name of their wallet.
            write(text, format_args!("rail = \"{}\"\n", one_of(&shape.wallets, pick)));
        }
        dates(text, shape, pick);
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
        kill(text, shape, pick);
    }
    if let Some(watched) = watched {
        let measure = *one_of(&["success_rate", "refund_rate", "complaint_rate"], pick);
        let bound = if measure == "success_rate" { "min" } else { "max" };
        let (rate, window) = (pick(1_000_001), 60 + pick(30 * 24 * 3_600 - 59));
        write(
            text,
            format_args!(
                "\n[[guard_rail]]\nid = \"guard\"\nopening = \"open-{watched}\"\nmeasure = \"{measure}\"\nwindow_s = {window}\nat_least = 5\n{bound} = {rate}\naction = \"roll_back\"\n"
            ),
        );
    }
}

/// Of a wallet, a rail or a presentation.
fn kill(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    write(text, format_args!("\n[[kill]]\nid = \"kill\"\nnote = \"drawn\"\n"));
    match pick(4) {
        0 => write(text, format_args!("rail = \"{}\"\n", one_of(&shape.wallets, pick))),
        1 => write(text, format_args!("presentation = \"{}\"\n", one_of(&PRESENTATIONS, pick).as_str())),
        _ => write(text, format_args!("wallet = \"{}\"\n", one_of(&shape.wallets, pick))),
    }
}

/// Sometimes from a time on, or until a time, days around that from which the bundle is meant.
fn dates(text: &mut String, shape: &Shape, pick: &mut impl FnMut(u64) -> u64) {
    let days = |pick: &mut dyn FnMut(u64) -> u64| i64::try_from(pick(20)).unwrap_or(0);
    let from =
        (pick(5) == 0).then(|| shape.effective_at + SignedDuration::from_hours(24 * (days(pick) - 10)));
    let until = (pick(5) == 0).then(|| {
        let after = from.unwrap_or(shape.effective_at);
        after + SignedDuration::from_hours(24 * (1 + days(pick)))
    });
    for (name, time) in [("from", from), ("until", until)] {
        if let Some(time) = time {
            write(text, format_args!("{name} = {time}\n"));
        }
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
    use std::collections::BTreeSet;

    use paifang_payment::Credit;
    use paifang_shares::discounts::Funder;

    use super::*;
    use crate::bundle::{Bundle, Measure, Per};

    #[test]
    fn every_text_is_a_bundle() {
        let mut seen = BTreeSet::new();
        let open = Shape::about_money(&["alipay", "wechatpay"]);
        let any = Shape { all_open: false, divides_from: None, guard_rails: true, ..open.clone() };
        let mut with = [0; 4];
        for seed in 0..2_000 {
            let mut pick = seeded(seed);
            for shape in [&open, &any] {
                let text = bundle_text(shape, 1, &mut pick);
                let bundle = Bundle::read(&text).unwrap_or_else(|faults| panic!("{seed}: {text}\n{faults}"));
                let has = [
                    bundle.fees().is_some(),
                    bundle.splits().is_some(),
                    bundle.refunds().is_some(),
                    bundle.discounts().is_some(),
                ];
                seen.extend(words(&bundle));
                for (count, has) in with.iter_mut().zip(has) {
                    *count += u32::from(has);
                }
            }
            declared(&any, &mut pick);
        }
        assert!(with.iter().all(|count| (1_000..4_000).contains(count)), "{with:?}");
        let all = [
            "budgeted",
            "cohort",
            "complaint_rate",
            "credit",
            "discount.from",
            "discount.until",
            "discount.when",
            "from",
            "kill.presentation",
            "kill.rail",
            "kill.wallet",
            "merchants",
            "own",
            "presentation",
            "rail",
            "ranking.funders",
            "ranking.per_discount",
            "ranking.per_fee",
            "ranking.when",
            "receiver.when",
            "refund_rate",
            "success_rate",
            "until",
            "when",
        ];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), all, "everything that a bundle may say is drawn");
    }

    /// What a bundle makes use of.
    fn words(bundle: &Bundle) -> impl Iterator<Item = &'static str> + use<> {
        let mut found = Vec::new();
        let mut note = |is_used: bool, word| found.extend(is_used.then_some(word));
        for opening in bundle.openings() {
            note(opening.credit == Credit::Excluded, "credit");
            note(opening.presentation.is_some(), "presentation");
            note(opening.rail.is_some(), "rail");
            note(opening.from.is_some(), "from");
            note(opening.until.is_some(), "until");
            note(opening.when.is_some(), "when");
            note(opening.cohort.is_some(), "cohort");
            note(opening.merchants.is_some(), "merchants");
        }
        for kill in bundle.kills() {
            note(kill.wallet.is_some(), "kill.wallet");
            note(kill.rail.is_some(), "kill.rail");
            note(kill.presentation.is_some(), "kill.presentation");
        }
        for ranking in bundle.rankings() {
            note(ranking.when.is_some(), "ranking.when");
            note(ranking.per == Some(Per::Fee), "ranking.per_fee");
            note(ranking.per == Some(Per::Discount), "ranking.per_discount");
            note(ranking.funders.is_some(), "ranking.funders");
        }
        for guard_rail in bundle.guard_rails() {
            note(guard_rail.measure == Measure::SuccessRate, "success_rate");
            note(guard_rail.measure == Measure::RefundRate, "refund_rate");
            note(guard_rail.measure == Measure::ComplaintRate, "complaint_rate");
        }
        for rule in bundle.splits().into_iter().flat_map(|splits| splits.rules().receivers()) {
            note(rule.when.is_some(), "receiver.when");
        }
        for rule in bundle.discounts().into_iter().flat_map(|discounts| discounts.rules().rules()) {
            note(rule.budgeted, "budgeted");
            note(!rule.budgeted && rule.funder == Funder::Merchant, "own");
            note(rule.from.is_some(), "discount.from");
            note(rule.until.is_some(), "discount.until");
            note(rule.when.is_some(), "discount.when");
        }
        found.into_iter()
    }
}
