-- What counts of one account is read by its time, for statements of a month.
CREATE INDEX transfer_by_debit ON transfer (tenant, debit, at, posting_key) WHERE phase IN ('posted', 'posts');
CREATE INDEX transfer_by_credit ON transfer (tenant, credit, at, posting_key) WHERE phase IN ('posted', 'posts');
