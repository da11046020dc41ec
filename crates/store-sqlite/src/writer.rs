//! The one thread that writes. What waits for it goes into one transaction: a savepoint per write, so that a refused one
//! leaves no trace (I18), one flush for all, and no answer before it (I3).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use jiff::Timestamp;
use paifang_store::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::fault::{self, Fault, Reach, reach};
use crate::open::Lock;

/// Writes in one transaction at most.
pub const GROUP_MAX: usize = 96;

/// Writes that wait at most; further callers wait for a place.
pub const QUEUE_MAX: usize = 1024;

/// What a write made of the store, inside its savepoint.
pub(crate) enum Made<T> {
    /// Keep it.
    Keep(T),
    /// Refused: undo it, and say so.
    Undo(T),
}

/// A write whose caller waits.
pub(crate) trait Write: Send {
    /// Runs it. `Ok(false)`: undo it. `Err`: the whole transaction is lost.
    fn run(&mut self, connection: &Connection, now: Timestamp) -> Result<bool, rusqlite::Error>;
    /// Answers the caller, now that the fate of the transaction is known.
    fn answer(self: Box<Self>, fate: &Fate);
}

/// What became of a transaction. Who was refused in it was refused for what stood in it, so everybody shares its fate.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It is on the disk.
    Durable,
    /// Nothing of it is.
    Lost(Arc<rusqlite::Error>),
    /// It may be or not.
    Unknown(Arc<rusqlite::Error>),
    /// It was not begun: an earlier I/O error has not been recovered from.
    NotBegun,
}

/// The thread's state.
pub(crate) struct Writer {
    pub connection: Connection,
    pub queue: mpsc::Receiver<Box<dyn Write>>,
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Set for good by an I/O error (F22).
    pub failed: Arc<AtomicBool>,
    /// How a transaction ends; tests put a failing disk here.
    pub commit: fn(&Connection) -> rusqlite::Result<()>,
    pub lock: Arc<Lock>,
}

/// A write as a closure.
struct Job<T, F> {
    work: Option<F>,
    made: Result<T, StoreError>,
    to: oneshot::Sender<Result<T, StoreError>>,
}

/// Tells of a writer that ended by a panic: its transaction is rolled back, and nobody writes any more.
struct Sentinel(Arc<AtomicBool>);

impl Drop for Sentinel {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Release);
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the store refuses writes after an I/O error; it has to be opened anew")]
struct Failed;

impl Writer {
    /// Until the last sender is gone and the queue is empty.
    pub fn run(mut self) {
        let _sentinel = Sentinel(Arc::clone(&self.failed));
        let mut group = Vec::with_capacity(GROUP_MAX);
        while self.queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let fate = self.write(&mut group);
            for write in group.drain(..) {
                write.answer(&fate);
            }
        }
        drop(self.connection);
        drop(self.lock);
    }

    fn write(&self, group: &mut [Box<dyn Write>]) -> Fate {
        if self.failed.load(Ordering::Acquire) {
            return Fate::NotBegun;
        }
        if let Err(error) = self.fill(group) {
            return Fate::Lost(self.roll_back(error));
        }
        match (self.commit)(&self.connection) {
            Ok(()) => Fate::Durable,
            Err(error) => Fate::Unknown(self.roll_back(error)),
        }
    }

    fn fill(&self, group: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
        let say = |text| self.connection.prepare_cached(text)?.execute([]).map(drop);
        say("BEGIN IMMEDIATE")?;
        for write in group {
            say("SAVEPOINT one")?;
            if !write.run(&self.connection, (self.clock)())? {
                say("ROLLBACK TO one")?;
            }
            say("RELEASE one")?;
        }
        Ok(())
    }

    fn roll_back(&self, error: rusqlite::Error) -> Arc<rusqlite::Error> {
        let undone = self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
        if !undone || reach(&error) == Reach::File {
            self.failed.store(true, Ordering::Release);
        }
        Arc::new(error)
    }
}

/// How a transaction ends outside of tests.
pub(crate) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("COMMIT")?.execute([]).map(drop)
}

/// A write, and where its answer arrives.
pub(crate) fn job<T, F>(work: F) -> (Box<dyn Write>, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    F: FnOnce(&Connection, Timestamp) -> Result<Made<T>, Fault> + Send + 'static,
{
    let (to, answer) = oneshot::channel();
    (Box::new(Job { work: Some(work), made: Err(StoreError::Unavailable(None)), to }), answer)
}

impl<T, F> Write for Job<T, F>
where
    T: Send,
    F: FnOnce(&Connection, Timestamp) -> Result<Made<T>, Fault> + Send,
{
    fn run(&mut self, connection: &Connection, now: Timestamp) -> Result<bool, rusqlite::Error> {
        let Some(work) = self.work.take() else { return Ok(false) };
        let (made, keep) = match work(connection, now) {
            Ok(Made::Keep(made)) => (Ok(made), true),
            Ok(Made::Undo(made)) => (Ok(made), false),
            Err(fault) => (Err(fault.of_write()?), false),
        };
        self.made = made;
        Ok(keep)
    }

    fn answer(self: Box<Self>, fate: &Fate) {
        let answer = match fate {
            Fate::Durable => self.made,
            Fate::Lost(error) => Err(fault::unavailable(Arc::clone(error))),
            Fate::Unknown(error) => Err(fault::unknown(error)),
            Fate::NotBegun => Err(fault::unavailable(Failed)),
        };
        // A caller that has gone away asks again when it comes back.
        let _ = self.to.send(answer);
    }
}

#[cfg(test)]
mod tests;
