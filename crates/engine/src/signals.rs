//! Wake-ups inside this process. Only hints: whoever waits reads the store again, and also looks by itself now and then,
//! because another replica may have moved what it waits for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;
use paifang_payment::IntentId;

/// Who waits for what.
#[derive(Default)]
pub(crate) struct Signals {
    inner: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    intents: HashMap<IntentId, Vec<oneshot::Sender<()>>>,
    anything: Vec<oneshot::Sender<()>>,
}

impl Signals {
    /// Resolves at the next commit that touches this intent. Register before you read.
    pub fn intent(&self, id: IntentId) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        let queue = waiting.intents.entry(id).or_default();
        queue.retain(|waiter| !waiter.is_canceled());
        queue.push(sender);
        receiver
    }

    /// Resolves at the next commit of any kind.
    pub fn anything(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.anything.retain(|waiter| !waiter.is_canceled());
        waiting.anything.push(sender);
        receiver
    }

    /// Something about this intent was committed.
    pub fn committed(&self, intent: Option<IntentId>) {
        let mut waiting = self.lock();
        let mut woken = std::mem::take(&mut waiting.anything);
        woken.extend(intent.and_then(|id| waiting.intents.remove(&id)).unwrap_or_default());
        drop(waiting);
        for waiter in woken {
            // A waiter that has gone away needs no wake-up.
            let _ = waiter.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
