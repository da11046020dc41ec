-- A tenant's book of rules, and what was decided by them. Both are only ever appended to.
CREATE TABLE paifang.rules (
    tenant      text COLLATE "C" NOT NULL,
    position    bigint NOT NULL CHECK (position >= 1),
    request_id  text COLLATE "C" CHECK (length(request_id) BETWEEN 1 AND 64),
    fingerprint bytea CHECK (length(fingerprint) = 32),
    form        bigint NOT NULL CHECK (form >= 1),
    body        text NOT NULL,
    -- The bundle that was drafted, as it was handed in.
    text        text,
    PRIMARY KEY (tenant, position),
    UNIQUE (tenant, request_id),
    CHECK ((request_id IS NULL) = (fingerprint IS NULL))
);

CREATE TRIGGER rules_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.rules FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a book of rules is only ever appended to');

CREATE TABLE paifang.decision (
    attempt text COLLATE "C" PRIMARY KEY,
    tenant  text COLLATE "C" NOT NULL,
    intent  text COLLATE "C" NOT NULL,
    at      bigint NOT NULL,
    form    bigint NOT NULL CHECK (form >= 1),
    body    text NOT NULL,
    UNIQUE (tenant, attempt)
);

CREATE TRIGGER decision_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.decision FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('what was decided stays');
