//! The chart of accounts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest account name or posting key, in bytes.
pub const NAME_BYTES_MAX: usize = 160;

/// One account of one book, in any currency.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Account {
    kind: AccountKind,
    of: String,
}

/// What an account stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKind {
    /// What a rail account holds for us. Grows by debits.
    Rail,
    /// What we owe the storefront. Grows by credits.
    Merchant,
    /// Money that came too late and goes back. Grows by credits, never below zero.
    SuspenseLate,
    /// Money that the rail proves and nothing here explains, until a person decides whose it is. Grows by credits; below zero
    /// where the rail gave back what it should not have.
    SuspenseStray,
}

/// The text names no account of the chart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an account is named rail:X, merchant:X, suspense_late:X or suspense_stray:X, at most {NAME_BYTES_MAX} bytes"
)]
pub struct NameError;

impl Account {
    /// What the rail account of this name holds for us.
    pub fn rail(account: &str) -> Self {
        Self { kind: AccountKind::Rail, of: account.to_owned() }
    }

    /// What we owe this storefront.
    pub fn merchant(tenant: &str) -> Self {
        Self { kind: AccountKind::Merchant, of: tenant.to_owned() }
    }

    /// Late money that came in over this rail account.
    pub fn suspense_late(account: &str) -> Self {
        Self { kind: AccountKind::SuspenseLate, of: account.to_owned() }
    }

    /// Money over this rail account that nothing explains.
    pub fn suspense_stray(account: &str) -> Self {
        Self { kind: AccountKind::SuspenseStray, of: account.to_owned() }
    }

    /// What it stands for.
    pub fn kind(&self) -> AccountKind {
        self.kind
    }

    /// Whose it is: a rail account's name or a tenant.
    pub fn of(&self) -> &str {
        &self.of
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (kind, of) = text.split_once(':').ok_or(NameError)?;
        let kind = AccountKind::ALL.into_iter().find(|known| known.word() == kind).ok_or(NameError)?;
        if of.is_empty() || text.len() > NAME_BYTES_MAX {
            return Err(NameError);
        }
        Ok(Self { kind, of: of.to_owned() })
    }
}

impl AccountKind {
    const ALL: [Self; 4] = [Self::Rail, Self::Merchant, Self::SuspenseLate, Self::SuspenseStray];

    fn word(self) -> &'static str {
        match self {
            Self::Rail => "rail",
            Self::Merchant => "merchant",
            Self::SuspenseLate => "suspense_late",
            Self::SuspenseStray => "suspense_stray",
        }
    }

    /// Whether debits make it larger.
    pub fn grows_by_debits(self) -> bool {
        match self {
            Self::Rail => true,
            Self::Merchant | Self::SuspenseLate | Self::SuspenseStray => false,
        }
    }

    /// Whether its balance may never fall below zero, pending debits included.
    pub fn is_bounded(self) -> bool {
        match self {
            Self::SuspenseLate => true,
            Self::Rail | Self::Merchant | Self::SuspenseStray => false,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.of)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Account {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<Account> for String {
    fn from(account: Account) -> Self {
        account.to_string()
    }
}
