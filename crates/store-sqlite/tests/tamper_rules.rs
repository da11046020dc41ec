//! What somebody does by hand to books of rules, decisions, what is marked on them, and requests for funds is found, and the
//! finding says where.

mod common;

use common::{Place, findings};
use paifang_conformance::block_on;
use paifang_conformance::hand::fen;
use paifang_conformance::suite::store::desk;
use paifang_ledger::{Account, AccountKind};
use paifang_payment::intent::Ending;
use paifang_payment::{Digest, FundsId, RequestId};
use paifang_policy::bundle::Bundle;
use paifang_policy::facts::{Facts, Input};
use paifang_policy::lifecycle::{Fact, Overlay};
use paifang_policy::opening::{Offer, decide};
use paifang_store::{
    Batch, Decided, DecidedWrite, Judged, Mark, Marked, Operation, RequestKey, Resource, RulesEntry,
    RulesSeen, Store, funds,
};
use rusqlite::Connection;

const BUNDLE: &str = r#"
[bundle]
name = "storefront"
version = 1
note = "one county"
effective_at = 2020-01-01T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "county"
wallet = "alipay"
when = "payer.region == '330100'"
show = true
accept = true
"#;

const UNLOCK: &str = "DROP TRIGGER rules_stay; DROP TRIGGER rules_kept; DROP TRIGGER decision_stays;
    DROP TRIGGER decision_kept; DROP TRIGGER request_kept; DROP TRIGGER transfer_kept; DROP TRIGGER transfer_stays;";

/// A closed store with rules that have let a payment in, and with funds that were moved.
fn written() -> Place {
    let place = Place::new();
    let desk = place.desk(1);
    block_on(async {
        let (tenant, at) = (desk.hand.tenant(), desk.hand.now());
        let bundle = Bundle::read(BUNDLE).expect("a good bundle");
        let draft = Fact::drafted(at, &bundle);
        let announced = Fact::Announced {
            at,
            version: 1,
            effective_at: at,
            without: Default::default(),
            without_kills: None,
        };
        for (seen, fact, text) in [(0, draft, Some(BUNDLE.to_owned())), (1, announced, None)] {
            let entry = RulesEntry { request: None, fact, text, guarded: false };
            assert!(desk.store.add_rules(tenant, seen, &entry).await.expect("the store works"));
        }
        let first = desk.hand.qr(fen(100));
        let offer = Offer {
            rail: first.rail.clone(),
            wallet: first.wallet.clone(),
            presentation: first.presentation,
        };
        let facts = Facts::new().with(Input::PayerRegion, "330100").expect("a region");
        let decision = decide(&bundle, &Overlay::none(), &offer, &facts, None);
        assert!(decision.accepted, "{decision:?}");
        let batch = desk.hand.create(fen(100), Some(first));
        let intent = desk::intent_of(&batch);
        let attempt = desk::intent_in(&batch).attempts[0].terms.id;
        let chosen = Judged { offer, decision, can_exclude_credit: None };
        let decided = Decided { facts, payer: None, chosen, beside: Vec::new(), unchanged_since: Some(1) };
        let decided = Some(DecidedWrite { attempt, intent, decided });
        desk.done(Batch { rules: Some(RulesSeen { entries: 2, decided }), ..batch }).await;
        let row = desk.read(intent).await;
        let news = desk.news(&row, attempt, &desk::paid(fen(100)));
        let paid = Mark { attempt, intent, what: Marked::Ended(Ending::Paid) };
        desk.done(Batch { marks: vec![paid], ..news }).await;
        let (id, own) = (FundsId::from_parts(at, [7; 10]), tenant.to_string());
        let of = |kind| Account::own(kind, &own, None);
        let mut batch = Batch::new(tenant, at);
        batch.transfers.push(funds::of_transfer(
            id,
            (of(AccountKind::Outside), of(AccountKind::Platform)),
            fen(70),
            at,
        ));
        batch.request = Some(RequestKey {
            operation: Operation::TransferFunds,
            request_id: RequestId::parse("f1").expect("letters"),
            fingerprint: Digest([1; 32]),
            resource: Resource::Funds(id),
        });
        desk.done(batch).await;
        desk.clean().await;
    });
    place
}

/// Makes each change to a store of its own, and expects a finding that begins with `about` and contains what stands beside it.
fn check(about: &str, changes: &[(&str, &str)]) {
    for (change, wanted) in changes {
        let place = written();
        let connection = Connection::open(&place.path).expect("SQLite opens it");
        connection.execute_batch(UNLOCK).expect("triggers");
        connection.execute_batch(change).expect("the change is possible");
        assert_eq!(connection.changes(), 1, "{change}");
        drop(connection);
        let found = findings(&place.desk(1).store);
        let is_it = |finding: &String| finding.starts_with(about) && finding.contains(wanted);
        assert!(found.iter().any(is_it), "{change}: {found:#?}");
    }
}

#[test]
fn a_book_that_was_changed_is_named_with_the_entry() {
    check(
        "rules of tn_",
        &[
            ("DELETE FROM rules WHERE position = 1", "entry 1 is missing"),
            (
                "UPDATE rules SET body = json_set(body, '$.version', 7) WHERE position = 2",
                "entry 2: version 7 is not in the book",
            ),
            (
                "UPDATE rules SET text = replace(text, '330100', '330200') WHERE position = 1",
                "entry 1: its text is another bundle than it says",
            ),
            (
                "UPDATE rules SET text = 'nothing' WHERE position = 1",
                "entry 1: its text cannot be read any more",
            ),
            ("UPDATE rules SET body = '{' WHERE position = 2", "the book cannot be read"),
        ],
    );
}

#[test]
fn a_decision_that_does_not_follow_is_named() {
    check(
        "decision at_",
        &[
            (
                "UPDATE decision SET body = json_set(body, '$.facts.\"payer.region\"', '440100')",
                "deciding again about alipay gives another answer",
            ),
            (
                "UPDATE decision SET body = json_set(body, '$.chosen.decision.rule', 'nobody')",
                "a rule is named that version 1 does not have",
            ),
            (
                "UPDATE decision SET body = json_set(body, '$.chosen.decision.decided_by.version', 2)",
                "version 2 decided, and its book has no such version",
            ),
            (
                "UPDATE decision SET body = json_set(body, '$.chosen.decision.accepted', json('false'))",
                "version 1 did not take it",
            ),
            (
                "UPDATE decision SET body = json_set(body, '$.unchanged_since', 7)",
                "it counts for its opening as of version 7",
            ),
            ("UPDATE decision SET entries = 1", "no version was in force"),
            ("UPDATE decision SET entries = 3", "it rests on 3 entries"),
            (
                "UPDATE decision SET intent = replace(intent, substr(intent, -4), '0000')",
                "it belongs to nothing",
            ),
        ],
    );
}

#[test]
fn marks_that_nothing_brought_about_are_named() {
    check(
        "decision at_",
        &[
            (
                "UPDATE decision SET refunded_at = outcome_at",
                "it counts as refunded, and no refund was asked for",
            ),
            (
                "UPDATE decision SET complained_at = outcome_at",
                "it counts as complained about, and nobody did",
            ),
        ],
    );
    check("rules of tn_", &[("UPDATE decision SET opening = 'elsewhere'", "guard rails count")]);
}

#[test]
fn funds_that_nobody_asked_for_are_named() {
    check(
        "fm_",
        &[
            (
                "DELETE FROM request WHERE operation = 'transfer_funds'",
                "funds were moved, and no call asked for it",
            ),
            (
                "DELETE FROM transfer WHERE posting_key GLOB 'funds:*'",
                "a call was told that funds were moved, and they were not",
            ),
        ],
    );
}
