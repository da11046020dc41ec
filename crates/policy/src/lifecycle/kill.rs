//! What a kill switch closes, and what became of announced versions that lack one.

use jiff::Timestamp;
use paifang_payment::{Presentation, RailName, WalletName};
use serde::{Deserialize, Serialize};

use crate::RuleId;
use crate::bundle::Kill;

/// What a kill switch closes: the ways to pay that fit all that is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillScope {
    /// The rail; absent: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rail: Option<RailName>,
    /// The wallet; absent: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<WalletName>,
    /// The presentation; absent: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation: Option<Presentation>,
}

/// An announced version that a kill switch made a draft again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillRecall {
    /// When.
    pub at: Timestamp,
    /// The version that lacks the kill switch.
    pub version: u32,
    /// The kill switch.
    pub kill: RuleId,
    /// The version that was announced with it.
    pub by: u32,
}

impl KillScope {
    /// What this kill switch closes.
    pub fn of(kill: &Kill) -> Self {
        let Kill { id: _, rail, wallet, presentation, note: _ } = kill;
        Self { rail: rail.clone(), wallet: wallet.clone(), presentation: *presentation }
    }

    /// Whether it closes all that the other one closes.
    pub fn covers(&self, other: &Self) -> bool {
        let rail = self.rail.is_none() || self.rail == other.rail;
        let wallet = self.wallet.is_none() || self.wallet == other.wallet;
        let presentation = self.presentation.is_none() || self.presentation == other.presentation;
        rail && wallet && presentation
    }
}
