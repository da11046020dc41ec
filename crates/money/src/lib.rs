//! Exact money: an integer of minor units and an ISO 4217 currency, nothing else.
//!
//! - [`Currency`] is any currency that the ISO 4217 table gives an exponent (0 to 4 decimals).
//! - [`Money`] is an amount that is never negative; [`PositiveMoney`] is never zero either, and is what a
//!   charge, a refund and a ledger transfer are made of.
//! - Text conversion is exact in both directions ([`Money::from_decimal`], [`Money::to_decimal`]): a rail that
//!   counts in yuan and one that counts in fen meet here. There is no float anywhere.
//! - [`Ppm`] is a share in parts per million. Taking it of an amount is the one place that rounds, by a rule in its name.
//!
//! Limits: an amount is at most [`MINOR_UNITS_MAX`] minor units, which leaves room to add a million of them in an
//! `i64`. Arithmetic is checked and answers `None` beyond the limit.
#![forbid(unsafe_code)]

mod currency;
mod money;
mod ppm;

pub use currency::{Currency, UnknownCurrency};
pub use money::{AmountError, DecimalError, MINOR_UNITS_MAX, Money, PositiveMoney};
pub use ppm::{Ppm, PpmError};
