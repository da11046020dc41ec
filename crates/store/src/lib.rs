//! Where everything is kept: the [`Store`] port, what it commits ([`Batch`]), and the in-memory [`ModelStore`].
//!
//! The port is coarse so that every store fits and no transaction leaks upward: load, decide, commit. A batch is
//! committed whole or not at all, and it says what it has seen: a version that has moved on is a
//! [`Committed::Conflict`], after which the caller loads and decides again.
//!
//! [`ModelStore`] is the reference: no file, no SQL, every rule in plain code. The conformance suite runs the same
//! histories over it and over every real store and demands equal results. [`fsck`] proves of any store that rows equal
//! the fold of their journals, that amounts equal the refunds, and that the ledger balances.
//!
//! Limits: [`PAGE_MAX`] rows per read; a batch touches one intent and any number of its refunds.
#![forbid(unsafe_code)]

mod accounts;
mod batch;
mod bulk;
mod chain;
mod check;
mod error;
pub mod form;
pub mod fsck;
pub mod funds;
mod model;
pub mod net;
mod port;
mod quarantine;
mod records;
mod row;
mod rules;

pub use batch::{
    Batch, Committed, Fence, Guard, InboxEntry, InboxVerdict, IntentWrite, Lease, NewEvent, RefundWrite,
    RequestKey, Resource, Reversed, Snapshot, SubmissionChange, WorkChange,
};
pub use bulk::{
    BULK_ASKING_MAX, BULK_CANCELED_AT_ONCE, BULK_ENTRIES_MAX, BulkCall, BulkCalled, BulkCase, BulkClaim,
    BulkEntry, BulkRow, BulkState, BulkStep, BulkStore, BulkTerms, BulkThen, BulkTotal, Driven, EntriesAdded,
    EntryOutcome, EntryStage, NewBulk, NewBulkEntry, Refused, pause_after,
};
pub use error::StoreError;
pub use model::ModelStore;
pub use port::{HISTORY_MAX, PAGE_MAX, Store};
pub use quarantine::Quarantine;
pub use records::records;
pub use row::{
    AccountBalance, Amounts, AttemptRef, BookedFrom, InboxRow, IntentFilter, IntentRow, Leased, Operation,
    Page, RefundRef, RequestRow, Stats, StoredEvent, StoredTransfer, Submission, Tenant, WorkKey, WorkRow,
};
pub use rules::{
    Decided, DecidedWrite, GuardedBook, Judged, Mark, Marked, Marks, RulesEntry, RulesRequest, RulesSeen,
    Sample, StoredDecided, StoredRules,
};
