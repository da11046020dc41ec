//! The schema refuses what the code should never try, a foreign or later file is left alone, and what was changed behind
//! the store's back is found.

mod common;

use common::{Place, findings};
use paifang_conformance::block_on;
use paifang_conformance::clock::HandClock;
use paifang_conformance::hand::fen;
use paifang_payment::intent::CaptureMode;
use paifang_store::{Store, StoreError};
use paifang_store_sqlite::{OpenError, SqliteStore};
use rusqlite::Connection;

/// A closed store with a paid intent, one still open, one about to be held, and a refund on its way.
fn written() -> Place {
    let place = Place::new();
    let desk = place.desk(1);
    block_on(async {
        let row = desk.paid(fen(1_000)).await;
        desk.done(desk.hand.open_refund(&row.intent, &row.intent.attempts[0], fen(400))).await;
        desk.create(fen(70)).await;
        let held = desk.hand.hold_terms("alipay-main", fen(20), desk.hand.qr(fen(20)).rules);
        desk.done(desk.hand.create_as(CaptureMode::Manual, fen(20), Some(held))).await;
        desk.clean().await;
    });
    place
}

fn raw(place: &Place) -> Connection {
    let connection = Connection::open(&place.path).expect("SQLite opens it");
    connection.pragma_update(None, "foreign_keys", true).expect("a setting");
    connection
}

/// I5, I6, I7, I8: each rule of the schema, tried past all code of ours.
#[test]
fn sqlite_itself_refuses_bad_rows() {
    let place = written();
    let connection = raw(&place);
    let refused = [
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
        "UPDATE attempt SET order_no = 'ABCDEFGHIJ'",
        "INSERT INTO attempt SELECT 'at_x', tenant, intent, rail_account, order_no, NULL FROM attempt LIMIT 1",
        "UPDATE hold_number SET attempt = attempt",
        "DELETE FROM hold_number",
        "INSERT INTO hold_number SELECT rail_account, order_no, id FROM attempt",
        "INSERT INTO hold_number SELECT rail_account, number, attempt FROM hold_number",
        "INSERT INTO hold_number SELECT rail_account, 'ABCDEFGHIJ', 'at_x' FROM attempt",
        "INSERT INTO attempt SELECT 'at_x', attempt.tenant, intent, attempt.rail_account, number, NULL FROM attempt
         JOIN hold_number",
        "INSERT INTO attempt VALUES ('at_x', 'tn_x', 'pi_x', 'alipay-main', 'ABCDEFGHIJ', NULL)",
        "UPDATE intent_journal SET seq = seq + 100",
        "UPDATE intent_journal SET body = body",
        "DELETE FROM intent_journal",
        "INSERT INTO intent_journal SELECT * FROM intent_journal LIMIT 1",
        "UPDATE refund SET amount = 1",
        "UPDATE refund SET refund_no = 'ABCDEFGHIJ'",
        "INSERT INTO refund SELECT 're_x', tenant, intent, attempt, rail_account, refund_no, purpose, state, version,
         currency, amount, in_doubt_since, form, body FROM refund",
        "DELETE FROM refund",
        "UPDATE refund_journal SET body = body",
        "DELETE FROM refund_journal",
        "UPDATE request SET fingerprint = zeroblob(32)",
        "DELETE FROM request",
        "UPDATE transfer SET amount = amount",
        "DELETE FROM transfer",
        "INSERT INTO transfer SELECT NULL, tenant, posting_key, debit, credit, currency, amount, phase, resolves, subject,
         at FROM transfer LIMIT 1",
        "INSERT INTO transfer VALUES (NULL, 'tn_1', 'k', 'rail:a', 'rail:a', 'CNY', 5, 'posted', NULL, '', 0)",
        "INSERT INTO transfer VALUES (NULL, 'tn_1', 'k', 'rail:a', 'rail:b', 'CNY', 0, 'posted', NULL, '', 0)",
        "INSERT INTO transfer VALUES (NULL, 'tn_1', 'k', 'rail:a', 'rail:b', 'CNY', 5, 'posted', 'x', '', 0)",
        "INSERT INTO transfer VALUES (NULL, 'tn_1', 'k', 'rail:a', 'rail:b', 'CNY', 5, 'posts', NULL, '', 0)",
        "INSERT INTO transfer VALUES (NULL, 'tn_1', 'k', 'rail:a', 'rail:b', 'CNY', 5, 'posts', 'none', '', 0)",
        "INSERT INTO transfer VALUES (NULL, 'tn_1', 'k', 'rail:a', 'rail:b', 'CNY', 1.5, 'posted', NULL, '', 0)",
        "INSERT INTO bounded_balance VALUES ('tn_1', 'suspense_late:a', 'CNY', -1)",
        "UPDATE event SET kind = kind",
        "DELETE FROM event",
        "UPDATE work SET epoch = epoch - 1",
    ];
    for statement in refused {
        let answer = connection.execute(statement, []);
        assert!(answer.is_err(), "{statement} changed {answer:?} rows");
    }
    drop(connection);
    assert_eq!(findings(&place.desk(1).store), Vec::<String>::new());
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
fn sqlite_itself_keeps_what_became_of_an_attempt() {
    let place = written();
    let connection = raw(&place);
    let rows = connection.execute(DECISIONS, []);
    assert_eq!(rows.expect("decisions"), 3);
    for statement in NEVER_MARKED {
        let answer = connection.execute(statement, []);
        assert!(answer.is_err(), "{statement} changed {answer:?} rows");
    }
    for statement in MARKED {
        assert_eq!(connection.execute(statement, []).expect(statement), 1, "{statement}");
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
fn sqlite_itself_keeps_what_became_of_an_entry() {
    let place = written();
    let connection = raw(&place);
    connection.execute_batch(BULK).expect("a bulk refund");
    for statement in NEVER_IN_BULK {
        let answer = connection.execute(statement, []);
        assert!(answer.is_err(), "{statement} changed {answer:?} rows");
    }
    drop(connection);
    assert_eq!(findings(&place.desk(1).store), Vec::<String>::new());
    for (change, wanted) in [
        ("UPDATE bulk SET entries = 5", "it says 5 entries and has 4"),
        ("UPDATE bulk_entry SET amount = amount + 1 WHERE position = 1", "another refund than it says"),
        ("UPDATE bulk_entry SET state = 'succeeded' WHERE position = 1", "its refund says"),
    ] {
        let place = written();
        raw(&place).execute_batch(&format!("{BULK}; {change}")).expect("the change is possible");
        let found = findings(&place.desk(1).store);
        assert!(found.iter().any(|finding| finding.contains(wanted)), "{change}: {found:?}");
    }
}

/// What somebody does to the file by hand, past triggers and checks, does not stay hidden.
#[test]
fn damage_is_found() {
    let changes = [
        ("DROP TRIGGER event_kept; DELETE FROM event WHERE sequence = 1", "in its sequence"),
        ("UPDATE intent SET captured = captured - 1, reserved = 0 WHERE captured > 0", "its state says"),
        ("UPDATE intent SET body = replace(body, 'two', 'ten')", "differs from the fold"),
        ("DROP TRIGGER intent_journal_kept; DELETE FROM intent_journal WHERE seq = 2", "stands where 2 should"),
        ("DELETE FROM work WHERE key GLOB 're_*'", "nobody sees to it"),
        ("DELETE FROM work WHERE key GLOB 'at_*'", "nobody sees to it"),
        ("DELETE FROM work WHERE key GLOB 'pi_*'", "nobody sees to its expiry"),
        (
            "INSERT INTO work SELECT replace(key, '0', '1'), lane, due_at, tries, epoch, owner, leased_until, quarantined,
             form, replace(body, '0', '1') FROM work WHERE key GLOB 're_*'",
            "it belongs to nothing",
        ),
        ("PRAGMA foreign_keys = OFF; DELETE FROM attempt", "its order number leads elsewhere"),
        ("DROP TRIGGER transfer_kept; DELETE FROM transfer WHERE phase = 'pending'", "the ledger has Nothing"),
        ("DROP TRIGGER transfer_stays; UPDATE transfer SET amount = amount - 1", "the ledger owes"),
        ("DROP TRIGGER transfer_stays; UPDATE transfer SET subject = '', posting_key = position", "belongs to nothing"),
        (
            "INSERT INTO transfer VALUES (NULL, 'tn_00000000000000000000000000000001', 'k', 'rail:a', 'rail:b', 'CNY', 5,
             'posted', NULL, '', 0)",
            "belongs to nothing",
        ),
    ];
    for (change, wanted) in changes {
        let place = written();
        raw(&place).execute_batch(change).expect("the change is possible");
        let found = findings(&place.desk(1).store);
        assert!(found.iter().any(|finding| finding.contains(wanted)), "{change}: {found:?}");
    }
}

/// A row that cannot be read is an error, never an absent row and never a guess (I15).
#[test]
fn unreadable_rows_are_errors() {
    for change in
        ["UPDATE intent SET form = 2", "UPDATE intent SET body = '{'", "UPDATE intent SET currency = 'RMB'"]
    {
        let place = written();
        let connection = raw(&place);
        connection.execute_batch("DROP TRIGGER intent_terms_stay").expect("a trigger");
        connection.execute_batch(change).expect("the change is possible");
        drop(connection);
        let scanned = block_on(place.desk(1).store.scan_intents(None, 9));
        assert!(matches!(scanned, Err(StoreError::Damaged(_))), "{change}: {scanned:?}");
    }
}

/// F31: a file of the first release is brought up to date when it is opened: nothing is lost, and what was captured then
/// counts as authorized.
#[test]
fn files_of_the_first_release_open() {
    let place = Place::new();
    let desk = place.desk(1);
    let id = block_on(async {
        let row = desk.paid(fen(1_000)).await;
        desk.done(desk.hand.open_refund(&row.intent, &row.intent.attempts[0], fen(400))).await;
        row.intent.terms.id
    });
    let wanted = block_on(desk.dump());
    drop(desk);

    let old = Place::new();
    let connection = raw(&old);
    connection.execute_batch(include_str!("../src/schema/0001_first.sql")).expect("the first schema");
    connection.execute("ATTACH ?1 AS later", [place.path.to_str().expect("a path")]).expect("the other file");
    connection.execute_batch("DROP TRIGGER intent_counted").expect("counts are copied");
    let intent = "id, tenant, state, version, currency, amount, captured, reserved, refunded, form, body";
    connection
        .execute(&format!("INSERT INTO intent ({intent}) SELECT {intent} FROM later.intent"), [])
        .expect("rows");
    let rest = [
        "setting",
        "tenant",
        "intent_count",
        "attempt",
        "intent_journal",
        "refund",
        "refund_journal",
        "request",
        "transfer",
        "bounded_balance",
        "event",
        "work",
        "work_ended",
        "submission",
        "inbox",
    ];
    for table in rest {
        connection.execute(&format!("INSERT INTO {table} SELECT * FROM later.{table}"), []).expect("rows");
    }
    connection.execute_batch("DETACH later").expect("the other file goes");
    connection.pragma_update(None, "application_id", 0x5041_4946).expect("a setting");
    connection.pragma_update(None, "user_version", 1).expect("a setting");
    drop(connection);

    let desk = old.desk(1);
    assert_eq!(findings(&desk.store), Vec::<String>::new());
    let (row, found) = block_on(async { (desk.read(id).await, desk.dump().await) });
    assert_eq!(row.amounts.authorized, fen(1_000).money());
    assert_eq!(found, wanted);
}

/// A later schema and another program's database are refused and stay as they are.
#[test]
fn later_and_foreign_files_are_left_alone() {
    let clock = HandClock::new();
    let later = written();
    raw(&later).pragma_update(None, "user_version", 99).expect("a setting");
    let answer = SqliteStore::open(&later.path, clock.reader());
    assert!(matches!(answer, Err(OpenError::Newer { found: 99, known: 9 })), "{answer:?}");

    let foreign = Place::new();
    raw(&foreign).execute_batch("CREATE TABLE song (title TEXT)").expect("a table");
    let before = std::fs::read(&foreign.path).expect("a file");
    let answer = SqliteStore::open(&foreign.path, clock.reader());
    assert!(matches!(answer, Err(OpenError::Foreign)), "{answer:?}");
    assert_eq!(std::fs::read(&foreign.path).expect("a file"), before);

    let text = Place::new();
    std::fs::write(
        &text.path,
        "not a database, but longer than its header would be, and then some more of it, too",
    )
    .expect("a file");
    let answer = SqliteStore::open(&text.path, clock.reader());
    assert!(matches!(answer, Err(OpenError::Sqlite(_))), "{answer:?}");
    let nowhere = SqliteStore::open(text.directory.path().join("no/such/directory.db"), clock.reader());
    assert!(matches!(nowhere, Err(OpenError::File { .. })), "{nowhere:?}");
}

/// Only the owner of the process may read what payers did.
#[cfg(unix)]
#[test]
fn files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let _desk = place.desk(1);
    for name in ["paifang.db", "paifang.db-wal", "paifang.db.lock"] {
        let file = std::fs::metadata(place.directory.path().join(name)).expect("it is there");
        assert_eq!(file.permissions().mode() & 0o077, 0, "{name}");
    }
}
