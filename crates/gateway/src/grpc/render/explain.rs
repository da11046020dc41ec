//! The chain of evidence: both journals as one story, oldest first, each entry with what was booked and told with it.

mod commits;
mod facts;

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_payment::intent::{self, Fact, Wish};
use paifang_payment::{
    AttemptId, Commit, Digest, Evidence, IntentId, RefundId, Remark, Seal, Source, TenantId, refund,
};
use paifang_proto::v1;
use paifang_store::{HISTORY_MAX, PAGE_MAX, Store, StoreError};

use super::intent::{attempt_state, state};
use super::{money, time};

/// Lines of a story that are told at most.
const ENTRIES_MAX: usize = 1000;

/// Pages of refunds whose journals a story looks into.
const REFUND_PAGES_MAX: usize = 5;

/// Characters of a rule, a serial or a code at most.
const TEXT_CHARS_MAX: usize = 128;

/// Collects the journals of an intent and of its refunds, with what was booked and told.
pub(crate) struct Story {
    lines: Vec<Line>,
    other_transfers: Vec<v1::Transfer>,
    incomplete: bool,
}

/// One journal entry.
pub(crate) struct Line {
    at: Timestamp,
    /// Whose journal it stands in: the intent's or a refund's.
    journal: String,
    seq: u64,
    commit: Option<Commit>,
    /// As storefronts see it.
    pub entry: v1::JournalEntry,
    /// Which operator decided it, and why; storefronts do not see that.
    pub decided: Option<(Remark, Remark)>,
}

/// What is told of a story.
pub(crate) struct Told {
    /// Oldest first; each journal keeps its own order.
    pub lines: Vec<Line>,
    /// There are more.
    pub truncated: bool,
    /// Transfers that no line names.
    pub other_transfers: Vec<v1::Transfer>,
}

impl Story {
    /// Reads everything that is known of an intent.
    pub async fn read(store: &impl Store, tenant: TenantId, id: IntentId) -> Result<Self, StoreError> {
        let mut story = Self::of_intent(id, &store.intent_journal(tenant, id).await?);
        let (mut before, mut more, mut pages) = (None, true, 0);
        while more && pages < REFUND_PAGES_MAX {
            let page = store.refunds(tenant, Some(id), before, PAGE_MAX).await?;
            for refund in &page.rows {
                let journal = store.refund_journal(tenant, refund.terms.id).await?;
                story.add_refund(refund.terms.id, &journal);
            }
            before = page.rows.last().map(|last| last.terms.id);
            (more, pages) = (page.more, pages + 1);
        }
        story.incomplete = more;
        let transfers = store.intent_transfers(tenant, id).await?;
        let events = store.intent_events(tenant, id).await?;
        story.incomplete |= transfers.len() >= HISTORY_MAX || events.len() >= HISTORY_MAX;
        story.other_transfers = commits::attach(&mut story.lines, &transfers, &events);
        Ok(story)
    }

    fn of_intent(id: IntentId, journal: &[intent::Entry]) -> Self {
        let mut teller = Teller { id, state: v1::PaymentIntentState::Unspecified, attempts: BTreeMap::new() };
        let line = |entry: &intent::Entry| Line {
            at: entry.at,
            journal: id.to_string(),
            seq: entry.seq,
            commit: entry.seal.as_ref().and_then(|seal| seal.commit.clone()),
            decided: match &entry.fact {
                Fact::Redriven { by, why, .. } => Some((by.clone(), why.clone())),
                Fact::Created { .. }
                | Fact::Wished { .. }
                | Fact::AttemptOpened { .. }
                | Fact::AttemptMoved { .. }
                | Fact::AttemptLeft { .. }
                | Fact::Strayed { .. }
                | Fact::Complained { .. }
                | Fact::Moved { .. } => None,
            },
            entry: with_seal(teller.line(entry), entry.seal.as_ref()),
        };
        Self { lines: journal.iter().map(line).collect(), other_transfers: Vec::new(), incomplete: false }
    }

    fn add_refund(&mut self, id: RefundId, journal: &[refund::Entry]) {
        let mut from = String::new();
        for entry in journal {
            let (to, change, decided) = match &entry.fact {
                refund::Fact::Opened { .. } => {
                    (v1::RefundState::Sending.as_str_name().to_owned(), "opened", None)
                }
                refund::Fact::Moved { to, .. } => {
                    let to = super::refund::state(to).as_str_name().to_owned();
                    let change = moved(&from, &to);
                    (to, change, None)
                }
                refund::Fact::Redriven { by, why } => {
                    (from.clone(), "redriven", Some((by.clone(), why.clone())))
                }
                refund::Fact::Funded { .. } => (from.clone(), "funded", None),
                refund::Fact::Reversed { .. } => (from.clone(), "reversed", None),
            };
            let (amount, rail_code) = facts::of_refund(&entry.fact);
            let told = v1::JournalEntry {
                subject: v1::JournalSubject::Refund.into(),
                subject_id: id.to_string(),
                from_state: std::mem::replace(&mut from, to.clone()),
                to_state: to,
                change: change.to_owned(),
                amount: amount.map(|amount| money(amount.money())),
                rail_code: cut(rail_code),
                ..shell(entry.seq, entry.at, &entry.evidence)
            };
            let seal = entry.seal.as_ref();
            let (journal, commit) = (id.to_string(), seal.and_then(|seal| seal.commit.clone()));
            let entry_told = with_seal(told, seal);
            self.lines.push(Line {
                at: entry.at,
                journal,
                seq: entry.seq,
                commit,
                entry: entry_told,
                decided,
            });
        }
    }

    /// What is told, [`ENTRIES_MAX`] lines at most.
    pub fn tell(mut self) -> Told {
        self.lines.sort_by_key(|line| line.at);
        let truncated = self.incomplete || self.lines.len() > ENTRIES_MAX;
        let untold =
            self.lines.drain(ENTRIES_MAX.min(self.lines.len())..).flat_map(|line| line.entry.transfers);
        self.other_transfers.extend(untold);
        Told { lines: self.lines, truncated, other_transfers: self.other_transfers }
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
        let (amount, rail_code) = facts::of_intent(&entry.fact);
        let shell = v1::JournalEntry {
            amount: amount.map(|amount| money(amount.money())),
            rail_code: cut(rail_code),
            ..shell(entry.seq, entry.at, &entry.evidence)
        };
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
            Fact::Strayed { stray } => {
                let same = self.attempts.get(&stray.attempt).copied().unwrap_or_default();
                self.of_attempt(shell, stray.attempt, same, Some("stray_money"))
            }
            Fact::Complained { .. } => self.of_intent(shell, self.state, Some("complained")),
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
        key_serial: cut(Some(serial)),
        rule: cut(Some(&evidence.rule)),
        ..v1::JournalEntry::default()
    }
}

fn with_seal(entry: v1::JournalEntry, seal: Option<&Seal>) -> v1::JournalEntry {
    let text = |digest: Option<Digest>| digest.map(String::from).unwrap_or_default();
    let previous_digest = text(seal.and_then(|seal| seal.previous));
    v1::JournalEntry { previous_digest, digest: text(seal.map(|seal| seal.digest)), ..entry }
}

fn cut(text: Option<&str>) -> String {
    text.unwrap_or_default().chars().take(TEXT_CHARS_MAX).collect()
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
