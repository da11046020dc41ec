//! Exact division of money: who gets, gives, bears and owes how many fen, with nothing lost and nothing made.
//!
//! - [`apportion`] divides an amount by integer weights (largest remainder); [`Parts`] is a divided amount, and gives it
//!   back over any sequence of partial refunds so that no step is negative and all steps together are the whole.
//! - [`fees`]: what a payment costs, by which rule, and what of it comes back at a refund.
//! - [`splits`]: receivers with fixed amounts and shares, the rest to the merchant.
//! - [`bearing`]: who bears one refund, receivers and waterfall together.
//! - [`division`]: fee and splits of one payment together.
//! - [`discounts`]: who funded what of a lower price, within caps and budgets.
//! - [`waterfall`]: who funds a refund, in order; a shortage is a visible state.
//! - [`refund_terms`]: which refund is granted, by which rule, borne by whom, decided by when.
//! - [`statement`]: what two parties owe each other in a month, recomputable by both from their own events.
//!
//! Rules are data: each set of rules reads itself from serde (TOML in a policy bundle) and is checked as it is read;
//! [`Faults`] names every wrong field at once. Answers are data, too: they are stored beside the decision, and later
//! steps (a refund, a reversal) are computed from the stored answer, never from rules that may have changed since.
//!
//! Everything here is a function of its arguments. Amounts are whole minor units (fen); products are 128 bits wide, and
//! there is no float. Refunds are given as a running total and an amount, so a step depends only on how much had gone
//! back before it, never on how that was cut up: repeated or reordered evidence cannot move a fen. A refund that failed
//! after all is undone by the same call with the total that stays.
//!
//! Limits: [`RECEIVERS_MAX`] parts of one amount, [`RULES_MAX`] rules of one set, amounts as [`paifang_money::Money`].
#![forbid(unsafe_code)]

mod apportion;
pub mod bearing;
pub mod discounts;
pub mod division;
mod fault;
pub mod fees;
mod name;
mod parts;
pub mod refund_terms;
pub mod splits;
pub mod statement;
#[cfg(test)]
mod testing;
mod units;
pub mod waterfall;

pub use apportion::{ApportionError, apportion};
pub use fault::{Fault, Faults, RULES_MAX};
pub use name::{
    Category, DiscountId, EntryId, EntryKind, Merchant, Party, Receiver, RuleId, Wallet, WaterfallName,
};
pub use paifang_money::{Ppm, PpmError};
pub use paifang_name::NameError;
pub use parts::{Misfit, Parts, RECEIVERS_MAX};
pub use units::{Minor, OnRefund};
