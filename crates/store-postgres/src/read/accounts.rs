//! What counts of one account: its transfers by their time, and what they came to before a time.

use std::collections::BTreeMap;

use deadpool_postgres::Pool;
use jiff::Timestamp;
use paifang_ledger::{Account, Transfer};
use paifang_money::Currency;
use paifang_payment::TenantId;
use paifang_store::BookedFrom;

use super::ledger::{currency, row_of};
use super::{Answer, all, scan_limit};
use crate::value::{damaged, get};

/// Each side stops at the limit by itself, so that neither index is read beyond what is answered.
const TRANSFERS: &str = "
    (SELECT posting_key, debit, credit, currency, amount, phase, resolves, subject, at FROM transfer
      WHERE tenant = $1 AND debit = $2 AND phase IN ('posted', 'posts')
        AND (at, posting_key) > ($3, $4) AND at < $5
      ORDER BY at, posting_key LIMIT $6)
    UNION ALL
    (SELECT posting_key, debit, credit, currency, amount, phase, resolves, subject, at FROM transfer
      WHERE tenant = $1 AND credit = $2 AND phase IN ('posted', 'posts')
        AND (at, posting_key) > ($3, $4) AND at < $5
      ORDER BY at, posting_key LIMIT $6)
    ORDER BY at, posting_key LIMIT $6";

pub(crate) async fn transfers(
    pool: &Pool,
    tenant: TenantId,
    account: &Account,
    from: &BookedFrom,
    until: Timestamp,
    max: usize,
) -> Answer<Vec<Transfer>> {
    let values = [
        tenant.to_string().into(),
        account.to_string().into(),
        from.at.into(),
        from.after.as_str().into(),
        until.into(),
        scan_limit(max).into(),
    ];
    all(pool, TRANSFERS, &values, row_of).await
}

/// Sums are exact beyond 64 bits, so they come as text.
const SUMS: &str = "
    SELECT currency, (-sum(amount))::text AS total FROM transfer
     WHERE tenant = $1 AND debit = $2 AND phase IN ('posted', 'posts') AND at < $3 GROUP BY currency
    UNION ALL
    SELECT currency, sum(amount)::text FROM transfer
     WHERE tenant = $1 AND credit = $2 AND phase IN ('posted', 'posts') AND at < $3 GROUP BY currency";

pub(crate) async fn before(
    pool: &Pool,
    tenant: TenantId,
    account: &Account,
    before: Timestamp,
) -> Answer<BTreeMap<Currency, i128>> {
    let values = [tenant.to_string().into(), account.to_string().into(), before.into()];
    let rows = all(pool, SUMS, &values, |row| {
        let total: i128 = get::<String>(row, "total")?.parse().map_err(|_| damaged("total"))?;
        Ok((currency(row)?, total))
    });
    let mut sums = BTreeMap::new();
    for (currency, sum) in rows.await? {
        *sums.entry(currency).or_default() += sum;
    }
    Ok(sums)
}
