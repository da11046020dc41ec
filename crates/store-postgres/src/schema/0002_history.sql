-- The transfers of one intent are read together, for whoever asks why it stands where it stands. Events have an index of
-- their own (intent, sequence). On a large book this takes a while, in which payments wait: build the index beforehand with
-- CREATE INDEX CONCURRENTLY under this name, and nothing is left to do here.
CREATE INDEX IF NOT EXISTS transfer_by_subject ON paifang.transfer (tenant, subject, id);
