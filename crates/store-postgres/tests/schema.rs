//! The schema refuses what the code should never try, and what was changed behind the store's back is found.

mod common;

use common::{database, desk, findings, hand_clock, open_at, runtime, server};
use paifang_conformance::block_on;
use paifang_conformance::clock::HandClock;
use paifang_conformance::hand::fen;
use paifang_payment::intent::CaptureMode;
use paifang_payment::intent::Ending;
use paifang_store::{Batch, Committed, Mark, Marked, Store, StoreError};

/// A database with a paid intent, one still open, one about to be held, and a refund on its way.
fn written() -> String {
    let database = database();
    let desk = desk(&database, 1);
    block_on(async {
        let row = desk.paid(fen(1_000)).await;
        desk.done(desk.hand.open_refund(&row.intent, &row.intent.attempts[0], fen(400))).await;
        desk.create(fen(70)).await;
        let held = desk.hand.hold_terms("alipay-main", fen(20), desk.hand.qr(fen(20)).rules);
        desk.done(desk.hand.create_as(CaptureMode::Manual, fen(20), Some(held))).await;
        desk.clean().await;
    });
    database
}

const REFUSED: &[&str] = &[
    "UPDATE intent SET authorized = amount + 1",
    "UPDATE intent SET authorized = captured - 1",
    "UPDATE intent SET authorized = -1",
    "UPDATE intent SET captured = amount + 1",
    "UPDATE intent SET captured = -1",
    "UPDATE intent SET reserved = -1",
    "UPDATE intent SET refunded = -1",
    "UPDATE intent SET reserved = captured - refunded + 1",
    "UPDATE intent SET refunded = captured - reserved + 1",
    "UPDATE intent SET amount = amount + 1",
    "UPDATE intent SET tenant = 'tn_0'",
    "UPDATE intent SET state = 'processing' WHERE state = 'succeeded'",
    "UPDATE intent SET state = 'authorised'",
    "UPDATE intent SET version = version - 1",
    "UPDATE intent SET version = 'two'",
    "DELETE FROM intent",
    "TRUNCATE intent CASCADE",
    "UPDATE attempt SET order_no = 'ABCDEFGHIJ'",
    "INSERT INTO attempt SELECT 'at_x', tenant, intent, rail_account, order_no, NULL FROM attempt LIMIT 1",
    "UPDATE rail_number SET attempt = attempt",
    "DELETE FROM rail_number",
    "INSERT INTO rail_number SELECT rail_account, order_no, id FROM attempt",
    "INSERT INTO rail_number SELECT rail_account, 'ABCDEFGHIJ', 'at_x' FROM attempt",
    // The number of a hold as the order number of another attempt.
    "INSERT INTO attempt SELECT 'at_x', tenant, intent, attempt.rail_account, number, NULL FROM attempt
     JOIN rail_number ON attempt = id AND number <> order_no LIMIT 1",
    "INSERT INTO attempt VALUES ('at_x', 'tn_x', 'pi_x', 'alipay-main', 'ABCDEFGHIJ', NULL)",
    "UPDATE intent_journal SET seq = seq + 100",
    "UPDATE intent_journal SET body = body",
    "DELETE FROM intent_journal",
    "TRUNCATE intent_journal",
    "INSERT INTO intent_journal SELECT * FROM intent_journal LIMIT 1",
    "UPDATE refund SET amount = 1",
    "UPDATE refund SET refund_no = 'ABCDEFGHIJ'",
    "INSERT INTO refund SELECT 're_x', tenant, intent, attempt, rail_account, refund_no, purpose, state, version,
     currency, amount, in_doubt_since, form, body FROM refund",
    "DELETE FROM refund",
    "UPDATE refund_journal SET body = body",
    "DELETE FROM refund_journal",
    "UPDATE request SET fingerprint = fingerprint",
    "DELETE FROM request",
    "UPDATE transfer SET amount = amount",
    "DELETE FROM transfer",
    "TRUNCATE transfer CASCADE",
    "INSERT INTO transfer (tenant, posting_key, debit, credit, currency, amount, phase, resolves, subject, at)
     SELECT tenant, posting_key, debit, credit, currency, amount, phase, resolves, subject, at FROM transfer LIMIT 1",
    "UPDATE bounded_balance SET available = -1",
    "INSERT INTO bounded_balance VALUES ('tn_1', 'suspense_late:a', 'CNY', -1)",
    "UPDATE event SET kind = kind",
    "DELETE FROM event",
    "UPDATE event_place SET cursor = cursor + 1",
    "DELETE FROM event_place",
    "UPDATE transfer_place SET position = position + 1",
    "UPDATE work SET epoch = epoch - 1",
    "DELETE FROM work",
    "UPDATE inbox SET why = why",
];

/// Transfers that no row should ever be: the columns after tenant and posting key.
const NO_TRANSFERS: &[&str] = &[
    "'rail:a', 'rail:a', 'CNY', 5, 'posted', NULL",
    "'rail:a', 'rail:b', 'CNY', 0, 'posted', NULL",
    "'rail:a', 'rail:b', 'CNY', -5, 'posted', NULL",
    "'rail:a', 'rail:b', 'CNY', 5, 'posted', 'x'",
    "'rail:a', 'rail:b', 'CNY', 5, 'posts', NULL",
    "'rail:a', 'rail:b', 'CNY', 5, 'posts', 'none'",
    "'rail:a', 'rail:b', 'CNY', 5, 'kept', NULL",
];

/// I5, I6, I7, I8: each rule of the schema, tried past all code of ours by the owner of the database.
#[test]
fn postgresql_itself_refuses_bad_rows() {
    let database = written();
    let attempt = |statement: &str| {
        let text = format!(
            "SET search_path TO paifang; INSERT INTO bounded_balance VALUES ('t', 'a', 'CNY', 0); {statement}"
        );
        // One transaction, so that nothing of it stays.
        server().say(&database, &format!("BEGIN; {text}; ROLLBACK"))
    };
    attempt("UPDATE intent SET version = version").expect("what is allowed is allowed");
    for statement in REFUSED {
        assert!(attempt(statement).is_err(), "{statement}");
    }
    for row in NO_TRANSFERS {
        let columns = "tenant, posting_key, debit, credit, currency, amount, phase, resolves, subject, at";
        let statement = format!("INSERT INTO transfer ({columns}) VALUES ('tn_1', 'k', {row}, '', 0)");
        assert!(attempt(&statement).is_err(), "{statement}");
    }
    assert_eq!(findings(&desk(&database, 1).store), Vec::<String>::new());
}

/// Decisions as the tests of marks begin with: one failed, one paid and complained about, one that has not ended.
const DECISIONS: &str = "INSERT INTO decision (attempt, tenant, intent, at, form, body, opening, version, entries, outcome, outcome_at, refunded_at, complained_at)
     VALUES ('at_f', 'tn_1', 'pi_1', 0, 1, '{}', 'o', 1, 1, 'failed', 5, NULL, NULL),
            ('at_p', 'tn_1', 'pi_2', 0, 1, '{}', 'o', 1, 1, 'paid', 5, 6, 7),
            ('at_o', 'tn_1', 'pi_3', 0, 1, '{}', 'o', 1, 1, NULL, NULL, NULL, NULL)";

const MARKED: &[&str] = &[
    "UPDATE decision SET outcome = 'failed', outcome_at = 9 WHERE attempt = 'at_o'",
    "UPDATE decision SET outcome = 'paid', outcome_at = 9 WHERE attempt = 'at_f'",
    "UPDATE decision SET refunded_at = 9 WHERE attempt = 'at_f'",
    "UPDATE decision SET complained_at = 9 WHERE attempt = 'at_o'",
];

const NEVER_MARKED: &[&str] = &[
    "UPDATE decision SET outcome = 'failed', outcome_at = 9 WHERE attempt = 'at_p'",
    "UPDATE decision SET outcome = NULL, outcome_at = NULL WHERE attempt = 'at_f'",
    "UPDATE decision SET outcome_at = 9 WHERE attempt = 'at_p'",
    "UPDATE decision SET outcome_at = 9 WHERE attempt = 'at_f'",
    "UPDATE decision SET outcome = 'lost', outcome_at = 9 WHERE attempt = 'at_o'",
    "UPDATE decision SET outcome = 'paid' WHERE attempt = 'at_o'",
    "UPDATE decision SET refunded_at = 9 WHERE attempt = 'at_p'",
    "UPDATE decision SET complained_at = NULL WHERE attempt = 'at_p'",
    "UPDATE decision SET opening = 'other'",
    "UPDATE decision SET version = 2",
    "UPDATE decision SET entries = 2",
    "UPDATE decision SET body = body",
    "DELETE FROM decision",
];

/// A mark is set once, whoever sets it; only a failure may become a payment.
#[test]
fn postgresql_itself_keeps_what_became_of_an_attempt() {
    let database = written();
    let attempt = |statement: &str| {
        let text = format!("BEGIN; SET search_path TO paifang; {DECISIONS}; {statement}; ROLLBACK");
        server().say(&database, &text)
    };
    for statement in MARKED {
        attempt(statement).expect(statement);
    }
    for statement in NEVER_MARKED.iter().chain(&["TRUNCATE decision"]) {
        assert!(attempt(statement).is_err(), "{statement}");
    }
}

/// A bulk refund with an entry that has a refund, one that was refused, one that waits and one that was given up.
const BULK: &str = "INSERT INTO bulk (id, tenant, state, entries, created_at, started_at, due_at, form, body)
     SELECT 'bk_00000000000000000000000000000001', tenant, 'running', 4, 0, 0, 1, 1,
            '{\"name\":\"n\",\"reason\":null,\"case\":null,\"pace\":1,\"in_flight_max\":1}' FROM refund LIMIT 1;
     INSERT INTO bulk_entry (bulk, position, name, intent, state, refund, currency, amount)
     SELECT bulk.id, 1, 'a', refund.intent, 'asked', refund.id, refund.currency, refund.amount FROM bulk, refund LIMIT 1;
     INSERT INTO bulk_entry (bulk, position, name, intent, state, reason, message)
     SELECT bulk, 2, 'b', intent, 'refused', 'INTERNAL', '' FROM bulk_entry;
     INSERT INTO bulk_entry (bulk, position, name, intent)
     SELECT bulk, 3, 'c', intent FROM bulk_entry WHERE position = 1;
     INSERT INTO bulk_entry (bulk, position, name, intent, state)
     SELECT bulk, 4, 'd', intent, 'canceled' FROM bulk_entry WHERE position = 1";

const NEVER_IN_BULK: &[&str] = &[
    "UPDATE bulk SET body = body || ' '",
    "UPDATE bulk SET state = 'ended'",
    "UPDATE bulk SET due_at = NULL",
    "DELETE FROM bulk",
    "UPDATE bulk_entry SET state = 'waiting', reason = NULL, message = NULL WHERE position = 2",
    "UPDATE bulk_entry SET state = 'waiting' WHERE position = 4",
    "UPDATE bulk_entry SET state = 'waiting', refund = NULL, currency = NULL, amount = NULL WHERE position = 1",
    "UPDATE bulk_entry SET state = 'asked' WHERE position = 3",
    "UPDATE bulk_entry SET wanted = 5, wanted_currency = 'CNY' WHERE position = 3",
    "UPDATE bulk_entry SET name = 'e' WHERE position = 3",
    "UPDATE bulk_entry SET state = 'asked', currency = 'CNY', amount = 5, refund = (SELECT refund FROM bulk_entry WHERE position = 1)
      WHERE position = 3",
    "DELETE FROM bulk_entry WHERE position = 3",
];

/// Two entries never have one refund, and what an entry came to stays, whoever writes.
#[test]
fn postgresql_itself_keeps_what_became_of_an_entry() {
    let database = written();
    let attempt = |statement: &str| {
        let text = format!("BEGIN; SET search_path TO paifang; {BULK}; {statement}; ROLLBACK");
        server().say(&database, &text)
    };
    attempt("UPDATE bulk_entry SET state = 'canceled' WHERE position = 3")
        .expect("what is allowed is allowed");
    for statement in NEVER_IN_BULK.iter().chain(&["TRUNCATE bulk_entry", "TRUNCATE bulk_call"]) {
        assert!(attempt(statement).is_err(), "{statement}");
    }
    server().say(&database, &format!("SET search_path TO paifang; {BULK}")).expect("a bulk refund");
    assert_eq!(findings(&desk(&database, 1).store), Vec::<String>::new());
    for (change, wanted) in [
        ("UPDATE bulk_entry SET state = 'succeeded' WHERE position = 1", "its refund says"),
        ("UPDATE bulk SET entries = 5", "it says 5 entries and has 4"),
        ("UPDATE bulk_entry SET amount = amount + 1 WHERE position = 1", "another refund than it says"),
    ] {
        let text = format!("SET session_replication_role = replica; SET search_path TO paifang; {change}");
        server().say(&database, &text).expect("the change is possible");
        let found = findings(&desk(&database, 1).store);
        assert!(found.iter().any(|finding| finding.contains(wanted)), "{change}: {found:?}");
    }
}

/// What somebody does to the rows by hand, past triggers and checks, does not stay hidden.
#[test]
fn damage_is_found() {
    let changes = [
        ("DELETE FROM event_place WHERE place_id = 1; DELETE FROM event WHERE place_id = 1", "in its sequence"),
        ("UPDATE intent SET captured = captured - 1, reserved = 0 WHERE captured > 0", "its state says"),
        ("UPDATE intent SET body = replace(body, 'two', 'ten')", "differs from the fold"),
        ("DELETE FROM intent_journal WHERE seq = 2", "stands where 2 should"),
        ("DELETE FROM work WHERE key LIKE 're%'", "nobody sees to it"),
        ("UPDATE work SET ended = true WHERE key LIKE 'at%'", "nobody sees to it"),
        ("DELETE FROM work WHERE key LIKE 'pi%'", "nobody sees to its expiry"),
        (
            "INSERT INTO work SELECT replace(key, '0', '1'), lane, due_at, tries, epoch, owner, leased_until, quarantined,
             ended, form, replace(body, '0', '1') FROM work WHERE key LIKE 're%'",
            "it belongs to nothing",
        ),
        ("DELETE FROM rail_number", "its order number leads elsewhere"),
        ("DELETE FROM transfer_place; DELETE FROM transfer WHERE phase = 'pending'", "the ledger has Nothing"),
        ("UPDATE transfer SET amount = amount - 1", "the ledger owes"),
        ("UPDATE transfer SET subject = '', posting_key = id", "belongs to nothing"),
    ];
    for (change, wanted) in changes {
        let database = written();
        // No trigger runs, and no reference is checked.
        let text = format!("SET session_replication_role = replica; SET search_path TO paifang; {change}");
        server().say(&database, &text).expect("the change is possible");
        let found = findings(&desk(&database, 1).store);
        assert!(found.iter().any(|finding| finding.contains(wanted)), "{change}: {found:?}");
    }
}

/// A row that cannot be read is an error, never an absent row and never a guess (I15). Work that cannot be read is taken
/// out, and the rest of its lane goes on (F30).
#[test]
fn unreadable_rows_are_errors() {
    for change in
        ["UPDATE intent SET form = 2", "UPDATE intent SET body = '{'", "UPDATE intent SET currency = 'RMB'"]
    {
        let database = written();
        let text = format!("SET session_replication_role = replica; SET search_path TO paifang; {change}");
        server().say(&database, &text).expect("the change is possible");
        let scanned = block_on(desk(&database, 1).store.scan_intents(None, 9));
        assert!(matches!(scanned, Err(StoreError::Damaged(_))), "{change}: {scanned:?}");
    }
    let database = written();
    let poison = "UPDATE paifang.work SET body = '{', due_at = 0 WHERE key = (SELECT min(key) FROM paifang.work WHERE NOT ended AND lane = '')";
    server()
        .say(&database, &format!("UPDATE paifang.work SET due_at = 1 WHERE lane = ''; {poison}"))
        .expect("a change");
    let store = desk(&database, 1).store;
    let claim = || block_on(store.lease_due(None, 9, "worker", jiff::SignedDuration::from_secs(30)));
    assert_eq!(claim().expect("the rest").len(), 1);
    assert_eq!(block_on(store.stats()).expect("figures").quarantined, 1);
    assert_eq!(claim().expect("nothing is left"), []);
}

/// A role that owns nothing and may change nothing of the schema is enough to run on, and can take nothing back.
#[test]
fn the_documented_grants_are_enough() {
    let database = database();
    let grants = include_str!("../src/schema/grants.sql").replace(":role", "gate");
    server().say(&database, &format!("CREATE ROLE gate LOGIN; {grants}")).expect("the grants");
    let url = server().url(&database).replace("paifang@", "gate@");
    let clock = HandClock::new();
    let store = runtime().block_on(open_at(&url, hand_clock(&clock))).expect("it opens");
    let hand = paifang_conformance::hand::Hand::new(1, &clock);
    let desk = paifang_conformance::suite::store::Desk { store, clock, hand };
    block_on(async {
        let row = desk.paid(fen(1_000)).await;
        desk.done(desk.hand.open_refund(&row.intent, &row.intent.attempts[0], fen(400))).await;
        desk.refused(
            desk.hand.open_refund(&row.intent, &row.intent.attempts[0], fen(601)),
            Committed::GuardFailed,
        )
        .await;
        let mark =
            |what| Mark { attempt: row.intent.attempts[0].terms.id, intent: row.intent.terms.id, what };
        let ended = Marked::Ended(Ending::Paid);
        let marks = [ended, Marked::Refunded, Marked::Complained].map(mark).to_vec();
        desk.done(Batch { marks, ..Batch::new(desk.hand.tenant(), desk.hand.now()) }).await;
        let tenant = paifang_store::Tenant {
            id: desk.hand.tenant(),
            name: "shop".to_owned(),
            key_hash: paifang_payment::Digest([1; 32]),
            created_at: desk.hand.now(),
        };
        assert!(desk.store.add_tenant(&tenant).await.expect("it is kept"));
        desk.store.deployment_key([7; 32]).await.expect("a key");
        assert_eq!(
            desk.store.lease_due(None, 9, "worker", jiff::SignedDuration::ZERO).await.expect("claims").len(),
            0
        );
        desk.clean().await;
    });
    lacking_grants_are_told(&database, &url);
    for statement in [
        "DELETE FROM paifang.transfer",
        "ALTER TABLE paifang.transfer DISABLE TRIGGER ALL",
        "DROP SCHEMA paifang",
    ] {
        let text = format!("SET ROLE gate; {statement}");
        let said = server().say(&database, &text).expect_err(statement).to_string();
        assert!(said.contains("permission denied") || said.contains("must be owner"), "{said}");
    }
}

/// An upgrade may need new grants: without one of them the gateway does not start, and says which.
fn lacking_grants_are_told(database: &str, url: &str) {
    let open = || runtime().block_on(open_at(url, paifang_store_postgres::Clock::Server)).map(drop);
    for lacking in
        ["UPDATE (outcome) ON paifang.decision", "INSERT ON paifang.rules", "SELECT ON paifang.setting"]
    {
        server().say(database, &format!("REVOKE {lacking} FROM gate")).expect("a change");
        let told = open().expect_err(lacking).to_string();
        assert!(told.starts_with(&format!("the role gate lacks {lacking}: run grants.sql")), "{told}");
        server().say(database, &format!("GRANT {lacking} TO gate")).expect("a change");
    }
    open().expect("it has them all again");
}
