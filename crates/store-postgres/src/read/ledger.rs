//! Transfers and balances.

use std::collections::BTreeMap;

use deadpool_postgres::Pool;
use paifang_ledger::{Account, Balance, Kind, PostingKey, Transfer};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{IntentId, TenantId};
use paifang_store::{AccountBalance, HISTORY_MAX, StoredTransfer};
use tokio_postgres::Row;

use super::{Answer, all, placed, scan_limit};
use crate::value::{capped, count, damaged, get, limit, moment, named};

pub(crate) async fn transfers_after(
    pool: &Pool,
    tenant: Option<TenantId>,
    position: u64,
    max: usize,
) -> Answer<Vec<StoredTransfer>> {
    let (position, max) = (capped(position).into(), scan_limit(max).into());
    match tenant {
        None => {
            let text =
                "SELECT position, transfer.tenant, posting_key, debit, credit, currency, amount, phase,
                               resolves, subject, at
                          FROM transfer_place JOIN transfer USING (id)
                         WHERE position > $1 ORDER BY position LIMIT $2";
            placed(pool, text, &[position, max], transfer).await
        }
        Some(tenant) => {
            let text =
                "SELECT position, transfer.tenant, posting_key, debit, credit, currency, amount, phase,
                               resolves, subject, at
                          FROM transfer_place JOIN transfer USING (id)
                         WHERE transfer_place.tenant = $3 AND position > $1 ORDER BY position LIMIT $2";
            placed(pool, text, &[position, max, tenant.to_string().into()], transfer).await
        }
    }
}

pub(crate) async fn intent_transfers(
    pool: &Pool,
    tenant: TenantId,
    id: IntentId,
) -> Answer<Vec<StoredTransfer>> {
    let text = "SELECT position, transfer.tenant, posting_key, debit, credit, currency, amount, phase,
                       resolves, subject, at
                  FROM transfer JOIN transfer_place USING (id)
                 WHERE transfer.tenant = $1 AND subject = $2 ORDER BY position LIMIT $3";
    let values = [tenant.to_string().into(), id.to_string().into(), limit(HISTORY_MAX).into()];
    placed(pool, text, &values, transfer).await
}

fn transfer(row: &Row) -> Answer<StoredTransfer> {
    let (position, tenant) = (count(row, "position")?, named(row, "tenant")?);
    Ok(StoredTransfer { position, tenant, transfer: row_of(row)? })
}

/// The transfer itself, without its place.
pub(super) fn row_of(row: &Row) -> Answer<Transfer> {
    let resolves: Option<String> = get(row, "resolves")?;
    let kind = match (get::<String>(row, "phase")?.as_str(), resolves) {
        ("posted", None) => Kind::Posted,
        ("pending", None) => Kind::Pending,
        ("posts", Some(of)) => Kind::Posts(PostingKey::of(&[&of])),
        ("voids", Some(of)) => Kind::Voids(PostingKey::of(&[&of])),
        _ => return Err(damaged("phase")),
    };
    let amount = PositiveMoney::new(get(row, "amount")?, currency(row)?).map_err(|_| damaged("amount"))?;
    Ok(Transfer {
        key: PostingKey::of(&[&get::<String>(row, "posting_key")?]),
        debit: named(row, "debit")?,
        credit: named(row, "credit")?,
        amount,
        kind,
        subject: get(row, "subject")?,
        at: moment(row, "at")?,
    })
}

pub(super) fn currency(row: &Row) -> Answer<Currency> {
    let code: String = get(row, "currency")?;
    Currency::parse(&code).map_err(|_| damaged("currency"))
}

/// Sums by account, currency, side and phase; exact beyond 64 bits, so they come as text.
const SUMS: &str = "
    SELECT debit AS account, true AS is_debit, currency, phase, sum(amount)::text AS total
      FROM transfer WHERE tenant = $1 GROUP BY debit, currency, phase
    UNION ALL
    SELECT credit, false, currency, phase, sum(amount)::text
      FROM transfer WHERE tenant = $1 GROUP BY credit, currency, phase";

/// What is available of an account that has a bound.
pub(crate) async fn available(
    pool: &Pool,
    tenant: TenantId,
    account: &Account,
    currency: Currency,
) -> Answer<i64> {
    let text = "SELECT available FROM bounded_balance WHERE tenant = $1 AND account = $2 AND currency = $3";
    let values = [tenant.to_string().into(), account.to_string().into(), currency.code().into()];
    let found = all(pool, text, &values, |row| get::<i64>(row, "available")).await?;
    Ok(found.first().copied().unwrap_or(0))
}

pub(crate) async fn balances(pool: &Pool, tenant: TenantId) -> Answer<Vec<AccountBalance>> {
    let mut balances: BTreeMap<(Account, Currency), Balance> = BTreeMap::new();
    let sums = all(pool, SUMS, &[tenant.to_string().into()], |row| {
        let total: i128 = get::<String>(row, "total")?.parse().map_err(|_| damaged("total"))?;
        let key = (named::<Account>(row, "account")?, currency(row)?);
        Ok((key, get::<bool>(row, "is_debit")?, get::<String>(row, "phase")?, total))
    })
    .await?;
    for (key, is_debit, phase, sum) in sums {
        let (posted, pending) = match phase.as_str() {
            "posted" => (sum, 0),
            "pending" => (0, sum),
            "posts" => (sum, -sum),
            "voids" => (0, -sum),
            _ => return Err(damaged("phase")),
        };
        let balance = balances.entry(key).or_default();
        if is_debit {
            (balance.debits_posted, balance.debits_pending) =
                (balance.debits_posted + posted, balance.debits_pending + pending);
        } else {
            (balance.credits_posted, balance.credits_pending) =
                (balance.credits_posted + posted, balance.credits_pending + pending);
        }
    }
    Ok(balances
        .into_iter()
        .map(|((account, currency), balance)| AccountBalance { account, currency, balance })
        .collect())
}
