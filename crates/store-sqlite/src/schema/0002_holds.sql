-- Money that is held before it is taken, and refunds that take turns. SQLite cannot change a check, so the tables whose
-- checks grow are made anew under their names; `migrate` checks every reference between tables after it.

CREATE TABLE intent_next (
    id          TEXT    NOT NULL PRIMARY KEY CHECK (id GLOB 'pi_*'),
    tenant      TEXT    NOT NULL CHECK (tenant GLOB 'tn_*'),
    state       TEXT    NOT NULL CHECK (state IN ('requires_wallet', 'awaiting_payer', 'processing', 'authorized',
                                                  'succeeded', 'canceled', 'expired', 'failed')),
    version     INTEGER NOT NULL CHECK (version >= 1),
    currency    TEXT    NOT NULL CHECK (length(currency) = 3),
    amount      INTEGER NOT NULL CHECK (amount > 0),
    authorized  INTEGER NOT NULL DEFAULT 0 CHECK (authorized >= 0),
    captured    INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0),
    reserved    INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    refunded    INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    -- The last turn that was handed out to a refund, and when the last one was sent.
    refund_turn INTEGER,
    refund_sent INTEGER,
    form        INTEGER NOT NULL CHECK (form >= 1),
    body        TEXT    NOT NULL,
    CHECK (authorized <= amount),
    CHECK (captured <= authorized),
    CHECK (reserved + refunded <= captured),
    UNIQUE (tenant, id)
) STRICT;

-- What was captured before there were holds had been agreed to.
INSERT INTO intent_next (id, tenant, state, version, currency, amount, authorized, captured, reserved, refunded, form, body)
SELECT id, tenant, state, version, currency, amount, captured, captured, reserved, refunded, form, body FROM intent;

DROP TABLE intent;
ALTER TABLE intent_next RENAME TO intent;

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

CREATE TRIGGER intent_counted AFTER INSERT ON intent
BEGIN
    INSERT INTO intent_count (state, n) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER intent_recounted AFTER UPDATE OF state ON intent WHEN NEW.state <> OLD.state
BEGIN
    UPDATE intent_count SET n = n - 1 WHERE state = OLD.state;
    INSERT INTO intent_count (state, n) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;

-- The numbers of captures and releases: unique over a rail account together with the order numbers, and each leads to its
-- attempt.
CREATE TABLE hold_number (
    rail_account TEXT NOT NULL,
    number       TEXT NOT NULL CHECK (length(number) BETWEEN 8 AND 32),
    attempt      TEXT NOT NULL REFERENCES attempt (id),
    PRIMARY KEY (rail_account, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER hold_number_is_new BEFORE INSERT ON hold_number
WHEN EXISTS (SELECT 1 FROM attempt WHERE rail_account = NEW.rail_account AND order_no = NEW.number)
BEGIN SELECT RAISE (ABORT, 'the number of a hold is an order number'); END;

CREATE TRIGGER order_number_is_new BEFORE INSERT ON attempt
WHEN EXISTS (SELECT 1 FROM hold_number WHERE rail_account = NEW.rail_account AND number = NEW.order_no)
BEGIN SELECT RAISE (ABORT, 'an order number is the number of a hold'); END;

CREATE TRIGGER hold_number_stays BEFORE UPDATE ON hold_number
BEGIN SELECT RAISE (ABORT, 'a number leads to one attempt for ever'); END;

CREATE TRIGGER hold_number_kept BEFORE DELETE ON hold_number
BEGIN SELECT RAISE (ABORT, 'a number leads to one attempt for ever'); END;

CREATE TABLE request_next (
    tenant      TEXT NOT NULL CHECK (tenant GLOB 'tn_*'),
    operation   TEXT NOT NULL CHECK (operation IN ('create_intent', 'confirm_intent', 'capture_intent', 'cancel_intent',
                                                   'create_refund')),
    request_id  TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    resource    TEXT NOT NULL CHECK (resource GLOB 'pi_*' OR resource GLOB 're_*'),
    PRIMARY KEY (tenant, operation, request_id)
) STRICT, WITHOUT ROWID;

INSERT INTO request_next SELECT tenant, operation, request_id, fingerprint, resource FROM request;

DROP TABLE request;
ALTER TABLE request_next RENAME TO request;

CREATE TRIGGER request_stays BEFORE UPDATE ON request
BEGIN SELECT RAISE (ABORT, 'a request id stands for one thing for ever'); END;

CREATE TRIGGER request_kept BEFORE DELETE ON request
BEGIN SELECT RAISE (ABORT, 'a request id stands for one thing for ever'); END;
