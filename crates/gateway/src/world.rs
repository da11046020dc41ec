//! The engine's environment on tokio: the system's clock and randomness, tasks that a drain waits for, and the places
//! where a crash test may end the process.

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use paifang_engine::ports::Environment;
use ring::rand::{SecureRandom, SystemRandom};
use tokio_util::task::TaskTracker;

/// The world as it is. Clones share the tasks.
#[derive(Debug, Clone)]
pub struct TokioWorld {
    tasks: TaskTracker,
    random: SystemRandom,
    #[cfg(feature = "crash-points")]
    crash: std::sync::Arc<crash::CrashAt>,
}

impl TokioWorld {
    /// A world whose tasks run on this tracker.
    pub fn new(tasks: TaskTracker) -> Self {
        Self {
            tasks,
            random: SystemRandom::new(),
            #[cfg(feature = "crash-points")]
            crash: std::sync::Arc::new(crash::CrashAt::from_environment()),
        }
    }
}

impl Environment for TokioWorld {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed to everybody else")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn entropy(&self, bytes: &mut [u8]) {
        if self.random.fill(bytes).is_err() {
            // Guessable ids and keys would be worse than no service.
            tracing::error!("the system gave no random bytes: the process ends");
            std::process::abort();
        }
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tasks.spawn(task);
    }

    fn sleep(&self, time: SignedDuration) -> BoxFuture<'static, ()> {
        // A time that has passed already is no wait.
        Box::pin(tokio::time::sleep(time.try_into().unwrap_or_default()))
    }

    #[cfg(feature = "crash-points")]
    fn reached(&self, point: &'static str) {
        self.crash.reached(point);
    }

    #[cfg(not(feature = "crash-points"))]
    fn reached(&self, _point: &'static str) {}
}

/// Ends the process the hard way, as `kill -9` would: nothing is flushed, no destructor runs (F19).
#[cfg(feature = "crash-points")]
mod crash {
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    /// Names the point: `charge.sending`, or `charge.sending:3` for the third time that it is reached.
    const VARIABLE: &str = "PAIFANG_CRASH_AT";

    #[derive(Debug)]
    pub(super) struct CrashAt {
        point: String,
        remaining: AtomicU32,
    }

    impl CrashAt {
        pub fn from_environment() -> Self {
            let text = std::env::var(VARIABLE).unwrap_or_default();
            let (point, times) = text.split_once(':').unwrap_or((&text, "1"));
            // A slip in the number must not look like a crash point that was survived.
            let times = times.parse().unwrap_or_else(|_| panic!("{VARIABLE} must be POINT or POINT:NUMBER"));
            Self { point: point.to_owned(), remaining: AtomicU32::new(times) }
        }

        pub fn reached(&self, point: &str) {
            if self.point != point || self.remaining.fetch_sub(1, Ordering::SeqCst) != 1 {
                return;
            }
            if kill_process(getpid(), Signal::KILL).is_err() {
                std::process::abort();
            }
            // The signal ends every thread; until it does, this one must not take another step.
            loop {
                std::thread::park();
            }
        }
    }
}
