//! The storefront's side of a net statement: the entries of one party, out of the ledger.
//!
//! A party is an account of the storefront's own, named without the storefront: `receiver:streamer`, `fee`, `unsettled:m-1`.
//! The other party is the storefront, whoever else has a part in a transfer. Its own `merchant:<tenant>`, through which all
//! else is cleared, is none, and neither are the accounts of rails.
//!
//! An entry is a transfer that counts. Its id is the transfer's posting key, its kind the key's first part, its time the
//! transfer's. What is set aside, and given up again, is no entry.

use jiff::Timestamp;
use paifang_ledger::{Account, AccountKind, Transfer};
use paifang_payment::TenantId;
use paifang_shares::statement::{Balances, Entry, NetStatement, Period, StatementError};
use paifang_shares::{EntryId, EntryKind, NameError, Party};

use crate::{BookedFrom, PAGE_MAX, Store, StoreError};

/// The name of the party that keeps the book.
pub const STOREFRONT: &str = "storefront";

/// Why there is no statement.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The account is none of this storefront's that a statement is about.
    #[error("{0} is no party of a net statement")]
    NoParty(Account),
    /// The period has more entries than were asked for at most.
    #[error("the period has more than {0} entries")]
    TooMany(usize),
    /// A row that cannot be an entry.
    #[error("transfer {0} cannot be an entry")]
    Odd(String, #[source] NameError),
    /// The entries make no statement.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The party that keeps the book.
///
/// # Panics
///
/// Never: the name is one.
pub fn storefront() -> Party {
    Party::parse(STOREFRONT).expect("the name is a party's")
}

/// The party that an account is; `None` where it is not one.
pub fn party(tenant: TenantId, account: &Account) -> Option<Party> {
    if !account.kind().is_own() || account.kind() == AccountKind::Merchant {
        return None;
    }
    let text = account.to_string();
    let (kind, _) = text.split_once(':')?;
    let rest = account.of().strip_prefix(&tenant.to_string())?;
    let name = match rest.strip_prefix('/') {
        Some(of) => format!("{kind}:{of}"),
        None if rest.is_empty() => kind.to_owned(),
        None => return None,
    };
    Party::parse(&name).ok()
}

/// A transfer as the entry of the party whose account it touches.
///
/// # Errors
/// [`NetError::Odd`] where its key is none that is ever posted among a storefront's own funds.
pub fn entry(transfer: &Transfer, account: &Account, party: &Party) -> Result<Entry, NetError> {
    let key = transfer.key.as_str();
    let odd = |error| NetError::Odd(key.to_owned(), error);
    let kind = key.split(':').next().unwrap_or_default();
    let (storefront, party) = (storefront(), party.clone());
    let (from, to) = if transfer.credit == *account { (storefront, party) } else { (party, storefront) };
    Ok(Entry {
        id: EntryId::parse(key).map_err(odd)?,
        at: transfer.at,
        from,
        to,
        amount: transfer.amount,
        kind: EntryKind::parse(kind).map_err(odd)?,
    })
}

/// What the storefront owes a party before a time, by currency; below zero what the party owes it.
pub async fn opening(
    store: &impl Store,
    tenant: TenantId,
    account: &Account,
    before: Timestamp,
) -> Result<Balances, NetError> {
    Ok(store.account_before(tenant, account, before).await?)
}

/// The statement of a party for a period, with at most so many entries.
///
/// # Errors
/// An account that is no party; more entries than `max`; a store that does not answer.
pub async fn statement(
    store: &impl Store,
    tenant: TenantId,
    account: &Account,
    period: Period,
    max: usize,
) -> Result<NetStatement, NetError> {
    let party = party(tenant, account).ok_or_else(|| NetError::NoParty(account.clone()))?;
    let owed = opening(store, tenant, account, period.from).await?;
    let mut statement = NetStatement::open_owing(storefront(), party.clone(), period, owed)?;
    let mut from = BookedFrom::start(period.from);
    let mut entries = 0;
    loop {
        let page = store.account_transfers(tenant, account, &from, period.until, PAGE_MAX).await?;
        let Some(last) = page.last() else { return Ok(statement) };
        from = BookedFrom::after(last);
        entries += page.len();
        if entries > max {
            return Err(NetError::TooMany(max));
        }
        for transfer in &page {
            statement.add(entry(transfer, account, &party)?)?;
        }
    }
}
