//! Asks rails for their own keys: at the start, every hour, when the operator has keys read again, and at once when a message
//! names a key that is not there. A stranger can name any key, so asking is limited to once a minute per account.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paifang_engine::ports::Transport;
use paifang_payment::AccountId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::inquiries::{self, Found, Question};
use crate::rails::LocalRails;

/// How often keys are asked for: a key that the rail no longer lists is believed no longer than this. The vendors ask for
/// twice a day at least; their own libraries do it every hour.
const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// After a failure.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// The least time between two askings for keys that messages name.
const PAUSE: Duration = Duration::from_secs(60);
/// How many wait for an answer at most; more are not served better by waiting.
const WAITING_MAX: usize = 64;

/// Somebody met a key that the ring does not have.
pub(crate) struct Asked {
    /// The key's id, where the message names it.
    pub unknown: Option<String>,
    /// The operator wants it, however lately it was done.
    pub wanted: bool,
    /// Told when the rail was asked, or need not be.
    pub done: Option<oneshot::Sender<()>>,
}

/// Keeps the keys of one account.
pub struct Keeper {
    account: AccountId,
    asked: mpsc::Receiver<Asked>,
}

impl Keeper {
    pub(crate) fn new(account: AccountId) -> (Self, mpsc::Sender<Asked>) {
        let (sender, asked) = mpsc::channel(WAITING_MAX);
        (Self { account, asked }, sender)
    }

    /// Runs until nobody can ask any more or `stop` resolves.
    pub(crate) async fn run<T: Transport>(
        mut self,
        rails: LocalRails,
        transport: Arc<T>,
        now: fn() -> Timestamp,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = std::pin::pin!(stop);
        let mut wait = self.refresh(&rails, &*transport, None, now()).await;
        // Unknown keys are asked for at once after the start: whatever was asked at the start did not know of them.
        let mut last: Option<Instant> = None;
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = sleep(wait.try_into().unwrap_or_default()) => {
                    wait = self.refresh(&rails, &*transport, None, now()).await;
                }
                asked = self.asked.recv() => {
                    let Some(Asked { unknown, wanted, done }) = asked else { return };
                    let known = unknown.as_deref().is_some_and(|id| rails.knows_key(&self.account, id));
                    let rested = last.is_none_or(|at| at.elapsed() >= PAUSE);
                    if wanted || !known && rested {
                        last = if wanted { last } else { Some(Instant::now()) };
                        wait = self.refresh(&rails, &*transport, unknown.as_deref(), now()).await;
                    }
                    if let Some(done) = done {
                        // Whoever asked may have given up waiting.
                        let _ = done.send(());
                    }
                }
            }
        }
    }

    /// Asks once; answers when to ask next.
    async fn refresh(
        &self,
        rails: &LocalRails,
        transport: &impl Transport,
        unknown: Option<&str>,
        now: Timestamp,
    ) -> SignedDuration {
        let account = &self.account;
        match self.ask(rails, transport, unknown, now).await {
            Ok(()) => EVERY,
            Err(trouble) => {
                tracing::warn!(%account, trouble, "the rail's keys could not be refreshed; those that are there stay");
                AGAIN
            }
        }
    }

    async fn ask(
        &self,
        rails: &LocalRails,
        transport: &impl Transport,
        unknown: Option<&str>,
        now: Timestamp,
    ) -> Result<(), String> {
        let account = &self.account;
        let question = Question::Keys { unknown: unknown.map(str::to_owned) };
        let found = inquiries::ask(rails, transport, account, &question, now).await;
        match found.map_err(|error| error.to_string())? {
            Found::Keys(keys) => {
                let ids: Vec<String> = keys.iter().map(|key| key.id.clone()).collect();
                rails.hand_out(account, keys, now).map_err(|error| error.to_string())?;
                tracing::info!(%account, ?ids, "the rail's keys");
                Ok(())
            }
            // This account has no need of handed out keys, such as one in public-key mode.
            Found::Unsupported | Found::NoMovements { .. } | Found::NotYet(_) => Ok(()),
            Found::File { .. } => Err("a bill instead of keys".to_owned()),
        }
    }
}
