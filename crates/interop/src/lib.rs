//! Which wallet a scanned code belongs to, and which rails take it: published facts as data, each with its source.
//!
//! - [`codes`]: the table of lengths and first digits by which a payer's code is told ([`codes::published`]).
//! - [`matrix`]: which wallets pay at whose rail, by which kind of code, since when ([`matrix::published`]).
//! - [`Confidence`]: how sure a row is. A row that nobody confirmed is told, and never decides against a payment.
//!
//! Both tables are TOML files beside this source, read when they are first asked for; a test reads them on each build. A
//! payer's code comes in as text, is compared, and is kept nowhere.
#![forbid(unsafe_code)]

pub mod codes;
pub mod matrix;
mod table;

pub use table::{Confidence, ReadError, RowId, Wrong};
