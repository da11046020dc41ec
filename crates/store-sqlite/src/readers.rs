//! The threads that read, each with a read-only connection of its own. One queue feeds them all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::open::Lock;

/// How many reads run at once.
pub const READERS: usize = 3;

/// A read whose caller waits; it answers by itself.
pub(crate) type Read = Box<dyn FnOnce(&Connection) + Send>;

/// One thread's state.
pub(crate) struct Reader {
    pub connection: Connection,
    pub queue: Arc<Mutex<mpsc::Receiver<Read>>>,
    pub lock: Arc<Lock>,
}

impl Reader {
    /// Until the last sender is gone and the queue is empty.
    pub fn run(self) {
        while let Some(read) = self.next() {
            // A read changes nothing, so a panic in one leaves nothing half done: its caller sees that no answer came,
            // and the thread goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| read(&self.connection)));
        }
        drop(self.connection);
        drop(self.lock);
    }

    /// Whoever holds the receiver waits for the next read, the others wait for the receiver.
    fn next(&self) -> Option<Read> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
    }
}
