-- Bulk refunds: a list of entries, how far each is, and the claim of whoever drives it.

CREATE TABLE bulk (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (id GLOB 'bk_*'),
    tenant       TEXT    NOT NULL CHECK (tenant GLOB 'tn_*'),
    state        TEXT    NOT NULL CHECK (state IN ('draft', 'running', 'paused', 'canceling', 'ended')),
    entries      INTEGER NOT NULL DEFAULT 0 CHECK (entries >= 0),
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    ended_at     INTEGER,
    -- When somebody is to look at it, which is as long as it is open.
    due_at       INTEGER,
    -- When the pace lets another entry begin.
    next_at      INTEGER NOT NULL DEFAULT 0,
    epoch        INTEGER NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    owner        TEXT,
    leased_until INTEGER,
    form         INTEGER NOT NULL CHECK (form >= 1),
    body         TEXT    NOT NULL,
    CHECK ((state IN ('running', 'paused', 'canceling')) = (due_at IS NOT NULL)),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
) STRICT;

CREATE INDEX bulk_by_tenant ON bulk (tenant, id);
CREATE INDEX bulk_due ON bulk (due_at) WHERE due_at IS NOT NULL;

CREATE TRIGGER bulk_terms_stay BEFORE UPDATE OF id, tenant, created_at, form, body ON bulk
BEGIN SELECT RAISE (ABORT, 'the terms of a bulk never change'); END;

CREATE TRIGGER bulk_end_stays BEFORE UPDATE OF state ON bulk WHEN OLD.state = 'ended' AND NEW.state <> 'ended'
BEGIN SELECT RAISE (ABORT, 'a bulk leaves its end'); END;

CREATE TRIGGER bulk_stays BEFORE DELETE ON bulk
BEGIN SELECT RAISE (ABORT, 'a bulk is never deleted'); END;

-- The calls that moved a bulk. Never expire.
CREATE TABLE bulk_call (
    tenant      TEXT NOT NULL CHECK (tenant GLOB 'tn_*'),
    step        TEXT NOT NULL CHECK (step IN ('create', 'start', 'pause', 'resume', 'cancel')),
    request_id  TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    bulk        TEXT NOT NULL REFERENCES bulk (id),
    PRIMARY KEY (tenant, step, request_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER bulk_call_stays BEFORE UPDATE ON bulk_call
BEGIN SELECT RAISE (ABORT, 'a request id stands for one thing for ever'); END;

CREATE TRIGGER bulk_call_kept BEFORE DELETE ON bulk_call
BEGIN SELECT RAISE (ABORT, 'a request id stands for one thing for ever'); END;

-- `asking`: its refund may be there or not. `asked`: it has one, which had not ended when it was looked at last.
CREATE TABLE bulk_entry (
    bulk     TEXT    NOT NULL REFERENCES bulk (id),
    position INTEGER NOT NULL CHECK (position >= 1),
    name     TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    intent   TEXT    NOT NULL CHECK (intent GLOB 'pi_*'),
    -- What was wanted; without an amount all that is left.
    wanted_currency TEXT CHECK (length(wanted_currency) = 3),
    wanted   INTEGER CHECK (wanted > 0),
    state    TEXT    NOT NULL DEFAULT 'waiting'
             CHECK (state IN ('waiting', 'asking', 'asked', 'succeeded', 'failed', 'refused', 'canceled')),
    -- Its refund and how much that is.
    refund   TEXT    REFERENCES refund (id),
    currency TEXT    CHECK (length(currency) = 3),
    amount   INTEGER CHECK (amount > 0),
    -- Why it has none.
    reason   TEXT,
    message  TEXT,
    PRIMARY KEY (bulk, position),
    UNIQUE (bulk, name),
    CHECK ((wanted IS NULL) = (wanted_currency IS NULL)),
    CHECK ((amount IS NULL) = (currency IS NULL)),
    CHECK ((state IN ('asked', 'succeeded', 'failed')) = (refund IS NOT NULL)),
    CHECK ((refund IS NULL) = (amount IS NULL)),
    CHECK ((state = 'refused') = (reason IS NOT NULL)),
    CHECK ((reason IS NULL) = (message IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX bulk_entry_by_state ON bulk_entry (bulk, state, position);
-- No two entries ever have one refund.
CREATE UNIQUE INDEX bulk_entry_refund ON bulk_entry (refund) WHERE refund IS NOT NULL;

CREATE TRIGGER bulk_entry_terms_stay BEFORE UPDATE OF bulk, position, name, intent, wanted_currency, wanted ON bulk_entry
BEGIN SELECT RAISE (ABORT, 'the terms of an entry never change'); END;

CREATE TRIGGER bulk_entry_end_stays BEFORE UPDATE ON bulk_entry
WHEN OLD.state IN ('succeeded', 'failed', 'refused', 'canceled') OR (OLD.refund IS NOT NULL AND NEW.refund IS NOT OLD.refund)
BEGIN SELECT RAISE (ABORT, 'an entry has one end'); END;

CREATE TRIGGER bulk_entry_kept BEFORE DELETE ON bulk_entry
BEGIN SELECT RAISE (ABORT, 'an entry is never deleted'); END;

-- How far each entry is: one with a refund as far as that.
CREATE VIEW bulk_entry_seen AS
SELECT entry.bulk, entry.position, entry.name, entry.intent,
       coalesce(entry.currency, entry.wanted_currency) AS currency, coalesce(entry.amount, entry.wanted) AS amount,
       entry.refund, entry.reason, entry.message, entry.state,
       CASE WHEN entry.state = 'asking' THEN 'asked'
            WHEN entry.state <> 'asked' THEN entry.state
            WHEN refund.state = 'sending' AND coalesce(json_extract(refund.body, '$.allocation.short.minor'), 0) > 0
            THEN 'awaiting_funds'
            WHEN refund.state = 'sending' THEN 'asked'
            WHEN refund.state IN ('in_doubt', 'processing') THEN 'sent'
            ELSE refund.state END AS stage,
       entry.state = 'asked' AND refund.state IN ('sending', 'in_doubt')
           AND coalesce(json_extract(refund.body, '$.allocation.short.minor'), 0) = 0 AS flies
  FROM bulk_entry AS entry LEFT JOIN refund ON refund.id = entry.refund AND entry.state = 'asked';
