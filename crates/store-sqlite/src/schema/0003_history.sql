-- The transfers of one intent are read together, for whoever asks why it stands where it stands.
CREATE INDEX transfer_by_subject ON transfer (tenant, subject, position);
