-- What became of attempts that rules let in, on the decision itself: what guard rails measure. Each is set once, but for a
-- failure that becomes a payment, by the commit that brings it about; nothing else of a decision ever changes.

ALTER TABLE decision ADD COLUMN opening TEXT;
ALTER TABLE decision ADD COLUMN version INTEGER;
-- How many entries of the book it rests on.
ALTER TABLE decision ADD COLUMN entries INTEGER;
ALTER TABLE decision ADD COLUMN outcome TEXT CHECK (outcome IN ('paid', 'failed'));
ALTER TABLE decision ADD COLUMN outcome_at INTEGER CHECK ((outcome IS NULL) = (outcome_at IS NULL));
ALTER TABLE decision ADD COLUMN refunded_at INTEGER;
ALTER TABLE decision ADD COLUMN complained_at INTEGER;

DROP TRIGGER decision_stays;

CREATE TRIGGER decision_stays
BEFORE UPDATE OF attempt, tenant, intent, at, form, body, opening, version, entries ON decision
BEGIN SELECT RAISE (ABORT, 'what was decided stays'); END;

CREATE TRIGGER decision_outcome_stays BEFORE UPDATE OF outcome, outcome_at ON decision
WHEN OLD.outcome IS NOT NULL AND NOT (OLD.outcome = 'failed' AND NEW.outcome IS 'paid')
BEGIN SELECT RAISE (ABORT, 'what became of an attempt stays'); END;

CREATE TRIGGER decision_refunded_stays BEFORE UPDATE OF refunded_at ON decision WHEN OLD.refunded_at IS NOT NULL
BEGIN SELECT RAISE (ABORT, 'what became of an attempt stays'); END;

CREATE TRIGGER decision_complained_stays BEFORE UPDATE OF complained_at ON decision WHEN OLD.complained_at IS NOT NULL
BEGIN SELECT RAISE (ABORT, 'what became of an attempt stays'); END;

-- A count over a window reads this index and nothing else.
CREATE INDEX decision_sample
ON decision (tenant, opening, version, outcome_at, entries, outcome, refunded_at, complained_at)
WHERE outcome_at IS NOT NULL;

-- Whether a bundle was drafted that has guard rails; of entries from before it is not known.
ALTER TABLE rules ADD COLUMN guarded INTEGER CHECK (guarded IN (0, 1));

CREATE INDEX rules_guarded ON rules (tenant) WHERE guarded IS NOT 0;

-- Complaints have request ids of their own. SQLite cannot change a check.
CREATE TABLE request_next (
    tenant      TEXT NOT NULL CHECK (tenant GLOB 'tn_*'),
    operation   TEXT NOT NULL CHECK (operation IN ('create_intent', 'confirm_intent', 'capture_intent', 'cancel_intent',
                                                   'create_refund', 'cancel_refund', 'reverse_refund', 'transfer_funds',
                                                   'report_complaint')),
    request_id  TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    resource    TEXT NOT NULL CHECK (resource GLOB 'pi_*' OR resource GLOB 're_*' OR resource GLOB 'fm_*'),
    PRIMARY KEY (tenant, operation, request_id)
) STRICT, WITHOUT ROWID;

INSERT INTO request_next SELECT tenant, operation, request_id, fingerprint, resource FROM request;

DROP TABLE request;
ALTER TABLE request_next RENAME TO request;

CREATE TRIGGER request_stays BEFORE UPDATE ON request
BEGIN SELECT RAISE (ABORT, 'a request id stands for one thing for ever'); END;

CREATE TRIGGER request_kept BEFORE DELETE ON request
BEGIN SELECT RAISE (ABORT, 'a request id stands for one thing for ever'); END;
