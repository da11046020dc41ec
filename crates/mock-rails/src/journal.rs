//! What arrived at a rail and how it was judged: the first place to look when a signature does not match.
//!
//! A rail records its judgement ([`Journal::record`]); the server puts beside it what went over the wire ([`Traffic`]).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::Serialize;

use crate::locked;

/// How a rail judged one request.
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
    /// Whether the rail turned the request away.
    pub refused: bool,
    /// The string that the rail expected to be signed, once it got as far as building it.
    pub expected: Option<String>,
}

/// One request with what went over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// 1, 2, 3, ... over the life of this world.
    pub number: u64,
    /// The judgement.
    #[serde(flatten)]
    pub entry: JournalEntry,
    /// The bytes, as text.
    pub traffic: Traffic,
}

/// What went over the wire, for people: bodies as text, cut after [`BODY_CHARS_MAX`]. The merchants of this world are made
/// for tests, so nothing of it is a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// The request target, with its query.
    pub target: String,
    /// Header fields of the request, as they came.
    pub request_headers: Vec<(String, String)>,
    /// The request's body.
    pub request_body: String,
    /// The answer's HTTP status; `dropped` when the connection was closed instead.
    pub status: String,
    /// Header fields of the answer.
    pub answer_headers: Vec<(String, String)>,
    /// The answer's body.
    pub answer_body: String,
}

/// The last requests of one rail; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    rows: VecDeque<Recorded>,
    count: u64,
}

/// How many requests are kept; the oldest gives way.
pub const ENTRIES_MAX: usize = 2_000;

/// How much of a body is kept, in characters.
pub const BODY_CHARS_MAX: usize = 16 * 1024;

tokio::task_local! {
    /// The numbers of what was recorded while the request at hand was handled.
    static AT_HAND: Arc<Mutex<Vec<u64>>>;
}

impl Journal {
    /// Writes one request down.
    pub fn record(&self, entry: JournalEntry) {
        let mut kept = locked(&self.0);
        if kept.rows.len() == ENTRIES_MAX {
            kept.rows.pop_front();
        }
        kept.count += 1;
        let number = kept.count;
        kept.rows.push_back(Recorded { number, entry, traffic: Traffic::default() });
        // Tests of pure parts handle requests without a server, and then there is no traffic to put beside it.
        let _ = AT_HAND.try_with(|numbers| locked(numbers).push(number));
    }

    /// The judgements, oldest first.
    pub fn entries(&self) -> Vec<JournalEntry> {
        locked(&self.0).rows.iter().map(|row| row.entry.clone()).collect()
    }

    /// The requests with what went over the wire, oldest first.
    pub fn recorded(&self) -> Vec<Recorded> {
        locked(&self.0).rows.iter().cloned().collect()
    }

    /// Runs the handling of one request, and puts its traffic beside what was recorded meanwhile.
    pub(crate) async fn watch<T>(
        &self,
        handling: impl Future<Output = T>,
        traffic: impl FnOnce(&T) -> Traffic,
    ) -> T {
        let numbers = Arc::new(Mutex::new(Vec::new()));
        let done = AT_HAND.scope(numbers.clone(), handling).await;
        let numbers = locked(&numbers).clone();
        if !numbers.is_empty() {
            let traffic = traffic(&done);
            let mut kept = locked(&self.0);
            for row in kept.rows.iter_mut().rev().filter(|row| numbers.contains(&row.number)) {
                row.traffic = traffic.clone();
            }
        }
        done
    }
}

/// A body as text, cut to what is kept.
pub(crate) fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match text.char_indices().nth(BODY_CHARS_MAX) {
        Some((end, _)) => format!("{}… ({} bytes in all)", text.get(..end).unwrap_or_default(), body.len()),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str) -> JournalEntry {
        JournalEntry {
            at: Timestamp::UNIX_EPOCH,
            method: "POST".into(),
            path: "/".into(),
            operation: operation.into(),
            order_no: None,
            verdict: "ok".into(),
            refused: false,
            expected: None,
        }
    }

    #[test]
    fn the_journal_keeps_the_last_requests_only() {
        let journal = Journal::default();
        for n in 0..=ENTRIES_MAX {
            journal.record(entry(&n.to_string()));
        }
        let entries = journal.entries();
        assert_eq!((entries.len(), entries[0].operation.as_str()), (ENTRIES_MAX, "1"));
        assert_eq!(journal.recorded()[0].number, 2);
    }

    /// Requests that are handled at the same time keep their own traffic.
    #[tokio::test]
    async fn traffic_stands_beside_its_own_request() {
        let journal = Journal::default();
        let handled = |name: &'static str| {
            let journal = &journal;
            async move {
                let handling = async {
                    tokio::task::yield_now().await;
                    journal.record(entry(name));
                    tokio::task::yield_now().await;
                };
                let traffic = |(): &()| Traffic { target: format!("/{name}"), ..Traffic::default() };
                journal.watch(handling, traffic).await;
            }
        };
        tokio::join!(handled("a"), handled("b"), handled("c"));
        for row in journal.recorded() {
            assert_eq!(row.traffic.target, format!("/{}", row.entry.operation));
        }
    }

    #[test]
    fn long_bodies_are_cut_between_characters() {
        let long = "好".repeat(BODY_CHARS_MAX + 1);
        assert!(shown(long.as_bytes()).ends_with(&format!("好… ({} bytes in all)", long.len())));
        assert_eq!(shown("好".as_bytes()), "好");
    }
}
