-- Bulk refunds: a list of entries, how far each is, and the claim of whoever drives it. The role that gateways run as needs
-- the grants anew (grants.sql).
CREATE TABLE paifang.bulk (
    id           text COLLATE "C" PRIMARY KEY CHECK (starts_with(id, 'bk_')),
    tenant       text COLLATE "C" NOT NULL CHECK (starts_with(tenant, 'tn_')),
    state        text   NOT NULL CHECK (state IN ('draft', 'running', 'paused', 'canceling', 'ended')),
    entries      bigint NOT NULL DEFAULT 0 CHECK (entries >= 0),
    created_at   bigint NOT NULL,
    started_at   bigint,
    ended_at     bigint,
    -- When somebody is to look at it, which is as long as it is open.
    due_at       bigint,
    -- When the pace lets another entry begin.
    next_at      bigint NOT NULL DEFAULT 0,
    epoch        bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    owner        text,
    leased_until bigint,
    form         bigint NOT NULL CHECK (form >= 1),
    body         text   NOT NULL,
    CHECK ((state IN ('running', 'paused', 'canceling')) = (due_at IS NOT NULL)),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);

CREATE INDEX bulk_by_tenant ON paifang.bulk (tenant, id);
CREATE INDEX bulk_due ON paifang.bulk (due_at) WHERE due_at IS NOT NULL;

CREATE TRIGGER bulk_terms_stay BEFORE UPDATE ON paifang.bulk FOR EACH ROW
WHEN ((OLD.id, OLD.tenant, OLD.created_at, OLD.form, OLD.body)
      IS DISTINCT FROM (NEW.id, NEW.tenant, NEW.created_at, NEW.form, NEW.body))
EXECUTE FUNCTION paifang.refuse('the terms of a bulk never change');

CREATE TRIGGER bulk_end_stays BEFORE UPDATE ON paifang.bulk FOR EACH ROW
WHEN (OLD.state = 'ended' AND NEW.state <> 'ended')
EXECUTE FUNCTION paifang.refuse('a bulk leaves its end');

CREATE TRIGGER bulk_stays BEFORE DELETE OR TRUNCATE ON paifang.bulk FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a bulk is never deleted');

-- The calls that moved a bulk. Never expire.
CREATE TABLE paifang.bulk_call (
    tenant      text COLLATE "C" NOT NULL,
    step        text  NOT NULL CHECK (step IN ('create', 'start', 'pause', 'resume', 'cancel')),
    request_id  text COLLATE "C" NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    bulk        text COLLATE "C" NOT NULL REFERENCES paifang.bulk (id),
    PRIMARY KEY (tenant, step, request_id)
);

CREATE TRIGGER bulk_call_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.bulk_call FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a request id stands for one thing for ever');

-- `asking`: its refund may be there or not. `asked`: it has one, which had not ended when it was looked at last.
CREATE TABLE paifang.bulk_entry (
    bulk     text COLLATE "C" NOT NULL REFERENCES paifang.bulk (id),
    position bigint NOT NULL CHECK (position >= 1),
    name     text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    intent   text COLLATE "C" NOT NULL CHECK (starts_with(intent, 'pi_')),
    -- What was wanted; without an amount all that is left.
    wanted_currency text CHECK (length(wanted_currency) = 3),
    wanted   bigint CHECK (wanted > 0),
    state    text   NOT NULL DEFAULT 'waiting'
             CHECK (state IN ('waiting', 'asking', 'asked', 'succeeded', 'failed', 'refused', 'canceled')),
    -- Its refund and how much that is.
    refund   text COLLATE "C" REFERENCES paifang.refund (id),
    currency text   CHECK (length(currency) = 3),
    amount   bigint CHECK (amount > 0),
    -- Why it has none.
    reason   text,
    message  text,
    PRIMARY KEY (bulk, position),
    UNIQUE (bulk, name),
    CHECK ((wanted IS NULL) = (wanted_currency IS NULL)),
    CHECK ((amount IS NULL) = (currency IS NULL)),
    CHECK ((state IN ('asked', 'succeeded', 'failed')) = (refund IS NOT NULL)),
    CHECK ((refund IS NULL) = (amount IS NULL)),
    CHECK ((state = 'refused') = (reason IS NOT NULL)),
    CHECK ((reason IS NULL) = (message IS NULL))
);

CREATE INDEX bulk_entry_by_state ON paifang.bulk_entry (bulk, state, position);
-- No two entries ever have one refund.
CREATE UNIQUE INDEX bulk_entry_refund ON paifang.bulk_entry (refund) WHERE refund IS NOT NULL;

CREATE TRIGGER bulk_entry_terms_stay BEFORE UPDATE ON paifang.bulk_entry FOR EACH ROW
WHEN ((OLD.bulk, OLD.position, OLD.name, OLD.intent, OLD.wanted_currency, OLD.wanted)
      IS DISTINCT FROM (NEW.bulk, NEW.position, NEW.name, NEW.intent, NEW.wanted_currency, NEW.wanted))
EXECUTE FUNCTION paifang.refuse('the terms of an entry never change');

CREATE TRIGGER bulk_entry_end_stays BEFORE UPDATE ON paifang.bulk_entry FOR EACH ROW
WHEN (OLD.state IN ('succeeded', 'failed', 'refused', 'canceled')
      OR (OLD.refund IS NOT NULL AND NEW.refund IS DISTINCT FROM OLD.refund))
EXECUTE FUNCTION paifang.refuse('an entry has one end');

CREATE TRIGGER bulk_entry_kept BEFORE DELETE OR TRUNCATE ON paifang.bulk_entry FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('an entry is never deleted');

-- How far each entry is: one with a refund as far as that.
CREATE VIEW paifang.bulk_entry_seen AS
SELECT entry.bulk, entry.position, entry.name, entry.intent,
       coalesce(entry.currency, entry.wanted_currency) AS currency, coalesce(entry.amount, entry.wanted) AS amount,
       entry.refund, entry.reason, entry.message, entry.state,
       CASE WHEN entry.state = 'asking' THEN 'asked'
            WHEN entry.state <> 'asked' THEN entry.state
            WHEN refund.state = 'sending' AND (refund.body::jsonb #>> '{allocation,short,minor}')::bigint > 0
            THEN 'awaiting_funds'
            WHEN refund.state = 'sending' THEN 'asked'
            WHEN refund.state IN ('in_doubt', 'processing') THEN 'sent'
            ELSE refund.state END AS stage,
       entry.state = 'asked' AND refund.state IN ('sending', 'in_doubt')
           AND coalesce((refund.body::jsonb #>> '{allocation,short,minor}')::bigint, 0) = 0 AS flies
  FROM paifang.bulk_entry AS entry
  LEFT JOIN paifang.refund ON refund.id = entry.refund AND entry.state = 'asked';
