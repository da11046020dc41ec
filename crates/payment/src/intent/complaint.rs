//! What payers complain about. A storefront reports it of a paid intent; no state moves and no money.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entry, Fact, Intent, Step};
use crate::{Evidence, Source};

/// What a complaint is about. A closed list and no text: what a payer wrote stays with the storefront.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complaint {
    /// The payer says that they did not pay this, or did not want to.
    NotAuthorized,
    /// Charged twice, or another amount than was agreed.
    WrongCharge,
    /// Paying with the wallet went wrong, although the money came.
    WalletTrouble,
    /// What was bought did not arrive.
    NotReceived,
    /// What was bought is not as it was described.
    NotAsDescribed,
    /// A refund that was promised did not come.
    RefundMissing,
    /// Anything else.
    Other,
}

impl Complaint {
    /// The name in journals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAuthorized => "not_authorized",
            Self::WrongCharge => "wrong_charge",
            Self::WalletTrouble => "wallet_trouble",
            Self::NotReceived => "not_received",
            Self::NotAsDescribed => "not_as_described",
            Self::RefundMissing => "refund_missing",
            Self::Other => "other",
        }
    }
}

impl Intent {
    /// Notes a complaint. `None` where the intent was not paid.
    pub fn note_complaint(mut self, about: Complaint, now: Timestamp) -> Option<Step> {
        let (fact, seq) = (Fact::Complained { about }, self.version + 1);
        let evidence = Evidence::plain(Source::Storefront, format!("intent.complaint.{}", about.as_str()));
        let entry = Entry { seq, at: now, fact, evidence, seal: None };
        self.apply(&entry).ok()?;
        let (entries, postings, opened) = (vec![entry], Vec::new(), Vec::new());
        Some(Step { intent: self, entries, postings, opened })
    }
}
