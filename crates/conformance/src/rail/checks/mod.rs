//! The laws, one function each. A function panics where the adapter and its other side disagree.

mod codes;
mod doubts;
mod holds;
mod notifications;
mod orders;
mod plans;
mod refunds;
mod repeats;
mod statements;
mod telling;

pub use codes::{
    payers_codes_are_charged_once, payers_codes_in_doubt_are_told_by_a_query, reverses_return_what_was_paid,
};
pub use doubts::{
    codes_are_read_as_listed, replies_about_other_orders_are_doubt, replies_without_proof_are_doubt,
    tampered_replies_are_doubt,
};
pub use holds::{
    captures_of_more_than_is_held_are_not_done, holds_are_captured_once, holds_are_notified,
    holds_are_released, lost_captures_and_releases_are_told_by_a_query, unpaid_holds_end,
};
pub use notifications::{
    a_notification_says_what_was_signed, copies_of_a_notification_have_one_key,
    forged_notifications_are_refused, payments_are_notified, refused_notifications_come_again,
};
pub use orders::{
    closes_end_unpaid_orders_only, creations_lead_the_payer_to_the_order, expiry_ends_an_unpaid_order,
    late_money_is_told, queries_tell_the_state, unknown_orders_are_absent,
};
pub use plans::{
    amounts_and_expiries_reach_to_their_limits, plans_are_deterministic, the_descriptor_is_the_whole_truth,
};
pub use refunds::{
    failed_refunds_return_nothing, refund_notifications_open, refunds_of_more_than_is_left_are_not_done,
    refunds_return_money_once,
};
pub use repeats::{
    lost_closes_and_refunds_are_told_by_a_query, lost_creations_are_told_by_a_query,
    repeated_creations_charge_once,
};
pub use statements::{
    statements_list_payers_codes, statements_list_what_moved, tampered_statements_are_refused,
};
pub use telling::{no_order_is_made_without_what_it_requires, what_is_told_is_what_is_listed};
