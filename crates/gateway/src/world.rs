//! The engine's environment on tokio: the system's clock and randomness, tasks that a drain waits for, and the places
//! where a crash test may end the process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use paifang_engine::ports::Environment;
use ring::rand::{SecureRandom, SystemRandom};
use tokio_util::task::TaskTracker;

/// The world as it is. Clones share the tasks.
#[derive(Debug, Clone)]
pub struct TokioWorld {
    tasks: TaskTracker,
    now: fn() -> Timestamp,
    random: SystemRandom,
    #[cfg(feature = "test-hooks")]
    crash: std::sync::Arc<crash::CrashAt>,
}

impl TokioWorld {
    /// A world whose tasks run on this tracker, with this clock: [`now`], unless time itself is simulated.
    pub fn new(tasks: TaskTracker, now: fn() -> Timestamp) -> Self {
        Self {
            tasks,
            now,
            random: SystemRandom::new(),
            #[cfg(feature = "test-hooks")]
            crash: std::sync::Arc::new(crash::CrashAt::from_environment()),
        }
    }
}

/// The system's time: the one clock of this process, which is handed to everybody else.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn now() -> Timestamp {
    let wall = Timestamp::now();
    match AHEAD.get() {
        Some(file) => wall.saturating_add(ahead(file)).unwrap_or(wall),
        None => wall,
    }
}

static AHEAD: OnceLock<PathBuf> = OnceLock::new();

/// From now on the clock of this process runs ahead of the machine's by the milliseconds that stand in this file. The config
/// allows it only where everything is on this machine; the first file stays.
pub(crate) fn run_ahead(file: PathBuf) {
    AHEAD.get_or_init(|| file);
}

/// By how much the clock of this process runs ahead of the machine's.
pub(crate) fn ahead_of_machine() -> SignedDuration {
    AHEAD.get().map_or(SignedDuration::ZERO, |file| ahead(file))
}

fn ahead(file: &Path) -> SignedDuration {
    let text = std::fs::read_to_string(file).ok();
    SignedDuration::from_millis(text.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
}

impl Environment for TokioWorld {
    fn now(&self) -> Timestamp {
        (self.now)()
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

    #[cfg(feature = "test-hooks")]
    fn reached(&self, point: &'static str) {
        self.crash.reached(point);
    }

    #[cfg(not(feature = "test-hooks"))]
    fn reached(&self, _point: &'static str) {}
}

/// Ends the process the hard way, as `kill -9` would: nothing is flushed, no destructor runs (F19).
#[cfg(feature = "test-hooks")]
mod crash {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    /// Names the point: `charge.sending`, or `charge.sending:3` for the third time that it is reached.
    const VARIABLE: &str = "PAIFANG_CRASH_AT";

    /// Names a file. While a point's name stands in it, this point ends the process: a harness chooses the point while the
    /// gateway runs, in the middle of a payment's life.
    const FILE: &str = "PAIFANG_CRASH_FILE";

    #[derive(Debug)]
    pub(super) struct CrashAt {
        point: String,
        remaining: AtomicU32,
        file: Option<PathBuf>,
    }

    impl CrashAt {
        pub fn from_environment() -> Self {
            let text = std::env::var(VARIABLE).unwrap_or_default();
            let (point, times) = text.split_once(':').unwrap_or((&text, "1"));
            // A slip in the number must not look like a crash point that was survived.
            let times = times.parse().unwrap_or_else(|_| panic!("{VARIABLE} must be POINT or POINT:NUMBER"));
            let file = std::env::var_os(FILE).map(PathBuf::from);
            Self { point: point.to_owned(), remaining: AtomicU32::new(times), file }
        }

        pub fn reached(&self, point: &str) {
            let counted = self.point == point && self.remaining.fetch_sub(1, Ordering::SeqCst) == 1;
            if !counted && !self.is_in_file(point) {
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

        fn is_in_file(&self, point: &str) -> bool {
            let read = self.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
            read.is_some_and(|text| text.trim() == point)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What a drain waits for: also a task that another task has spawned.
    #[tokio::test]
    async fn the_tracker_knows_every_task() {
        let tasks = TaskTracker::new();
        let world = TokioWorld::new(tasks.clone(), now);
        let (inner, done) = (world.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let seen = std::sync::Arc::clone(&done);
        world.spawn(Box::pin(async move {
            inner.clone().spawn(Box::pin(async move {
                inner.sleep(SignedDuration::from_millis(20)).await;
                seen.store(true, std::sync::atomic::Ordering::SeqCst);
            }));
        }));
        tasks.close();
        tokio::time::timeout(Duration::from_secs(10), tasks.wait()).await.unwrap();
        assert!(done.load(std::sync::atomic::Ordering::SeqCst));
    }

    #[test]
    fn entropy_differs_and_negative_sleeps_are_over() {
        let world = TokioWorld::new(TaskTracker::new(), now);
        let (mut one, mut two) = ([0; 32], [0; 32]);
        world.entropy(&mut one);
        world.entropy(&mut two);
        assert_ne!(one, two);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { world.sleep(SignedDuration::from_secs(-5)).await });
    }

    /// F19: the test starts itself again; the child must die by the signal at the second time, or where the file says, and nowhere
    /// else.
    #[cfg(feature = "test-hooks")]
    #[test]
    fn f19_a_crash_point_kills_the_process_when_it_is_reached_so_often() {
        use std::os::unix::process::ExitStatusExt;
        const CHILD: &str = "PAIFANG_TEST_CHILD";
        if std::env::var_os(CHILD).is_some() {
            let world = TokioWorld::new(TaskTracker::new(), now);
            world.reached("elsewhere");
            world.reached("here");
            println!("once");
            world.reached("here");
            println!("twice");
            if let Some(file) = std::env::var_os("PAIFANG_CRASH_FILE") {
                std::fs::write(file, "there\n").unwrap();
            }
            world.reached("here");
            println!("thrice");
            world.reached("there");
            println!("never");
            return;
        }
        let name = "world::tests::f19_a_crash_point_kills_the_process_when_it_is_reached_so_often";
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("point").into_os_string();
        let cases = [
            ("PAIFANG_CRASH_AT", "here:2".into(), "once", "twice"),
            ("PAIFANG_CRASH_FILE", file, "thrice", "never"),
        ];
        for (variable, value, last, never) in cases {
            let child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .env(CHILD, "1")
                .env(variable, value)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&child.stdout).into_owned();
            assert_eq!(child.status.signal(), Some(9), "{said}");
            assert!(said.contains(last) && !said.contains(never), "{said}");
        }
    }
}
