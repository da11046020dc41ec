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
    /// What fees brought the storefront. Grows by credits; below zero where fees that were paid out came back to a payer.
    Fee,
    /// What a receiver of splits has earned. Grows by credits; below zero where it owes what went back to a payer.
    Receiver,
    /// What a merchant of the storefront has earned and was not settled yet. Grows by credits, never below zero.
    Unsettled,
    /// What a merchant of the storefront holds with it. Grows by credits, never below zero.
    Balance,
    /// What the storefront has set aside to bear refunds. Grows by credits, never below zero.
    Platform,
    /// What an insurance has set aside to bear refunds. Grows by credits, never below zero.
    Insurance,
    /// What a rail has set aside to bear refunds. Grows by credits, never below zero.
    RailFund,
    /// What a funder of discounts has paid in, less what its discounts gave. Grows by credits; below zero where it owes that.
    Discount,
    /// What is set aside for a discount. Grows by credits, never below zero.
    Budget,
    /// The storefront's money outside of this book: where funds come from and are paid out to. Grows by debits; below zero
    /// where more was paid out than came in.
    Outside,
}

/// The text names no account of the chart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an account is named KIND:OF, such as rail:alipay-main; kinds are {}; at most {NAME_BYTES_MAX} bytes",
    AccountKind::ALL.map(AccountKind::word).join(", ")
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

    /// An account of a storefront's own: of the storefront, or of one of its merchants or receivers.
    ///
    /// # Panics
    ///
    /// For a kind that belongs to a rail account.
    pub fn own(kind: AccountKind, tenant: &str, of: Option<&str>) -> Self {
        assert!(kind.is_own(), "{} belongs to a rail account", kind.word());
        let of = of.map_or_else(|| tenant.to_owned(), |of| format!("{tenant}/{of}"));
        Self { kind, of }
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
    /// Every kind there is.
    pub const ALL: [Self; 14] = [
        Self::Rail,
        Self::Merchant,
        Self::SuspenseLate,
        Self::SuspenseStray,
        Self::Fee,
        Self::Receiver,
        Self::Unsettled,
        Self::Balance,
        Self::Platform,
        Self::Insurance,
        Self::RailFund,
        Self::Discount,
        Self::Budget,
        Self::Outside,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Rail => "rail",
            Self::Merchant => "merchant",
            Self::SuspenseLate => "suspense_late",
            Self::SuspenseStray => "suspense_stray",
            Self::Fee => "fee",
            Self::Receiver => "receiver",
            Self::Unsettled => "unsettled",
            Self::Balance => "balance",
            Self::Platform => "platform",
            Self::Insurance => "insurance",
            Self::RailFund => "rail_fund",
            Self::Discount => "discount",
            Self::Budget => "budget",
            Self::Outside => "outside",
        }
    }

    /// Whether debits make it larger.
    pub fn grows_by_debits(self) -> bool {
        match self {
            Self::Rail | Self::Outside => true,
            Self::Merchant
            | Self::SuspenseLate
            | Self::SuspenseStray
            | Self::Fee
            | Self::Receiver
            | Self::Unsettled
            | Self::Balance
            | Self::Platform
            | Self::Insurance
            | Self::RailFund
            | Self::Discount
            | Self::Budget => false,
        }
    }

    /// Whether its balance may never fall below zero, pending debits included.
    pub fn is_bounded(self) -> bool {
        match self {
            Self::SuspenseLate
            | Self::Unsettled
            | Self::Balance
            | Self::Platform
            | Self::Insurance
            | Self::RailFund
            | Self::Budget => true,
            Self::Rail
            | Self::Merchant
            | Self::SuspenseStray
            | Self::Fee
            | Self::Receiver
            | Self::Discount
            | Self::Outside => false,
        }
    }

    /// Whether it is a storefront's own, and not that of a rail account. Transfers among these move nothing in or out of what
    /// the rails hold.
    pub fn is_own(self) -> bool {
        match self {
            Self::Rail | Self::SuspenseLate | Self::SuspenseStray => false,
            Self::Merchant
            | Self::Fee
            | Self::Receiver
            | Self::Unsettled
            | Self::Balance
            | Self::Platform
            | Self::Insurance
            | Self::RailFund
            | Self::Discount
            | Self::Budget
            | Self::Outside => true,
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
