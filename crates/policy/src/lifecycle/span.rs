//! A stretch of time, cut where what holds changes: who could pay with what on a past day.

use jiff::Timestamp;

use super::{Book, Deciding};

/// A stretch of time in which one thing holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span<'a> {
    /// From when, within what was asked for.
    pub begins: Timestamp,
    /// Until when; no longer at this moment.
    pub ends: Timestamp,
    /// What holds.
    pub holds: Holds<'a>,
}

/// What holds for new payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds<'a> {
    /// No version has ever decided: everything that works is open.
    Unruled,
    /// A version has decided, and none does now: everything is closed.
    Nothing,
    /// This version, less what is rolled back.
    By(Deciding<'a>),
}

impl Book {
    /// The stretches from `begins` until before `ends`, in their order and without a gap; none where that is no time at all.
    /// Times after the book's last fact are answered as if nothing else happens.
    pub fn spans(&self, begins: Timestamp, ends: Timestamp) -> impl Iterator<Item = Span<'_>> {
        let mut moments = self.moments();
        moments.retain(|moment| begins < *moment && *moment < ends);
        let mut moments = moments.into_iter().chain([ends]);
        let mut at = begins;
        let mut holds = (begins < ends).then(|| self.holds(begins));
        std::iter::from_fn(move || {
            let own = holds.take()?;
            let begins = at;
            for moment in moments.by_ref() {
                let after = self.holds(moment);
                if moment == ends || after != own {
                    at = moment;
                    holds = (moment < ends).then_some(after);
                    return Some(Span { begins, ends: moment, holds: own });
                }
            }
            None
        })
    }

    /// What holds at a time.
    pub fn holds(&self, at: Timestamp) -> Holds<'_> {
        match self.deciding(at) {
            Some(deciding) => Holds::By(deciding),
            None if self.has_decided(at) => Holds::Nothing,
            None => Holds::Unruled,
        }
    }
}
