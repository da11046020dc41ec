-- Calls that cancel a refund that is short of funds, reverse who bears one, and move a storefront's own funds. SQLite cannot
-- change a check, so the table is made anew under its name.

CREATE TABLE request_next (
    tenant      TEXT NOT NULL CHECK (tenant GLOB 'tn_*'),
    operation   TEXT NOT NULL CHECK (operation IN ('create_intent', 'confirm_intent', 'capture_intent', 'cancel_intent',
                                                   'create_refund', 'cancel_refund', 'reverse_refund', 'transfer_funds')),
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
