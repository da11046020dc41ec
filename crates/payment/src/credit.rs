//! Whether a payer may pay on credit.

use serde::{Deserialize, Serialize};

/// Whether the payer may pay on credit: a credit card, Huabei and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credit {
    /// As the payer likes.
    #[default]
    Allowed,
    /// The order says that it may not be paid on credit.
    Excluded,
}

impl Credit {
    /// Whether the payer may. By reference, as serde asks.
    pub fn is_allowed(&self) -> bool {
        *self == Self::Allowed
    }
}
