//! What every store has to do. Each function is one test over a fresh store; [`crate::store_suite!`] makes tests of all
//! of them. Refusals are checked together with their other half: that nothing was changed (I18).

mod amounts;
mod batches;
mod bulks;
mod crowds;
pub mod desk;
mod events;
mod history;
mod holds;
mod ledger;
mod lists;
mod marks;
mod requests;
mod rules;
mod tenants;
mod work;

use std::future::Future;

use paifang_store::Store;

use crate::clock::HandClock;

pub use amounts::{each_amount_has_its_bound, refunds_never_exceed_the_capture};
pub use batches::{
    final_states_stay, incoherent_batches_are_refused, numbers_are_unique, one_of_many_steps_wins,
    stale_versions_conflict,
};
pub use bulks::{
    a_refused_entry_never_has_a_refund, bulks_are_driven_by_one_at_their_pace, bulks_are_filled_once,
    bulks_follow_their_refunds, bulks_pause_and_are_canceled,
};
pub use crowds::crowds_take_no_more_than_there_is;
pub use desk::Desk;
pub use events::{
    events_keep_the_order_of_commits, funds_are_told_beside_intents, readers_beside_writers_miss_nothing,
};
pub use history::histories_end_alike;
pub use holds::{holds_bound_what_is_captured, numbers_of_holds_lead_to_their_attempt, refunds_take_turns};
pub use ledger::{
    accounts_are_read_by_their_time, balances_are_exact, holds_resolve_once_and_in_full,
    late_money_goes_back_once, postings_happen_once, suspense_is_never_overdrawn,
};
pub use lists::{lists_are_paged_newest_first, stats_tell_what_waits};
pub use marks::{
    books_with_guard_rails_are_found, samples_are_counted_in_their_window,
    what_became_of_an_attempt_is_marked_once,
};
pub use requests::{
    equal_requests_make_one_intent, notifications_are_taken_once, request_ids_never_expire,
    suspicious_news_leaves_its_key_free,
};
pub use rules::{books_of_rules_only_grow, decisions_rest_on_the_rules_that_were_seen};
pub use tenants::{payer_data_lives_with_its_attempt, tenants_are_kept, tenants_never_meet};
pub use work::{
    claims_are_disjoint, claims_end_on_the_stores_clock, delays_and_quarantine, hastened_work_is_due,
    old_claims_never_fit, work_is_claimed_oldest_first,
};

/// Opens fresh, empty stores on a clock. It outlives them, so it may hold their directory.
pub trait Bench: Sync {
    /// The store under test.
    type Store: Store;
    /// A fresh store.
    fn open(&self, clock: &HandClock) -> impl Future<Output = Self::Store>;
}

/// Declares one test per rule of the port, each over a fresh store of this [`Bench`].
#[macro_export]
macro_rules! store_suite {
    ($bench:expr) => {
        $crate::store_tests! { $bench;
            request_ids_never_expire
            equal_requests_make_one_intent
            notifications_are_taken_once
            suspicious_news_leaves_its_key_free
            stale_versions_conflict
            one_of_many_steps_wins
            final_states_stay
            incoherent_batches_are_refused
            numbers_are_unique
            each_amount_has_its_bound
            refunds_never_exceed_the_capture
            postings_happen_once
            holds_resolve_once_and_in_full
            suspense_is_never_overdrawn
            late_money_goes_back_once
            balances_are_exact
            accounts_are_read_by_their_time
            work_is_claimed_oldest_first
            claims_end_on_the_stores_clock
            claims_are_disjoint
            old_claims_never_fit
            delays_and_quarantine
            hastened_work_is_due
            events_keep_the_order_of_commits
            funds_are_told_beside_intents
            readers_beside_writers_miss_nothing
            lists_are_paged_newest_first
            stats_tell_what_waits
            books_of_rules_only_grow
            decisions_rest_on_the_rules_that_were_seen
            what_became_of_an_attempt_is_marked_once
            samples_are_counted_in_their_window
            books_with_guard_rails_are_found
            tenants_never_meet
            tenants_are_kept
            payer_data_lives_with_its_attempt
            holds_bound_what_is_captured
            numbers_of_holds_lead_to_their_attempt
            refunds_take_turns
            crowds_take_no_more_than_there_is
            histories_end_alike
            bulks_are_filled_once
            bulks_are_driven_by_one_at_their_pace
            bulks_follow_their_refunds
            bulks_pause_and_are_canceled
            a_refused_entry_never_has_a_refund
        }
    };
}

/// One test per name; see [`crate::store_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! store_tests {
    ($bench:expr; $($name:ident)*) => {$(
        #[test]
        fn $name() {
            $crate::block_on($crate::suite::store::$name(&$bench));
        }
    )*};
}
