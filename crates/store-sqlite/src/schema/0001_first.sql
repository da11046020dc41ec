-- The first schema. Each rule that can be written down here is, so that SQLite itself refuses a bad row.
-- Times are nanoseconds since 1970 (UTC). Ids are text and order by time. `form` is the version of the JSON in `body`.

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE CHECK (id GLOB 'tn_*'),
    name       TEXT    NOT NULL,
    key_hash   BLOB    NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE intent (
    id       TEXT    NOT NULL PRIMARY KEY CHECK (id GLOB 'pi_*'),
    tenant   TEXT    NOT NULL CHECK (tenant GLOB 'tn_*'),
    state    TEXT    NOT NULL CHECK (state IN ('requires_wallet', 'awaiting_payer', 'processing', 'succeeded',
                                               'canceled', 'expired', 'failed')),
    version  INTEGER NOT NULL CHECK (version >= 1),
    currency TEXT    NOT NULL CHECK (length(currency) = 3),
    amount   INTEGER NOT NULL CHECK (amount > 0),
    captured INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0),
    reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    form     INTEGER NOT NULL CHECK (form >= 1),
    body     TEXT    NOT NULL,
    CHECK (captured <= amount),
    CHECK (reserved + refunded <= captured),
    UNIQUE (tenant, id)
) STRICT;

CREATE INDEX intent_by_state ON intent (tenant, state, id);

CREATE TRIGGER intent_terms_stay BEFORE UPDATE OF id, tenant, currency, amount ON intent
BEGIN SELECT RAISE (ABORT, 'the terms of an intent never change'); END;

CREATE TRIGGER intent_final_stays BEFORE UPDATE OF state ON intent
WHEN OLD.state IN ('succeeded', 'canceled', 'expired', 'failed') AND NEW.state <> OLD.state
BEGIN SELECT RAISE (ABORT, 'an intent leaves a final state'); END;

CREATE TRIGGER intent_version_grows BEFORE UPDATE OF version ON intent WHEN NEW.version < OLD.version
BEGIN SELECT RAISE (ABORT, 'the version of an intent falls'); END;

CREATE TRIGGER intent_stays BEFORE DELETE ON intent
BEGIN SELECT RAISE (ABORT, 'an intent is never deleted'); END;

-- How many intents stand in each state: counted as they move, since nobody should wait for a scan of all of them.
CREATE TABLE intent_count (
    state TEXT    NOT NULL PRIMARY KEY,
    n     INTEGER NOT NULL CHECK (n >= 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER intent_counted AFTER INSERT ON intent
BEGIN
    INSERT INTO intent_count (state, n) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER intent_recounted AFTER UPDATE OF state ON intent WHEN NEW.state <> OLD.state
BEGIN
    UPDATE intent_count SET n = n - 1 WHERE state = OLD.state;
    INSERT INTO intent_count (state, n) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;

-- What has to be found or unique of each attempt; the attempt itself is in its intent's body.
CREATE TABLE attempt (
    id             TEXT    NOT NULL PRIMARY KEY CHECK (id GLOB 'at_*'),
    tenant         TEXT    NOT NULL,
    intent         TEXT    NOT NULL,
    rail_account   TEXT    NOT NULL,
    order_no       TEXT    NOT NULL CHECK (length(order_no) BETWEEN 8 AND 32),
    in_doubt_since INTEGER,
    UNIQUE (rail_account, order_no),
    FOREIGN KEY (tenant, intent) REFERENCES intent (tenant, id)
) STRICT;

CREATE INDEX attempt_in_doubt ON attempt (in_doubt_since) WHERE in_doubt_since IS NOT NULL;

CREATE TRIGGER attempt_terms_stay BEFORE UPDATE OF id, tenant, intent, rail_account, order_no ON attempt
BEGIN SELECT RAISE (ABORT, 'the terms of an attempt never change'); END;

CREATE TABLE intent_journal (
    intent TEXT    NOT NULL REFERENCES intent (id),
    seq    INTEGER NOT NULL CHECK (seq >= 1),
    form   INTEGER NOT NULL CHECK (form >= 1),
    body   TEXT    NOT NULL,
    UNIQUE (intent, seq)
) STRICT;

CREATE TRIGGER intent_journal_stays BEFORE UPDATE ON intent_journal
BEGIN SELECT RAISE (ABORT, 'a journal is only ever appended to'); END;

CREATE TRIGGER intent_journal_kept BEFORE DELETE ON intent_journal
BEGIN SELECT RAISE (ABORT, 'a journal is only ever appended to'); END;

CREATE TABLE refund (
    id             TEXT    NOT NULL PRIMARY KEY CHECK (id GLOB 're_*'),
    tenant         TEXT    NOT NULL,
    intent         TEXT    NOT NULL,
    attempt        TEXT    NOT NULL,
    rail_account   TEXT    NOT NULL,
    refund_no      TEXT    NOT NULL CHECK (length(refund_no) BETWEEN 8 AND 32),
    purpose        TEXT    NOT NULL CHECK (purpose IN ('requested', 'late_money')),
    state          TEXT    NOT NULL CHECK (state IN ('sending', 'in_doubt', 'processing', 'succeeded', 'failed')),
    version        INTEGER NOT NULL CHECK (version >= 1),
    currency       TEXT    NOT NULL CHECK (length(currency) = 3),
    amount         INTEGER NOT NULL CHECK (amount > 0),
    in_doubt_since INTEGER,
    form           INTEGER NOT NULL CHECK (form >= 1),
    body           TEXT    NOT NULL,
    UNIQUE (rail_account, refund_no),
    FOREIGN KEY (tenant, intent) REFERENCES intent (tenant, id)
) STRICT;

CREATE UNIQUE INDEX refund_late_once ON refund (attempt) WHERE purpose = 'late_money';
CREATE INDEX refund_by_intent ON refund (tenant, intent, id);
CREATE INDEX refund_by_tenant ON refund (tenant, id);
CREATE INDEX refund_in_doubt ON refund (in_doubt_since) WHERE in_doubt_since IS NOT NULL;

CREATE TRIGGER refund_terms_stay
BEFORE UPDATE OF id, tenant, intent, attempt, rail_account, refund_no, purpose, currency, amount ON refund
BEGIN SELECT RAISE (ABORT, 'the terms of a refund never change'); END;

CREATE TRIGGER refund_final_stays BEFORE UPDATE OF state ON refund
WHEN OLD.state IN ('succeeded', 'failed') AND NEW.state <> OLD.state
BEGIN SELECT RAISE (ABORT, 'a refund leaves a final state'); END;

CREATE TRIGGER refund_version_grows BEFORE UPDATE OF version ON refund WHEN NEW.version < OLD.version
BEGIN SELECT RAISE (ABORT, 'the version of a refund falls'); END;

CREATE TRIGGER refund_stays BEFORE DELETE ON refund
BEGIN SELECT RAISE (ABORT, 'a refund is never deleted'); END;

CREATE TABLE refund_journal (
    refund TEXT    NOT NULL REFERENCES refund (id),
    seq    INTEGER NOT NULL CHECK (seq >= 1),
    form   INTEGER NOT NULL CHECK (form >= 1),
    body   TEXT    NOT NULL,
    UNIQUE (refund, seq)
) STRICT;

CREATE TRIGGER refund_journal_stays BEFORE UPDATE ON refund_journal
BEGIN SELECT RAISE (ABORT, 'a journal is only ever appended to'); END;

CREATE TRIGGER refund_journal_kept BEFORE DELETE ON refund_journal
BEGIN SELECT RAISE (ABORT, 'a journal is only ever appended to'); END;

CREATE TABLE request (
    tenant      TEXT NOT NULL CHECK (tenant GLOB 'tn_*'),
    operation   TEXT NOT NULL CHECK (operation IN ('create_intent', 'confirm_intent', 'cancel_intent', 'create_refund')),
    request_id  TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    resource    TEXT NOT NULL CHECK (resource GLOB 'pi_*' OR resource GLOB 're_*'),
    PRIMARY KEY (tenant, operation, request_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER request_stays BEFORE UPDATE ON request
BEGIN SELECT RAISE (ABORT, 'a request id stands for one thing for ever'); END;

CREATE TRIGGER request_kept BEFORE DELETE ON request
BEGIN SELECT RAISE (ABORT, 'a request id stands for one thing for ever'); END;

-- One row is one balanced entry. A row of the phase 'posts' or 'voids' resolves a pending one, in full and once.
CREATE TABLE transfer (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      TEXT    NOT NULL,
    posting_key TEXT    NOT NULL,
    debit       TEXT    NOT NULL,
    credit      TEXT    NOT NULL,
    currency    TEXT    NOT NULL CHECK (length(currency) = 3),
    amount      INTEGER NOT NULL CHECK (amount > 0),
    phase       TEXT    NOT NULL CHECK (phase IN ('posted', 'pending', 'posts', 'voids')),
    resolves    TEXT,
    subject     TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    CHECK (debit <> credit),
    CHECK ((resolves IS NOT NULL) = (phase IN ('posts', 'voids'))),
    UNIQUE (tenant, posting_key)
) STRICT;

CREATE UNIQUE INDEX transfer_resolved_once ON transfer (tenant, resolves) WHERE resolves IS NOT NULL;
CREATE INDEX transfer_by_tenant ON transfer (tenant, position);

CREATE TRIGGER transfer_resolves BEFORE INSERT ON transfer
WHEN NEW.resolves IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM transfer AS held
    WHERE held.tenant = NEW.tenant AND held.posting_key = NEW.resolves AND held.phase = 'pending'
      AND held.debit = NEW.debit AND held.credit = NEW.credit
      AND held.currency = NEW.currency AND held.amount = NEW.amount)
BEGIN SELECT RAISE (ABORT, 'a transfer resolves nothing that is pending'); END;

CREATE TRIGGER transfer_stays BEFORE UPDATE ON transfer
BEGIN SELECT RAISE (ABORT, 'transfers are only ever appended'); END;

CREATE TRIGGER transfer_kept BEFORE DELETE ON transfer
BEGIN SELECT RAISE (ABORT, 'transfers are only ever appended'); END;

-- Only accounts with a bound have a row, so no row is hot; every other balance is a sum over transfers.
CREATE TABLE bounded_balance (
    tenant    TEXT    NOT NULL,
    account   TEXT    NOT NULL,
    currency  TEXT    NOT NULL,
    available INTEGER NOT NULL CHECK (available >= 0),
    PRIMARY KEY (tenant, account, currency)
) STRICT, WITHOUT ROWID;

-- The cursor is handed out by the one writer inside the transaction, so it has no gap and nothing commits below it.
CREATE TABLE event (
    cursor   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT    NOT NULL UNIQUE CHECK (id GLOB 'ev_*'),
    tenant   TEXT    NOT NULL,
    intent   TEXT    NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    kind     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    form     INTEGER NOT NULL CHECK (form >= 1),
    body     TEXT    NOT NULL,
    UNIQUE (intent, sequence),
    FOREIGN KEY (tenant, intent) REFERENCES intent (tenant, id)
) STRICT;

CREATE INDEX event_by_tenant ON event (tenant, cursor);

CREATE TRIGGER event_stays BEFORE UPDATE ON event
BEGIN SELECT RAISE (ABORT, 'an event is frozen'); END;

CREATE TRIGGER event_kept BEFORE DELETE ON event
BEGIN SELECT RAISE (ABORT, 'an event is frozen'); END;

-- `lane` is '' for work that runs in no rail account's lane.
CREATE TABLE work (
    key          TEXT    NOT NULL PRIMARY KEY,
    lane         TEXT    NOT NULL,
    due_at       INTEGER NOT NULL,
    tries        INTEGER NOT NULL CHECK (tries >= 0),
    epoch        INTEGER NOT NULL CHECK (epoch >= 1),
    owner        TEXT,
    leased_until INTEGER,
    quarantined  TEXT,
    form         INTEGER NOT NULL CHECK (form >= 1),
    body         TEXT    NOT NULL,
    CHECK (quarantined IS NULL OR leased_until IS NULL)
) STRICT;

CREATE INDEX work_due ON work (lane, due_at, key, leased_until) WHERE quarantined IS NULL;
CREATE INDEX work_leased ON work (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX work_quarantined ON work (key) WHERE quarantined IS NOT NULL;

CREATE TRIGGER work_epoch_grows BEFORE UPDATE OF epoch ON work WHEN NEW.epoch < OLD.epoch
BEGIN SELECT RAISE (ABORT, 'the epoch of a piece of work falls'); END;

-- The last epoch of work that was removed: should its key come back, no old claim fits it.
CREATE TABLE work_ended (
    key   TEXT    NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL CHECK (epoch >= 1)
) STRICT, WITHOUT ROWID;

-- Payer data of attempts that have not ended.
CREATE TABLE submission (
    attempt TEXT    NOT NULL PRIMARY KEY,
    form    INTEGER NOT NULL CHECK (form >= 1),
    body    TEXT    NOT NULL
) STRICT;

CREATE TABLE inbox (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    rail_account TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    verdict      TEXT    NOT NULL CHECK (verdict IN ('applied', 'suspicious')),
    why          TEXT,
    digest       BLOB    NOT NULL CHECK (length(digest) = 32),
    at           INTEGER NOT NULL,
    CHECK ((why IS NOT NULL) = (verdict = 'suspicious')),
    UNIQUE (rail_account, key)
) STRICT;

CREATE INDEX inbox_suspicious ON inbox (position) WHERE verdict = 'suspicious';

CREATE TRIGGER inbox_stays BEFORE UPDATE ON inbox
BEGIN SELECT RAISE (ABORT, 'the inbox is only ever appended to'); END;

CREATE TRIGGER inbox_kept BEFORE DELETE ON inbox
BEGIN SELECT RAISE (ABORT, 'the inbox is only ever appended to'); END;
