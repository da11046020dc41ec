-- The transfers of one intent are read together, for whoever asks why it stands where it stands. Events have an index of
-- their own (intent, sequence). On a large book this takes a while, in which payments wait: build the index beforehand with
-- CREATE INDEX CONCURRENTLY under this name, and nothing is left to do here. What is left of such a build that failed is an
-- index that nobody uses: it is built again.
DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM pg_index JOIN pg_class ON pg_class.oid = pg_index.indexrelid
         WHERE pg_class.relname = 'transfer_by_subject' AND pg_class.relnamespace = 'paifang'::regnamespace
           AND NOT pg_index.indisvalid
    ) THEN
        DROP INDEX paifang.transfer_by_subject;
    END IF;
END
$$;
CREATE INDEX IF NOT EXISTS transfer_by_subject ON paifang.transfer (tenant, subject, id);
