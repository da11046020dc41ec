//! Money that a rail proves and no operation of ours explains: a second transaction under one order number (F05), a capture or
//! refund that was carried out after it had been told as refused (F04). No state moves: what has ended stays as it was told.
//! The journal keeps the proof, the books keep the money in suspense, and a person decides whose it is.

use jiff::Timestamp;
use paifang_money::PositiveMoney;
use serde::{Deserialize, Serialize};

use super::{Entry, Fact, Intent, Step};
use crate::{AttemptId, Doubt, Evidence};

/// One such movement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// The attempt on whose rail account it moved.
    pub attempt: AttemptId,
    /// The number that it is told under: that of the capture or refund, or the rail's own of a second transaction. It is
    /// booked once for each.
    pub number: String,
    /// How much.
    pub amount: PositiveMoney,
    /// Which way.
    pub way: Way,
    /// What it contradicts.
    pub why: Doubt,
}

/// Which way stray money went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From a payer to our account at the rail.
    In,
    /// From our account at the rail back to a payer.
    Out,
}

impl Intent {
    /// Notes stray money. `None` for an attempt that is not there.
    pub fn note_stray(mut self, stray: Stray, evidence: Evidence, now: Timestamp) -> Option<Step> {
        let entry =
            Entry { seq: self.version + 1, at: now, fact: Fact::Strayed { stray }, evidence, seal: None };
        self.apply(&entry).ok()?;
        let (entries, postings, opened) = (vec![entry], Vec::new(), Vec::new());
        Some(Step { intent: self, entries, postings, opened })
    }
}
