//! Rules of a storefront, put together by the seed: who may pay with what, what it costs, who shares it, and who bears refunds.

use std::fmt::Write;

use crate::exec::Exec;

/// What the customers' storefront sells by.
pub const WALLETS: [&str; 3] = ["alipay", "wechatpay", "quickpass"];
/// Categories that customers declare; one of them opens more than the others.
pub const CATEGORIES: [&str; 3] = ["books", "toys", "apparel"];
/// Merchants that customers declare.
pub const MERCHANTS: [&str; 2] = ["m-1", "m-2"];

/// Discounts that draw on a budget in some versions.
pub const BUDGETS: [&str; 4] = ["festival", "welcome", "gift", "coupon"];

const WATERFALLS: &str = r#"
[refunds]
currency = "CNY"
[refunds.waterfalls]
merchant-first = [{ bearer = "unsettled_funds" }, { bearer = "merchant_balance" }, { bearer = "platform", cap_ppm = 500_000 }]
balance-first = [{ bearer = "merchant_balance", cap_minor = 3_000 }, { bearer = "unsettled_funds" }, { bearer = "insurance" }]
platform-only = [{ bearer = "platform" }, { bearer = "rail", cap_ppm = 200_000 }]
"#;

/// Any version: most of what customers want is open in it, and most refunds are granted.
pub fn drawn(exec: &Exec, version: u32) -> String {
    let mut text = header(version, if exec.happens(850) { "open" } else { "closed" });
    let watched = openings(exec, &mut text);
    if exec.happens(100) {
        kill(&mut text, some(exec, &WALLETS), exec.happens(500));
    }
    if let Some(opening) = watched.filter(|_| exec.happens(900)) {
        guard_rail(exec, &mut text, &opening);
    }
    if exec.happens(600) {
        fees(exec, &mut text);
        by_money(exec, &mut text, "fee", &[""]);
    }
    if exec.happens(500) {
        splits(exec, &mut text);
    }
    if exec.happens(600) {
        discounts(exec, &mut text);
        by_money(exec, &mut text, "discount", &["", "funders = [\"rail\", \"platform_b\"]"]);
    }
    if exec.happens(750) {
        refunds(exec, &mut text);
    }
    text
}

/// A version in which one wallet is killed, and everything else is open.
pub fn killing(exec: &Exec, version: u32) -> String {
    let mut text = header(version, "open");
    kill(&mut text, some(exec, &WALLETS), false);
    refunds(exec, &mut text);
    text
}

/// A version in which everything is open and every refund is granted.
pub fn generous(version: u32) -> String {
    let rule = "id = \"anything\"\nmode = \"refund_without_return\"\nreasons = [\"damaged\"]\ntotal_max_ppm = 1_000_000\ndays_max = 365\nwaterfall = \"platform-only\"\ndecide_within_s = 0\nappeal_within_s = 0\n";
    header(version, "open") + WATERFALLS + "[[refunds.rules]]\n" + rule
}

fn header(version: u32, unlisted: &str) -> String {
    format!(
        "[bundle]\nname = \"sim\"\nversion = {version}\nnote = \"drawn\"\neffective_at = 2026-01-01T00:00:00+08:00\nunlisted = \"{unlisted}\"\n"
    )
}

/// Openings of some wallets; answers one that takes payments, if there is any.
fn openings(exec: &Exec, text: &mut String) -> Option<String> {
    let mut takes = Vec::new();
    for wallet in WALLETS.into_iter().filter(|_| exec.happens(600)) {
        let only = [
            "when = \"product.category in ['books', 'toys']\"",
            "when = \"order.amount_fen <= 15000\"",
            "cohort = { salt = \"walls\", ppm = 500_000 }",
            "merchants = [\"m-1\"]",
            "until = 2026-11-21T11:00:00+08:00",
            "presentation = \"qr_shown\"",
        ];
        if exec.happens(500) {
            let only = some(exec, &only);
            opening(text, &format!("{wallet}-tried"), wallet, only, true);
            takes.push(format!("{wallet}-tried"));
        }
        let rest = exec.happens(850);
        opening(text, &format!("{wallet}-rest"), wallet, "", rest);
        if rest {
            takes.push(format!("{wallet}-rest"));
        }
    }
    (!takes.is_empty()).then(|| some(exec, &takes))
}

fn opening(text: &mut String, id: &str, wallet: &str, only: &str, accept: bool) {
    line(
        text,
        format_args!(
            "[[opening]]\nid = \"{id}\"\nwallet = \"{wallet}\"\n{only}\nshow = true\naccept = {accept}"
        ),
    );
}

fn kill(text: &mut String, wallet: &str, codes_only: bool) {
    let presentation = if codes_only { "presentation = \"payer_code\"" } else { "" };
    line(
        text,
        format_args!("[[kill]]\nid = \"off\"\nwallet = \"{wallet}\"\n{presentation}\nnote = \"it fails\""),
    );
}

fn guard_rail(exec: &Exec, text: &mut String, opening: &str) {
    let bounds = [
        ("success_rate", "min = 900_000"),
        ("refund_rate", "max = 300_000"),
        ("complaint_rate", "max = 100_000"),
    ];
    let (measure, bound) = some(exec, &bounds);
    let at_least = exec.draw(|chance| chance.u32(1..=2));
    line(
        text,
        format_args!(
            "[[guard_rail]]\nid = \"watched\"\nopening = \"{opening}\"\nmeasure = \"{measure}\"\nwindow_s = 7200\nat_least = {at_least}\n{bound}\naction = \"roll_back\""
        ),
    );
}

fn fees(exec: &Exec, text: &mut String) {
    line(text, format_args!("[fees]\ncurrency = \"CNY\""));
    if exec.happens(400) {
        line(
            text,
            format_args!(
                "[[fees.rules]]\nid = \"free\"\nwallet = \"quickpass\"\nrate_ppm = 0\non_refund = \"keep\""
            ),
        );
    }
    let category = if exec.happens(100) { "category = \"books\"" } else { "" };
    let (rate, minimum) = exec.draw(|chance| (chance.u32(1_000..=50_000), chance.u32(0..=40)));
    let back = some(exec, &["proportional", "keep"]);
    line(
        text,
        format_args!(
            "[[fees.rules]]\nid = \"standard\"\n{category}\nrate_ppm = {rate}\nminimum_minor = {minimum}\non_refund = \"{back}\""
        ),
    );
}

fn splits(exec: &Exec, text: &mut String) {
    let share = exec.draw(|chance| chance.u32(1..=333_333));
    let fixed = if exec.happens(400) {
        ", { receiver = \"delivery\", amount_minor = 30, on_refund = \"keep\" }"
    } else {
        ""
    };
    let back = some(exec, &["proportional", "keep"]);
    line(
        text,
        format_args!(
            "[splits]\ncurrency = \"CNY\"\nreceivers = [{{ receiver = \"streamer\", share_ppm = {share}, on_refund = \"{back}\" }}{fixed}]"
        ),
    );
}

/// Small ones: the payer still pays most of the price.
fn discounts(exec: &Exec, text: &mut String) {
    line(text, format_args!("[discounts]\ncurrency = \"CNY\""));
    let (rate, part, cap) =
        exec.draw(|chance| (chance.u32(1_000..=150_000), chance.u32(1_000..=70_000), chance.u32(50..=1_500)));
    let wallet = format!("wallet = \"{}\"", some(exec, &WALLETS));
    let category = if exec.happens(100) { "category = \"books\"" } else { "" };
    let until = if exec.happens(200) { "until = 2026-11-21T11:00:00+08:00" } else { "" };
    discount(
        text,
        ("festival", "platform_b", true),
        &format!("rate_ppm = {rate}\ncap_minor = {cap}\n{until}"),
    );
    let rest = [
        ("welcome", "platform_a", true, format!("amount_minor = {}", cap / 40 + 1)),
        ("rebate", "rail", false, format!("amount_minor = {}\n{wallet}", part % 9 + 1)),
        ("gift", "creator", exec.happens(500), format!("rate_ppm = {part}\n{category}")),
        ("coupon", "merchant", exec.happens(300), format!("amount_minor = {}", rate % 20 + 1)),
    ];
    for (id, funder, budgeted, what) in rest {
        if exec.happens(500) {
            discount(text, (id, funder, budgeted), &what);
        }
    }
}

/// What costs or saves more is shown further up or down.
fn by_money(exec: &Exec, text: &mut String, per: &str, only: &[&str]) {
    if exec.happens(400) {
        let (weight, only) = (exec.draw(|chance| chance.i32(-100..=100)), some(exec, only));
        line(
            text,
            format_args!(
                "[[ranking]]\nid = \"by-{per}\"\nper = \"{per}\"\nweight = {weight}\nreason = \"drawn\"\n{only}"
            ),
        );
    }
}

fn discount(text: &mut String, (id, funder, budgeted): (&str, &str, bool), what: &str) {
    line(
        text,
        format_args!(
            "[[discounts.rules]]\nid = \"{id}\"\nfunder = \"{funder}\"\nbudgeted = {budgeted}\n{what}"
        ),
    );
}

fn refunds(exec: &Exec, text: &mut String) {
    text.push_str(WATERFALLS);
    let falls = ["merchant-first", "balance-first", "platform-only"];
    let rules = [
        ("damaged", "refund_without_return", "damaged", "", 1_000_000),
        ("returned", "return_and_refund", "no_reason", "when = 'payer.tier == \"gold\"'", 1_000_000),
        ("late", "automatic_compensation", "late", "", 300_000),
        ("freight", "return_freight_cover", "return_freight", "", 200_000),
    ];
    for (id, mode, reason, when, most) in rules {
        let fall = some(exec, &falls);
        line(
            text,
            format_args!(
                "[[refunds.rules]]\nid = \"{id}\"\nmode = \"{mode}\"\nreasons = [\"{reason}\"]\ntotal_max_ppm = {most}\ndays_max = 30\n{when}\nwaterfall = \"{fall}\"\ndecide_within_s = 60\nappeal_within_s = 86_400"
            ),
        );
    }
}

fn some<T: Clone>(exec: &Exec, of: &[T]) -> T {
    of[exec.draw(|chance| chance.usize(0..of.len()))].clone()
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // A text takes all that is written to it.
    let _ = writeln!(text, "{what}");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use paifang_policy::bundle::{Bundle, Per};

    use super::*;

    #[test]
    fn every_bundle_can_be_read() {
        let exec = Exec::new("2026-11-21T02:00:00Z".parse().unwrap(), 1);
        let mut seen = BTreeSet::new();
        for version in 1..=500 {
            for text in [drawn(&exec, version), killing(&exec, version), generous(version)] {
                let bundle = Bundle::read(&text).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
                seen.extend(bundle.rankings().iter().map(|one| (one.per, one.funders.is_some())));
            }
        }
        let all = [(Some(Per::Fee), false), (Some(Per::Discount), false), (Some(Per::Discount), true)];
        assert_eq!(seen, BTreeSet::from(all), "every ranking by money is drawn");
    }
}
