//! The rail kit: an adapter talks to the other side of its rail over loopback, and every law that the engine relies on is
//! checked against what the other side really did.
//!
//! - [`World`] is one account: the adapter, its keys, a [`Counterpart`] and a listener for notifications.
//! - [`Habits`] is data: what this rail answers where rails differ and the descriptor has no word for it.
//! - [`checks`] has one function per law; [`rail_suite!`](crate::rail_suite) makes a test of each.
//! - [`ControlApi`] is the counterpart that stands behind the mock rails' control listener.
//!
//! An adapter's whole test file is a function that opens a [`World`], and one line:
//!
//! ```ignore
//! paifang_conformance::rail_suite!(world);
//! ```
//!
//! The kit holds an adapter to what the engine relies on; whether its bytes are the rail's is the matter of golden tests.

pub mod checks;
mod control;
mod counterpart;
mod habits;
mod http;
mod payer;
mod words;
mod world;

pub use control::ControlApi;
pub use counterpart::{Act, BookEntry, BookRefund, CodeOutcome, Counterpart, Fault, Sending, Target};
pub use habits::{Habits, RefundFailure};
pub use http::{Delivery, Listener, Lost, send};
pub use world::{Setup, World};

/// Makes a test of every law, each in a world of its own. `$open` is an async function that gives a
/// [`World`](crate::rail::World).
#[macro_export]
macro_rules! rail_suite {
    ($open:path) => {
        $crate::rail_suite! { @each $open:
            plans_are_deterministic,
            creations_lead_the_payer_to_the_order,
            queries_tell_the_state,
            unknown_orders_are_absent,
            expiry_ends_an_unpaid_order,
            closes_end_unpaid_orders_only,
            late_money_is_told,
            payments_are_notified,
            refused_notifications_come_again,
            copies_of_a_notification_have_one_key,
            a_notification_says_what_was_signed,
            forged_notifications_are_refused,
            refunds_return_money_once,
            refunds_of_more_than_is_left_are_not_done,
            refund_notifications_open,
            failed_refunds_return_nothing,
            lost_creations_are_told_by_a_query,
            lost_closes_and_refunds_are_told_by_a_query,
            repeated_creations_charge_once,
            codes_are_read_as_listed,
            replies_without_proof_are_doubt,
            replies_about_other_orders_are_doubt,
            tampered_replies_are_doubt,
            payers_codes_are_charged_once,
            payers_codes_in_doubt_are_told_by_a_query,
            reverses_return_what_was_paid,
            the_descriptor_is_the_whole_truth,
            what_is_told_is_what_is_listed,
            no_order_is_made_without_what_it_requires,
            amounts_and_expiries_reach_to_their_limits,
            holds_are_captured_once,
            holds_are_released,
            captures_of_more_than_is_held_are_not_done,
            holds_are_notified,
            lost_captures_and_releases_are_told_by_a_query,
            unpaid_holds_end,
            statements_list_what_moved,
            tampered_statements_are_refused,
            statements_list_payers_codes,
        }
    };
    (@each $open:path: $($check:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $check() {
            $crate::rail::checks::$check(&$open().await).await;
        }
    )+};
}
