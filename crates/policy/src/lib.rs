//! Who may pay with what, as rules in data: versioned bundles, decided purely and explained.
//!
//! - [`facts`]: the closed table of inputs that a decision may look at. No payer's id is among them.
//! - [`condition`]: a yes-or-no expression in CEL over those inputs, checked when it is loaded.
//! - [`bundle`]: one version of a tenant's rules, read from TOML; every mistake is named with its place.
//! - [`cohort`]: which share of pseudonymous payers a rule reaches. Widening it never drops anyone.
//! - [`opening`]: whether a wallet is shown and accepted, which rule said so, and which input was missing; [`rank`]
//!   puts what is shown in order; [`credit`] says what becomes of one that leaves credit out.
//! - [`money`]: how a payment is divided, and what rules about refunds may look at.
//! - [`lifecycle`]: which version decides at a time, and which openings are rolled back.
//! - [`guard`]: what was counted over a window, held against a guard rail.
//! - [`audit`]: what a bundle says of each way to pay, to whomever: the tables of a report, and the counts of a day.
//! - [`diff`] and [`simulate`]: what a draft changes, by its text and over recorded decisions.
//! - `testing` (a feature): any valid bundle, for the tests of other crates.
//!
//! Everything here is a function of its arguments: there is no clock, no randomness and no I/O. What cannot be decided
//! (a missing input, a rule that fails) closes: it is never taken as a yes. A policy speaks about new payments only;
//! queries and refunds of what was paid go on whatever it says ([`opening::Standing`]).
#![forbid(unsafe_code)]

pub mod audit;
pub mod bundle;
pub mod cohort;
pub mod condition;
pub mod credit;
pub mod diff;
pub mod facts;
pub mod guard;
pub mod lifecycle;
pub mod money;
mod name;
pub mod opening;
mod place;
pub mod rank;
pub mod simulate;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use name::{BundleName, Code, MerchantId, RuleId};
pub use paifang_money::Ppm;
pub use paifang_name::NameError;
pub use place::{Fault, Faults, Place};
