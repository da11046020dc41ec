//! Mock rails: local servers that speak the real wire protocols of the payment rails, for tests and the demo.
//!
//! - [`MockRails`] starts one listener per rail and one control listener, on loopback only.
//! - What the rails share: [`clock`] (their world's time), [`faults`] (misbehaviour on demand), [`notifier`]
//!   (notifications repeated until acknowledged), [`journal`] (what arrived and how it was judged), [`book`]
//!   (what the rail believes about money), [`server`] (HTTP with raw targets and raw bodies) and [`control`]
//!   (JSON over HTTP for the payer's acts and for tests).
//! - One module tree per rail.
//!
//! The crate imports neither the adapters nor the crate they are built on, and signs with another library than they
//! do: it is written from the facts by a different hand, so that a misread rule cannot cancel out.
#![forbid(unsafe_code)]

pub mod alipay;
pub mod book;
mod books;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod conditions;
pub mod control;
pub mod faults;
pub mod forge;
mod gbk;
pub mod home;
pub mod journal;
pub mod magic;
pub mod notifier;
pub mod scenario;
pub mod server;
pub mod unionpay;
pub mod vectors;
pub mod wechatpay;

mod mock;
mod pages;
mod parsed;
mod rsa;
mod start;
mod tls;

#[cfg(test)]
mod framework_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod world_tests;

pub use forge::Files;
pub use mock::{
    Bench, BillKind, BillLine, CodeOutcome, KeyStep, PayerAct, PayerError, PayerTarget, RailMock, RailReply,
    RailRequest, Refusal, Step, WalletView,
};
#[cfg(feature = "stand-in")]
pub use rsa::stand_in::replace_rsa;
pub use start::{MockRails, Options};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: a test that failed in one thread must not hide its message behind poison.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
