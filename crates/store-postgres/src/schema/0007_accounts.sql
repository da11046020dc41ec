-- What counts of one account is read by its time, for statements of a month. On a large book this takes a while, in which
-- payments wait: build both indexes beforehand with CREATE INDEX CONCURRENTLY under these names, and nothing is left to do
-- here. What is left of such a build that failed is an index that nobody uses: it is built again.
DO $$
DECLARE
    left_over text;
BEGIN
    FOR left_over IN
        SELECT pg_class.relname FROM pg_index JOIN pg_class ON pg_class.oid = pg_index.indexrelid
         WHERE pg_class.relname IN ('transfer_by_debit', 'transfer_by_credit')
           AND pg_class.relnamespace = 'paifang'::regnamespace AND NOT pg_index.indisvalid
    LOOP
        EXECUTE format('DROP INDEX paifang.%I', left_over);
    END LOOP;
END
$$;
CREATE INDEX IF NOT EXISTS transfer_by_debit ON paifang.transfer (tenant, debit, at, posting_key)
WHERE phase IN ('posted', 'posts');
CREATE INDEX IF NOT EXISTS transfer_by_credit ON paifang.transfer (tenant, credit, at, posting_key)
WHERE phase IN ('posted', 'posts');
