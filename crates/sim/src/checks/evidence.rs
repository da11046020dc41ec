//! I11: what ended, ended by the rail's word or by a proof that nothing had left us.

use paifang_mock_rails::book::BookEntry;
use paifang_payment::attempt::{Attempt, End, State};
use paifang_payment::intent::{Entry, Fact};
use paifang_payment::{Basis, Source};
use paifang_store::{IntentRow, Store};

use crate::universe::Universe;

/// Reads the intent's journal.
pub async fn check(universe: &Universe, row: &IntentRow, wrong: &mut Vec<String>) {
    let terms = &row.intent.terms;
    let journal = universe.store.intent_journal(terms.tenant, terms.id).await.unwrap_or_default();
    for entry in &journal {
        let Fact::AttemptMoved { attempt, to, .. } = &entry.fact else { continue };
        let Some(attempt) = row.intent.attempt(*attempt) else { continue };
        if let Some(why) = doubtful(universe, attempt, to, entry) {
            wrong.push(format!("I11: {} became {to:?}, {why}: {:?}", attempt.terms.order_no, entry.evidence));
        }
    }
}

/// Why such an end is not to be believed.
fn doubtful(universe: &Universe, attempt: &Attempt, to: &State, entry: &Entry) -> Option<&'static str> {
    let evidence = &entry.evidence;
    let by_rail = match evidence.source {
        Source::Reply | Source::Query | Source::Notification => true,
        Source::Transport | Source::Clock | Source::Storefront | Source::Rule | Source::Operator => false,
    };
    match to {
        State::Closed(closed) if closed.end == End::NeverExisted => {
            // Until then, a delayed request may still create it (F04).
            let early = entry.at < attempt.terms.expires_at;
            early.then_some("as if it had never existed, before its own expiry")
        }
        State::Closed(_) => evidence.key_serial.is_none().then_some("and nobody signed that"),
        State::Paid(_) => (!by_rail).then_some("and no rail said so"),
        State::Refused(refused) if refused.refusal.basis == Basis::NotSent => {
            let there = order(universe, attempt).is_some();
            there.then_some("as if it had never left us, and the rail knows it")
        }
        State::Refused(_) => (!by_rail).then_some("and no rail said so"),
        State::Sending(_)
        | State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Capturing(_)
        | State::Releasing(_)
        | State::Late(_) => None,
    }
}

fn order(universe: &Universe, attempt: &Attempt) -> Option<BookEntry> {
    let account = universe.accounts.iter().find(|account| account.id == attempt.terms.account)?;
    account.mock.book().into_iter().find(|entry| entry.order_no == attempt.terms.order_no.as_str())
}
