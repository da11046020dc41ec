//! Times as Alipay writes them: `yyyy-MM-dd HH:mm:ss`, GMT+8, no zone in the text.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, offset};

const BEIJING: Offset = offset(8);

/// `2024-07-09 12:06:08`; fractions of a second are cut.
pub(crate) fn text(time: Timestamp) -> String {
    BEIJING.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Reads `2024-07-09 12:06:08`, with or without a fraction (`gmt_refund` has milliseconds).
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%Y-%m-%d %H:%M:%S%.f", text).ok()?;
    BEIJING.to_timestamp(civil).ok()
}
