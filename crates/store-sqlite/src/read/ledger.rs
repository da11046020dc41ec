//! Transfers and balances.

use std::collections::BTreeMap;

use paifang_ledger::{Account, Balance, Kind, PostingKey, Transfer};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{IntentId, TenantId};
use paifang_store::{AccountBalance, HISTORY_MAX, StoredTransfer};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{all, scan_limit};
use crate::fault::Fault;
use crate::value::{capped, count, damaged, get, limit, moment, named};

pub(crate) fn transfers_after(
    connection: &Connection,
    tenant: Option<TenantId>,
    position: u64,
    max: usize,
) -> Result<Vec<StoredTransfer>, Fault> {
    let (position, max) = (capped(position), scan_limit(max));
    match tenant {
        None => all(
            connection,
            "SELECT * FROM transfer WHERE position > ?1 ORDER BY position LIMIT ?2",
            params![position, max],
            transfer,
        ),
        Some(tenant) => all(
            connection,
            "SELECT * FROM transfer WHERE tenant = ?3 AND position > ?1 ORDER BY position LIMIT ?2",
            params![position, max, tenant.to_string()],
            transfer,
        ),
    }
}

pub(crate) fn of_intent(
    connection: &Connection,
    tenant: TenantId,
    id: IntentId,
) -> Result<Vec<StoredTransfer>, Fault> {
    let text = "SELECT * FROM transfer WHERE tenant = ?1 AND subject = ?2 ORDER BY position LIMIT ?3";
    all(connection, text, params![tenant.to_string(), id.to_string(), limit(HISTORY_MAX)], transfer)
}

pub(super) fn transfer(row: &Row<'_>) -> Result<StoredTransfer, Fault> {
    let resolves: Option<String> = get(row, "resolves")?;
    let kind = match (get::<String>(row, "phase")?.as_str(), resolves) {
        ("posted", None) => Kind::Posted,
        ("pending", None) => Kind::Pending,
        ("posts", Some(of)) => Kind::Posts(PostingKey::of(&[&of])),
        ("voids", Some(of)) => Kind::Voids(PostingKey::of(&[&of])),
        _ => return Err(damaged("phase")),
    };
    let amount = PositiveMoney::new(get(row, "amount")?, currency(row)?).map_err(|_| damaged("amount"))?;
    let transfer = Transfer {
        key: PostingKey::of(&[&get::<String>(row, "posting_key")?]),
        debit: named(row, "debit")?,
        credit: named(row, "credit")?,
        amount,
        kind,
        subject: get(row, "subject")?,
        at: moment(row, "at")?,
    };
    Ok(StoredTransfer { position: count(row, "position")?, tenant: named(row, "tenant")?, transfer })
}

pub(super) fn currency(row: &Row<'_>) -> Result<Currency, Fault> {
    let code: String = get(row, "currency")?;
    Currency::parse(&code).map_err(|_| damaged("currency"))
}

/// Sums by account, currency, side and phase. The upper and lower bits are summed apart, since a sum of 64 bits may
/// overflow where a balance of 128 does not.
const SUMS: &str = "
    SELECT debit AS account, 1 AS is_debit, currency, phase, sum(amount >> 20) AS high, sum(amount & 1048575) AS low
    FROM transfer WHERE tenant = ?1 GROUP BY debit, currency, phase
    UNION ALL
    SELECT credit, 0, currency, phase, sum(amount >> 20), sum(amount & 1048575)
    FROM transfer WHERE tenant = ?1 GROUP BY credit, currency, phase";

/// What is available of an account that has a bound.
pub(crate) fn available(
    connection: &Connection,
    tenant: TenantId,
    account: &Account,
    currency: Currency,
) -> Result<i64, Fault> {
    let found = connection
        .prepare_cached(
            "SELECT available FROM bounded_balance WHERE tenant = ?1 AND account = ?2 AND currency = ?3",
        )?
        .query_row([tenant.to_string(), account.to_string(), currency.code().to_owned()], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

pub(crate) fn balances(connection: &Connection, tenant: TenantId) -> Result<Vec<AccountBalance>, Fault> {
    let mut balances: BTreeMap<(Account, Currency), Balance> = BTreeMap::new();
    let sums = all(connection, SUMS, [tenant.to_string()], |row| {
        let sum = (i128::from(get::<i64>(row, "high")?) << 20) + i128::from(get::<i64>(row, "low")?);
        let key = (named::<Account>(row, "account")?, currency(row)?);
        Ok((key, get::<bool>(row, "is_debit")?, get::<String>(row, "phase")?, sum))
    })?;
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
