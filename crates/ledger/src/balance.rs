//! Sums over transfers, and the rules that every append has to keep. A store may enforce them by its own constraints;
//! this is what they mean.

use std::collections::{BTreeMap, BTreeSet};

use paifang_money::Currency;
use serde::{Deserialize, Serialize};

use crate::{Account, Kind, PostingKey, Transfer};

/// What an account holds in one currency, in minor units. Sums are never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    /// Posted debits.
    pub debits_posted: i128,
    /// Posted credits.
    pub credits_posted: i128,
    /// Debits that are set aside.
    pub debits_pending: i128,
    /// Credits that are set aside.
    pub credits_pending: i128,
}

/// Why a transfer cannot be appended. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The key was posted before (I8).
    #[error("{0} is posted already")]
    Twice(PostingKey),
    /// Debit and credit are the same account.
    #[error("{0} debits and credits the same account")]
    SameAccount(PostingKey),
    /// It resolves a transfer that is not pending (any more), or not in full between the same accounts.
    #[error("{0} resolves nothing that is pending")]
    NothingPending(PostingKey),
    /// A bounded account would fall below zero (I5).
    #[error("{0} would overdraw {1}")]
    Overdrawn(PostingKey, Account),
}

/// All transfers of one book with their sums: the reference for every store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    keys: BTreeSet<PostingKey>,
    pending: BTreeMap<PostingKey, Transfer>,
    balances: BTreeMap<(Account, Currency), Balance>,
}

/// A transfer that was appended, and what it replaced.
struct Done<'a> {
    transfer: &'a Transfer,
    /// The pending one that it resolved.
    resolved: Option<Transfer>,
    /// The balances of its debit and its credit.
    before: [Option<Balance>; 2],
}

impl Balance {
    /// Posted balance on the account's growing side.
    pub fn posted(&self, account: &Account) -> i128 {
        let grown = self.debits_posted - self.credits_posted;
        if account.kind().grows_by_debits() { grown } else { -grown }
    }

    /// What is left when everything that is set aside against the account goes through.
    pub fn available(&self, account: &Account) -> i128 {
        match account.kind().grows_by_debits() {
            true => self.posted(account) - self.credits_pending,
            false => self.posted(account) - self.debits_pending,
        }
    }
}

impl Books {
    /// Appends transfers, all or none.
    pub fn append<'a>(&mut self, transfers: impl IntoIterator<Item = &'a Transfer>) -> Result<(), PostError> {
        let mut done = Vec::new();
        for transfer in transfers {
            match self.append_one(transfer) {
                Ok(one) => done.push(one),
                Err(error) => {
                    done.into_iter().rev().for_each(|one| self.undo(one));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Every balance that was ever touched.
    pub fn balances(&self) -> impl Iterator<Item = (&Account, Currency, Balance)> {
        self.balances.iter().map(|((account, currency), balance)| (account, *currency, *balance))
    }

    /// The balance of one account.
    pub fn balance(&self, account: &Account, currency: Currency) -> Balance {
        self.balances.get(&(account.clone(), currency)).copied().unwrap_or_default()
    }

    /// Transfers that are set aside and not yet resolved.
    pub fn pending(&self) -> impl Iterator<Item = &Transfer> {
        self.pending.values()
    }

    /// After an error everything is as it was.
    fn append_one<'a>(&mut self, transfer: &'a Transfer) -> Result<Done<'a>, PostError> {
        if transfer.debit == transfer.credit {
            return Err(PostError::SameAccount(transfer.key.clone()));
        }
        if self.keys.contains(&transfer.key) {
            return Err(PostError::Twice(transfer.key.clone()));
        }
        let resolved = match &transfer.kind {
            Kind::Posted | Kind::Pending => None,
            Kind::Posts(of) | Kind::Voids(of) => Some(self.resolved(transfer, of)?),
        };
        let currency = transfer.amount.currency();
        let before = [&transfer.debit, &transfer.credit]
            .map(|account| self.balances.get(&(account.clone(), currency)).copied());
        let amount = i128::from(transfer.amount.minor_units());
        match &transfer.kind {
            Kind::Posted => self.add(transfer, amount, 0),
            Kind::Pending => {
                self.pending.insert(transfer.key.clone(), transfer.clone());
                self.add(transfer, 0, amount);
            }
            Kind::Posts(of) => {
                self.pending.remove(of);
                self.add(transfer, amount, -amount);
            }
            Kind::Voids(of) => {
                self.pending.remove(of);
                self.add(transfer, 0, -amount);
            }
        }
        self.keys.insert(transfer.key.clone());
        let done = Done { transfer, resolved, before };
        match self.check(transfer, &transfer.debit).and_then(|()| self.check(transfer, &transfer.credit)) {
            Ok(()) => Ok(done),
            Err(error) => {
                self.undo(done);
                Err(error)
            }
        }
    }

    fn undo(&mut self, done: Done<'_>) {
        let Done { transfer, resolved, before } = done;
        self.keys.remove(&transfer.key);
        self.pending.remove(&transfer.key);
        self.pending.extend(resolved.map(|pending| (pending.key.clone(), pending)));
        let accounts = [&transfer.debit, &transfer.credit];
        for (account, balance) in accounts.into_iter().zip(before) {
            let key = (account.clone(), transfer.amount.currency());
            match balance {
                Some(balance) => self.balances.insert(key, balance),
                None => self.balances.remove(&key),
            };
        }
    }

    /// The pending transfer that this one resolves.
    fn resolved(&self, transfer: &Transfer, of: &PostingKey) -> Result<Transfer, PostError> {
        let pending = self.pending.get(of).filter(|pending| {
            pending.debit == transfer.debit
                && pending.credit == transfer.credit
                && pending.amount == transfer.amount
        });
        pending.cloned().ok_or_else(|| PostError::NothingPending(transfer.key.clone()))
    }

    fn add(&mut self, transfer: &Transfer, posted: i128, pending: i128) {
        let currency = transfer.amount.currency();
        let debit = self.balances.entry((transfer.debit.clone(), currency)).or_default();
        debit.debits_posted += posted;
        debit.debits_pending += pending;
        let credit = self.balances.entry((transfer.credit.clone(), currency)).or_default();
        credit.credits_posted += posted;
        credit.credits_pending += pending;
    }

    fn check(&self, transfer: &Transfer, account: &Account) -> Result<(), PostError> {
        let balance = self.balance(account, transfer.amount.currency());
        if account.kind().is_bounded() && balance.available(account) < 0 {
            return Err(PostError::Overdrawn(transfer.key.clone(), account.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
