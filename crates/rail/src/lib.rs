//! The adapter SDK: everything that somebody needs who teaches the gateway a new rail.
//!
//! An adapter is a codec. It turns a [`Call`] into the bytes of an [`Exchange`] ([`Rail::plan`]) and bytes into an
//! [`Answer`] ([`Rail::read`], [`Rail::open_notification`]). It never sees a socket, a clock, a random number or a key
//! byte: all of that is lent by the [`Context`], so the same inputs always give the same bytes and golden tests are exact.
//!
//! Proof is a type. Only [`Keyring`] hands out a [`Genuine`], and without one an adapter cannot build "paid",
//! "refunded" or "closed", nor a [`Verified`] notification. An adapter that forgets to verify does not compile:
//!
//! ```compile_fail
//! # use paifang_rail::Genuine;
//! let forged = Genuine { digest: todo!(), key_serial: String::new() };
//! ```
//! ```compile_fail
//! # use paifang_rail::{Outcome, Verified};
//! # fn settled() -> paifang_payment::Settled { unimplemented!() }
//! let unproven = Outcome::paid(settled());
//! ```
//!
//! Limits: a reply or notification body is at most [`BODY_BYTES_MAX`]; the transport and the listener cut beyond it.
#![forbid(unsafe_code)]

mod adapter;
mod call;
mod descriptor;
mod exchange;
mod inquiry;
mod keyring;
mod notification;
mod proof;
mod redirect;
mod secret;
pub mod stand_in;
mod telling;

pub use adapter::{Context, Plan, PlanError, Rail};
pub use call::{
    Call, CaptureOrder, Charge, Order, OrderKind, PayerCode, PayerCodeError, RefundOrder, ReleaseOrder,
    Reversal,
};
pub use descriptor::{
    ClientKind, Closing, CreditUse, Descriptor, Holding, KeyKind, KeySpec, Need, Offer, Refunding,
    StatementSpec,
};
pub use exchange::{BODY_BYTES_MAX, Exchange, HttpReply, Method, Reply};
pub use inquiry::{
    Fetch, FileDigest, Finding, FreshKey, Inquiry, LineStanding, StatementError, StatementFile,
    StatementKind, StatementLine, StatementProof, StatementTotals, StatementWish,
};
pub use keyring::{
    CertificateRule, KeyError, Keyring, KeyringBuilder, Naming, NotGenuine, SealedCertificate,
};
pub use notification::{
    Claims, Identity, NamedPayment, Notification, NotificationError, RawNotification, Subject, Verdict,
};
pub use proof::{Answer, Genuine, Outcome, Verified};
pub use redirect::{PayerCard, RedirectedRefund, Redirects, RefundDestination};
pub use secret::Secret;
pub use telling::{FieldUse, Told, Uses};

#[doc(no_inline)]
pub use paifang_boundary::{Field, Fields, RailField, told};
