//! What counts of one account: its transfers by their time, and what they came to before a time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_ledger::{Account, Transfer};
use paifang_money::Currency;
use paifang_payment::TenantId;
use paifang_store::BookedFrom;
use rusqlite::{Connection, params};

use super::ledger::{currency, transfer};
use super::{all, scan_limit};
use crate::fault::Fault;
use crate::value::{get, nanos};

/// Each side stops at the limit by itself, so that neither index is read beyond what is answered.
const TRANSFERS: &str = "
    SELECT * FROM (SELECT * FROM transfer
                    WHERE tenant = ?1 AND debit = ?2 AND phase IN ('posted', 'posts')
                      AND (at, posting_key) > (?3, ?4) AND at < ?5
                    ORDER BY at, posting_key LIMIT ?6)
    UNION ALL
    SELECT * FROM (SELECT * FROM transfer
                    WHERE tenant = ?1 AND credit = ?2 AND phase IN ('posted', 'posts')
                      AND (at, posting_key) > (?3, ?4) AND at < ?5
                    ORDER BY at, posting_key LIMIT ?6)
    ORDER BY at, posting_key LIMIT ?6";

pub(crate) fn transfers(
    connection: &Connection,
    tenant: TenantId,
    account: &Account,
    from: &BookedFrom,
    until: Timestamp,
    max: usize,
) -> Result<Vec<Transfer>, Fault> {
    let (tenant, account) = (tenant.to_string(), account.to_string());
    all(
        connection,
        TRANSFERS,
        params![tenant, account, nanos(from.at), from.after, nanos(until), scan_limit(max)],
        |row| Ok(transfer(row)?.transfer),
    )
}

/// The upper and lower bits are summed apart, since a sum of 64 bits may overflow where one of 128 does not.
const SUMS: &str = "
    SELECT -1 AS sign, currency, sum(amount >> 20) AS high, sum(amount & 1048575) AS low FROM transfer
     WHERE tenant = ?1 AND debit = ?2 AND phase IN ('posted', 'posts') AND at < ?3 GROUP BY currency
    UNION ALL
    SELECT 1, currency, sum(amount >> 20), sum(amount & 1048575) FROM transfer
     WHERE tenant = ?1 AND credit = ?2 AND phase IN ('posted', 'posts') AND at < ?3 GROUP BY currency";

pub(crate) fn before(
    connection: &Connection,
    tenant: TenantId,
    account: &Account,
    before: Timestamp,
) -> Result<BTreeMap<Currency, i128>, Fault> {
    let mut sums = BTreeMap::new();
    let (tenant, account) = (tenant.to_string(), account.to_string());
    let rows = all(connection, SUMS, params![tenant, account, nanos(before)], |row| {
        let sum = (i128::from(get::<i64>(row, "high")?) << 20) + i128::from(get::<i64>(row, "low")?);
        Ok((currency(row)?, i128::from(get::<i64>(row, "sign")?) * sum))
    })?;
    for (currency, sum) in rows {
        *sums.entry(currency).or_default() += sum;
    }
    Ok(sums)
}
