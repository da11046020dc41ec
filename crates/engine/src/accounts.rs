//! The rail accounts that this gateway may use, in the order of the config.

use paifang_payment::{AccountId, Presentation, RailName, WalletName};
use paifang_rail::{Descriptor, Identity, Offer};

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
    /// The offer of this wallet in this presentation.
    pub fn offer(&self, wallet: &WalletName, presentation: Presentation) -> Option<&'static Offer> {
        self.descriptor
            .offers
            .iter()
            .find(|offer| offer.wallet == wallet.as_str() && offer.presentation == presentation)
    }
}
