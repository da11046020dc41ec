//! Values on their way into columns and out of them.

use jiff::{SignedDuration, Timestamp};
use paifang_payment::Digest;
use paifang_store::form::{self, Stored};
use paifang_store::{Resource, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

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

/// The longest time that is added to the store's clock: no lease is longer, and the sum stays within 64 bits.
const SPAN_MAX: i64 = 10 * 366 * 24 * 3_600 * 1_000_000_000;

/// A time to come, in nanoseconds.
pub(crate) fn span(time: SignedDuration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(SPAN_MAX).clamp(0, SPAN_MAX)
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
pub(crate) fn get<T: FromSqlOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    row.try_get(column).map_err(|_| damaged(column))
}

/// A column that is never negative.
pub(crate) fn count(row: &Row, column: &str) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| damaged(column))
}

/// A column that holds the text of an id, a name or an account.
pub(crate) fn named<T: TryFrom<String>>(row: &Row, column: &str) -> Result<T, StoreError> {
    T::try_from(get(row, column)?).map_err(|_| damaged(column))
}

/// A time column.
pub(crate) fn moment(row: &Row, column: &str) -> Result<Timestamp, StoreError> {
    get(row, column).map(time)
}

/// A digest column.
pub(crate) fn digest(row: &Row, column: &str) -> Result<Digest, StoreError> {
    bytes(row, column).map(Digest)
}

/// A column of 32 bytes.
pub(crate) fn bytes(row: &Row, column: &str) -> Result<[u8; 32], StoreError> {
    let bytes: Vec<u8> = get(row, column)?;
    bytes.try_into().map_err(|_| damaged(column))
}

/// The columns `form` and `body`.
pub(crate) fn body<T: Stored>(row: &Row) -> Result<T, StoreError> {
    let form = u32::try_from(get::<i64>(row, "form")?).map_err(|_| damaged(T::NAME))?;
    form::read(form, &get::<String>(row, "body")?)
}

/// The column `resource`.
pub(crate) fn resource(row: &Row) -> Result<Resource, StoreError> {
    let text: String = get(row, "resource")?;
    Resource::parse(&text).ok_or_else(|| damaged("resource"))
}

/// A column or row that does not make sense.
pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} does not make sense"))
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
        assert_eq!(span(SignedDuration::from_millis(-1)), 0);
        assert!(span(SignedDuration::MAX).checked_add(nanos(now)).is_some());
    }
}
