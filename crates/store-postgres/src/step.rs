//! One statement of a commit: its text, its values, and what its caller wants to see of it.

use std::fmt;

use jiff::Timestamp;
use paifang_store::Committed;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::value::{capped, nanos};

/// A statement that has not been sent.
pub(crate) struct Step {
    pub text: &'static str,
    pub values: Vec<Value>,
    pub wants: Wants,
}

/// What a statement has to do so that the commit goes on.
pub(crate) enum Wants {
    /// Anything.
    Anything,
    /// It touches a row; otherwise this is the answer to the batch.
    RowOr(Committed),
    /// It inserts the request id; otherwise the answer is what the id stands for.
    NewRequest,
    /// It touches a row; otherwise the batch breaks this rule.
    RowOrBroken(&'static str),
}

/// A value on its way into a column. Never shown: some of them speak of payers, and the driver logs parameters when it is
/// asked to log everything (I14).
#[derive(Clone)]
pub(crate) enum Value {
    Text(String),
    MaybeText(Option<String>),
    Int(i64),
    MaybeInt(Option<i64>),
    Bytes(Vec<u8>),
    MaybeBytes(Option<Vec<u8>>),
}

impl Step {
    /// A statement that may touch any number of rows.
    pub fn new(text: &'static str, values: Vec<Value>) -> Self {
        Self { text, values, wants: Wants::Anything }
    }

    /// The same, with a wish.
    pub fn wanting(self, wants: Wants) -> Self {
        Self { wants, ..self }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Text(text) => text.to_sql_checked(ty, out),
            Self::MaybeText(text) => text.to_sql_checked(ty, out),
            Self::Int(number) => number.to_sql_checked(ty, out),
            Self::MaybeInt(number) => number.to_sql_checked(ty, out),
            Self::Bytes(bytes) => bytes.to_sql_checked(ty, out),
            Self::MaybeBytes(bytes) => bytes.to_sql_checked(ty, out),
        }
    }

    /// Each value checks its own type in [`ToSql::to_sql`].
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::MaybeText(text.map(str::to_owned))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(capped(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::MaybeInt(number)
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Int(nanos(time))
    }
}

impl From<[u8; 32]> for Value {
    fn from(bytes: [u8; 32]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Option<[u8; 32]>> for Value {
    fn from(bytes: Option<[u8; 32]>) -> Self {
        Self::MaybeBytes(bytes.map(|bytes| bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I14: nobody who prints a parameter sees it.
    #[test]
    fn values_are_never_shown() {
        let payer = Value::from("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
        assert_eq!(format!("{payer:?} {:?}", [Value::from([7; 32]), Value::from(5_i64)]), "*** [***, ***]");
    }
}
