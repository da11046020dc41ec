//! What counts of one account, out of a tenant's whole book: for stores without an index of it, and what the others have to answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_ledger::{Account, Kind, Transfer};
use paifang_money::Currency;
use paifang_payment::TenantId;

use crate::{BookedFrom, PAGE_MAX, Store, StoreError};

/// The transfers that count and touch an account, in the order of the book.
pub(crate) async fn counting(
    store: &(impl Store + ?Sized),
    tenant: TenantId,
    account: &Account,
) -> Result<Vec<Transfer>, StoreError> {
    let (mut found, mut position) = (Vec::new(), 0);
    loop {
        let rows = store.transfers_after(Some(tenant), position, PAGE_MAX).await?;
        let Some(last) = rows.last() else { return Ok(found) };
        position = last.position;
        let counts = |row: &Transfer| {
            let touches = row.debit == *account || row.credit == *account;
            touches && matches!(row.kind, Kind::Posted | Kind::Posts(_))
        };
        found.extend(rows.into_iter().map(|row| row.transfer).filter(counts));
    }
}

/// A page of them, by time and then by key.
pub(crate) fn page(
    mut rows: Vec<Transfer>,
    from: &BookedFrom,
    until: Timestamp,
    max: usize,
) -> Vec<Transfer> {
    rows.retain(|row| (row.at, row.key.as_str()) > (from.at, from.after.as_str()) && row.at < until);
    rows.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    rows.truncate(max.min(PAGE_MAX));
    rows
}

/// What they came to before a time: credits less debits.
pub(crate) fn sums(rows: &[Transfer], account: &Account, before: Timestamp) -> BTreeMap<Currency, i128> {
    let mut sums = BTreeMap::new();
    for row in rows.iter().filter(|row| row.at < before) {
        let amount = i128::from(row.amount.minor_units());
        *sums.entry(row.amount.currency()).or_default() +=
            if row.credit == *account { amount } else { -amount };
    }
    sums
}
