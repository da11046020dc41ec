//! The rail accounts that this gateway may use, in the order of the config.

use paifang_boundary::{Audience, Fields};
use paifang_payment::{AccountId, Presentation, RailName, TenantId, WalletName};
use paifang_rail::{Descriptor, Identity, Offer};

use crate::Shares;

/// One rail account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name in the config.
    pub id: AccountId,
    /// Its rail.
    pub rail: RailName,
    /// What its rail can do.
    pub descriptor: &'static Descriptor,
    /// Whom its messages must name.
    pub identity: Identity,
    /// Whether new charges are taken; queries, closes and refunds always are.
    pub enabled: bool,
    /// What the operator shares with it.
    pub shares: Shares,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Accounts(Vec<Account>);

impl Accounts {
    /// In the order of the config.
    pub fn new(accounts: Vec<Account>) -> Self {
        Self(accounts)
    }

    /// By name.
    pub fn get(&self, id: &AccountId) -> Option<&Account> {
        self.0.iter().find(|account| account.id == *id)
    }

    /// This account and all others of its rail that are of the same merchant there: a bill is their common one.
    pub fn of_merchant(&self, id: &AccountId) -> Vec<AccountId> {
        let Some(named) = self.get(id) else { return vec![id.clone()] };
        let same = |account: &&Account| {
            account.rail == named.rail && account.identity.merchant == named.identity.merchant
        };
        self.0.iter().filter(same).map(|account| account.id.clone()).collect()
    }

    /// In the order of the config.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.0.iter()
    }
}

impl Account {
    /// What the account may be told of this storefront's orders, beside their terms: what the schema marks for rails, the
    /// adapter uses, and the operator shares.
    pub fn may_be_told(&self, tenant: TenantId) -> Fields {
        let tellable = self.descriptor.tellable();
        let marked: Fields = tellable.iter().filter(|field| field.is_for(Audience::Rail)).collect();
        marked.and(self.shares.with(tenant))
    }

    /// The offer of this wallet in this presentation.
    pub fn offer(&self, wallet: &WalletName, presentation: Presentation) -> Option<&'static Offer> {
        self.descriptor
            .offers
            .iter()
            .find(|offer| offer.wallet == wallet.as_str() && offer.presentation == presentation)
    }
}
