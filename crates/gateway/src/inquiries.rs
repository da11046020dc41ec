//! Asks a rail about the account itself, for its keys or a bill, and follows where the answer leads.

use jiff::Timestamp;
use paifang_engine::ports::{Transport, TransportError};
use paifang_payment::{AccountId, NotSent};
use paifang_rail::{Exchange, Fetch, FileDigest, Finding, FreshKey, Inquiry, PlanError, StatementWish};

use crate::rails::LocalRails;

/// How often one question may lead on to another.
const FOLLOWS_MAX: usize = 3;

/// An inquiry that owns its content, so that it can move to another thread.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// See [`Inquiry::Keys`].
    Keys { unknown: Option<String> },
    /// See [`Inquiry::Statement`].
    Statement(StatementWish),
}

/// Where a question led.
#[derive(Debug)]
pub(crate) enum Found {
    /// The rail's verification keys.
    Keys(Vec<FreshKey>),
    /// Fetch the bill with this.
    File { exchange: Exchange, digest: Option<FileDigest> },
    /// Nothing moved on that day, and whether the rail signed that.
    NoMovements { signed: bool },
    /// Not there yet, with the rail's code.
    NotYet(String),
    /// The adapter has no such inquiry for this account.
    Unsupported,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// Too much waits for this rail already.
    #[error("it was not asked: too many calls wait for it")]
    HeldBack,
    /// The adapter ended in a panic.
    #[error("its adapter failed; the log says how")]
    Broken,
    /// Everything else, in words for the log.
    #[error("{0}")]
    Rail(String),
}

impl Question {
    /// The adapter's view of it.
    pub(crate) fn as_inquiry(&self) -> Inquiry<'_> {
        match self {
            Self::Keys { unknown } => Inquiry::Keys { unknown: unknown.as_deref() },
            Self::Statement(wish) => Inquiry::Statement(wish),
        }
    }
}

/// Asks once and follows at most [`FOLLOWS_MAX`] times.
pub(crate) async fn ask(
    rails: &LocalRails,
    transport: &impl Transport,
    account: &AccountId,
    question: &Question,
    now: Timestamp,
) -> Result<Found, Unanswered> {
    let planned = rails.plan_inquiry(account, question.clone(), now).await;
    let mut exchange = match planned.ok_or(Unanswered::Broken)? {
        Ok(Fetch::Ask(exchange)) => exchange,
        Ok(Fetch::Download(exchange)) => return Ok(Found::File { exchange, digest: None }),
        Err(PlanError::Unsupported(_)) => return Ok(Found::Unsupported),
        Err(error) => return Err(Unanswered::Rail(error.to_string())),
    };
    for _ in 0..=FOLLOWS_MAX {
        let reply = transport.exchange(account, exchange).await.map_err(|error| match error {
            TransportError::NotSent(NotSent::HeldBack) => Unanswered::HeldBack,
            other => Unanswered::Rail(format!("{other:?}")),
        })?;
        let read = rails.read_inquiry(account, question.clone(), reply, now).await;
        exchange = match read.ok_or(Unanswered::Broken)? {
            Finding::Follow(next) => next,
            Finding::Download { exchange, digest } => return Ok(Found::File { exchange, digest }),
            Finding::Keys(keys) => return Ok(Found::Keys(keys)),
            Finding::NoMovements { signed } => return Ok(Found::NoMovements { signed }),
            Finding::NotYet(code) => return Ok(Found::NotYet(code)),
            Finding::Refused { code, message } => {
                return Err(Unanswered::Rail(format!("refused: {code} {message}")));
            }
            Finding::Unknown(doubt) => return Err(Unanswered::Rail(format!("{doubt:?}"))),
        };
    }
    Err(Unanswered::Rail(format!("one question led on to more than {FOLLOWS_MAX} others")))
}
