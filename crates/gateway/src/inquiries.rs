//! Asks a rail about the account itself, for its keys or a bill, and follows where the answer leads.

use jiff::Timestamp;
use paifang_engine::ports::Transport;
use paifang_payment::AccountId;
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
    /// Nothing moved on that day.
    NoMovements,
    /// Not there yet, with the rail's code.
    NotYet(String),
    /// The adapter has no such inquiry for this account.
    Unsupported,
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

/// Asks once and follows at most [`FOLLOWS_MAX`] times. An error is told in words for the log.
pub(crate) async fn ask(
    rails: &LocalRails,
    transport: &impl Transport,
    account: &AccountId,
    question: &Question,
    now: Timestamp,
) -> Result<Found, String> {
    let mut exchange = match rails.plan_inquiry(account, question.clone(), now).await {
        Ok(Fetch::Ask(exchange)) => exchange,
        Ok(Fetch::Download(exchange)) => return Ok(Found::File { exchange, digest: None }),
        Err(PlanError::Unsupported(_)) => return Ok(Found::Unsupported),
        Err(error) => return Err(error.to_string()),
    };
    for _ in 0..=FOLLOWS_MAX {
        let reply = transport.exchange(account, exchange).await.map_err(|error| format!("{error:?}"))?;
        exchange = match rails.read_inquiry(account, question.clone(), reply, now).await {
            Finding::Follow(next) => next,
            Finding::Download { exchange, digest } => return Ok(Found::File { exchange, digest }),
            Finding::Keys(keys) => return Ok(Found::Keys(keys)),
            Finding::NoMovements => return Ok(Found::NoMovements),
            Finding::NotYet(code) => return Ok(Found::NotYet(code)),
            Finding::Refused { code, message } => return Err(format!("refused: {code} {message}")),
            Finding::Unknown(doubt) => return Err(format!("{doubt:?}")),
        };
    }
    Err(format!("one question led on to more than {FOLLOWS_MAX} others"))
}
