//! Lists in pages, and the operator's first look.

use jiff::SignedDuration;
use paifang_payment::{Doubt, IntentId, News, Outcome, Verb};
use paifang_store::{IntentFilter, Store};

use super::desk::{attempt, refund_of};
use super::{Bench, Desk};
use crate::hand::{Hand, LEASE, account, fen, seen};

/// Pages are newest first and lead through everything once; a filter and another tenant's rows do not shift them.
pub async fn lists_are_paged_newest_first(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let mut all: Vec<IntentId> = Vec::new();
    let mut paid = Vec::new();
    let other = Hand::new(2, &desk.clock);
    for n in 0..9 {
        let row = if n % 3 == 0 { desk.paid(fen(100)).await } else { desk.create(fen(100)).await };
        all.push(row.intent.terms.id);
        if n % 3 == 0 {
            paid.push(row.intent.terms.id);
        }
        desk.done(other.create(fen(1), None)).await;
        desk.clock.advance(SignedDuration::from_millis(1));
    }
    all.reverse();
    paid.reverse();
    assert_eq!(pages(&desk, None, 4).await, all);
    assert_eq!(pages(&desk, None, 9).await, all);
    assert_eq!(pages(&desk, Some("succeeded"), 2).await, paid);
    assert_eq!(pages(&desk, Some("no_such_state"), 2).await, []);
    assert_eq!(pages(&desk, None, 0).await, all, "a page has at least one row");

    let row = desk.read(paid[0]).await;
    let mut refunds = Vec::new();
    for _ in 0..3 {
        let open = desk.hand.open_refund(&row.intent, attempt(&row), fen(10));
        refunds.push(refund_of(&open));
        desk.done(open).await;
    }
    refunds.reverse();
    let tenant = desk.hand.tenant();
    for intent in [None, Some(paid[0])] {
        let page = desk.store.refunds(tenant, intent, None, 2).await.expect("the store works");
        let rest = desk.store.refunds(tenant, intent, Some(refunds[1]), 2).await.expect("the store works");
        let ids: Vec<_> = page.rows.iter().chain(&rest.rows).map(|refund| refund.terms.id).collect();
        assert_eq!((ids, page.more, rest.more), (refunds.clone(), true, false));
    }
    let none = desk.store.refunds(tenant, Some(paid[1]), None, 2).await.expect("the store works");
    assert_eq!(none.rows, []);
}

async fn pages<S: Store>(desk: &Desk<S>, state: Option<&str>, max: usize) -> Vec<IntentId> {
    let mut found = Vec::new();
    let mut filter = IntentFilter { state: state.map(str::to_owned), before: None };
    for _ in 0..20 {
        let page = desk.store.intents(desk.hand.tenant(), &filter, max).await.expect("the store works");
        assert!(page.rows.len() <= max.max(1));
        found.extend(page.rows.iter().map(|row| row.intent.terms.id));
        filter.before = found.last().copied();
        if !page.more {
            break;
        }
    }
    found
}

/// What waits, what is doubtful and since when.
pub async fn stats_tell_what_waits(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let opened = desk.clock.now();
    let row = desk.create(fen(100)).await;
    let doubt = seen(Verb::Charge, News::Outcome(Outcome::Unknown(Doubt::TimedOut)));
    desk.done(desk.news(&row, attempt(&row).terms.id, &doubt)).await;
    desk.paid(fen(100)).await;
    let stats = desk.store.stats().await.expect("the store works");
    assert_eq!((stats.doubts, stats.oldest_doubt), (1, Some(opened)));
    let states: Vec<_> = stats.intents.iter().map(|(state, n)| (state.as_str(), *n)).collect();
    assert_eq!(states, [("processing", 1), ("succeeded", 1)]);
    assert_eq!((stats.due, stats.leased), (0, 0));

    let later = crate::hand::after(opened, SignedDuration::from_secs(5));
    desk.clock.advance(SignedDuration::from_secs(7));
    let stats = desk.store.stats().await.expect("the store works");
    assert_eq!((stats.due, stats.oldest_due), (1, Some(later)));
    let lane = account("alipay-main");
    assert_eq!(
        desk.store.lease_due(Some(&lane), 9, "worker", LEASE).await.expect("the store works").len(),
        1
    );
    let stats = desk.store.stats().await.expect("the store works");
    let until = crate::hand::after(desk.clock.now(), LEASE);
    assert_eq!((stats.due, stats.leased, stats.oldest_lease_until), (0, 1, Some(until)));
    desk.clean().await;
}
