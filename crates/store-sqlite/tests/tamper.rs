//! I7, S23: what somebody does to a journal by hand, past the triggers, is found, and the finding names the very row.

mod common;

use common::{Place, findings};
use paifang_conformance::block_on;
use paifang_conformance::hand::{fen, seen};
use paifang_payment::{News, Outcome, Settled, Verb};
use paifang_store::fsck;
use rusqlite::Connection;

/// The text of an intent's id, and that of a refund.
struct Ids {
    intent: String,
    refund: String,
}

/// A closed store with a paid intent whose refund has succeeded, among others.
fn written() -> (Place, Ids) {
    let place = Place::new();
    let desk = place.desk(1);
    let ids = block_on(async {
        desk.paid(fen(70)).await;
        let row = desk.paid(fen(1_000)).await;
        let open = desk.hand.open_refund(&row.intent, &row.intent.attempts[0], fen(400));
        let refund = open.refunds[0].row.clone();
        desk.done(open).await;
        let settled = Settled { amount: fen(400), rail_ref: None, settled_at: None };
        let news = seen(Verb::QueryRefund, News::Outcome(Outcome::Refunded(settled)));
        desk.done(desk.refund_news(&refund, &news)).await;
        desk.paid(fen(80)).await;
        desk.clean().await;
        Ids { intent: row.intent.terms.id.to_string(), refund: refund.terms.id.to_string() }
    });
    (place, ids)
}

const UNLOCK: &str = "DROP TRIGGER intent_journal_stays; DROP TRIGGER intent_journal_kept;
    DROP TRIGGER refund_journal_stays; DROP TRIGGER refund_journal_kept;
    DROP TRIGGER transfer_kept; DROP TRIGGER event_kept;";

/// Does it, and expects a finding that begins with the id and contains the words.
fn check(change: &str, about: impl Fn(&Ids) -> &str, wanted: &str) {
    let (place, ids) = written();
    let change = change.replace("INTENT", &ids.intent).replace("REFUND", &ids.refund);
    let connection = Connection::open(&place.path).expect("SQLite opens it");
    connection.execute_batch(UNLOCK).expect("triggers");
    connection.execute_batch(&change).expect("the change is possible");
    assert_eq!(connection.changes(), 1, "{change}");
    drop(connection);
    let found = findings(&place.desk(1).store);
    let named = |finding: &String| {
        finding
            .strip_prefix(about(&ids))
            .is_some_and(|rest| rest.strip_prefix(": ").is_some_and(|rest| rest.contains(wanted)))
    };
    assert!(found.iter().any(named), "{change}: {found:#?}");
    let others =
        found.iter().filter(|finding| finding.contains("entry ") && !finding.starts_with(about(&ids)));
    assert_eq!(others.count(), 0, "{change}: {found:#?}");
}

#[test]
fn an_altered_entry_is_named() {
    let intent = "UPDATE intent_journal SET body = json_set(body, '$.evidence.rule', 'other')
                  WHERE intent = 'INTENT' AND seq = 2";
    check(intent, |ids| &ids.intent, "entry 2 was altered");
    let amount = "UPDATE intent_journal SET body = json_set(body, '$.fact.terms.amount.minor', 1)
                  WHERE intent = 'INTENT' AND seq = 1";
    check(amount, |ids| &ids.intent, "entry 1 was altered");
    let refund = "UPDATE refund_journal SET body = json_set(body, '$.at', '2020-01-01T00:00:00Z')
                  WHERE refund = 'REFUND' AND seq = 1";
    check(refund, |ids| &ids.refund, "entry 1 was altered");
    let digest = "UPDATE refund_journal SET body = json_set(body, '$.seal.digest', '{:064}') WHERE refund = 'REFUND' AND seq = 1"
        .replace("{:064}", &"0".repeat(64));
    check(&digest, |ids| &ids.refund, "entry 2 follows");
    let unread = "UPDATE intent_journal SET body = '{' WHERE intent = 'INTENT' AND seq = 2";
    check(unread, |ids| &ids.intent, "its journal cannot be read");
}

#[test]
fn a_removed_entry_is_named() {
    let intent = "DELETE FROM intent_journal WHERE intent = 'INTENT' AND seq = 3";
    check(intent, |ids| &ids.intent, "entry 4 follows");
    check(intent, |ids| &ids.intent, "entry 4 stands where 3 should");
}

#[test]
fn a_journal_cut_at_its_end_is_named() {
    let intent = "DELETE FROM intent_journal WHERE intent = 'INTENT'
                  AND seq = (SELECT max(seq) FROM intent_journal WHERE intent = 'INTENT')";
    check(intent, |ids| &ids.intent, "the row's head is");
    let refund = "DELETE FROM refund_journal WHERE refund = 'REFUND' AND seq = 2";
    check(refund, |ids| &ids.refund, "the journal ends at entry 1");
}

#[test]
fn an_altered_row_is_named_with_the_field() {
    let intent =
        "UPDATE intent SET body = json_set(body, '$.terms.description', 'ten bottles') WHERE id = 'INTENT'";
    check(intent, |ids| &ids.intent, "differs from the fold of its journal in terms.description");
    let head = "UPDATE refund SET body = json_remove(body, '$.head') WHERE id = 'REFUND'";
    check(head, |ids| &ids.refund, "in head");
    let nonce = "UPDATE refund SET body = json_set(body, '$.terms.reason', 'none') WHERE id = 'REFUND'";
    check(nonce, |ids| &ids.refund, "in terms.reason");
}

/// What a commit wrote beside its entries is named in their seals, so it cannot go either.
#[test]
fn a_removed_transfer_or_event_is_named() {
    let capture = "DELETE FROM transfer WHERE posting_key GLOB 'capture:INTENT:*'";
    check(capture, |ids| &ids.intent, "the ledger has no such transfer");
    let event = "DELETE FROM event WHERE intent = 'INTENT' AND kind = 'payment_intent.succeeded'";
    check(event, |ids| &ids.intent, "there is no such event");
}

/// Heads that were kept tell whether the past was rewritten; a store that nobody wrote to has the same.
#[test]
fn kept_heads_tell_of_a_past_that_was_rewritten() {
    let (place, _) = written();
    let heads = || block_on(fsck::run(&place.desk(1).store)).expect("the store works");
    let kept = heads();
    assert!(kept.heads.is_some() && kept.sealed == kept.entries, "{kept:?}");
    assert_eq!(heads(), kept);
    let desk = place.desk(2);
    block_on(desk.create(fen(5)));
    drop(desk);
    assert_ne!(heads().heads, kept.heads);
}
