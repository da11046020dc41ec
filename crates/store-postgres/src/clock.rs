//! The one clock that claims are measured by: the database's.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::step::Value;
use crate::value::nanos;

/// Whose time it is.
#[derive(Clone, Default)]
pub enum Clock {
    /// The database's, for every replica alike.
    #[default]
    Server,
    /// The database's, set ahead by what this answers: for playing whole days against mock rails. Every replica must answer
    /// the same.
    Ahead(Arc<dyn Fn() -> SignedDuration + Send + Sync>),
    /// A test's own.
    Hand(Arc<dyn Fn() -> Timestamp + Send + Sync>),
}

impl Clock {
    /// The two arguments of the function `store_now` of the schema.
    pub(crate) fn arguments(&self) -> [Value; 2] {
        match self {
            Self::Server => [Value::MaybeInt(None), Value::Int(0)],
            Self::Ahead(by) => {
                let by = i64::try_from(by().as_nanos()).unwrap_or(0);
                [Value::MaybeInt(None), Value::Int(by)]
            }
            Self::Hand(now) => [Value::MaybeInt(Some(nanos(now()))), Value::Int(0)],
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "Server",
            Self::Ahead(_) => "Ahead",
            Self::Hand(_) => "Hand",
        })
    }
}
