//! The report once more, from the orders and from what the two bundles say in words: whole numbers, and none of the code that
//! is tested.

use std::collections::BTreeMap;

use paifang_shares::refund_terms::{RefundMode, RefundReason};

use crate::shop::{Back, CATEGORIES, Order, WALLETS};

/// Numbers and amounts of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Both {
    pub before: (u64, i128),
    pub after: (u64, i128),
}

type Report = BTreeMap<String, Both>;

fn add(report: &mut Report, is_draft: bool, name: String, fen: i64) {
    let both = report.entry(name).or_default();
    let of = if is_draft { &mut both.after } else { &mut both.before };
    of.0 += 1;
    of.1 += i128::from(fen);
}

pub fn report(orders: impl Iterator<Item = Order>) -> Report {
    let mut all = Report::new();
    for order in orders.filter(|order| order.is_paid) {
        side(&mut all, false, &order);
        side(&mut all, true, &order);
    }
    all
}

fn side(all: &mut Report, draft: bool, order: &Order) {
    let (wallet, category) = (WALLETS[order.wallet], CATEGORIES[order.category]);
    if draft && wallet == "wechatpay" && category == "toys" {
        for back in &order.backs {
            add(
                all,
                draft,
                "without payment".into(),
                (order.fen - given(order).iter().sum::<i64>()) / 10 * back.tenths,
            );
        }
        return;
    }
    let percent = |percent: i64| order.fen / 100 * percent;
    let (rule, fee) = match (wallet, category) {
        ("ecny", _) => ("ecny", 0),
        (_, "books") => ("books", percent(1)),
        _ if draft => ("standard", percent(3).clamp(30, 2_000)),
        _ => ("standard", percent(2).max(30)),
    };
    let streamer = if draft { percent(15) } else { percent(20) };
    let service = if draft { percent(1) } else { 0 };
    add(all, draft, format!("fee {wallet} {rule}"), fee);
    // What was given stays given: the funder pays in, and the merchant gets its own discount less.
    let [funded, own] = given(order);
    let payable = order.fen - funded - own;
    if funded > 0 {
        add(all, draft, "paid in".into(), funded);
    }
    let merchants = order.fen - fee - streamer - service - own;
    let parts = [("fee", fee), ("streamer", streamer), ("merchants", merchants)];
    for (who, fen) in parts.into_iter().chain(draft.then_some(("service", service))) {
        add(all, draft, format!("got {who}"), fen);
    }
    let mut granted = 0;
    for back in &order.backs {
        let fen = payable / 10 * back.tenths;
        let verdict = decided(draft, order, back, granted);
        add(all, draft, verdict.into(), fen);
        if verdict.starts_with("refused") || back.fails {
            continue;
        }
        granted += back.tenths;
        let undone = !verdict.contains("compensation");
        let of = |part: i64| if undone { part / 10 * back.tenths } else { 0 };
        // What the service keeps, the merchant gives back in its place.
        let rest = fen + of(funded) - of(fee) - of(streamer);
        let (bearers, short) = borne(verdict, draft, back, rest);
        if short > 0 {
            add(all, draft, "short".into(), short);
            continue;
        }
        add(all, draft, "out".into(), fen);
        let all_of_it = [("fee", of(fee)), ("receivers", of(streamer))].into_iter().chain(bearers);
        let all_of_it = all_of_it.chain([("funders", -of(funded))]);
        for (who, fen) in all_of_it.filter(|(_, fen)| *fen != 0) {
            add(all, draft, format!("borne {who}"), fen);
        }
        if undone {
            add(all, draft, "back fee".into(), of(fee));
            add(all, draft, "back streamer".into(), of(streamer));
            if draft {
                add(all, draft, "back service".into(), 0);
            }
        }
    }
}

/// What the other platform gave, and the merchant itself: a tenth of the price, and of what was left of it.
fn given(order: &Order) -> [i64; 2] {
    match (CATEGORIES[order.category], WALLETS[order.wallet]) {
        ("food", "wechatpay") => [order.fen / 10, order.fen / 100 * 9],
        ("food", _) => [order.fen / 10, 0],
        _ => [0, 0],
    }
}

fn decided(draft: bool, order: &Order, back: &Back, granted: i64) -> &'static str {
    use RefundReason::{Damaged, Late, NoReason, NotAsDescribed, WrongItem};
    let is_late = back.mode == Some(RefundMode::AutomaticCompensation);
    let total = granted + back.tenths;
    match (draft, back.reason) {
        (false, NoReason | Damaged | NotAsDescribed) if back.days < 7 && !is_late => {
            "granted return_and_refund returned"
        }
        (false, Late) if is_late && total <= 1 && back.days < 30 => "granted automatic_compensation late",
        (true, Damaged) if back.mode.is_none() && total <= 3 && back.days < 7 && order.tier == 0 => {
            "refused input_missing"
        }
        (true, Damaged) if back.mode.is_none() && total <= 3 && back.days < 7 && order.tier == 1 => {
            "granted refund_without_return small-gold"
        }
        (true, NoReason | Damaged | NotAsDescribed | WrongItem) if back.days < 15 && !is_late => {
            "granted return_and_refund returned"
        }
        _ => "refused no_rule_fits",
    }
}

/// Who funds the rest, and what nobody does.
fn borne(verdict: &str, draft: bool, back: &Back, rest: i64) -> (Vec<(&'static str, i64)>, i64) {
    let unsettled = back.unsettled.unwrap_or(i64::MAX);
    if verdict.ends_with("late") {
        return (vec![("platform", rest)], 0);
    }
    if verdict.ends_with("small-gold") {
        let platform = rest / 2;
        let own = unsettled.min(rest - platform);
        return (vec![("platform", platform), ("unsettled_funds", own)], rest - platform - own);
    }
    let own = unsettled.min(rest);
    if draft {
        let insurance = (rest / 2).min(rest - own);
        return (vec![("unsettled_funds", own), ("insurance", insurance)], rest - own - insurance);
    }
    (vec![("unsettled_funds", own), ("platform", rest - own)], 0)
}
