//! The adapters of this process, behind the engine's port. A signature costs up to a millisecond of CPU, so adapters run
//! on a pool of their own that is as wide as the machine, and the threads that serve connections stay free.

mod beside;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use paifang_engine::ports::{IncomingMessage, RailCall, Rails};
use paifang_engine::{Account, Accounts};
use paifang_payment::{AccountId, Doubt};
use paifang_rail::{
    Answer, Context, FreshKey, HttpReply, KeyError, Keyring, Notification, NotificationError, Outcome, Plan,
    PlanError, Rail, RawNotification, Reply, Secret, Verdict, Verified,
};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Semaphore, mpsc, oneshot};

pub(crate) use beside::Bill;

use crate::keeper::{Asked, Keeper};
use crate::metrics::Metrics;
use crate::registry::RailAccount;
use crate::rings::Rings;

/// All accounts of the config. Clones share everything.
#[derive(Clone)]
pub struct LocalRails {
    inner: Arc<Inner>,
}

struct Inner {
    accounts: HashMap<AccountId, Arc<LocalAccount>>,
    pool: Arc<Semaphore>,
    /// Bills are long: one is read at a time, and not in a place that payments wait for.
    reading: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    /// Compared against where the account is unknown, so that it takes the same time.
    nobody: NotifyToken,
}

struct LocalAccount {
    adapter: Arc<dyn Rail>,
    rings: Rings,
    /// Whoever keeps the rail's keys, on rails that hand them out.
    keeper: Option<mpsc::Sender<Asked>>,
    token: NotifyToken,
    notify_url: String,
    return_url: String,
}

/// The unguessable end of an account's notification URL (S15): 22 to 128 letters, digits, `-` and `_`, that is 128 bits
/// or more if it was drawn at random. It keeps strangers away from the signature check; it proves nothing.
pub struct NotifyToken {
    text: Secret,
    key: hmac::Key,
    tag: hmac::Tag,
}

/// A token cannot be used. The token itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not what it should be.
    #[error("must be 22 to 128 letters, digits, - and _, drawn at random")]
    Form,
    /// The system has no randomness.
    #[error("the system gave no random bytes")]
    NoEntropy,
}

impl NotifyToken {
    /// Takes a token from the config.
    ///
    /// # Errors
    /// When it is shorter, longer or made of other characters.
    pub fn new(text: Secret) -> Result<Self, TokenError> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(22..=128).contains(&text.expose().len()) || !text.expose().iter().all(plain) {
            return Err(TokenError::Form);
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| TokenError::NoEntropy)?;
        let tag = hmac::sign(&key, text.expose());
        Ok(Self { text, key, tag })
    }

    /// Whether this is the token, in a time that does not depend on where they differ.
    pub fn is(&self, candidate: &str) -> bool {
        hmac::verify(&self.key, candidate.as_bytes(), self.tag.as_ref()).is_ok()
    }

    fn as_text(&self) -> &str {
        std::str::from_utf8(self.text.expose()).unwrap_or_default()
    }
}

impl LocalRails {
    /// Takes the accounts over; `public_url` is the base of their notify and return URLs.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(
        accounts: Vec<RailAccount>,
        public_url: &str,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Accounts, Vec<Keeper>), TokenError> {
        let known = accounts.iter().map(described).collect();
        let mut keepers = Vec::new();
        let local = |account: RailAccount| {
            let RailAccount { id, token, built, keys, .. } = account;
            let keeper = built.adapter.descriptor().serves_keys.then(|| {
                let (keeper, asks) = Keeper::new(id.clone());
                keepers.push(keeper);
                asks
            });
            let rings = Rings::new(keys);
            let notify_url = format!("{public_url}/notify/{id}/{}", token.as_text());
            let return_url = format!("{public_url}/return/{id}");
            let adapter = built.adapter;
            (id, Arc::new(LocalAccount { adapter, rings, keeper, token, notify_url, return_url }))
        };
        let width = std::thread::available_parallelism().map_or(1, usize::from);
        let inner = Inner {
            accounts: accounts.into_iter().map(local).collect(),
            pool: Arc::new(Semaphore::new(width)),
            reading: Arc::new(Semaphore::new(1)),
            metrics,
            nobody: NotifyToken::new(Secret::new(vec![b'-'; 43]))?,
        };
        Ok((Self { inner: Arc::new(inner) }, Accounts::new(known), keepers))
    }

    /// Whether this account exists and its notification URL ends so.
    pub fn admits(&self, account: &AccountId, token: &str) -> bool {
        let known = self.inner.accounts.get(account);
        let fits = known.map_or(&self.inner.nobody, |local| &local.token).is(token);
        known.is_some() && fits
    }

    /// Takes the configured keys of a config that was read again. Accounts do not come or go while the gateway runs; those
    /// of both are changed, all of them or none.
    ///
    /// # Errors
    /// Names the first account whose keys cannot be used.
    pub fn reconfigure(&self, accounts: &[RailAccount], now: Timestamp) -> Result<(), String> {
        let both = || accounts.iter().filter_map(|new| Some((new, self.inner.accounts.get(&new.id)?)));
        // Tried on all before it is done to any.
        for (new, _) in both() {
            new.keys.with_fresh(&[], now).map_err(|error| format!("{}: {error}", new.id))?;
        }
        for (new, local) in both() {
            local.rings.configure(&new.keys, now).map_err(|error| format!("{}: {error}", new.id))?;
        }
        Ok(())
    }

    /// Whether the ring of this account has a key of this id.
    pub(crate) fn knows_key(&self, account: &AccountId, id: &str) -> bool {
        let local = self.inner.accounts.get(account);
        local
            .is_some_and(|local| local.rings.get().verifier_ids().any(|known| known.eq_ignore_ascii_case(id)))
    }

    /// The rail's keys are these from now on.
    pub(crate) fn hand_out(
        &self,
        account: &AccountId,
        keys: Vec<FreshKey>,
        now: Timestamp,
    ) -> Result<(), KeyError> {
        self.inner.accounts.get(account).map_or(Ok(()), |local| local.rings.hand_out(keys, now))
    }

    /// Has every rail that hands out keys asked for them, and waits until that is done.
    pub(crate) async fn ask_all(&self) {
        for keeper in self.inner.accounts.values().filter_map(|local| local.keeper.clone()) {
            let (done, told) = oneshot::channel();
            if keeper.send(Asked { unknown: None, wanted: true, done: Some(done) }).await.is_ok() {
                // A rail that does not answer was logged; its keys stay.
                let _ = tokio::time::timeout(ASKING_MAX, told).await;
            }
        }
    }

    /// Has the rail asked for its keys, and waits for that a little: the rail itself waits five seconds for our answer.
    async fn renewed(&self, account: &AccountId) -> bool {
        let keeper = self.inner.accounts.get(account).and_then(|local| local.keeper.clone());
        let Some(keeper) = keeper else { return false };
        let (done, told) = oneshot::channel();
        if keeper.try_send(Asked { unknown: None, wanted: false, done: Some(done) }).is_err() {
            return false;
        }
        matches!(tokio::time::timeout(RENEWAL_MAX, told).await, Ok(Ok(())))
    }

    /// Whether there is such an account.
    pub fn knows(&self, account: &AccountId) -> bool {
        self.inner.accounts.contains_key(account)
    }

    /// Runs a computation about an account on the pool; `None` for an unknown account and for one that panicked.
    async fn compute<T: Send + 'static>(
        &self,
        account: &AccountId,
        work: impl FnOnce(&LocalAccount) -> T + Send + 'static,
    ) -> Option<T> {
        let local = Arc::clone(self.inner.accounts.get(account)?);
        let place = Arc::clone(&self.inner.pool).acquire_owned().await.ok()?;
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&local)
        });
        done.await.inspect_err(|_| tracing::error!(%account, "an adapter ended in a panic")).ok()
    }
}

fn described(account: &RailAccount) -> Account {
    let descriptor = account.built.adapter.descriptor();
    Account {
        id: account.id.clone(),
        rail: account.rail.clone(),
        descriptor,
        identity: account.built.adapter.identity(),
        enabled: account.enabled,
        shares: account.shares.clone(),
    }
}

impl LocalAccount {
    fn context<'a>(
        &'a self,
        now: Timestamp,
        nonce: &'a str,
        return_url: &'a str,
        keys: &'a Keyring,
    ) -> Context<'a> {
        Context { now, nonce, notify_url: &self.notify_url, return_url, keys }
    }

    /// Where the payer's browser comes back to from this order.
    fn return_url(&self, call: &RailCall) -> String {
        format!("{}/{}", self.return_url, call.as_call().order().order_no)
    }
}

impl LocalRails {
    async fn opened(
        &self,
        account: &AccountId,
        message: &IncomingMessage,
        now: Timestamp,
    ) -> Result<Verified<Notification>, NotificationError> {
        let IncomingMessage { headers, query, body } = message;
        let (headers, query, body) = (headers.clone(), query.clone(), body.clone());
        let opened = self.compute(account, move |local| {
            let raw = RawNotification { headers: &headers, query: &query, body: &body };
            let ring = local.rings.get();
            local.adapter.open_notification(&raw, &local.context(now, "", &local.return_url, &ring))
        });
        opened.await.unwrap_or(Err(NotificationError::Malformed("the adapter failed")))
    }
}

/// How long the operator waits for one rail's keys.
const ASKING_MAX: Duration = Duration::from_secs(15);
/// How long a notification waits for the rail's keys.
const RENEWAL_MAX: Duration = Duration::from_secs(3);

/// 32 hex digits for the message of an inquiry.
pub(crate) fn fresh_nonce() -> String {
    let mut drawn = [0; 16];
    // Without randomness the nonce is only less unique; it keeps nothing secret.
    let _ = SystemRandom::new().fill(&mut drawn);
    hex::encode(drawn)
}

impl Rails for LocalRails {
    async fn plan(
        &self,
        account: &AccountId,
        call: &Arc<RailCall>,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Plan, PlanError> {
        let (call, nonce) = (Arc::clone(call), nonce.to_owned());
        let planned = self.compute(account, move |local| {
            let (return_url, ring) = (local.return_url(&call), local.rings.get());
            local.adapter.plan(&call.as_call(), &local.context(now, &nonce, &return_url, &ring))
        });
        // Nothing was sent, so this is a plan that failed and not a doubt.
        planned.await.unwrap_or(Err(PlanError::AdapterFailed))
    }

    async fn read(
        &self,
        account: &AccountId,
        call: &Arc<RailCall>,
        nonce: &str,
        reply: Reply,
        now: Timestamp,
    ) -> Answer {
        let verb = call.as_call().verb();
        let (call, nonce) = (Arc::clone(call), nonce.to_owned());
        let answer = self.compute(account, move |local| {
            let (return_url, ring) = (local.return_url(&call), local.rings.get());
            local.adapter.read(&call.as_call(), &reply, &local.context(now, &nonce, &return_url, &ring))
        });
        let answer = answer
            .await
            .unwrap_or_else(|| Answer::is(Outcome::unknown(Doubt::Unreadable), "gateway.adapter_failed"));
        self.inner.metrics.rail_answered(account, verb, &answer);
        if let Some(id) = answer.unknown_key() {
            let keeper = self.inner.accounts.get(account).and_then(|local| local.keeper.as_ref());
            // The query that follows this doubt finds the new key; a full queue means that it is asked for already.
            let asked = Asked { unknown: Some(id.to_owned()), wanted: false, done: None };
            let _ = keeper.map(|keeper| keeper.try_send(asked));
        }
        answer
    }

    async fn open_notification(
        &self,
        account: &AccountId,
        message: &IncomingMessage,
        now: Timestamp,
    ) -> Result<Verified<Notification>, NotificationError> {
        match self.opened(account, message, now).await {
            // The rail may have changed keys.
            Err(NotificationError::UnknownKey) if self.renewed(account).await => {
                self.opened(account, message, now).await
            }
            opened => opened,
        }
    }

    fn acknowledge(&self, account: &AccountId, verdict: Verdict) -> HttpReply {
        match self.inner.accounts.get(account) {
            Some(local) => local.adapter.acknowledge(verdict),
            None => HttpReply { status: 404, content_type: "text/plain", body: "" },
        }
    }
}

impl fmt::Debug for NotifyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotifyToken(***)")
    }
}

impl fmt::Debug for LocalRails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalRails({} accounts)", self.inner.accounts.len())
    }
}
