-- Transfers of funds are told, too: an event of them belongs to no intent. What is there has one, so nothing is read for it. A
-- release that does not know such events could not read a stream that has one.
ALTER TABLE paifang.event ALTER COLUMN intent DROP NOT NULL;
ALTER TABLE paifang.event ADD CONSTRAINT event_of_intent_or_funds
CHECK ((intent IS NULL) = (kind = 'funds.transferred')) NOT VALID;
