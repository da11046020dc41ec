//! Transfers. The table refuses a second posting of a key, an entry against itself and a resolution of what is not
//! pending; what is kept here is the balance of the accounts that have a bound.

use paifang_ledger::{Kind, Transfer};
use paifang_payment::TenantId;
use paifang_store::Committed;

use crate::step::{Step, Wants};

/// The balances that a batch's transfers change, in the order of the accounts: batches that touch the same accounts wait for each
/// other instead of holding what the other one wants. Then the transfers: they get their numbers while the accounts are held,
/// so that whoever replays them in their order never sees an account below its bound.
pub(super) fn post(tenant: TenantId, transfers: &[Transfer], steps: &mut Vec<Step>) {
    let mut changes: Vec<(String, &str, i64)> = Vec::new();
    for transfer in transfers {
        let currency = transfer.amount.currency().code();
        let (taken, given) = effects(transfer);
        for (account, change) in [(&transfer.debit, taken), (&transfer.credit, given)] {
            if account.kind().is_bounded() && change != 0 {
                changes.push((account.to_string(), currency, change));
            }
        }
    }
    // Stable: what comes to an account before it leaves it stays in this order.
    changes.sort_by(|(one, in_one, _), (other, in_other, _)| (one, in_one).cmp(&(other, in_other)));
    for (account, currency, change) in changes {
        steps.extend(bound(tenant, &account, currency, change));
    }
    steps.extend(transfers.iter().map(|transfer| insert(tenant, transfer)));
}

fn insert(tenant: TenantId, transfer: &Transfer) -> Step {
    let (phase, resolves) = match &transfer.kind {
        Kind::Posted => ("posted", None),
        Kind::Pending => ("pending", None),
        Kind::Posts(of) => ("posts", Some(of.as_str())),
        Kind::Voids(of) => ("voids", Some(of.as_str())),
    };
    Step::new(
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
    )
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

/// The condition is part of the statement; the table's check repeats it. Two statements: the check would also look at a row
/// that is only proposed.
fn bound(tenant: TenantId, account: &str, currency: &str, change: i64) -> [Step; 2] {
    let key = || vec![tenant.to_string().into(), account.into(), currency.into()];
    let there = Step::new(
        "INSERT INTO bounded_balance (tenant, account, currency, available) VALUES ($1, $2, $3, 0)
         ON CONFLICT (tenant, account, currency) DO NOTHING",
        key(),
    );
    let mut values = key();
    values.push(change.into());
    let changed = Step::new(
        "UPDATE bounded_balance SET available = available + $4
          WHERE tenant = $1 AND account = $2 AND currency = $3 AND available + $4 >= 0",
        values,
    );
    [there, changed.wanting(Wants::RowOr(Committed::GuardFailed))]
}
