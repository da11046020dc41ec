//! The chain of evidence: both journals as one story, oldest first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_payment::intent::{self, Fact, Wish};
use paifang_payment::{AttemptId, Evidence, IntentId, RefundId, Source, refund};
use paifang_proto::v1;

use super::intent::{attempt_state, state};
use super::time;

/// Lines of a story that are told at most.
const ENTRIES_MAX: usize = 1000;

const SERIAL_CHARS_MAX: usize = 128;

/// Collects the journals of an intent and of its refunds.
pub(crate) struct Story {
    lines: Vec<(Timestamp, v1::JournalEntry)>,
    incomplete: bool,
}

impl Story {
    /// Begins with the intent's journal.
    pub fn of_intent(id: IntentId, journal: &[intent::Entry]) -> Self {
        let mut teller = Teller { id, state: v1::PaymentIntentState::Unspecified, attempts: BTreeMap::new() };
        let lines = journal.iter().map(|entry| (entry.at, teller.line(entry))).collect();
        Self { lines, incomplete: false }
    }

    /// Adds a refund's journal.
    pub fn add_refund(&mut self, id: RefundId, journal: &[refund::Entry]) {
        let mut from = String::new();
        for entry in journal {
            let to = match &entry.fact {
                refund::Fact::Opened { .. } => v1::RefundState::Sending.as_str_name().to_owned(),
                refund::Fact::Moved { to, .. } => super::refund::state(to).as_str_name().to_owned(),
                refund::Fact::Redriven { .. } => from.clone(),
            };
            let change = match &entry.fact {
                refund::Fact::Opened { .. } => "opened",
                refund::Fact::Moved { .. } => moved(&from, &to),
                refund::Fact::Redriven { .. } => "redriven",
            };
            let shell = shell(entry.seq, entry.at, &entry.evidence);
            let line = v1::JournalEntry {
                subject: v1::JournalSubject::Refund.into(),
                subject_id: id.to_string(),
                from_state: std::mem::replace(&mut from, to.clone()),
                to_state: to,
                change: change.to_owned(),
                ..shell
            };
            self.lines.push((entry.at, line));
        }
    }

    /// Notes that there are more refunds than were looked at.
    pub fn cut_short(&mut self) {
        self.incomplete = true;
    }

    /// The lines that are told, oldest first, and whether there are more. Each journal keeps its own order.
    pub fn tell(mut self) -> (Vec<v1::JournalEntry>, bool) {
        self.lines.sort_by_key(|(at, _)| *at);
        let truncated = self.incomplete || self.lines.len() > ENTRIES_MAX;
        (self.lines.into_iter().take(ENTRIES_MAX).map(|(_, line)| line).collect(), truncated)
    }
}

/// Knows where everything stood before the next entry.
struct Teller {
    id: IntentId,
    state: v1::PaymentIntentState,
    attempts: BTreeMap<AttemptId, v1::AttemptState>,
}

impl Teller {
    fn line(&mut self, entry: &intent::Entry) -> v1::JournalEntry {
        let shell = shell(entry.seq, entry.at, &entry.evidence);
        match &entry.fact {
            Fact::Created { .. } => {
                self.of_intent(shell, v1::PaymentIntentState::RequiresWallet, Some("opened"))
            }
            Fact::Wished { wish } => {
                let change = match wish {
                    Wish::None => "wish_ended",
                    Wish::Switch { .. } => "asked_to_switch",
                    Wish::Cancel => "asked_to_cancel",
                    Wish::Expire => "asked_to_expire",
                };
                self.of_intent(shell, self.state, Some(change))
            }
            Fact::Moved { to } => self.of_intent(shell, state(*to), None),
            Fact::AttemptOpened { terms } => {
                self.of_attempt(shell, terms.id, v1::AttemptState::Sending, Some("opened"))
            }
            Fact::AttemptMoved { attempt, to, .. } => {
                self.of_attempt(shell, *attempt, attempt_state(to), None)
            }
            Fact::AttemptLeft { attempt } => {
                let same = self.attempts.get(attempt).copied().unwrap_or_default();
                self.of_attempt(shell, *attempt, same, Some("left"))
            }
            Fact::Redriven { attempt: Some(attempt), .. } => {
                let same = self.attempts.get(attempt).copied().unwrap_or_default();
                self.of_attempt(shell, *attempt, same, Some("redriven"))
            }
            Fact::Redriven { attempt: None, .. } => self.of_intent(shell, self.state, Some("redriven")),
        }
    }

    fn of_intent(
        &mut self,
        shell: v1::JournalEntry,
        to: v1::PaymentIntentState,
        change: Option<&str>,
    ) -> v1::JournalEntry {
        let from = match std::mem::replace(&mut self.state, to) {
            v1::PaymentIntentState::Unspecified => "",
            known => known.as_str_name(),
        };
        v1::JournalEntry {
            subject: v1::JournalSubject::PaymentIntent.into(),
            subject_id: self.id.to_string(),
            from_state: from.to_owned(),
            to_state: to.as_str_name().to_owned(),
            change: change.unwrap_or(moved(from, to.as_str_name())).to_owned(),
            ..shell
        }
    }

    fn of_attempt(
        &mut self,
        shell: v1::JournalEntry,
        id: AttemptId,
        to: v1::AttemptState,
        change: Option<&str>,
    ) -> v1::JournalEntry {
        let from = self.attempts.insert(id, to).map_or("", |known| known.as_str_name());
        v1::JournalEntry {
            subject: v1::JournalSubject::Attempt.into(),
            subject_id: id.to_string(),
            from_state: from.to_owned(),
            to_state: to.as_str_name().to_owned(),
            change: change.unwrap_or(moved(from, to.as_str_name())).to_owned(),
            ..shell
        }
    }
}

/// The same state again holds something new inside: a further send, what a query found.
fn moved(from: &str, to: &str) -> &'static str {
    if from == to { "updated" } else { "moved" }
}

fn shell(seq: u64, at: Timestamp, evidence: &Evidence) -> v1::JournalEntry {
    let serial = evidence.key_serial.as_deref().unwrap_or_default();
    v1::JournalEntry {
        sequence: i64::try_from(seq).unwrap_or(i64::MAX),
        decide_time: Some(time(at)),
        source: source(evidence.source).into(),
        message_digest: evidence.digest.map(String::from).unwrap_or_default(),
        key_serial: serial.chars().take(SERIAL_CHARS_MAX).collect(),
        rule: evidence.rule.chars().take(SERIAL_CHARS_MAX).collect(),
        ..v1::JournalEntry::default()
    }
}

fn source(source: Source) -> v1::EvidenceSource {
    match source {
        Source::Reply => v1::EvidenceSource::Reply,
        Source::Query => v1::EvidenceSource::Query,
        Source::Notification => v1::EvidenceSource::Notification,
        Source::Transport => v1::EvidenceSource::Transport,
        Source::Clock => v1::EvidenceSource::Clock,
        Source::Storefront => v1::EvidenceSource::Storefront,
        Source::Rule => v1::EvidenceSource::Rule,
        Source::Operator => v1::EvidenceSource::Operator,
    }
}
