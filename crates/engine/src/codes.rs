//! Payer's codes whose attempt waits until an earlier one is settled. In memory only: a code is never stored. None stays
//! longer than a wallet takes it: it goes with its life, with the choice that is dropped, or to the one that sends it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use paifang_payment::AttemptId;
use paifang_rail::PayerCode;

/// More codes than this do not wait: the newest are turned away and end as lost.
const CODES_MAX: usize = 4096;
/// How long a code waits. Wallets show another one after a minute.
const LIFE: SignedDuration = SignedDuration::from_mins(2);

/// The codes that wait, each with the time until which it does.
#[derive(Default)]
pub(crate) struct WaitingCodes(Mutex<HashMap<AttemptId, (PayerCode, Timestamp)>>);

impl WaitingCodes {
    /// Keeps a code until its attempt is opened, and forgets those whose time is over.
    pub fn keep(&self, attempt: AttemptId, code: PayerCode, now: Timestamp) {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, (_, until)| now < *until);
        if codes.len() < CODES_MAX {
            codes.insert(attempt, (code, now.saturating_add(LIFE).unwrap_or(now)));
        }
    }

    /// Hands a code over, once, while its time lasts.
    pub fn take(&self, attempt: AttemptId, now: Timestamp) -> Option<PayerCode> {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, (_, until)| now < *until);
        codes.remove(&attempt).map(|(code, _)| code)
    }

    /// Forgets a code whose attempt will not be opened.
    pub fn forget(&self, attempt: AttemptId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(n: u8) -> AttemptId {
        AttemptId::from_parts(Timestamp::UNIX_EPOCH, [n; 10])
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn code() -> PayerCode {
        PayerCode::parse("134567890123456789").unwrap()
    }

    fn waiting(codes: &WaitingCodes) -> usize {
        codes.0.lock().unwrap().len()
    }

    #[test]
    fn a_code_waits_for_its_time_and_is_handed_over_once() {
        let codes = WaitingCodes::default();
        codes.keep(attempt(1), code(), at(0));
        codes.keep(attempt(2), code(), at(0));
        codes.keep(attempt(3), code(), at(0));
        assert!(codes.take(attempt(1), at(119)).is_some() && codes.take(attempt(1), at(119)).is_none());
        codes.forget(attempt(2));
        assert!(codes.take(attempt(2), at(119)).is_none());
        assert_eq!(waiting(&codes), 1);
        assert!(codes.take(attempt(3), at(120)).is_none(), "its time is over");
        assert_eq!(waiting(&codes), 0);
    }

    /// What nobody asks for any more leaves with the next code that comes.
    #[test]
    fn what_is_over_makes_room() {
        let codes = WaitingCodes::default();
        let many = (0..=CODES_MAX).map(|n| {
            let mut entropy = [0; 10];
            entropy[..8].copy_from_slice(&n.to_be_bytes());
            AttemptId::from_parts(Timestamp::UNIX_EPOCH, entropy)
        });
        many.for_each(|attempt| codes.keep(attempt, code(), at(0)));
        assert_eq!(waiting(&codes), CODES_MAX);
        codes.keep(attempt(9), code(), at(60));
        assert!(codes.take(attempt(9), at(60)).is_none(), "all places are taken");
        codes.keep(attempt(9), code(), at(120));
        assert_eq!(waiting(&codes), 1);
        assert!(codes.take(attempt(9), at(120)).is_some());
    }
}
