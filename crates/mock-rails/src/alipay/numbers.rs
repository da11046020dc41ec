//! The rail's own numbers, unique over restarts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::time;

/// Counts on; saved with the book.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Numbers {
    /// Six digits of this world, so that a mock that starts anew does not reuse what a gateway has stored.
    world: u32,
    last: u32,
}

impl Default for Numbers {
    fn default() -> Self {
        let mut bytes = [0; 4];
        // Without random numbers only the uniqueness over restarts is lost.
        let _ = crate::chance::fill(&mut bytes);
        Self { world: u32::from_be_bytes(bytes) % 1_000_000, last: 0 }
    }
}

impl Numbers {
    fn next(&mut self) -> (u32, u32) {
        self.last = self.last.wrapping_add(1);
        (self.world, self.last)
    }

    /// 28 digits that start with the date.
    pub(super) fn trade_no(&mut self, now: Timestamp) -> String {
        let (world, last) = self.next();
        format!("{}220014{world:06}{last:08}", time::day(now))
    }

    /// 34 digits that start with the date.
    pub(super) fn notify_id(&mut self, now: Timestamp) -> String {
        let (world, last) = self.next();
        format!("{}002221{world:06}{last:014}", time::day(now))
    }

    /// 28 digits: a pre-authorisation.
    pub(super) fn auth_no(&mut self, now: Timestamp) -> String {
        let (world, last) = self.next();
        format!("{}100020{world:06}{last:08}", time::day(now))
    }

    /// 20 digits: one movement of a pre-authorisation.
    pub(super) fn operation_id(&mut self, now: Timestamp) -> String {
        let (world, last) = self.next();
        format!("{}{:02}{last:010}", time::day(now), world % 100)
    }

    /// 18 letters and digits, as at the end of a QR code's URL.
    pub(super) fn token(&mut self) -> String {
        let (world, last) = self.next();
        format!("bax{world:06}{last:09x}")
    }

    /// 18 digits that start with 28, as the wallet shows them.
    pub(super) fn payer_code(&mut self) -> String {
        let (world, last) = self.next();
        format!("28{world:06}{last:010}")
    }
}
