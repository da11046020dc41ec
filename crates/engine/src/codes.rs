//! Payer's codes whose attempt waits until an earlier one is settled. In memory only: a code is never stored.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use paifang_payment::AttemptId;
use paifang_rail::PayerCode;

/// More codes than this do not wait: the newest are turned away and end as lost.
const CODES_MAX: usize = 4096;

/// The codes that wait.
#[derive(Default)]
pub(crate) struct WaitingCodes(Mutex<HashMap<AttemptId, PayerCode>>);

impl WaitingCodes {
    /// Keeps a code until its attempt is opened.
    pub fn keep(&self, attempt: AttemptId, code: PayerCode) {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if codes.len() < CODES_MAX {
            codes.insert(attempt, code);
        }
    }

    /// Hands a code over, once.
    pub fn take(&self, attempt: AttemptId) -> Option<PayerCode> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt)
    }
}
