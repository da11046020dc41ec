//! Whose net statement, and of which month.

use jiff::Timestamp;
use paifang_engine::Fund;
use paifang_proto::v1;
use paifang_shares::statement::Period;

use super::Fields;
use super::refund::fund;
use crate::net;

/// What a statement is about.
pub(crate) struct Statement {
    pub party: Fund,
    pub period: Period,
}

/// Reads it; a month that has not begun is wrong.
pub(crate) fn statement(
    fields: &mut Fields,
    party: Option<v1::Fund>,
    (year, month, zone): (i32, i32, &str),
    now: Timestamp,
) -> Option<Statement> {
    let party = fund(fields, "party", party);
    let period = match net::period(year, month, zone) {
        Ok(period) if period.from <= now => Some(period),
        Ok(period) => {
            let rule = format!("must be of a month that has begun; this one begins at {}", period.from);
            fields.wrong("month", rule);
            None
        }
        Err(error) => {
            fields.wrong(error.field(), error);
            None
        }
    };
    Some(Statement { party: party?, period: period? })
}
