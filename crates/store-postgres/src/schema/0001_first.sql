-- The first schema of the PostgreSQL store: the rules of the SQLite store, so that PostgreSQL itself refuses a bad row.
-- Times are nanoseconds since 1970 (UTC). Ids are text and order by time, so text compares byte by byte (COLLATE "C").
-- `form` is the version of the JSON in `body`. Nothing here needs more than READ COMMITTED: each rule lives in one row, in
-- one unique key, or in a trigger that looks at rows which never change once they are there.

CREATE FUNCTION paifang.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$;

-- The store's clock, in nanoseconds. Tests hand in a clock of their own, or let it run ahead.
CREATE FUNCTION paifang.store_now(hand bigint, ahead bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(hand, (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint + ahead)
$$;

CREATE TABLE paifang.setting (
    name  text  PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE paifang.tenant (
    position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text COLLATE "C" NOT NULL UNIQUE CHECK (starts_with(id, 'tn_')),
    name       text   NOT NULL,
    key_hash   bytea  NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    created_at bigint NOT NULL
);

CREATE TABLE paifang.intent (
    id          text COLLATE "C" PRIMARY KEY CHECK (starts_with(id, 'pi_')),
    tenant      text COLLATE "C" NOT NULL CHECK (starts_with(tenant, 'tn_')),
    state       text   NOT NULL CHECK (state IN ('requires_wallet', 'awaiting_payer', 'processing', 'authorized',
                                                 'succeeded', 'canceled', 'expired', 'failed')),
    version     bigint NOT NULL CHECK (version >= 1),
    currency    text   NOT NULL CHECK (length(currency) = 3),
    amount      bigint NOT NULL CHECK (amount > 0),
    authorized  bigint NOT NULL DEFAULT 0 CHECK (authorized >= 0),
    captured    bigint NOT NULL DEFAULT 0 CHECK (captured >= 0),
    reserved    bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    refunded    bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    -- The last turn that was handed out to a refund, and when the last one was sent.
    refund_turn bigint,
    refund_sent bigint,
    form        bigint NOT NULL CHECK (form >= 1),
    body        text   NOT NULL,
    CHECK (authorized <= amount),
    CHECK (captured <= authorized),
    CHECK (reserved + refunded <= captured),
    UNIQUE (tenant, id)
);

CREATE INDEX intent_by_state ON paifang.intent (tenant, state, id);

CREATE TRIGGER intent_terms_stay BEFORE UPDATE ON paifang.intent FOR EACH ROW
WHEN ((OLD.id, OLD.tenant, OLD.currency, OLD.amount) IS DISTINCT FROM (NEW.id, NEW.tenant, NEW.currency, NEW.amount))
EXECUTE FUNCTION paifang.refuse('the terms of an intent never change');

CREATE TRIGGER intent_final_stays BEFORE UPDATE ON paifang.intent FOR EACH ROW
WHEN (OLD.state IN ('succeeded', 'canceled', 'expired', 'failed') AND NEW.state <> OLD.state)
EXECUTE FUNCTION paifang.refuse('an intent leaves a final state');

CREATE TRIGGER intent_version_grows BEFORE UPDATE ON paifang.intent FOR EACH ROW WHEN (NEW.version < OLD.version)
EXECUTE FUNCTION paifang.refuse('the version of an intent falls');

CREATE TRIGGER intent_stays BEFORE DELETE OR TRUNCATE ON paifang.intent FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('an intent is never deleted');

-- How many intents stand in each state. A row that every commit counted up would be hot, so commits leave a note, and
-- `place` adds the notes up.
CREATE TABLE paifang.intent_count (
    state text   PRIMARY KEY,
    n     bigint NOT NULL CHECK (n >= 0)
);

INSERT INTO paifang.intent_count (state, n)
SELECT state, 0 FROM unnest(ARRAY['requires_wallet', 'awaiting_payer', 'processing', 'authorized', 'succeeded', 'canceled',
                                  'expired', 'failed']) AS state;

CREATE TABLE paifang.intent_moved (
    state text   NOT NULL,
    n     bigint NOT NULL
);

CREATE FUNCTION paifang.intent_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO paifang.intent_moved (state, n) VALUES (OLD.state, -1);
    END IF;
    INSERT INTO paifang.intent_moved (state, n) VALUES (NEW.state, 1);
    RETURN NULL;
END $$;

CREATE TRIGGER intent_counted AFTER INSERT ON paifang.intent FOR EACH ROW EXECUTE FUNCTION paifang.intent_moves();

CREATE TRIGGER intent_recounted AFTER UPDATE ON paifang.intent FOR EACH ROW WHEN (NEW.state <> OLD.state)
EXECUTE FUNCTION paifang.intent_moves();

-- What has to be found or unique of each attempt; the attempt itself is in its intent's body.
CREATE TABLE paifang.attempt (
    id             text COLLATE "C" PRIMARY KEY CHECK (starts_with(id, 'at_')),
    tenant         text COLLATE "C" NOT NULL,
    intent         text COLLATE "C" NOT NULL,
    rail_account   text COLLATE "C" NOT NULL,
    order_no       text COLLATE "C" NOT NULL CHECK (length(order_no) BETWEEN 8 AND 32),
    in_doubt_since bigint,
    UNIQUE (rail_account, order_no),
    FOREIGN KEY (tenant, intent) REFERENCES paifang.intent (tenant, id)
);

CREATE INDEX attempt_in_doubt ON paifang.attempt (in_doubt_since) WHERE in_doubt_since IS NOT NULL;

CREATE TRIGGER attempt_terms_stay BEFORE UPDATE ON paifang.attempt FOR EACH ROW
WHEN ((OLD.id, OLD.tenant, OLD.intent, OLD.rail_account, OLD.order_no)
      IS DISTINCT FROM (NEW.id, NEW.tenant, NEW.intent, NEW.rail_account, NEW.order_no))
EXECUTE FUNCTION paifang.refuse('the terms of an attempt never change');

-- Every number under which a rail account knows an attempt: its order number, and those of captures and releases of its
-- hold. One key over all of them: two tables that look at each other would miss what another transaction is writing.
CREATE TABLE paifang.rail_number (
    rail_account text COLLATE "C" NOT NULL,
    number       text COLLATE "C" NOT NULL CHECK (length(number) BETWEEN 8 AND 32),
    attempt      text COLLATE "C" NOT NULL REFERENCES paifang.attempt (id),
    PRIMARY KEY (rail_account, number)
);

CREATE FUNCTION paifang.attempt_numbered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO paifang.rail_number (rail_account, number, attempt) VALUES (NEW.rail_account, NEW.order_no, NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER attempt_numbered AFTER INSERT ON paifang.attempt FOR EACH ROW
EXECUTE FUNCTION paifang.attempt_numbered();

CREATE TRIGGER rail_number_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.rail_number FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a number leads to one attempt for ever');

CREATE TABLE paifang.intent_journal (
    intent text COLLATE "C" NOT NULL REFERENCES paifang.intent (id),
    seq    bigint NOT NULL CHECK (seq >= 1),
    form   bigint NOT NULL CHECK (form >= 1),
    body   text   NOT NULL,
    PRIMARY KEY (intent, seq)
);

CREATE TRIGGER intent_journal_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.intent_journal FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a journal is only ever appended to');

CREATE TABLE paifang.refund (
    id             text COLLATE "C" PRIMARY KEY CHECK (starts_with(id, 're_')),
    tenant         text COLLATE "C" NOT NULL,
    intent         text COLLATE "C" NOT NULL,
    attempt        text COLLATE "C" NOT NULL,
    rail_account   text COLLATE "C" NOT NULL,
    refund_no      text COLLATE "C" NOT NULL CHECK (length(refund_no) BETWEEN 8 AND 32),
    purpose        text   NOT NULL CHECK (purpose IN ('requested', 'late_money')),
    state          text   NOT NULL CHECK (state IN ('sending', 'in_doubt', 'processing', 'succeeded', 'failed')),
    version        bigint NOT NULL CHECK (version >= 1),
    currency       text   NOT NULL CHECK (length(currency) = 3),
    amount         bigint NOT NULL CHECK (amount > 0),
    in_doubt_since bigint,
    form           bigint NOT NULL CHECK (form >= 1),
    body           text   NOT NULL,
    UNIQUE (rail_account, refund_no),
    FOREIGN KEY (tenant, intent) REFERENCES paifang.intent (tenant, id)
);

CREATE UNIQUE INDEX refund_late_once ON paifang.refund (attempt) WHERE purpose = 'late_money';
CREATE INDEX refund_by_intent ON paifang.refund (tenant, intent, id);
CREATE INDEX refund_by_tenant ON paifang.refund (tenant, id);
CREATE INDEX refund_in_doubt ON paifang.refund (in_doubt_since) WHERE in_doubt_since IS NOT NULL;

CREATE TRIGGER refund_terms_stay BEFORE UPDATE ON paifang.refund FOR EACH ROW
WHEN ((OLD.id, OLD.tenant, OLD.intent, OLD.attempt, OLD.rail_account, OLD.refund_no, OLD.purpose, OLD.currency, OLD.amount)
      IS DISTINCT FROM
      (NEW.id, NEW.tenant, NEW.intent, NEW.attempt, NEW.rail_account, NEW.refund_no, NEW.purpose, NEW.currency, NEW.amount))
EXECUTE FUNCTION paifang.refuse('the terms of a refund never change');

CREATE TRIGGER refund_final_stays BEFORE UPDATE ON paifang.refund FOR EACH ROW
WHEN (OLD.state IN ('succeeded', 'failed') AND NEW.state <> OLD.state)
EXECUTE FUNCTION paifang.refuse('a refund leaves a final state');

CREATE TRIGGER refund_version_grows BEFORE UPDATE ON paifang.refund FOR EACH ROW WHEN (NEW.version < OLD.version)
EXECUTE FUNCTION paifang.refuse('the version of a refund falls');

CREATE TRIGGER refund_stays BEFORE DELETE OR TRUNCATE ON paifang.refund FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a refund is never deleted');

CREATE TABLE paifang.refund_journal (
    refund text COLLATE "C" NOT NULL REFERENCES paifang.refund (id),
    seq    bigint NOT NULL CHECK (seq >= 1),
    form   bigint NOT NULL CHECK (form >= 1),
    body   text   NOT NULL,
    PRIMARY KEY (refund, seq)
);

CREATE TRIGGER refund_journal_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.refund_journal FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a journal is only ever appended to');

CREATE TABLE paifang.request (
    tenant      text COLLATE "C" NOT NULL CHECK (starts_with(tenant, 'tn_')),
    operation   text  NOT NULL CHECK (operation IN ('create_intent', 'confirm_intent', 'capture_intent', 'cancel_intent',
                                                    'create_refund')),
    request_id  text COLLATE "C" NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    resource    text  NOT NULL CHECK (starts_with(resource, 'pi_') OR starts_with(resource, 're_')),
    PRIMARY KEY (tenant, operation, request_id)
);

CREATE TRIGGER request_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.request FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a request id stands for one thing for ever');

-- One row is one balanced entry. A row of the phase 'posts' or 'voids' resolves a pending one, in full and once.
-- `id` says nothing about the order of commits; a transfer's place in the book is in `transfer_place`.
CREATE TABLE paifang.transfer (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant      text COLLATE "C" NOT NULL,
    posting_key text COLLATE "C" NOT NULL,
    debit       text COLLATE "C" NOT NULL,
    credit      text COLLATE "C" NOT NULL,
    currency    text   NOT NULL CHECK (length(currency) = 3),
    amount      bigint NOT NULL CHECK (amount > 0),
    phase       text   NOT NULL CHECK (phase IN ('posted', 'pending', 'posts', 'voids')),
    resolves    text COLLATE "C",
    subject     text   NOT NULL,
    at          bigint NOT NULL,
    CHECK (debit <> credit),
    CHECK ((resolves IS NOT NULL) = (phase IN ('posts', 'voids'))),
    UNIQUE (tenant, posting_key)
);

CREATE UNIQUE INDEX transfer_resolved_once ON paifang.transfer (tenant, resolves) WHERE resolves IS NOT NULL;

-- The row that is resolved never changes and never goes, so it is enough that it is there now.
CREATE FUNCTION paifang.transfer_resolves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM paifang.transfer AS held
        WHERE held.tenant = NEW.tenant AND held.posting_key = NEW.resolves AND held.phase = 'pending'
          AND held.debit = NEW.debit AND held.credit = NEW.credit
          AND held.currency = NEW.currency AND held.amount = NEW.amount)
    THEN
        RAISE EXCEPTION 'a transfer resolves nothing that is pending' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER transfer_resolves BEFORE INSERT ON paifang.transfer FOR EACH ROW WHEN (NEW.resolves IS NOT NULL)
EXECUTE FUNCTION paifang.transfer_resolves();

CREATE TRIGGER transfer_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.transfer FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('transfers are only ever appended');

-- Only accounts with a bound have a row, so no row is hot; every other balance is a sum over transfers.
CREATE TABLE paifang.bounded_balance (
    tenant    text COLLATE "C" NOT NULL,
    account   text COLLATE "C" NOT NULL,
    currency  text   NOT NULL,
    available bigint NOT NULL CHECK (available >= 0),
    PRIMARY KEY (tenant, account, currency)
);

-- `id` says nothing about the order of commits; an event's cursor is in `event_place`.
CREATE TABLE paifang.event (
    place_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    id       text COLLATE "C" PRIMARY KEY CHECK (starts_with(id, 'ev_')),
    tenant   text COLLATE "C" NOT NULL,
    intent   text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 1),
    kind     text   NOT NULL,
    at       bigint NOT NULL,
    form     bigint NOT NULL CHECK (form >= 1),
    body     text   NOT NULL,
    UNIQUE (intent, sequence),
    FOREIGN KEY (tenant, intent) REFERENCES paifang.intent (tenant, id)
);

CREATE TRIGGER event_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.event FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('an event is frozen');

-- The order of commits (F33). A number that is drawn inside a transaction becomes visible only with its commit, so a reader
-- who follows such numbers passes those that commit late. Here numbers are drawn after the commit: what a commit appends
-- waits in a list, and `place` gives committed rows the next numbers without a gap, one caller at a time. Who reads calls
-- it first. A row that is not yet committed is not on the list that `place` sees, so nothing is ever placed below a number
-- that somebody has read. Neither a lock is held through a commit, so that commits share their flushes, nor does a
-- transaction that hangs, here or in another database, hold anything back but its own rows.
CREATE TABLE paifang.event_unplaced (place_id bigint PRIMARY KEY);

CREATE TABLE paifang.event_place (
    cursor   bigint PRIMARY KEY,
    place_id bigint NOT NULL UNIQUE REFERENCES paifang.event (place_id),
    tenant   text COLLATE "C" NOT NULL
);

CREATE INDEX event_place_by_tenant ON paifang.event_place (tenant, cursor);

CREATE TABLE paifang.transfer_unplaced (id bigint PRIMARY KEY);

CREATE TABLE paifang.transfer_place (
    position bigint PRIMARY KEY,
    id       bigint NOT NULL UNIQUE REFERENCES paifang.transfer (id),
    tenant   text COLLATE "C" NOT NULL
);

CREATE INDEX transfer_place_by_tenant ON paifang.transfer_place (tenant, position);

CREATE FUNCTION paifang.event_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO paifang.event_unplaced (place_id) VALUES (NEW.place_id);
    RETURN NULL;
END $$;

CREATE FUNCTION paifang.transfer_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO paifang.transfer_unplaced (id) VALUES (NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER event_waits AFTER INSERT ON paifang.event FOR EACH ROW EXECUTE FUNCTION paifang.event_waits();

CREATE TRIGGER transfer_waits AFTER INSERT ON paifang.transfer FOR EACH ROW EXECUTE FUNCTION paifang.transfer_waits();

CREATE TRIGGER event_place_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.event_place FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a cursor stands for one event for ever');

CREATE TRIGGER transfer_place_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.transfer_place FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('a position stands for one transfer for ever');

-- Events of one intent are placed in their sequence: each was inserted, and so got its `place_id`, while the intent's row
-- was locked. Each statement in here sees what was committed when it began, also what was committed while it waited for the
-- lock; the lock is let go only when what was placed is visible to the next caller.
CREATE FUNCTION paifang.place() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM paifang.event_unplaced)
       AND NOT EXISTS (SELECT 1 FROM paifang.transfer_unplaced)
       AND NOT EXISTS (SELECT 1 FROM paifang.intent_moved)
    THEN
        RETURN;
    END IF;
    -- "PAIF", place.
    PERFORM pg_advisory_xact_lock(1346456902, 2);
    WITH taken AS (DELETE FROM paifang.event_unplaced RETURNING place_id)
    INSERT INTO paifang.event_place (cursor, place_id, tenant)
    SELECT coalesce((SELECT max(cursor) FROM paifang.event_place), 0) + row_number() OVER (ORDER BY event.place_id),
           event.place_id, event.tenant
    FROM taken JOIN paifang.event ON event.place_id = taken.place_id;
    WITH taken AS (DELETE FROM paifang.transfer_unplaced RETURNING id)
    INSERT INTO paifang.transfer_place (position, id, tenant)
    SELECT coalesce((SELECT max(position) FROM paifang.transfer_place), 0) + row_number() OVER (ORDER BY transfer.id),
           transfer.id, transfer.tenant
    FROM taken JOIN paifang.transfer ON transfer.id = taken.id;
    WITH taken AS (DELETE FROM paifang.intent_moved RETURNING state, n),
         sums AS (SELECT state, sum(n)::bigint AS n FROM taken GROUP BY state)
    UPDATE paifang.intent_count SET n = intent_count.n + sums.n FROM sums
    WHERE intent_count.state = sums.state AND sums.n <> 0;
END $$;

-- `lane` is '' for work that runs in no rail account's lane. Work that has ended keeps its row, so that its epoch goes on
-- should the key come back and no old claim ever fits; one row and one key, whatever happens beside it.
CREATE TABLE paifang.work (
    key          text COLLATE "C" PRIMARY KEY,
    lane         text COLLATE "C" NOT NULL,
    due_at       bigint  NOT NULL,
    tries        bigint  NOT NULL CHECK (tries >= 0),
    epoch        bigint  NOT NULL CHECK (epoch >= 1),
    owner        text,
    leased_until bigint,
    quarantined  text,
    ended        boolean NOT NULL DEFAULT false,
    form         bigint  NOT NULL CHECK (form >= 1),
    body         text    NOT NULL,
    CHECK (quarantined IS NULL OR leased_until IS NULL)
) WITH (fillfactor = 70);

CREATE INDEX work_due ON paifang.work (lane, due_at, key) WHERE quarantined IS NULL AND NOT ended;
CREATE INDEX work_leased ON paifang.work (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX work_quarantined ON paifang.work (key) WHERE quarantined IS NOT NULL;
CREATE INDEX work_open ON paifang.work (key) WHERE NOT ended;

CREATE TRIGGER work_epoch_grows BEFORE UPDATE ON paifang.work FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
EXECUTE FUNCTION paifang.refuse('the epoch of a piece of work falls');

CREATE TRIGGER work_stays BEFORE DELETE OR TRUNCATE ON paifang.work FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('work that has ended keeps its epoch');

-- Payer data of attempts that have not ended.
CREATE TABLE paifang.submission (
    attempt text COLLATE "C" PRIMARY KEY,
    form    bigint NOT NULL CHECK (form >= 1),
    body    text   NOT NULL
);

CREATE TABLE paifang.inbox (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rail_account text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    verdict      text   NOT NULL CHECK (verdict IN ('applied', 'suspicious')),
    why          text,
    digest       bytea  NOT NULL CHECK (length(digest) = 32),
    at           bigint NOT NULL,
    CHECK ((why IS NOT NULL) = (verdict = 'suspicious')),
    UNIQUE (rail_account, key)
);

CREATE INDEX inbox_by_account ON paifang.inbox (rail_account, position);
CREATE INDEX inbox_suspicious ON paifang.inbox (position) WHERE verdict = 'suspicious';

CREATE TRIGGER inbox_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON paifang.inbox FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('the inbox is only ever appended to');
