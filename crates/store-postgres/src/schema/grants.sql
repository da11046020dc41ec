-- What a gateway needs at run time, for a role that owns nothing: :role stands for its name. It can neither change the
-- schema nor take anything back that was appended. A store that is opened reads from this file what its role must have.
GRANT USAGE ON SCHEMA paifang TO :role;
GRANT SELECT ON ALL TABLES IN SCHEMA paifang TO :role;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA paifang TO :role;
GRANT INSERT ON paifang.setting, paifang.tenant, paifang.intent, paifang.intent_moved, paifang.attempt, paifang.rail_number,
    paifang.intent_journal, paifang.refund, paifang.refund_journal, paifang.request, paifang.transfer,
    paifang.bounded_balance, paifang.event, paifang.event_unplaced, paifang.event_place, paifang.transfer_unplaced,
    paifang.transfer_place, paifang.work, paifang.submission, paifang.inbox, paifang.rules,
    paifang.decision, paifang.bulk, paifang.bulk_call, paifang.bulk_entry TO :role;
GRANT UPDATE ON paifang.intent, paifang.intent_count, paifang.attempt, paifang.refund, paifang.bounded_balance, paifang.work,
    paifang.submission, paifang.bulk, paifang.bulk_entry TO :role;
GRANT UPDATE (outcome, outcome_at, refunded_at, complained_at) ON paifang.decision TO :role;
GRANT DELETE ON paifang.intent_moved, paifang.event_unplaced, paifang.transfer_unplaced, paifang.submission TO :role;
