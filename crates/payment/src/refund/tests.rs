//! The laws of the refund machine.

use proptest::prelude::*;

use super::*;
use crate::attempt::COPIES_LINGER;
use crate::testing::*;
use crate::{Basis, News, Observation, Source};

fn terms() -> Terms {
    let attempt = attempt_terms(1, crate::Presentation::QrShown, ALL);
    Terms {
        id: RefundId::from_parts(start(), [1; 10]),
        tenant: TenantId::from_parts(start(), [0; 10]),
        intent: IntentId::from_parts(start(), [0; 10]),
        attempt: attempt.id,
        request_id: attempt.request_id,
        purpose: Purpose::Requested,
        rail: attempt.rail,
        account: attempt.account,
        refund_no: OrderNo::parse("REFUND001").unwrap(),
        amount: yuan(100),
        reason: None,
        opened_at: start(),
        resend_until: after(600),
        nonce: "0".repeat(32),
        paced: false,
        bearing: None,
        granted_by: None,
        case: None,
    }
}

fn open() -> Step {
    Refund::open(terms(), Evidence::plain(Source::Storefront, "test"))
}

/// Feeds news; answers the end with everything that was posted.
fn story(news: &[(Verb, News)]) -> (Refund, Vec<Posting>, Vec<Entry>) {
    let Step { mut refund, mut entries, posting } = open();
    let mut postings: Vec<Posting> = posting.into_iter().collect();
    for (verb, news) in news {
        if let Seen::News(step) = refund.clone().observe(&seen(*verb, news.clone()), after(5)) {
            refund = step.refund;
            entries.extend(step.entries);
            postings.extend(step.posting);
        }
    }
    (refund, postings, entries)
}

#[test]
fn a_lost_answer_is_asked_for_and_sent_again_only_under_the_same_number() {
    let (refund, ..) = story(&[(Verb::Refund, unknown())]);
    assert_eq!(refund.duty(after(6)), crate::attempt::Duty::Call(Verb::QueryRefund));
    let (refund, ..) = story(&[(Verb::Refund, unknown()), (Verb::QueryRefund, News::Absent)]);
    assert_eq!(refund.duty(after(6)), crate::attempt::Duty::Send);
    let number = refund.terms.refund_no.clone();
    let again = refund.begin_send(after(6)).unwrap();
    assert_eq!(again.refund.terms.refund_no, number);
}

/// F17, UnionPay: past its window an absent refund is not sent again; a person looks at it.
#[test]
fn past_its_window_a_refund_is_only_asked_for() {
    let (refund, ..) = story(&[(Verb::Refund, unknown()), (Verb::QueryRefund, News::Absent)]);
    assert_eq!(refund.duty(after(601)), crate::attempt::Duty::Call(Verb::QueryRefund));
}

#[test]
fn an_unsigned_no_needs_a_query_that_finds_nothing() {
    let (refund, postings, _) = story(&[(Verb::Refund, refused(Basis::Channel))]);
    assert_eq!((refund.state.name(), postings.len()), ("in_doubt", 1));
    let (refund, postings, _) =
        story(&[(Verb::Refund, refused(Basis::Channel)), (Verb::QueryRefund, News::Absent)]);
    assert_eq!((refund.state.name(), postings), ("failed", vec![Posting::Reserved, Posting::Released]));
}

/// F04: a repeat that the rail refuses says nothing about the earlier copy, which may arrive minutes later.
#[test]
fn a_refused_repeat_is_final_only_when_no_copy_can_be_on_its_way_any_more() {
    for basis in [Basis::Signed, Basis::Channel] {
        let (refund, ..) = story(&[(Verb::Refund, unknown()), (Verb::QueryRefund, News::Absent)]);
        let mut refund = refund.begin_send(after(6)).unwrap().refund;
        let look = |refund: Refund, verb, news, at| match refund.observe(&seen(verb, news), after(at)) {
            Seen::News(step) => step.refund,
            Seen::Known(refund) => *refund,
            Seen::Suspicious(doubt) => panic!("{doubt:?}"),
        };
        refund = look(refund, Verb::Refund, refused(basis), 7);
        refund = look(refund, Verb::QueryRefund, News::Absent, 7 + COPIES_LINGER.as_secs() - 1);
        assert_eq!(refund.state.name(), "in_doubt");
        assert_eq!(look(refund.clone(), Verb::QueryRefund, refunded(100), 300).state.name(), "succeeded");
        refund = look(refund, Verb::QueryRefund, News::Absent, 7 + COPIES_LINGER.as_secs());
        assert_eq!(refund.state.name(), "failed");
    }
}

/// A send that is proved not to have left is no copy that could arrive: the no to the next one is final at once.
#[test]
fn the_no_to_the_first_send_that_left_is_final_at_once() {
    let (refund, ..) = story(&[(Verb::Refund, not_sent())]);
    let refund = refund.begin_send(after(6)).unwrap().refund;
    let Seen::News(step) = refund.observe(&seen(Verb::Refund, refused(Basis::Signed)), after(7)) else {
        panic!("it is news")
    };
    assert_eq!(step.refund.state.name(), "failed");
}

/// F18: what the payer's account does not take stays under way, says so, and goes on once somebody has decided.
#[test]
fn an_abnormal_refund_needs_attention_until_somebody_decides() {
    let attention = Attention::parse("ABNORMAL").ok();
    let abnormal = Observation { attention: attention.clone(), ..seen(Verb::QueryRefund, unpaid_with_ref()) };
    assert!(open().refund.decide("test", after(1)).is_none(), "there is nothing to decide yet");
    let Seen::News(step) = open().refund.observe(&abnormal, after(5)) else { panic!("it is news") };
    let Step { refund, mut entries, posting } = *step;
    assert_eq!((refund.state.name(), refund.attention(), posting), ("processing", attention.as_ref(), None));
    assert_eq!(refund.duty(after(6)), crate::attempt::Duty::Call(Verb::QueryRefund));
    assert!(matches!(refund.clone().observe(&abnormal, after(7)), Seen::Known(_)), "told once");

    let decided = refund.decide("test", after(8)).expect("it waits for that");
    assert_eq!((decided.refund.state.name(), decided.refund.attention()), ("processing", None));
    entries.extend(decided.entries);
    let back = seen(Verb::QueryRefund, refunded(100));
    let Seen::News(ended) = decided.refund.observe(&back, after(9)) else { panic!("it is news") };
    entries.extend(ended.entries);
    assert_eq!((ended.refund.state.name(), ended.posting), ("succeeded", Some(Posting::Returned)));
    let journal: Vec<_> = open().entries.into_iter().chain(entries).collect();
    assert_eq!(Refund::fold(&journal), Ok(ended.refund));
}

/// What an earlier release wrote down is read as it was meant.
#[test]
fn a_processing_refund_of_before_there_was_attention_is_read() {
    let old: State = serde_json::from_str(r#"{"state":"processing"}"#).unwrap();
    assert_eq!(old, State::Processing { attention: None });
    assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"state":"processing"}"#);
    let new = State::Processing { attention: Attention::parse("ABNORMAL").ok() };
    assert_eq!(serde_json::to_string(&new).unwrap(), r#"{"state":"processing","attention":"ABNORMAL"}"#);
}

/// F18: what was accepted and fails later frees its reserve only then.
#[test]
fn an_accepted_refund_may_still_fail() {
    let (refund, postings, _) = story(&[(Verb::Refund, unpaid())]);
    assert_eq!((refund.state.name(), postings.len()), ("processing", 1));
    let (refund, postings, _) =
        story(&[(Verb::Refund, unpaid()), (Verb::QueryRefund, refused(Basis::Signed))]);
    assert_eq!((refund.state.name(), postings), ("failed", vec![Posting::Reserved, Posting::Released]));
}

#[test]
fn another_amount_than_ordered_is_not_believed() {
    let Step { refund, .. } = open();
    let mut notice = seen(Verb::QueryRefund, refunded(99));
    notice.evidence.source = Source::Notification;
    assert!(matches!(refund.clone().observe(&notice, after(1)), Seen::Suspicious(_)));
    let (refund, postings, _) = story(&[(Verb::Refund, refunded(99))]);
    assert_eq!((refund.state.name(), postings.len()), ("in_doubt", 1));
}

proptest! {
    /// Any news in any order: each reserve ends at most once, the fold equals the row, nothing leaves an end.
    #[test]
    fn a_reserve_ends_once_and_the_journal_tells_the_row(order in prop::collection::vec(0..8usize, 0..14)) {
        let words = [
            (Verb::Refund, unknown()),
            (Verb::Refund, unpaid()),
            (Verb::QueryRefund, News::Absent),
            (Verb::QueryRefund, unpaid()),
            (Verb::QueryRefund, refunded(100)),
            (Verb::QueryRefund, refused(Basis::Signed)),
            (Verb::Refund, refused(Basis::Channel)),
            (Verb::Refund, not_sent()),
        ];
        let news: Vec<_> = order.into_iter().map(|index| words[index].clone()).collect();
        let (refund, postings, entries) = story(&news);
        let ends = postings.iter().filter(|posting| **posting != Posting::Reserved).count();
        prop_assert_eq!(ends, usize::from(refund.is_final()));
        prop_assert_eq!(Refund::fold(&entries), Ok(refund));
    }
}
