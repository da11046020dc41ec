//! The store for several replicas: one PostgreSQL database (15 or later), any number of stateless gateways.
//!
//! - [`PostgresStore`] implements [`paifang_store::Store`]. A commit is one READ COMMITTED transaction whose statements
//!   are sent without waiting for each other; each rule lives in one row or one unique key, each condition in the
//!   statement that changes the row. The schema (`schema/*.sql`) states the rules again, as the SQLite store's does.
//! - Claims are measured by the database's clock alone ([`Clock`]), taken with `SKIP LOCKED` and fenced by an epoch.
//! - Every connection proves, before it is used, that its commits are durable: `fsync`, `full_page_writes`,
//!   `synchronous_commit`, no standby, no read-only session. Otherwise it is not used.
//! - A connection that is lost while a commit is under way leaves its outcome open ([`StoreError::CommitUnknown`], F24);
//!   one that is lost before has changed nothing. Deadlocks and serialization failures are tried again, a bounded number
//!   of times.
//! - What is under way goes on when its caller goes away, so a transaction is never left half sent.
//!
//! Left out: row-level security. The tenant is part of every statement here and of every key, and the conformance suite
//! shows that tenants never meet; a second wall in the database would need a role or a setting per tenant and statement.
//!
//! Limits: [`CONNECTIONS`] connections unless told otherwise; [`CALLS_MAX`] calls at once, further callers wait for their
//! turn; a call takes at most [`PATIENCE`].
//!
//! [`StoreError::CommitUnknown`]: paifang_store::StoreError::CommitUnknown
#![forbid(unsafe_code)]

mod address;
mod bulk;
mod clock;
mod commit;
mod fault;
mod grants;
mod migrate;
mod open;
mod read;
mod step;
mod store;
mod value;
mod write;

pub use address::{Address, AddressError};
pub use clock::Clock;
pub use migrate::MigrateError;
pub use open::{CONNECTIONS, OpenError};
pub use store::{CALLS_MAX, PATIENCE, PostgresStore};
