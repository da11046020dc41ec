//! What became of attempts that rules let in: marked once, counted in a window.

use jiff::SignedDuration;
use paifang_payment::intent::Ending;
use paifang_payment::{AttemptId, IntentId};
use paifang_policy::RuleId;
use paifang_policy::guard::Tally;
use paifang_store::{
    Batch, Committed, Decided, DecidedWrite, GuardedBook, Mark, Marked, Marks, RulesEntry, RulesSeen, Sample,
    Store,
};

use super::desk::intent_in;
use super::rules::{decided, drafted};
use super::{Bench, Desk};
use crate::hand::{Hand, fen};

const FAILED: Marked = Marked::Ended(Ending::Failed);
const PAID: Marked = Marked::Ended(Ending::Paid);

/// An attempt that a version's opening let in, by so many entries of the book.
async fn let_in(desk: &Desk<impl Store>, version: u32, entries: u64) -> (IntentId, AttemptId) {
    let_in_by(desk, decided(version), entries).await
}

async fn let_in_by(desk: &Desk<impl Store>, decided: Decided, entries: u64) -> (IntentId, AttemptId) {
    let batch = desk.hand.create(fen(100), Some(desk.hand.qr(fen(100))));
    let intent = intent_in(&batch).terms.id;
    let attempt = intent_in(&batch).attempts.first().expect("the test opens an attempt").terms.id;
    let decided = Some(DecidedWrite { attempt, intent, decided });
    desk.done(Batch { rules: Some(RulesSeen { entries, decided }), ..batch }).await;
    (intent, attempt)
}

/// A book with so many entries.
async fn book(desk: &Desk<impl Store>, entries: u64) {
    for seen in 0..entries {
        let added = desk.store.add_rules(desk.hand.tenant(), seen, &drafted(&desk.hand, None)).await;
        assert!(added.expect("the store works"));
    }
}

fn marking(desk: &Desk<impl Store>, (intent, attempt): (IntentId, AttemptId), what: &[Marked]) -> Batch {
    let mark = |what: &Marked| Mark { attempt, intent, what: *what };
    Batch { marks: what.iter().map(mark).collect(), ..Batch::new(desk.hand.tenant(), desk.hand.now()) }
}

async fn marks(desk: &Desk<impl Store>, attempt: AttemptId) -> Marks {
    let row = desk.store.decision(desk.hand.tenant(), attempt).await.expect("the store works");
    row.expect("it is kept").marks
}

/// A mark is set once, with its commit and by the time of it; only a failure may still become a payment.
pub async fn what_became_of_an_attempt_is_marked_once(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    book(&desk, 1).await;
    let (first, second) = (let_in(&desk, 1, 1).await, let_in(&desk, 1, 1).await);
    assert_eq!(marks(&desk, first.1).await, Marks::default());
    let failed_at = desk.hand.now();
    desk.done(marking(&desk, first, &[FAILED])).await;
    let mut wanted = Marks { ended: Some((Ending::Failed, failed_at)), ..Marks::default() };
    assert_eq!(marks(&desk, first.1).await, wanted);
    desk.clock.advance(SignedDuration::from_secs(7));
    let at = desk.hand.now();
    desk.done(marking(&desk, first, &[FAILED])).await;
    assert_eq!(marks(&desk, first.1).await, wanted, "the first failure stays");
    desk.done(marking(&desk, first, &[PAID, Marked::Refunded, Marked::Complained])).await;
    wanted = Marks { ended: Some((Ending::Paid, at)), refunded_at: Some(at), complained_at: Some(at) };
    assert_eq!(marks(&desk, first.1).await, wanted);
    desk.clock.advance(SignedDuration::from_secs(7));
    desk.done(marking(&desk, first, &[FAILED, PAID, Marked::Refunded, Marked::Complained])).await;
    assert_eq!(marks(&desk, first.1).await, wanted, "what is marked stays");
    let listed = desk.store.decisions(desk.hand.tenant(), None, 200).await.expect("the store works");
    assert!(listed.iter().any(|row| row.attempt == first.1 && row.marks == wanted));

    // Without a decision, of another intent or of another tenant there is nothing to mark.
    let (_, bare) = (desk.create(fen(100)).await, second);
    let plain = desk.create(fen(100)).await.intent;
    let undecided = plain.attempts.first().expect("the test opens an attempt").terms.id;
    desk.done(marking(&desk, (plain.terms.id, undecided), &[PAID])).await;
    desk.done(marking(&desk, (first.0, bare.1), &[PAID])).await;
    let tenant = Hand::new(2, &desk.clock).tenant();
    let foreign = Batch { tenant, ..marking(&desk, second, &[PAID]) };
    desk.store.commit(foreign).await.expect("the store works");
    assert_eq!(marks(&desk, second.1).await, Marks::default());

    // With a batch that is refused nothing is marked; a batch is about one intent.
    let stale =
        Batch { rules: Some(RulesSeen { entries: 9, decided: None }), ..marking(&desk, second, &[PAID]) };
    desk.refused(stale, Committed::Conflict).await;
    let mut mixed = marking(&desk, second, &[PAID]);
    mixed.marks.extend(marking(&desk, first, &[PAID]).marks);
    desk.broken(mixed).await;
    desk.clean_but_for_rules().await;
}

/// Counted is what one opening of one version let in since an entry of the book, and what ended since a time.
pub async fn samples_are_counted_in_their_window(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    book(&desk, 1).await;
    let (open, early, late) =
        (let_in(&desk, 1, 1).await, let_in(&desk, 1, 1).await, let_in(&desk, 1, 1).await);
    let other = let_in(&desk, 2, 1).await;
    let grown = desk.store.add_rules(desk.hand.tenant(), 1, &drafted(&desk.hand, None)).await;
    assert!(grown.expect("the store works"));
    let newest = let_in(&desk, 1, 2).await;
    let start = desk.hand.now();
    desk.done(marking(&desk, early, &[PAID, Marked::Refunded])).await;
    desk.clock.advance(SignedDuration::from_secs(60));
    let middle = desk.hand.now();
    desk.done(marking(&desk, late, &[FAILED])).await;
    desk.done(marking(&desk, other, &[PAID])).await;
    desk.clock.advance(SignedDuration::from_secs(60));
    desk.done(marking(&desk, newest, &[PAID, Marked::Complained])).await;
    desk.done(marking(&desk, open, &[Marked::Refunded])).await;

    let all = Sample {
        tenant: desk.hand.tenant(),
        opening: RuleId::parse("alipay").expect("letters"),
        version: 1,
        entries: 0,
        since: start,
        paid_only: false,
        max: 100,
    };
    let nanosecond = SignedDuration::from_nanos(1);
    let after = |time: jiff::Timestamp| time.checked_add(nanosecond).expect("times of our days");
    let stranger = Hand::new(2, &desk.clock).tenant();
    for (sample, ended, paid, refunded, complained) in [
        (all.clone(), 3, 2, 1, 1),
        (Sample { since: after(start), ..all.clone() }, 2, 1, 0, 1),
        (Sample { since: middle, ..all.clone() }, 2, 1, 0, 1),
        (Sample { since: after(middle), ..all.clone() }, 1, 1, 0, 1),
        (Sample { entries: 2, ..all.clone() }, 1, 1, 0, 1),
        (Sample { entries: 3, ..all.clone() }, 0, 0, 0, 0),
        (Sample { max: 2, ..all.clone() }, 2, 1, 0, 1),
        // What is not looked at takes no place: neither what failed, nor what rests on too little of the book.
        (Sample { paid_only: true, ..all.clone() }, 2, 2, 1, 1),
        (Sample { paid_only: true, max: 2, ..all.clone() }, 2, 2, 1, 1),
        (Sample { paid_only: true, max: 1, ..all.clone() }, 1, 1, 0, 1),
        (Sample { entries: 2, max: 1, ..all.clone() }, 1, 1, 0, 1),
        (Sample { version: 2, ..all.clone() }, 1, 1, 0, 0),
        (Sample { version: 3, ..all.clone() }, 0, 0, 0, 0),
        (Sample { opening: RuleId::parse("wechatpay").expect("letters"), ..all.clone() }, 0, 0, 0, 0),
        (Sample { tenant: stranger, ..all.clone() }, 0, 0, 0, 0),
    ] {
        let tally = desk.store.tally(&sample).await.expect("the store works");
        let oldest = tally.oldest;
        assert_eq!(tally, Tally { ended, paid, refunded, complained, oldest }, "{sample:?}");
        assert_eq!(oldest.is_some(), ended > 0, "{sample:?}");
    }
    for (sample, oldest) in [
        (all.clone(), start),
        (Sample { max: 2, ..all.clone() }, middle),
        (Sample { paid_only: true, max: 1, ..all.clone() }, desk.hand.now()),
    ] {
        let tally = desk.store.tally(&sample).await.expect("the store works");
        assert_eq!(tally.oldest, Some(oldest), "{sample:?}");
    }
    // What a later version let in by an opening that says the same counts with the first.
    let carried = let_in_by(&desk, Decided { unchanged_since: Some(1), ..decided(2) }, 2).await;
    desk.done(marking(&desk, carried, &[FAILED])).await;
    for (sample, ended) in [(all.clone(), 4), (Sample { version: 2, ..all.clone() }, 1)] {
        let tally = desk.store.tally(&sample).await.expect("the store works");
        assert_eq!(tally.ended, ended, "{sample:?}");
    }
    desk.clean_but_for_rules().await;
}

/// Whoever looks after guard rails finds the books that may have some, and no other.
pub async fn books_with_guard_rails_are_found(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let mut tenants: Vec<_> = (1..=5).map(|number| Hand::new(number, &desk.clock).tenant()).collect();
    tenants.sort();
    let add = async |tenant, expected, entry: &RulesEntry| {
        assert!(desk.store.add_rules(tenant, expected, entry).await.expect("the store works"));
    };
    let plain = drafted(&desk.hand, None);
    let guarded = RulesEntry { guarded: true, ..plain.clone() };
    add(tenants[0], 0, &guarded).await;
    add(tenants[1], 0, &plain).await;
    for (expected, entry) in (0..).zip([&plain, &guarded, &guarded, &plain]) {
        add(tenants[2], expected, entry).await;
    }
    add(tenants[4], 0, &guarded).await;
    let found = async |after, max| desk.store.guarded_books(after, max).await.expect("the store works");
    let wanted = [(tenants[0], 1), (tenants[2], 4), (tenants[4], 1)]
        .map(|(tenant, entries)| GuardedBook { tenant, entries });
    assert_eq!(found(None, 200).await, wanted);
    assert_eq!(found(None, 2).await, wanted[..2]);
    assert_eq!(found(Some(tenants[2]), 200).await, wanted[2..]);
    assert_eq!(found(Some(tenants[4]), 200).await, []);
    let read = desk.store.rules_after(tenants[2], 0, 200).await.expect("the store works");
    assert_eq!(read.iter().map(|row| row.entry.guarded).collect::<Vec<_>>(), [false, true, true, false]);
    desk.clean_but_for_rules().await;
}
