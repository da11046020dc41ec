//! Net statements: which month, whose, and the side that knows events only. What the storefront's side reads out of the book is
//! `paifang_store::net`.

mod events;
mod handed;
mod lines;
mod month;
mod names;
mod party;

pub use events::{EventError, Heard};
pub use handed::handed_to;
pub use lines::{LineError, read_line, to_json, write_line};
pub use month::{DEFAULT_ZONE, MonthError, period};
pub use party::{fund, name, named};
