//! The embedded store: SQLite in one file, for one process.
//!
//! - [`SqliteStore`] implements [`paifang_store::Store`]. Every write goes through one thread, which takes what waits
//!   for it (at most [`GROUP_MAX`] writes) into one transaction with a savepoint per write, flushes once, and only then
//!   answers all of them. Reads run beside it on read-only connections and see every commit that was answered.
//! - The schema (`schema/*.sql`) states the rules again, so that SQLite itself refuses what the code should never try:
//!   amounts, unique order numbers, one posting per key, journals that only grow.
//! - `synchronous=FULL` and WAL are asserted at open; a file that cannot have them is not opened. After an I/O error the
//!   store refuses every further write until it is opened anew (F22): what a failed flush has left on the disk is known
//!   only to the recovery.
//! - The file is locked to one process by a lock file beside it; opening it frees all leases.
//!
//! Limits: [`QUEUE_MAX`] writes and as many reads wait at most, further callers wait for their turn; times beyond the
//! years 1677 to 2262 are kept as "never" and "always".
#![forbid(unsafe_code)]

mod bulk;
mod fault;
mod open;
mod read;
mod readers;
mod store;
mod value;
mod write;
mod writer;

pub use open::OpenError;
pub use readers::READERS;
pub use store::SqliteStore;
pub use writer::{GROUP_MAX, QUEUE_MAX};
