//! What a payment is, without any I/O: ids, outcomes, evidence, and the three machines.
//!
//! - [`intent::Intent`] is what the storefront wants to be paid: one amount, any number of tries, at most one capture.
//! - [`attempt::Attempt`] is one try on one rail account, with an order number of its own.
//! - [`refund::Refund`] is money on its way back; it has a journal of its own.
//!
//! A machine takes a command or an [`Observation`] and answers a step: the next value and the journal facts that lead
//! to it. A fact is applied by exactly one function, so a row always equals the fold of its journal. Nothing here knows
//! a clock, a store, a rail or a socket; time is an argument.
//!
//! Limits: [`intent::ATTEMPTS_MAX`] attempts per intent; texts as their types say.
#![forbid(unsafe_code)]

pub mod attempt;
mod credit;
mod evidence;
mod id;
pub mod intent;
mod name;
mod next_action;
mod outcome;
pub mod planted;
pub mod refund;
mod seal;
#[cfg(test)]
mod testing;

pub use credit::Credit;
pub use evidence::{Digest, Evidence, Source};
pub use id::{AttemptId, BulkId, EventId, FundsId, IdError, IntentId, RefundId, TenantId};
pub use name::{
    AccountId, Attention, BulkEntryId, NameError, OrderNo, PayerAlias, PayerId, RailName, RailRef, Reason,
    Remark, RequestId, WalletName,
};
pub use next_action::{FormField, NextAction, Presentation};
pub use outcome::{
    Basis, CloseProof, Doubt, News, NotSent, Observation, Outcome, Pending, Refusal, Settled, Verb,
};
pub use seal::{Commit, Seal};
