-- What became of attempts that rules let in, on the decision itself: what guard rails measure. Each is set once, but for a
-- failure that becomes a payment, by the commit that brings it about; nothing else of a decision ever changes. A release
-- that does not know these columns leaves them empty, and what it decides is not measured. The role that gateways run as
-- needs the grants anew (grants.sql): without them no attempt ends.
ALTER TABLE paifang.decision
    ADD COLUMN opening text COLLATE "C",
    ADD COLUMN version bigint,
    -- How many entries of the book it rests on.
    ADD COLUMN entries bigint,
    ADD COLUMN outcome text COLLATE "C" CHECK (outcome IN ('paid', 'failed')),
    ADD COLUMN outcome_at bigint,
    ADD COLUMN refunded_at bigint,
    ADD COLUMN complained_at bigint,
    ADD CHECK ((outcome IS NULL) = (outcome_at IS NULL));

DROP TRIGGER decision_stays ON paifang.decision;

CREATE TRIGGER decision_stays
BEFORE UPDATE OF attempt, tenant, intent, at, form, body, opening, version, entries ON paifang.decision FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('what was decided stays');

CREATE TRIGGER decision_kept BEFORE DELETE OR TRUNCATE ON paifang.decision FOR EACH STATEMENT
EXECUTE FUNCTION paifang.refuse('what was decided stays');

CREATE TRIGGER decision_marks_stay BEFORE UPDATE ON paifang.decision FOR EACH ROW
WHEN ((OLD.outcome IS NOT NULL AND (OLD.outcome, OLD.outcome_at) IS DISTINCT FROM (NEW.outcome, NEW.outcome_at)
       AND NOT (OLD.outcome = 'failed' AND NEW.outcome IS NOT DISTINCT FROM 'paid'))
      OR (OLD.refunded_at IS NOT NULL AND NEW.refunded_at IS DISTINCT FROM OLD.refunded_at)
      OR (OLD.complained_at IS NOT NULL AND NEW.complained_at IS DISTINCT FROM OLD.complained_at))
EXECUTE FUNCTION paifang.refuse('what became of an attempt stays');

-- A count over a window reads this index and, where the visibility map allows, nothing else.
CREATE INDEX decision_sample ON paifang.decision (tenant, opening, version, outcome_at)
INCLUDE (entries, outcome, refunded_at, complained_at) WHERE outcome_at IS NOT NULL;

-- Whether a bundle was drafted that has guard rails; of entries from before, and from a release that does not say, it is
-- not known.
ALTER TABLE paifang.rules ADD COLUMN guarded boolean;

CREATE INDEX rules_guarded ON paifang.rules (tenant) WHERE guarded IS NOT FALSE;

-- Complaints have request ids of their own. What is there keeps the narrower rule, so nothing is read for it.
ALTER TABLE paifang.request DROP CONSTRAINT request_operation_check;
ALTER TABLE paifang.request ADD CONSTRAINT request_operation_check
CHECK (operation IN ('create_intent', 'confirm_intent', 'capture_intent', 'cancel_intent', 'create_refund',
                     'cancel_refund', 'reverse_refund', 'transfer_funds', 'report_complaint')) NOT VALID;
