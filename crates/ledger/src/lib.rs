//! Double-entry bookkeeping: where money stands, and how it got there. Knows accounts and transfers, no payments.
//!
//! - A [`Transfer`] is one row: it debits one account and credits another with the same positive amount, so an
//!   unbalanced entry cannot be written down. Rows are only ever appended.
//! - A transfer is posted at once, or pending first and then posted or voided in full by a later row.
//! - Each posting key is posted exactly once (I8); a store holds that by a unique key.
//! - A [`Balance`] is a sum over transfers. Only accounts with a bound ([`AccountKind::is_bounded`]) have a row of their
//!   own in a store, so that no row is hot.
//!
//! Limits: a name is at most [`NAME_BYTES_MAX`] bytes; sums are 128 bits wide and cannot overflow.
#![forbid(unsafe_code)]

mod account;
mod balance;
mod transfer;

pub use account::{Account, AccountKind, NAME_BYTES_MAX, NameError};
pub use balance::{Balance, Books, PostError};
pub use transfer::{Kind, PostingKey, Transfer};
