//! Carries the bytes of an exchange to a rail and its answer back: once, under a deadline, within the account's limits.
//!
//! The one thing that only this crate can know is whether a byte of the request may have left us. It says "not sent" only
//! with a proof, and everything else is a doubt:
//!
//! | what happened | error |
//! |---|---|
//! | no connection: name, TCP, TLS (expired, wrong host, unknown issuer), or none within its time | `NotConnected` |
//! | the account's places are all taken for longer than the queue's time | `HeldBack` |
//! | the exchange is no HTTP message, or would go in plain text to another machine | `Unsendable` |
//! | a pooled connection was closed before hyper took the request up ([`witness`]) | `NotConnected` |
//! | the deadline passed after a connection was chosen | `TimedOut` |
//! | anything else: reset, closed, cut, larger than [`paifang_rail::BODY_BYTES_MAX`], not HTTP | `Lost` |
//!
//! A bill is fetched in the same way into a file ([`HttpTransport::download`]), with a larger bound and more time.
//!
//! Connections come in by a door of their own ([`Dial`]): TCP, unless another network is brought.
//!
//! It never follows a redirect, never repeats a request, never asks a proxy, and prints no URL query, header or body.
#![forbid(unsafe_code)]

mod dial;
mod download;
mod exchange;
mod options;
mod request;
mod tls;
mod witness;

#[cfg(test)]
mod tests;

pub use dial::{Bytestream, Dial, Dialing, Tcp};
pub use download::DownloadError;
pub use exchange::{HttpTransport, TransportError};
pub use options::{Options, OptionsError};
