//! Net statements: which month, whose, and the side that knows events only. What the storefront's side reads out of the book is
//! `paifang_store::net`.

mod events;
mod lines;
mod month;
mod party;

pub use events::{EventError, Heard};
pub use lines::{LineError, read_line, write_line};
pub use month::{DEFAULT_ZONE, MonthError, period};
pub use party::{fund, name, named};
