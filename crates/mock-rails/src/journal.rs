//! What arrived at a rail and how it was judged: the first place to look when a signature does not match.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::Serialize;

use crate::locked;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalEntry {
    /// When it arrived, in the rails' time.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path without the query (queries may carry signatures and payer data).
    pub path: String,
    /// What it asked for: the rail's own name of the call, as far as it could be read.
    pub operation: String,
    /// The merchant's order number, when the request has one.
    pub order_no: Option<String>,
    /// The rail's judgement: its code, or why the request was refused.
    pub verdict: String,
    /// The string that the rail expected to be signed, once it got as far as building it.
    pub expected: Option<String>,
}

/// The last requests of one rail; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<VecDeque<JournalEntry>>>);

/// How many requests are kept; the oldest gives way.
pub const ENTRIES_MAX: usize = 2_000;

impl Journal {
    /// Writes one request down.
    pub fn record(&self, entry: JournalEntry) {
        let mut entries = locked(&self.0);
        if entries.len() == ENTRIES_MAX {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// The requests, oldest first.
    pub fn entries(&self) -> Vec<JournalEntry> {
        locked(&self.0).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_keeps_the_last_requests_only() {
        let journal = Journal::default();
        for n in 0..=ENTRIES_MAX {
            journal.record(JournalEntry {
                at: Timestamp::UNIX_EPOCH,
                method: "POST".into(),
                path: "/".into(),
                operation: n.to_string(),
                order_no: None,
                verdict: "ok".into(),
                expected: None,
            });
        }
        let entries = journal.entries();
        assert_eq!((entries.len(), entries[0].operation.as_str()), (ENTRIES_MAX, "1"));
    }
}
