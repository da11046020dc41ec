//! Times as the rail writes them: `yyyy-MM-dd HH:mm:ss` at GMT+8, and the two ways of saying when an order ends.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

fn china(t: Timestamp) -> Zoned {
    t.to_zoned(TimeZone::fixed(Offset::constant(8)))
}

/// `2024-07-09 12:07:30`
pub(super) fn text(t: Timestamp) -> String {
    china(t).strftime(FORMAT).to_string()
}

/// `2024-07-09 12:07:30.213`: only `gmt_refund` is written so.
pub(super) fn text_with_millis(t: Timestamp) -> String {
    china(t).strftime("%Y-%m-%d %H:%M:%S.%3f").to_string()
}

/// `20240709`: the head of a trade number.
pub(super) fn day(t: Timestamp) -> String {
    china(t).strftime("%Y%m%d").to_string()
}

/// Reads `yyyy-MM-dd HH:mm:ss` at GMT+8, nothing looser.
pub(super) fn parse(written: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime(FORMAT, written).ok()?;
    let t = Offset::constant(8).to_timestamp(civil).ok()?;
    (text(t) == written).then_some(t)
}

/// When a relative timeout that starts at `from` is over: `1m` to `15d` in units m, h, d, or `1c` for the next
/// midnight in China.
pub(super) fn timeout(written: &str, from: Timestamp) -> Option<Timestamp> {
    if written == "1c" {
        let midnight = china(from).date().tomorrow().ok()?.to_datetime(jiff::civil::Time::midnight());
        return Offset::constant(8).to_timestamp(midnight).ok();
    }
    let unit = written.chars().last()?;
    let minutes_per_unit: i64 = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        _ => return None,
    };
    let count =
        written.strip_suffix(unit).filter(|n| n.len() <= 5 && n.bytes().all(|b| b.is_ascii_digit()))?;
    let minutes = count.parse::<i64>().ok()?.checked_mul(minutes_per_unit)?;
    let in_range = (1..=15 * 24 * 60).contains(&minutes);
    if in_range { Some(from + SignedDuration::from_mins(minutes)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2024-07-09T12:07:30.213+08:00".parse().unwrap()
    }

    #[test]
    fn times_are_written_and_read_at_gmt_8() {
        assert_eq!(text(noon()), "2024-07-09 12:07:30");
        assert_eq!(text_with_millis(noon()), "2024-07-09 12:07:30.213");
        assert_eq!(day("2024-07-09T16:00:00Z".parse().unwrap()), "20240710");
        assert_eq!(parse("2024-07-09 12:07:30"), Some("2024-07-09T04:07:30Z".parse().unwrap()));
        for bad in
            ["", "2024-7-9 12:07:30", "2024-07-09T12:07:30", "2024-02-30 00:00:00", "2024-07-09 12:07:30 "]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn timeouts_are_one_minute_to_fifteen_days_or_the_next_midnight() {
        let at = |written| timeout(written, noon()).map(text);
        assert_eq!(at("5m").as_deref(), Some("2024-07-09 12:12:30"));
        assert_eq!(at("2h").as_deref(), Some("2024-07-09 14:07:30"));
        assert_eq!(at("15d").as_deref(), Some("2024-07-24 12:07:30"));
        assert_eq!(at("1c").as_deref(), Some("2024-07-10 00:00:00"));
        for bad in ["", "0m", "16d", "1.5h", "90", "m", "-5m", "2c", "5s"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
