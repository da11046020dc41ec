//! Beijing time as ACP writes it (`YYYYMMDDhhmmss`), and UnionPay's clearing days.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

const BEIJING: Offset = Offset::constant(8);

/// The form of `txnTime` and `payTimeout`: 14 digits.
pub(super) fn text(t: Timestamp) -> String {
    let d = BEIJING.to_datetime(t);
    format!("{:04}{:02}{:02}{:02}{:02}{:02}", d.year(), d.month(), d.day(), d.hour(), d.minute(), d.second())
}

/// The form of `traceTime`: `MMDDhhmmss`.
pub(super) fn trace_text(t: Timestamp) -> String {
    text(t).split_off("YYYY".len())
}

/// Reads [`text`]; `None` when it is not 14 digits or no such second exists.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| text.get(at..at + 2).and_then(|digits| digits.parse::<i8>().ok());
    let year = text.get(..4)?.parse::<i16>().ok()?;
    let time = DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?, 0).ok()?;
    BEIJING.to_timestamp(time).ok()
}

/// The clearing day of a moment: it begins at 23:00 of the evening before.
pub(super) fn clearing_day(t: Timestamp) -> Date {
    let shifted = t.saturating_add(SignedDuration::from_hours(1)).unwrap_or(t);
    BEIJING.to_datetime(shifted).date()
}

/// The form of `settleDate`: `MMDD`.
pub(super) fn settle_date(day: Date) -> String {
    format!("{:02}{:02}", day.month(), day.day())
}

/// The last clearing day of that `settleDate` (`MMDD`) which has begun; `None` when no such day was within a year.
pub(super) fn last_day_of(settle_date: &str, now: Timestamp) -> Option<Date> {
    let (month, day) = (settle_date.get(..2)?.parse().ok()?, settle_date.get(2..4)?.parse().ok()?);
    let today = clearing_day(now);
    let years = [today.year(), today.year().checked_sub(1)?];
    years.into_iter().filter_map(|year| Date::new(year, month, day).ok()).find(|day| *day <= today)
}

/// Whether the file of a clearing day is there: from that hour of the day after.
pub(super) fn file_is_there(day: Date, hour: i8, now: Timestamp) -> bool {
    let from = day.tomorrow().ok().and_then(|next| BEIJING.to_timestamp(next.at(hour, 0, 0, 0)).ok());
    from.is_some_and(|from| from <= now)
}

/// The forms `YYYYMMDD` and `YYMMDD`.
pub(super) fn day_text(day: Date) -> (String, String) {
    let long = format!("{:04}{:02}{:02}", day.year(), day.month(), day.day());
    let short = long.get(2..).unwrap_or_default().to_owned();
    (long, short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beijing_time_reads_back_and_nonsense_is_no_time() {
        let t = parse("20261121101530").unwrap();
        assert_eq!(t, "2026-11-21T10:15:30+08:00".parse().unwrap());
        assert_eq!((text(t).as_str(), trace_text(t).as_str()), ("20261121101530", "1121101530"));
        for bad in
            ["2026112110153", "20261121101560", "20261321101530", "20260230000000", "2026-1-2 10:15", ""]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_clearing_day_begins_at_23() {
        for (at, day) in [
            ("2026-11-20T22:59:59+08:00", "1120"),
            ("2026-11-20T23:00:00+08:00", "1121"),
            ("2026-11-21T22:59:59+08:00", "1121"),
            ("2026-12-31T23:00:00+08:00", "0101"),
        ] {
            assert_eq!(settle_date(clearing_day(at.parse().unwrap())), day, "{at}");
        }
    }
}
