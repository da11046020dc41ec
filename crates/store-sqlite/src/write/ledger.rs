//! Transfers. The table refuses a second posting of a key, an entry against itself and a resolution of what is not
//! pending; what is kept here is the balance of the accounts that have a bound.

use paifang_ledger::{Account, Kind, Transfer};
use paifang_payment::TenantId;
use paifang_store::Committed;
use rusqlite::{Connection, params};

use super::{Refusal, Step};
use crate::value::nanos;

pub(super) fn post(connection: &Connection, tenant: TenantId, transfer: &Transfer) -> Step {
    let (phase, resolves) = match &transfer.kind {
        Kind::Posted => ("posted", None),
        Kind::Pending => ("pending", None),
        Kind::Posts(of) => ("posts", Some(of.as_str())),
        Kind::Voids(of) => ("voids", Some(of.as_str())),
    };
    let tenant = tenant.to_string();
    connection
        .prepare_cached(
            "INSERT INTO transfer
             (tenant, posting_key, debit, credit, currency, amount, phase, resolves, subject, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            tenant,
            transfer.key.as_str(),
            transfer.debit.to_string(),
            transfer.credit.to_string(),
            transfer.amount.currency().code(),
            transfer.amount.minor_units(),
            phase,
            resolves,
            transfer.subject,
            nanos(transfer.at)
        ])?;
    let (taken, given) = effects(transfer);
    bound(connection, &tenant, &transfer.debit, transfer, taken)?;
    bound(connection, &tenant, &transfer.credit, transfer, given)
}

/// What a transfer changes of what is available on its debit and on its credit side, for accounts that grow by credits:
/// money that is set aside is gone for the one side and not yet there for the other.
fn effects(transfer: &Transfer) -> (i64, i64) {
    let amount = transfer.amount.minor_units();
    match transfer.kind {
        Kind::Posted => (-amount, amount),
        Kind::Pending => (-amount, 0),
        Kind::Posts(_) => (0, amount),
        Kind::Voids(_) => (amount, 0),
    }
}

/// The condition is part of the statement; the table's check repeats it.
fn bound(connection: &Connection, tenant: &str, account: &Account, transfer: &Transfer, change: i64) -> Step {
    if !account.kind().is_bounded() || change == 0 {
        return Ok(());
    }
    let (account, currency) = (account.to_string(), transfer.amount.currency().code());
    connection
        .prepare_cached("INSERT INTO bounded_balance VALUES (?1, ?2, ?3, 0) ON CONFLICT DO NOTHING")?
        .execute(params![tenant, account, currency])?;
    let changed = connection
        .prepare_cached(
            "UPDATE bounded_balance SET available = available + ?4
             WHERE tenant = ?1 AND account = ?2 AND currency = ?3 AND available + ?4 >= 0",
        )?
        .execute(params![tenant, account, currency, change])?;
    if changed == 0 { Err(Refusal::Answer(Committed::GuardFailed)) } else { Ok(()) }
}
