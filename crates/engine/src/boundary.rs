//! The data boundary at run time: what the operator shares with a rail account, and what has crossed so far.
//!
//! A call crosses in `carry`, and nowhere else: there it is emptied of whatever the account may not be told
//! ([`crate::Account::may_be_told`]), planned, and counted by the names of its fields.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use paifang_boundary::{Field, Fields};
use paifang_payment::attempt::Terms;
use paifang_payment::{AccountId, TenantId};
use paifang_store::{Store, Submission, SubmissionChange};

use crate::ports::{Environment, Rails, Transport};
use crate::{Accounts, Confirmation, Engine};

/// What the operator shares with a rail account, beside the terms of orders. By default everything that its adapter uses.
#[derive(Debug, Clone, Default)]
pub struct Shares {
    all: Option<Fields>,
    tenants: BTreeMap<TenantId, Fields>,
}

impl Shares {
    /// Only these fields, of every storefront.
    #[must_use]
    pub fn only(self, fields: Fields) -> Self {
        Self { all: Some(fields), ..self }
    }

    /// Of this storefront only these fields, of what is shared of every storefront.
    #[must_use]
    pub fn only_of(mut self, tenant: TenantId, fields: Fields) -> Self {
        self.tenants.insert(tenant, fields);
        self
    }

    /// The storefronts that have a list of their own.
    pub fn tenants(&self) -> impl Iterator<Item = TenantId> {
        self.tenants.keys().copied()
    }

    /// What is shared of storefronts that have no list of their own.
    pub fn of_others(&self) -> Fields {
        self.all.unwrap_or_else(|| Fields::those(|_| true))
    }

    /// What is shared of this storefront's orders.
    pub fn with(&self, tenant: TenantId) -> Fields {
        let all = self.of_others();
        self.tenants.get(&tenant).map_or(all, |own| all.and(*own))
    }
}

/// Who is on the other side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counterparty {
    /// A rail account.
    Rail(AccountId),
    /// Whoever reads storefronts' events.
    Events,
}

/// How often each field has crossed to each counterparty since this process began: by name, never by value.
pub struct Egress {
    rails: BTreeMap<AccountId, Counts>,
    events: Counts,
}

struct Counts(Box<[AtomicU64]>);

impl Counts {
    fn new() -> Self {
        Self(std::iter::repeat_with(AtomicU64::default).take(Field::COUNT).collect())
    }

    fn add(&self, fields: Fields) {
        for field in fields.iter() {
            if let Some(count) = self.0.get(field.index()) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Egress {
    pub(crate) fn new(accounts: &Accounts) -> Self {
        let rails = accounts.iter().map(|account| (account.id.clone(), Counts::new())).collect();
        Self { rails, events: Counts::new() }
    }

    /// A call with these fields goes to a rail account.
    pub fn to_rail(&self, account: &AccountId, fields: Fields) {
        if let Some(counts) = self.rails.get(account) {
            counts.add(fields);
        }
    }

    /// An event with these fields is read.
    pub fn to_events(&self, fields: Fields) {
        self.events.add(fields);
    }

    /// Everything that has crossed, by counterparty and then by the fields' names; what never crossed is not listed.
    pub fn crossed(&self) -> impl Iterator<Item = (Counterparty, Field, u64)> {
        let rails = self.rails.iter().map(|(account, counts)| (Counterparty::Rail(account.clone()), counts));
        let all = rails.chain([(Counterparty::Events, &self.events)]);
        all.flat_map(|(counterparty, counts)| {
            let counted = Field::ALL.into_iter().zip(&counts.0);
            counted.filter_map(move |(field, count)| match count.load(Ordering::Relaxed) {
                0 => None,
                count => Some((counterparty.clone(), field, count)),
            })
        })
    }
}

impl Counterparty {
    /// Its name in figures and tables: the account's, with `rail:` before it, or `events`.
    pub fn name(&self) -> String {
        match self {
            Self::Rail(account) => format!("rail:{account}"),
            Self::Events => "events".to_owned(),
        }
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// What an attempt's message needs of the payer, to be kept beside the journal: no more than its account may be told.
    pub(crate) fn kept_of_payer(
        &self,
        tenant: TenantId,
        attempt: &Terms,
        choice: &Confirmation,
    ) -> SubmissionChange {
        let known = self.inner.accounts.get(&attempt.account);
        let allowed = known.map_or(Fields::NONE, |account| account.may_be_told(tenant));
        let told = |field| allowed.contains(field);
        let reference = choice.declared.payer.as_ref();
        let reference = reference.filter(|_| told(Field::DeclaredFactsPayerReference));
        let kept = Submission {
            payer: choice.client.payer.clone().filter(|_| told(Field::ClientContextPayerId)),
            client_ip: choice.client.ip.filter(|_| told(Field::ClientContextPayerIp)),
            alias: reference.map(|payer| self.inner.names.alias(tenant, &attempt.account, payer)),
        };
        SubmissionChange::Put(attempt.id, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[Field]) -> Fields {
        list.iter().copied().collect()
    }

    #[test]
    fn a_storefront_can_have_less_shared_and_never_more() {
        let tenant = |n| TenantId::from_parts(jiff::Timestamp::UNIX_EPOCH, [n; 10]);
        let (ip, id) = (Field::ClientContextPayerIp, Field::ClientContextPayerId);
        assert!(Shares::default().with(tenant(1)).contains(ip));
        let shares = Shares::default().only(fields(&[ip])).only_of(tenant(2), fields(&[ip, id]));
        let shares = shares.only_of(tenant(3), Fields::NONE);
        assert_eq!(shares.with(tenant(1)), fields(&[ip]));
        assert_eq!(shares.with(tenant(2)), fields(&[ip]), "more than of all is not shared");
        assert_eq!(shares.with(tenant(3)), Fields::NONE);
    }
}
