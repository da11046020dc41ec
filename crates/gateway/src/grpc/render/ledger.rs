//! The book.

use paifang_ledger::{Account, AccountKind, Kind, Transfer};
use paifang_money::Currency;
use paifang_payment::TenantId;
use paifang_proto::v1;
use paifang_store::{AccountBalance, StoredTransfer};

use super::{money, time};
use crate::net;

pub(crate) fn account(account: &Account, currency: Currency) -> v1::Account {
    let kind = match account.kind() {
        AccountKind::Rail => v1::AccountKind::Rail,
        AccountKind::Merchant => v1::AccountKind::Merchant,
        AccountKind::SuspenseLate => v1::AccountKind::SuspenseLate,
        AccountKind::SuspenseStray => v1::AccountKind::SuspenseStray,
        AccountKind::Fee => v1::AccountKind::Fee,
        AccountKind::Receiver => v1::AccountKind::Receiver,
        AccountKind::Unsettled => v1::AccountKind::Unsettled,
        AccountKind::Balance => v1::AccountKind::Balance,
        AccountKind::Platform => v1::AccountKind::Platform,
        AccountKind::Insurance => v1::AccountKind::Insurance,
        AccountKind::RailFund => v1::AccountKind::RailFund,
        AccountKind::Discount => v1::AccountKind::Discount,
        AccountKind::Budget => v1::AccountKind::Budget,
        AccountKind::Outside => v1::AccountKind::Outside,
    };
    v1::Account {
        account_name: account.to_string(),
        currency_code: currency.code().to_owned(),
        kind: kind.into(),
    }
}

/// The sums of an account; `None` for a sum that the contract's integer cannot hold, which is never cut to fit.
pub(crate) fn balance(row: &AccountBalance) -> Option<v1::Balance> {
    let sum = |sum: i128| {
        let minor_units = i64::try_from(sum).ok()?;
        Some(v1::Money { currency_code: row.currency.code().to_owned(), minor_units })
    };
    Some(v1::Balance {
        account: Some(account(&row.account, row.currency)),
        debits_posted: Some(sum(row.balance.debits_posted)?),
        credits_posted: Some(sum(row.balance.credits_posted)?),
        debits_pending: Some(sum(row.balance.debits_pending)?),
        credits_pending: Some(sum(row.balance.credits_pending)?),
    })
}

/// A transfer of funds, as its event tells it.
pub(super) fn funds_transfer(tenant: TenantId, transfer: &Transfer) -> v1::FundsTransfer {
    v1::FundsTransfer {
        funds_transfer_id: transfer.subject.clone(),
        from: net::fund(tenant, &transfer.debit),
        to: net::fund(tenant, &transfer.credit),
        amount: Some(money(transfer.amount.money())),
        create_time: Some(time(transfer.at)),
    }
}

pub(crate) fn transfer(row: &StoredTransfer) -> v1::Transfer {
    let transfer = &row.transfer;
    let (phase, resolves) = match &transfer.kind {
        Kind::Posted => (v1::TransferPhase::Posted, None),
        Kind::Pending => (v1::TransferPhase::Pending, None),
        Kind::Posts(key) => (v1::TransferPhase::PostsPending, Some(key)),
        Kind::Voids(key) => (v1::TransferPhase::VoidsPending, Some(key)),
    };
    v1::Transfer {
        transfer_key: transfer.key.to_string(),
        debit_account_name: transfer.debit.to_string(),
        credit_account_name: transfer.credit.to_string(),
        amount: Some(money(transfer.amount.money())),
        phase: phase.into(),
        resolves_transfer_key: resolves.map(ToString::to_string).unwrap_or_default(),
        subject_id: transfer.subject.clone(),
        create_time: Some(time(transfer.at)),
    }
}
