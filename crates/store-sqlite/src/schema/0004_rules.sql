-- A tenant's book of rules, and what was decided by them. Both are only ever appended to.

CREATE TABLE rules (
    tenant      TEXT    NOT NULL CHECK (tenant GLOB 'tn_*'),
    position    INTEGER NOT NULL CHECK (position >= 1),
    request_id  TEXT    CHECK (length(request_id) BETWEEN 1 AND 64),
    fingerprint BLOB    CHECK (length(fingerprint) = 32),
    form        INTEGER NOT NULL CHECK (form >= 1),
    body        TEXT    NOT NULL,
    -- The bundle that was drafted, as it was handed in.
    text        TEXT,
    PRIMARY KEY (tenant, position),
    UNIQUE (tenant, request_id),
    CHECK ((request_id IS NULL) = (fingerprint IS NULL))
) STRICT;

CREATE TRIGGER rules_stay BEFORE UPDATE ON rules
BEGIN SELECT RAISE (ABORT, 'a book of rules is only ever appended to'); END;

CREATE TRIGGER rules_kept BEFORE DELETE ON rules
BEGIN SELECT RAISE (ABORT, 'a book of rules is only ever appended to'); END;

CREATE TABLE decision (
    attempt TEXT    NOT NULL PRIMARY KEY CHECK (attempt GLOB 'at_*'),
    tenant  TEXT    NOT NULL CHECK (tenant GLOB 'tn_*'),
    intent  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    form    INTEGER NOT NULL CHECK (form >= 1),
    body    TEXT    NOT NULL,
    UNIQUE (tenant, attempt)
) STRICT;

CREATE TRIGGER decision_stays BEFORE UPDATE ON decision
BEGIN SELECT RAISE (ABORT, 'what was decided stays'); END;

CREATE TRIGGER decision_kept BEFORE DELETE ON decision
BEGIN SELECT RAISE (ABORT, 'what was decided stays'); END;
