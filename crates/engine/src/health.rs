//! How the rails have answered lately, and whether they could be asked, as this replica saw it: enough to put one that fails
//! behind the others, and no more.
//!
//! It lives in memory, is bounded per account, and decides about no payment: a consultation ranks by it, nothing is hidden
//! or refused for it. What is not tried is forgotten after [`WINDOW`], so a rail that nobody chose any more gets another
//! chance by itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use paifang_payment::{AccountId, Doubt, News, NotSent, Observation, Outcome};
use paifang_rail::PlanError;

use crate::{Account, Accounts};

/// The last calls of every configured account.
#[derive(Debug)]
pub(crate) struct Health(BTreeMap<AccountId, Seen>);

#[derive(Debug)]
struct Seen {
    calls: Mutex<VecDeque<Call>>,
    /// See [`paifang_rail::Descriptor::fails_with`].
    fails_with: &'static [&'static str],
}

#[derive(Debug, Clone, Copy)]
struct Call {
    at: Timestamp,
    failed: bool,
}

/// Calls that are kept of each account.
const CALLS_KEPT: usize = 20;
/// Calls that say something: fewer failures than this may be chance.
const CALLS_MIN: usize = 5;
/// How far back a call counts.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

impl Health {
    /// Knows of no call yet.
    pub fn of(accounts: &Accounts) -> Self {
        let seen =
            |account: &Account| Seen { calls: Mutex::default(), fails_with: account.descriptor.fails_with };
        Self(accounts.iter().map(|account| (account.id.clone(), seen(account))).collect())
    }

    /// Counts what came of a call, where that says something about the rail. Calls of an account that is no longer
    /// configured are not counted.
    pub fn note(&self, account: &AccountId, now: Timestamp, seen: &Observation) {
        let Some(known) = self.0.get(account) else { return };
        if let Some(failed) = has_failed(seen, known.fails_with) {
            known.add(Call { at: now, failed });
        }
    }

    /// Counts a message that could not be made, where no other one of the account could have been.
    pub fn note_unplanned(&self, account: &AccountId, now: Timestamp, error: &PlanError) {
        if let Some(known) = self.0.get(account).filter(|_| error.is_of_account()) {
            known.add(Call { at: now, failed: true });
        }
    }

    /// Of its calls of the last minute, at least [`CALLS_MIN`] of them, half or more failed.
    pub fn is_degraded(&self, account: &AccountId, now: Timestamp) -> bool {
        let Some(known) = self.0.get(account) else { return false };
        let calls = known.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = calls.iter().filter(|call| now.duration_since(call.at) < WINDOW);
        let (all, failed) =
            recent.fold((0, 0), |(all, failed), call| (all + 1, failed + usize::from(call.failed)));
        all >= CALLS_MIN && failed * 2 >= all
    }
}

impl Seen {
    fn add(&self, call: Call) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == CALLS_KEPT {
            calls.pop_front();
        }
        calls.push_back(call);
    }
}

/// Whether the rail failed the call; `None` where nobody asked it. A refusal is an answer, and so is a doubt about one
/// order: only what any order would have met counts.
fn has_failed(seen: &Observation, fails_with: &[&str]) -> Option<bool> {
    match &seen.news {
        News::Absent => Some(false),
        News::Outcome(outcome) => match outcome {
            // Our own limits say nothing about the rail, nor does our message ([`Health::note_unplanned`]).
            Outcome::NotSent(NotSent::NotPlanned(_) | NotSent::HeldBack) => None,
            Outcome::NotSent(NotSent::NotConnected) => Some(true),
            Outcome::Unknown(doubt) => is_failure(doubt, fails_with),
            Outcome::Paid(_)
            | Outcome::Held(_)
            | Outcome::Refunded(_)
            | Outcome::Closed(_)
            | Outcome::Pending(_)
            | Outcome::Refused(_) => Some(false),
        },
    }
}

fn is_failure(doubt: &Doubt, fails_with: &[&str]) -> Option<bool> {
    match doubt {
        Doubt::TimedOut
        | Doubt::ConnectionLost
        | Doubt::HttpStatus(_)
        | Doubt::BadSignature
        | Doubt::Unreadable => Some(true),
        // A payer may take time, and a number may be there before: the rail is unsure of one order then.
        Doubt::RailUnsure(code) => Some(fails_with.contains(&code.as_str())),
        Doubt::UnlistedCode(_)
        | Doubt::Mismatch(_)
        | Doubt::AmountMismatch
        | Doubt::Unconfirmed(_)
        | Doubt::MaybePaid(_) => Some(false),
        Doubt::Crashed => None,
    }
}

#[cfg(test)]
mod tests;
