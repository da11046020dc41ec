//! Transfers. The table refuses a second posting of a key, an entry against itself and a resolution of what is not
//! pending; what is kept here is the balance of the accounts that have a bound.

use paifang_ledger::{Account, Kind, Transfer};
use paifang_payment::TenantId;

use crate::step::Step;

pub(super) fn post(tenant: TenantId, transfer: &Transfer, steps: &mut Vec<Step>) {
    let (phase, resolves) = match &transfer.kind {
        Kind::Posted => ("posted", None),
        Kind::Pending => ("pending", None),
        Kind::Posts(of) => ("posts", Some(of.as_str())),
        Kind::Voids(of) => ("voids", Some(of.as_str())),
    };
    steps.push(Step::new(
        "INSERT INTO transfer (tenant, posting_key, debit, credit, currency, amount, phase, resolves, subject, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        vec![
            tenant.to_string().into(),
            transfer.key.as_str().into(),
            transfer.debit.to_string().into(),
            transfer.credit.to_string().into(),
            transfer.amount.currency().code().into(),
            transfer.amount.minor_units().into(),
            phase.into(),
            resolves.into(),
            transfer.subject.as_str().into(),
            transfer.at.into(),
        ],
    ));
    let (taken, given) = effects(transfer);
    bound(tenant, &transfer.debit, transfer, taken, steps);
    bound(tenant, &transfer.credit, transfer, given, steps);
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

/// The table's check refuses an overdraft.
fn bound(tenant: TenantId, account: &Account, transfer: &Transfer, change: i64, steps: &mut Vec<Step>) {
    if !account.kind().is_bounded() || change == 0 {
        return;
    }
    let key = || {
        let currency = transfer.amount.currency().code();
        vec![tenant.to_string().into(), account.to_string().into(), currency.into()]
    };
    // Two statements: the check would also look at a row that is only proposed.
    steps.push(Step::new(
        "INSERT INTO bounded_balance (tenant, account, currency, available) VALUES ($1, $2, $3, 0)
         ON CONFLICT (tenant, account, currency) DO NOTHING",
        key(),
    ));
    let mut values = key();
    values.push(change.into());
    steps.push(Step::new(
        "UPDATE bounded_balance SET available = available + $4
          WHERE tenant = $1 AND account = $2 AND currency = $3",
        values,
    ));
}
