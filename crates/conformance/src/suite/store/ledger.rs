//! The ledger: each key once, each hold once, no bound crossed.

use jiff::SignedDuration;
use paifang_ledger::{Account, Kind, PostingKey, Transfer};
use paifang_money::{MINOR_UNITS_MAX, PositiveMoney};
use paifang_payment::refund::Purpose;
use paifang_payment::{Evidence, Source};
use paifang_store::{Batch, BookedFrom, Store};

use super::desk::{attempt, paid, refund_of, returned};
use super::{Bench, Desk};
use crate::hand::{Hand, fen};

fn book(hand: &Hand, transfers: &[Transfer]) -> Batch {
    Batch { transfers: transfers.to_vec(), ..Batch::new(hand.tenant(), hand.now()) }
}

fn entry(
    hand: &Hand,
    key: &str,
    debit: &Account,
    credit: &Account,
    amount: PositiveMoney,
    kind: Kind,
) -> Transfer {
    let (debit, credit) = (debit.clone(), credit.clone());
    let key = PostingKey::of(&[key]);
    Transfer { key, debit, credit, amount, kind, subject: "test".to_owned(), at: hand.now() }
}

fn accounts(hand: &Hand) -> (Account, Account, Account) {
    let merchant = Account::merchant(&hand.tenant().to_string());
    (Account::rail("alipay-main"), merchant, Account::suspense_late("alipay-main"))
}

/// I8: a key is posted once in a tenant's book; the rows beside a second try are not kept either.
pub async fn postings_happen_once(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (rail, merchant, _) = accounts(&desk.hand);
    let once = entry(&desk.hand, "once", &rail, &merchant, fen(5), Kind::Posted);
    let beside = entry(&desk.hand, "beside", &rail, &merchant, fen(7), Kind::Posted);
    desk.done(book(&desk.hand, std::slice::from_ref(&once))).await;
    desk.broken(book(&desk.hand, &[beside.clone(), once.clone()])).await;
    desk.broken(book(&desk.hand, &[beside.clone(), beside.clone()])).await;
    let itself = entry(&desk.hand, "itself", &rail, &rail, fen(5), Kind::Posted);
    desk.broken(book(&desk.hand, &[itself])).await;
    desk.done(book(&Hand::new(2, &desk.clock), &[once])).await;
    desk.done(book(&desk.hand, &[beside])).await;
}

/// A hold is posted or voided, once, in full, between its own accounts.
pub async fn holds_resolve_once_and_in_full(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (rail, merchant, _) = accounts(&desk.hand);
    let hand = &desk.hand;
    let hold = entry(hand, "hold", &merchant, &rail, fen(50), Kind::Pending);
    let other = entry(hand, "other", &merchant, &rail, fen(50), Kind::Pending);
    let of = || hold.key.clone();
    desk.broken(book(hand, &[entry(hand, "early", &merchant, &rail, fen(50), Kind::Posts(of()))])).await;
    desk.done(book(hand, &[hold.clone(), other.clone()])).await;
    let wrong = [
        entry(hand, "part", &merchant, &rail, fen(49), Kind::Posts(of())),
        entry(hand, "more", &merchant, &rail, fen(51), Kind::Voids(of())),
        entry(hand, "turned", &rail, &merchant, fen(50), Kind::Voids(of())),
    ];
    for wrong in wrong {
        desk.broken(book(hand, &[wrong])).await;
    }
    let post = entry(hand, "post", &merchant, &rail, fen(50), Kind::Posts(of()));
    let void = entry(hand, "void", &merchant, &rail, fen(50), Kind::Voids(of()));
    desk.broken(book(hand, &[post.clone(), void.clone()])).await;
    desk.done(book(hand, std::slice::from_ref(&post))).await;
    desk.broken(book(hand, &[void])).await;
    let again = entry(hand, "again", &merchant, &rail, fen(50), Kind::Posts(post.key.clone()));
    desk.broken(book(hand, &[again])).await;
    let foreign = Hand::new(2, &desk.clock);
    desk.broken(book(&foreign, &[entry(&foreign, "x", &merchant, &rail, fen(50), Kind::Voids(other.key))]))
        .await;
}

/// I5: late money is given back at most once, holds included.
pub async fn suspense_is_never_overdrawn(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (rail, _, late) = accounts(&desk.hand);
    let hand = &desk.hand;
    let take = |key: &str, amount, kind| entry(hand, key, &late, &rail, fen(amount), kind);
    desk.overdrawn(book(hand, &[take("before", 1, Kind::Posted)])).await;
    desk.done(book(hand, &[entry(hand, "in", &rail, &late, fen(100), Kind::Posted)])).await;
    desk.overdrawn(book(hand, &[take("too much", 101, Kind::Pending)])).await;
    desk.done(book(hand, &[take("hold", 60, Kind::Pending)])).await;
    desk.overdrawn(book(hand, &[take("over", 41, Kind::Posted)])).await;
    let key = PostingKey::of(&["hold"]);
    desk.done(book(hand, &[take("void", 60, Kind::Voids(key))])).await;
    desk.done(book(hand, &[take("all", 100, Kind::Posted)])).await;
    desk.overdrawn(book(hand, &[take("one more", 1, Kind::Posted)])).await;
    let set_aside = entry(hand, "coming", &rail, &late, fen(9), Kind::Pending);
    desk.done(book(hand, std::slice::from_ref(&set_aside))).await;
    desk.overdrawn(book(hand, &[take("not yet here", 9, Kind::Posted)])).await;
    desk.done(book(hand, &[entry(hand, "came", &rail, &late, fen(9), Kind::Posts(set_aside.key))])).await;
    desk.done(book(hand, &[take("now here", 9, Kind::Posted)])).await;
}

/// Money that came too late opens one refund, and no second one for the same attempt (I17).
pub async fn late_money_goes_back_once(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.create(fen(100)).await;
    let first = attempt(&row).terms.id;
    let closed = crate::hand::seen(
        paifang_payment::Verb::Query,
        paifang_payment::News::Outcome(paifang_payment::Outcome::Closed(paifang_payment::CloseProof {
            returned: None,
            rail_ref: None,
        })),
    );
    desk.done(desk.news(&row, first, &closed)).await;
    let row = desk.read(row.intent.terms.id).await;
    let late = desk.news(&row, first, &paid(fen(100)));
    let refund = refund_of(&late);
    desk.done(late).await;
    desk.clean().await;
    let row = desk.read(row.intent.terms.id).await;
    let terms = desk.hand.refund_terms(&row.intent, attempt(&row), fen(100), Purpose::LateMoney);
    let step = paifang_payment::refund::Refund::open(terms, Evidence::plain(Source::Rule, "again"));
    let mut again = desk.hand.refund_step(0, step);
    again.transfers.clear();
    desk.broken(again).await;
    let sending = desk.refund(refund).await;
    desk.done(desk.refund_news(&sending, &returned(fen(100)))).await;
    let balances = desk.store.balances(desk.hand.tenant()).await.expect("the store works");
    assert!(balances.iter().all(|row| row.balance.posted(&row.account) == 0), "{balances:?}");
    desk.clean().await;
}

/// Balances are exact beyond 64 bits, in the order of the chart.
pub async fn balances_are_exact(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (rail, merchant, late) = accounts(&desk.hand);
    let count = 9_300;
    let entries = (0..count)
        .map(|n| entry(&desk.hand, &format!("k{n}"), &rail, &merchant, fen(MINOR_UNITS_MAX), Kind::Posted));
    let entries: Vec<Transfer> = entries.collect();
    desk.done(book(&desk.hand, &entries)).await;
    desk.done(book(&desk.hand, &[entry(&desk.hand, "late", &rail, &late, fen(3), Kind::Posted)])).await;
    let balances = desk.store.balances(desk.hand.tenant()).await.expect("the store works");
    let posted: Vec<_> =
        balances.iter().map(|row| (row.account.clone(), row.balance.posted(&row.account))).collect();
    let all = i128::from(MINOR_UNITS_MAX) * count;
    assert!(all > i128::from(i64::MAX));
    assert_eq!(posted, [(rail, all + 3), (merchant, all), (late, 3)]);
    assert_eq!(desk.store.balances(Hand::new(2, &desk.clock).tenant()).await.expect("the store works"), []);
}

/// What counts of an account is listed by time and then by key, whatever the order of commits, page by page; and so it is summed.
pub async fn accounts_are_read_by_their_time(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (rail, merchant, late) = accounts(&desk.hand);
    let hand = &desk.hand;
    let start = hand.now();
    let at = |seconds| start + SignedDuration::from_secs(seconds);
    let row = |key: &str, seconds, debit: &Account, credit: &Account, fen_, kind| Transfer {
        at: at(seconds),
        ..entry(hand, key, debit, credit, fen(fen_), kind)
    };
    let held = row("held", 1, &rail, &late, 1_000, Kind::Pending);
    let rows = [
        row("c", 5, &rail, &late, 40, Kind::Posted),
        row("b", 5, &rail, &late, 30, Kind::Posted),
        row("first", 2, &rail, &late, 100, Kind::Posted),
        held.clone(),
        row("a", 5, &late, &rail, 7, Kind::Posted),
        row("elsewhere", 5, &rail, &merchant, 9, Kind::Posted),
        row("taken", 8, &rail, &late, 1_000, Kind::Posts(held.key)),
        row("void", 3, &rail, &late, 50, Kind::Pending),
        row("voided", 6, &rail, &late, 50, Kind::Voids(PostingKey::of(&["void"]))),
        row("end", 9, &late, &rail, 1, Kind::Posted),
    ];
    for one in &rows {
        desk.done(book(hand, std::slice::from_ref(one))).await;
    }
    let other = Hand::new(2, &desk.clock);
    desk.done(book(&other, std::slice::from_ref(&rows[0]))).await;
    let (tenant, store) = (hand.tenant(), &desk.store);
    let keys = |rows: &[Transfer]| rows.iter().map(|row| row.key.to_string()).collect::<Vec<_>>();
    for (from, until, wanted) in [
        (2, 9, vec!["first", "a", "b", "c", "taken"]),
        (5, 10, vec!["a", "b", "c", "taken", "end"]),
        (3, 5, vec![]),
    ] {
        let (mut found, mut next) = (Vec::new(), BookedFrom::start(at(from)));
        loop {
            let page =
                store.account_transfers(tenant, &late, &next, at(until), 2).await.expect("the store works");
            let Some(last) = page.last() else { break };
            next = BookedFrom::after(last);
            found.extend(page);
        }
        assert_eq!(keys(&found), wanted);
        assert!(found.iter().all(|found| rows.contains(found)), "{found:?}");
    }
    let before = async |seconds| {
        let sums = store.account_before(tenant, &late, at(seconds)).await.expect("the store works");
        sums.into_values().sum::<i128>()
    };
    assert_eq!([before(2).await, before(5).await, before(9).await, before(10).await], [0, 100, 1_163, 1_162]);
    let balances = store.balances(tenant).await.expect("the store works");
    let posted = balances.iter().find(|row| row.account == late).map(|row| row.balance.posted(&late));
    assert_eq!(posted, Some(1_162));
}
