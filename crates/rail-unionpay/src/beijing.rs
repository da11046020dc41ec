//! Times as UnionPay writes them: `YYYYMMDDhhmmss` in Beijing, no zone in the text.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, offset};
use jiff::{Span, Timestamp};

const BEIJING: Offset = offset(8);

/// `20261121101530`; fractions of a second are cut.
pub(crate) fn text(time: Timestamp) -> String {
    BEIJING.to_datetime(time).strftime("%Y%m%d%H%M%S").to_string()
}

/// Reads `20261121101530`.
fn read(text: &str) -> Option<Timestamp> {
    let shaped = text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit());
    let civil = DateTime::strptime("%Y%m%d%H%M%S", shaped.then_some(text)?).ok()?;
    BEIJING.to_timestamp(civil).ok()
}

/// The time of a trace on the bill of a day, `MMDDhhmmss` without a year: the last such time before the end of the day
/// after it.
pub(crate) fn traced_by(trace_time: &str, day: Date) -> Option<Timestamp> {
    let end = BEIJING.to_timestamp(day.checked_add(Span::new().days(2)).ok()?.at(0, 0, 0, 0)).ok()?;
    let in_year = |year: i16| read(&format!("{year:04}{trace_time}")).filter(|time| *time < end);
    in_year(day.year() + 1).or_else(|| in_year(day.year())).or_else(|| in_year(day.year() - 1))
}

/// The time of a trace, `MMDDhhmmss` without a year: the first such time that is not more than a day before the
/// transaction's own time.
pub(crate) fn traced(trace_time: &str, txn_time: &str) -> Option<Timestamp> {
    let began = read(txn_time)?;
    let year: u32 = txn_time.get(..4)?.parse().ok()?;
    let earliest = began.checked_sub(jiff::SignedDuration::from_hours(24)).ok()?;
    let in_year = |year: u32| read(&format!("{year:04}{trace_time}")).filter(|time| *time >= earliest);
    // A trace of 31 December may belong to a transaction of 1 January, by UnionPay's own clock.
    year.checked_sub(1).and_then(in_year).or_else(|| in_year(year)).or_else(|| in_year(year + 1))
}
