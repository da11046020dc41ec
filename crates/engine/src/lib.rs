//! The use cases of the gateway, and the loops that see to what is under way.
//!
//! Everything follows one order: decide (pure), commit (store), act (rail). The call to a rail happens outside of any
//! transaction and only after it was written ahead; whatever comes back, from wherever, enters by [`Engine::observe`].
//!
//! ```text
//! create / confirm ─► commit "Sending" ─► plan ─► transport ─► read ─┐
//! notification ─► verify, bind ───────────────────────────────────────┼─► observe ─► commit
//! capture ─► commit "it may have been sent" ─► plan ─► ... ────────────┤
//! timer ─► lease ─► query / close / reverse / release / resend ───────┘
//! ```
//!
//! The engine names no runtime, socket, clock or adapter: [`ports`] says what it needs, so a simulator can run it
//! unchanged. It holds no lock and no transaction across a call to a rail.
#![forbid(unsafe_code)]

mod accounts;
mod audit;
mod bear;
mod books;
mod boundary;
mod bulk;
mod bulk_drive;
mod cancel;
mod capture;
mod carry;
mod choose;
mod claim;
mod codes;
mod command;
mod complaint;
mod compose;
mod confirm;
mod consult;
mod divide;
mod engine;
mod error;
mod funds;
mod guards;
mod health;
mod names;
mod notified;
mod observe;
mod place;
pub mod ports;
mod quarantine;
mod redirect;
mod refunds;
mod refusal;
mod reversing;
mod rulebook;
mod rules;
mod schedule;
mod signals;
pub mod statement;
mod stray;
mod upcoming;
mod worker;

pub use accounts::{Account, Accounts};
pub use audit::{AuditSpan, Held, HeldBack, HeldRules};
pub use boundary::{Counterparty, Egress, Shares};
pub use bulk::{BULK_IN_FLIGHT_DEFAULT, BULK_IN_FLIGHT_MAX, BULK_PACE_MAX, BulkSeen, CreateBulk, SteerBulk};
pub use bulk_drive::BulkCounts;
pub use command::{
    CancelIntent, CancelRefund, CaptureIntent, Client, ConfirmIntent, Confirmation, CreateIntent,
    CreateRefund, Declared, Fund, Made, ReportComplaint, ReverseRefund, TransferFunds,
};
pub use confirm::etag;
pub use consult::{CodeKnown, Consultation, Obstacle, WalletOption};
pub use engine::{Engine, Limits};
pub use error::{Error, Violation, reason};
pub use guards::{Crossed, GuardRound};
pub use names::Names;
pub use notified::Notified;
pub use paifang_shares::refund_terms::RefundCase;
pub use place::{CodeQuestion, Consulted, Identified, Placed, Position};
pub use quarantine::{Poisoned, RedriveError};
pub use redirect::{RedirectError, Redirectable, Redirected};
pub use refusal::{Refusal, RefusalCounts};
pub use rulebook::{ChangeRules, RulesChange, Without};
pub use rules::{Rules, Weighed};
pub use upcoming::Opens;
