//! Books of rules, and decisions that rest on them.

use paifang_payment::{Digest, Presentation, RailName, Remark, RequestId, WalletName};
use paifang_policy::RuleId;
use paifang_policy::bundle::Bundle;
use paifang_policy::cohort::Pseudonym;
use paifang_policy::facts::{Facts, Input};
use paifang_policy::lifecycle::{Fact, Overlay, Why};
use paifang_policy::opening::{Offer, decide};
use paifang_store::{
    Batch, Committed, Decided, DecidedWrite, Judged, RulesEntry, RulesRequest, RulesSeen, Store,
};

use super::desk::{attempt, intent_in, paid};
use super::{Bench, Desk};
use crate::hand::{Hand, fen};

const BUNDLE: &str = r#"
[bundle]
name = "storefront"
version = 1
note = "Alipay alone, \"for now\""
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "alipay"
wallet = "alipay"
show = true
accept = true
"#;

fn bundle(version: u32) -> Bundle {
    let text = BUNDLE.replace("version = 1", &format!("version = {version}"));
    Bundle::read(&text).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(super) fn drafted(hand: &Hand, request: Option<&str>) -> RulesEntry {
    let request = request.map(|id| RulesRequest {
        id: RequestId::parse(id).expect("letters and digits"),
        fingerprint: Digest([3; 32]),
    });
    RulesEntry {
        request,
        fact: Fact::drafted(hand.now(), &bundle(1)),
        text: Some(BUNDLE.to_owned()),
        guarded: false,
    }
}

fn rolled_back(hand: &Hand) -> RulesEntry {
    let opening = RuleId::parse("alipay").expect("letters");
    let why = Why::Person { remark: Remark::parse("li.lei: it fails").expect("a short text") };
    RulesEntry {
        request: None,
        fact: Fact::RolledBack { at: hand.now(), opening, why },
        text: None,
        guarded: false,
    }
}

/// A payment with Alipay, let in by a version's opening `alipay`.
pub(super) fn decided(version: u32) -> Decided {
    let judged = |wallet: &str| {
        let offer = Offer {
            rail: RailName::parse(wallet).expect("letters"),
            wallet: WalletName::parse(wallet).expect("letters"),
            presentation: Presentation::QrShown,
        };
        let decision = decide(&bundle(version), &Overlay::none(), &offer, &Facts::new(), None);
        // An earlier release kept nothing of it.
        let can_exclude_credit = (wallet == "alipay").then_some(true);
        Judged { offer, decision, can_exclude_credit }
    };
    Decided {
        facts: Facts::new().with(Input::PayerRegion, "330100").expect("a region"),
        payer: Some(Pseudonym::parse("0a1b2c").expect("letters and digits")),
        chosen: judged("alipay"),
        beside: vec![judged("wechatpay")],
        unchanged_since: None,
    }
}

/// A book grows by one entry at a time behind the last one that was seen, once per call, and is each tenant's own.
pub async fn books_of_rules_only_grow(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (store, own, stranger) = (&desk.store, desk.hand.tenant(), Hand::new(2, &desk.clock).tenant());
    let add = async |tenant, expected, entry: &RulesEntry| {
        store.add_rules(tenant, expected, entry).await.expect("the store works")
    };
    let (first, second) = (drafted(&desk.hand, Some("r1")), rolled_back(&desk.hand));
    assert!(!add(own, 1, &first).await, "there is no first entry yet");
    assert!(add(own, 0, &first).await);
    assert!(!add(own, 0, &second).await, "the book has moved on");
    assert!(!add(own, 1, &first).await, "the call has its entry");
    assert!(add(own, 1, &second).await);
    assert!(add(own, 2, &second).await, "entries without a call may be equal");
    assert!(add(stranger, 0, &first).await, "another tenant has calls of its own");

    let book = store.rules_after(own, 0, 200).await.expect("the store works");
    let positions: Vec<u64> = book.iter().map(|row| row.position).collect();
    assert_eq!(positions, [1, 2, 3]);
    assert_eq!((&book[0].entry, &book[1].entry), (&first, &second));
    let page = store.rules_after(own, 1, 1).await.expect("the store works");
    assert_eq!(page, book[1..2]);
    let request = RequestId::parse("r1").expect("letters and digits");
    let found = store.rules_by_request(own, &request).await.expect("the store works");
    assert_eq!(found.as_ref(), book.first());
    let unknown = RequestId::parse("r2").expect("letters and digits");
    assert_eq!(store.rules_by_request(own, &unknown).await.expect("the store works"), None);
    assert_eq!(store.rules_after(stranger, 1, 200).await.expect("the store works"), []);
    desk.clean_but_for_rules().await;
}

/// A decision is kept with the attempt that it opens, and only while the book is as it was seen.
pub async fn decisions_rest_on_the_rules_that_were_seen(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (store, own) = (&desk.store, desk.hand.tenant());
    let opening = |entries: u64| {
        let amount = fen(100);
        let batch = desk.hand.create(amount, Some(desk.hand.qr(amount)));
        let intent = intent_in(&batch).terms.id;
        let attempt = intent_in(&batch).attempts.first().expect("the test opens an attempt").terms.id;
        let write = DecidedWrite { attempt, intent, decided: decided(1) };
        Batch { rules: Some(RulesSeen { entries, decided: Some(write) }), ..batch }
    };
    let added = store.add_rules(own, 0, &drafted(&desk.hand, Some("r1"))).await;
    assert!(added.expect("the store works"));
    for stale in [0, 2] {
        desk.refused(opening(stale), Committed::Conflict).await;
    }
    let (first, second) = (opening(1), opening(1));
    desk.done(first.clone()).await;
    desk.done(second.clone()).await;

    let page = store.decisions(own, None, 200).await.expect("the store works");
    let wanted = |batch: &Batch| batch.rules.clone().and_then(|rules| rules.decided).expect("it decides");
    for batch in [&first, &second] {
        let DecidedWrite { attempt, intent, decided } = wanted(batch);
        let found = store.decision(own, attempt).await.expect("the store works").expect("it is kept");
        assert_eq!((found.intent, found.attempt, found.at), (intent, attempt, batch.at));
        assert_eq!((found.tenant, &found.decided), (own, &decided));
        assert!(page.contains(&found));
        let stranger = Hand::new(2, &desk.clock).tenant();
        assert_eq!(store.decision(stranger, attempt).await.expect("the store works"), None);
        assert_eq!(store.decisions(stranger, None, 200).await.expect("the store works"), []);
    }
    assert!(page.len() == 2 && page[0].attempt < page[1].attempt);
    let after = store.decisions(own, Some(page[0].attempt), 1).await.expect("the store works");
    assert_eq!(after, page[1..]);

    // Without a decision the book is looked at all the same; and what was decided stays.
    let row = desk.read(wanted(&first).intent).await;
    let mut news = desk.news(&row, attempt(&row).terms.id, &paid(fen(100)));
    news.rules = Some(RulesSeen { entries: 0, decided: None });
    desk.refused(news.clone(), Committed::Conflict).await;
    news.rules = Some(RulesSeen { entries: 1, decided: Some(wanted(&first)) });
    desk.broken(news.clone()).await;
    news.rules = Some(RulesSeen { entries: 1, decided: None });
    desk.done(news).await;
    desk.clean_but_for_rules().await;
}
