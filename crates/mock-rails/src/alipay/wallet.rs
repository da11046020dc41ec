//! The payer's codes: what the wallet shows to be scanned, and what will come of it.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::numbers::Numbers;
use crate::CodeOutcome;

/// How long a code may be charged. About a minute in practice, found documented nowhere.
const CODE_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// How long the payer takes over the password, unless an act from outside comes first.
pub(super) const PAYER_TAKES: SignedDuration = SignedDuration::from_secs(10);
/// How many codes are remembered; the oldest gives way.
const CODES_MAX: usize = 10_000;

/// The codes. They are not saved: none outlives a minute.
#[derive(Debug, Default)]
pub(super) struct Codes {
    by_text: HashMap<String, Code>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Code {
    outcome: CodeOutcome,
    until: Timestamp,
    /// The order that charged it; it can be charged by no other.
    used_by: Option<String>,
}

/// A code as the payer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// 18 digits, for scene `bar_code`.
    pub(super) bar_code: String,
    /// `fp` and 33 characters, for scene `security_code`.
    pub(super) face_token: String,
}

impl Codes {
    pub(super) fn issue(&mut self, numbers: &mut Numbers, outcome: CodeOutcome, now: Timestamp) -> Shown {
        let bar_code = numbers.payer_code();
        let face_token = format!("fp{bar_code}facetoken000000");
        for text in [&bar_code, &face_token] {
            if self.order.len() == CODES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_text.remove(&oldest);
            }
            self.order.push_back(text.clone());
            self.by_text.insert(text.clone(), Code { outcome, until: now + CODE_LIFE, used_by: None });
        }
        Shown { bar_code, face_token }
    }

    /// Charges a code for an order: what the payer does. `None` when the code is unknown, too old or used.
    pub(super) fn charge(&mut self, text: &str, order_no: &str, now: Timestamp) -> Option<CodeOutcome> {
        let code = self.by_text.get_mut(text).filter(|code| code.used_by.is_none() && now < code.until)?;
        code.used_by = Some(order_no.to_owned());
        Some(code.outcome)
    }
}
