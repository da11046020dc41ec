-- Transfers of funds are told, too: an event of them belongs to no intent. SQLite cannot take a NOT NULL away, so the table is made
-- anew under its name; cursors stay.
CREATE TABLE event_next (
    cursor   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT    NOT NULL UNIQUE CHECK (id GLOB 'ev_*'),
    tenant   TEXT    NOT NULL,
    intent   TEXT,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    kind     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    form     INTEGER NOT NULL CHECK (form >= 1),
    body     TEXT    NOT NULL,
    UNIQUE (intent, sequence),
    FOREIGN KEY (tenant, intent) REFERENCES intent (tenant, id),
    CHECK ((intent IS NULL) = (kind = 'funds.transferred'))
) STRICT;

INSERT INTO event_next (cursor, id, tenant, intent, sequence, kind, at, form, body)
SELECT cursor, id, tenant, intent, sequence, kind, at, form, body FROM event ORDER BY cursor;

DROP TABLE event;
ALTER TABLE event_next RENAME TO event;

CREATE INDEX event_by_tenant ON event (tenant, cursor);

CREATE TRIGGER event_stays BEFORE UPDATE ON event
BEGIN SELECT RAISE (ABORT, 'an event is frozen'); END;

CREATE TRIGGER event_kept BEFORE DELETE ON event
BEGIN SELECT RAISE (ABORT, 'an event is frozen'); END;
