//! Net statements.

use jiff::Timestamp;
use paifang_proto::v1;
use paifang_shares::Party;
use paifang_shares::statement::{Entry, NetStatement};
use paifang_store::net::storefront;

use super::{money, time};

/// A statement with its lines as the storefront owes; `None` for a sum that the contract's integer cannot hold, which is never
/// cut to fit.
pub(crate) fn statement(statement: &NetStatement, party: &Party, now: Timestamp) -> Option<v1::NetStatement> {
    let period = statement.period();
    let lines = statement.lines_of(&storefront()).into_iter().map(|(currency, line)| {
        Some(v1::NetStatementLine {
            currency_code: currency.code().to_owned(),
            opening_minor_units: i64::try_from(line.opening).ok()?,
            net_minor_units: i64::try_from(line.net).ok()?,
            closing_minor_units: i64::try_from(line.closing).ok()?,
            entry_count: i64::try_from(line.entries).ok()?,
        })
    });
    Some(v1::NetStatement {
        party_name: party.to_string(),
        start_time: Some(time(period.from)),
        end_time: Some(time(period.until)),
        complete: period.until <= now,
        lines: lines.collect::<Option<_>>()?,
        digest: statement.digest().to_string(),
    })
}

/// One of its entries.
pub(crate) fn entry(entry: &Entry) -> v1::NetStatementEntry {
    v1::NetStatementEntry {
        entry_id: entry.id.to_string(),
        create_time: Some(time(entry.at)),
        debtor_name: entry.from.to_string(),
        creditor_name: entry.to.to_string(),
        amount: Some(money(entry.amount.money())),
        kind: entry.kind.to_string(),
    }
}
