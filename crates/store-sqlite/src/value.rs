//! Values on their way into columns and out of them.

use jiff::Timestamp;
use paifang_payment::Digest;
use paifang_store::StoreError;
use paifang_store::form::{self, Stored};
use rusqlite::Row;
use rusqlite::types::FromSql;

use crate::fault::Fault;

/// Nanoseconds since 1970; a time that does not fit stands for "never" or "always".
pub(crate) fn nanos(time: Timestamp) -> i64 {
    let beyond = if time > Timestamp::UNIX_EPOCH { i64::MAX } else { i64::MIN };
    i64::try_from(time.as_nanosecond()).unwrap_or(beyond)
}

/// The time of a column written by [`nanos`].
pub(crate) fn time(nanos: i64) -> Timestamp {
    match nanos {
        i64::MAX => Timestamp::MAX,
        i64::MIN => Timestamp::MIN,
        _ => Timestamp::from_nanosecond(nanos.into()).unwrap_or(Timestamp::MAX),
    }
}

/// A count that came from outside, for a comparison: nothing is beyond `i64::MAX`.
pub(crate) fn capped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A row limit.
pub(crate) fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

/// A column.
pub(crate) fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, Fault> {
    Ok(row.get(column)?)
}

/// A column that is never negative.
pub(crate) fn count(row: &Row<'_>, column: &str) -> Result<u64, Fault> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| damaged(column))
}

/// A column that holds the text of an id, a name or an account.
pub(crate) fn named<T: TryFrom<String>>(row: &Row<'_>, column: &str) -> Result<T, Fault> {
    T::try_from(get(row, column)?).map_err(|_| damaged(column))
}

/// A time column.
pub(crate) fn moment(row: &Row<'_>, column: &str) -> Result<Timestamp, Fault> {
    get(row, column).map(time)
}

/// A digest column.
pub(crate) fn digest(row: &Row<'_>, column: &str) -> Result<Digest, Fault> {
    get(row, column).map(Digest)
}

/// The columns `form` and `body`.
pub(crate) fn body<T: Stored>(row: &Row<'_>) -> Result<T, Fault> {
    let text = row.get_ref("body")?.as_str().map_err(|_| damaged(T::NAME))?;
    Ok(form::read(get(row, "form")?, text)?)
}

/// A column or row that does not make sense.
pub(crate) fn damaged(what: &str) -> Fault {
    Fault::Store(StoreError::Damaged(format!("{what} does not make sense")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_to_the_nanosecond_and_the_ends_of_time_stay_the_ends() {
        let now = Timestamp::from_nanosecond(1_795_000_000_123_456_789).unwrap();
        for moment in [now, Timestamp::UNIX_EPOCH, Timestamp::MAX, Timestamp::MIN] {
            assert_eq!(time(nanos(moment)), moment);
        }
    }
}
