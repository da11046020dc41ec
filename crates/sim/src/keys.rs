//! F15: a rail changes its signing key, in three steps, while messages are under way. Our side has the next key some time
//! after the rail has begun to sign with it, or before: WeChat Pay's platform certificate by the adapter's own question to
//! the rail, Alipay's public key by an operator's hand. UnionPay has nothing to fetch: each of its messages carries the
//! certificate that is believed by its chain.

use std::sync::Arc;

use jiff::SignedDuration;
use paifang_mock_rails::{KeyStep, Step};
use paifang_payment::{Outcome, Verb};
use paifang_rail::{Answer, Fetch, Finding, Inquiry};

use crate::exec::locked;
use crate::net::{heard, request};
use crate::rails::SimAccount;
use crate::swarm::Rotation;
use crate::universe::Universe;

/// Marks a message that is signed with the next key; no adapter ever sees it.
pub const NEXT_KEY: &str = "X-Sim-Next-Key";
/// The name of the fault in the lists.
const NAME: &str = "F15-unknown-key";
/// Questions for a key at most; each comes a minute after the one before.
const ASKS_MAX: u32 = 2_000;

impl SimAccount {
    /// Marks what is signed with a key that was not there at the start.
    pub fn mark_of_key(&self) -> Option<(&'static str, String)> {
        locked(&self.rotating).switched.then(|| (NEXT_KEY, "yes".to_owned()))
    }
}

impl Universe {
    /// The whole change.
    pub async fn rotate(self: Arc<Self>, rotation: Rotation) {
        let Some(account) = self.accounts.get(rotation.rail).cloned() else { return };
        self.turn(&account, Step::Announce);
        let (switch, known) = (rotation.switch, rotation.known);
        let first = switch.min(known);
        self.exec.sleep(first).await;
        if known <= switch {
            self.take_next_key(&account).await;
        } else {
            self.turn(&account, Step::Switch);
        }
        self.exec.sleep(switch.max(known).saturating_sub(first)).await;
        if known <= switch {
            self.turn(&account, Step::Switch);
        } else if self.exec.happens(500) {
            // The first key may be gone before we have the next one.
            self.turn(&account, Step::Retire);
            self.take_next_key(&account).await;
            return;
        } else {
            self.take_next_key(&account).await;
        }
        self.exec.sleep(SignedDuration::from_mins(10)).await;
        self.turn(&account, Step::Retire);
    }

    fn turn(&self, account: &SimAccount, step: Step) {
        match account.mock.keys(KeyStep::Rail(step)) {
            Ok(said) => {
                let mut rotating = locked(&account.rotating);
                rotating.switched |= step == Step::Switch;
                let next = said["alipay_public_key"].as_str().map(str::to_owned);
                rotating.next = next.or(rotating.next.take());
                self.trace.note(format_args!("{}: its key: {step:?}", account.id));
            }
            Err(error) => self.found(format!("F15: {} cannot {step:?}: {error}", account.id)),
        }
    }

    /// Asks until the rail tells, or is told.
    async fn take_next_key(&self, account: &SimAccount) {
        for _ in 0..ASKS_MAX {
            let taken = if account.mock.name() == "alipay" {
                account.take_over_key()
            } else {
                self.ask_for_keys(account).await
            };
            if taken {
                locked(&account.rotating).known = true;
                self.trace.note(format_args!("{}: its next key is known", account.id));
                return;
            }
            self.exec.sleep(SignedDuration::from_mins(1)).await;
        }
        self.found(format!("I12: the next key of {} was never had", account.id));
    }

    /// One question to the rail, with the adapter's own words.
    async fn ask_for_keys(&self, account: &SimAccount) -> bool {
        if self.chaos() && self.exec.happens(300) {
            self.trace.fault("F15-question-lost", account.mock.name());
            return false;
        }
        let (inquiry, now) = (Inquiry::Keys { unknown: None }, self.exec.now());
        let nonce = format!("{:032x}", self.exec.draw(|chance| chance.u128(..)));
        let ring = account.ring();
        let cx = account.context(&ring, &nonce, now);
        let Ok(Fetch::Ask(exchange)) = account.adapter.plan_inquiry(&inquiry, &cx) else { return false };
        account.bench.clock.set(now);
        let Ok(reply) = heard(account.mock.handle(request(&exchange)).await) else { return false };
        let Finding::Keys(keys) = account.adapter.read_inquiry(&inquiry, &reply, &cx) else { return false };
        match ring.with_fresh(&keys, now) {
            Ok(next) => {
                account.replace_ring(next);
                keys.len() > 1 || locked(&account.rotating).switched
            }
            Err(error) => {
                self.found(format!("F15: {error}"));
                false
            }
        }
    }

    /// I4: what is signed with a key that we do not have is doubted. The order that it is about is struck.
    pub fn watch_key(&self, account: &SimAccount, verb: Verb, number: &str, marked: bool, answer: &Answer) {
        if !marked || locked(&account.rotating).known {
            return;
        }
        self.watch_answer(verb, NAME, answer);
        if matches!(answer.outcome(), Some(Outcome::Unknown(_))) {
            self.trace.fault(NAME, verb.as_str());
            self.strike(number, NAME);
        }
    }

    /// The same of a notice.
    pub fn watch_key_of_notice(&self, account: &SimAccount, marked: bool, is_believed: bool) {
        if marked && !locked(&account.rotating).known {
            self.trace.fault("F15-notice-unknown-key", account.mock.name());
            if is_believed {
                self.found(format!("I4: a notice of {} is believed, and nobody knows its key", account.id));
            }
        }
    }
}
