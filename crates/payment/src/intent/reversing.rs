//! Writing ahead that a reverse is sent, and the time under which it is.

use jiff::Timestamp;

use super::settle::Draft;
use super::{Entry, Fact, Intent, Namer, Step};
use crate::attempt::{Attempt, CloseVerb, Closing, State};
use crate::{AttemptId, Evidence, Source};

/// The reverse of an attempt, as the intent's journal knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The time of its opening, or what that was renewed to last.
    at: Timestamp,
    /// No other reverse of this attempt was opened before.
    only: bool,
}

impl Opened {
    /// Reads it from the journal; `None` where no reverse of this attempt was opened.
    pub fn read(journal: &[Entry], attempt: AttemptId) -> Option<Self> {
        let (mut opened, mut reversing): (Option<Self>, bool) = (None, false);
        for entry in journal {
            let Fact::AttemptMoved { attempt: id, to, .. } = &entry.fact else { continue };
            if *id != attempt {
                continue;
            }
            let closing = reverse_of(to);
            if let Some(closing) = closing {
                let first = Self { at: entry.at, only: true };
                let known = opened.map_or(first, |known| Self { only: known.only && reversing, ..known });
                let at = closing.undo.and_then(|undo| undo.stamped_at).unwrap_or(known.at);
                opened = Some(Self { at, ..known });
            }
            reversing = closing.is_some();
        }
        opened
    }

    /// The time that the messages of the reverse and of its query tell; whole seconds. Part of its identity on rails that
    /// number it by time.
    pub fn told(&self, attempt: &Attempt) -> Timestamp {
        let stamped_at = reverse_of(&attempt.state).and_then(|closing| closing.undo?.stamped_at);
        stamped_at.or(Timestamp::from_second(self.at.as_second()).ok()).unwrap_or(self.at)
    }
}

impl Intent {
    /// Writes ahead that a reverse is sent (again). `None` when that is written already, or no reverse is to be sent.
    pub fn begin_reverse(
        self,
        attempt: AttemptId,
        opened: &Opened,
        now: Timestamp,
        namer: &dyn Namer,
    ) -> Option<Step> {
        let known = self.attempt(attempt)?;
        let closing = reverse_of(&known.state).filter(|closing| !closing.ask)?;
        let undo = closing.undo?.ahead(opened.told(known), opened.only, now)?;
        let to = State::Closing(Closing { undo: Some(undo), ..closing.clone() });
        let evidence = Evidence::plain(Source::Rule, "attempt.reverse");
        let mut draft = Draft::new(self, now, evidence, namer);
        draft.record(Fact::AttemptMoved { attempt, to, rail_ref: None });
        Some(draft.settle())
    }
}

fn reverse_of(state: &State) -> Option<&Closing> {
    match state {
        State::Closing(closing) if closing.verb == CloseVerb::Reverse => Some(closing),
        State::Sending(_)
        | State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Capturing(_)
        | State::Releasing(_)
        | State::Paid(_)
        | State::Refused(_)
        | State::Closed(_)
        | State::Late(_) => None,
    }
}
