//! One thread, one clock, one source of chance: tasks run one poll at a time in an order that the seed decides, and time
//! jumps to the next timer when nothing can run. Tasks belong to processes, which can be killed and paused.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

/// A process: a replica's incarnation, or the world outside.
pub type Process = u32;
/// The world outside of the gateway: payers, storefronts, the network.
pub const OUTSIDE: Process = 0;

type TaskId = u64;

/// The executor; clones share everything.
#[derive(Clone)]
pub struct Exec(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    ready: Mutex<Vec<TaskId>>,
    chance: Mutex<fastrand::Rng>,
}

struct State {
    start: Timestamp,
    now: SignedDuration,
    tasks: BTreeMap<TaskId, Task>,
    last_task: TaskId,
    current: Option<(TaskId, Process, &'static str)>,
    timers: BinaryHeap<Reverse<(SignedDuration, u64)>>,
    wakers: BTreeMap<u64, Waker>,
    last_timer: u64,
    dead: BTreeSet<Process>,
    paused: BTreeSet<Process>,
    polls: u64,
}

struct Task {
    process: Process,
    label: &'static str,
    /// Taken out while it is polled.
    future: Option<BoxFuture<'static, ()>>,
    waker: Arc<TaskWaker>,
}

struct TaskWaker {
    id: TaskId,
    queued: AtomicBool,
    inner: std::sync::Weak<Inner>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if let Some(inner) = self.inner.upgrade()
            && !self.queued.swap(true, Ordering::Relaxed)
        {
            locked(&inner.ready).push(self.id);
        }
    }
}

/// What the executor did when asked to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A task was polled.
    Polled,
    /// Nothing can run at this time; [`Exec::advance`] comes next.
    Idle,
}

impl Exec {
    /// Nothing runs yet; it is `start`.
    pub fn new(start: Timestamp, seed: u64) -> Self {
        let state = State {
            start,
            now: SignedDuration::ZERO,
            tasks: BTreeMap::new(),
            last_task: 0,
            current: None,
            timers: BinaryHeap::new(),
            wakers: BTreeMap::new(),
            last_timer: 0,
            dead: BTreeSet::new(),
            paused: BTreeSet::new(),
            polls: 0,
        };
        let chance = Mutex::new(fastrand::Rng::with_seed(seed));
        Self(Arc::new(Inner { state: Mutex::new(state), ready: Mutex::default(), chance }))
    }

    /// The true time.
    pub fn now(&self) -> Timestamp {
        let state = self.state();
        state.start.saturating_add(state.now).unwrap_or(state.start)
    }

    /// How long the run has lasted.
    pub fn passed(&self) -> SignedDuration {
        self.state().now
    }

    /// How often a task was polled.
    pub fn polls(&self) -> u64 {
        self.state().polls
    }

    /// Draws.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut locked(&self.0.chance))
    }

    /// True in `per_mille` of 1,000 cases.
    pub fn happens(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.draw(|chance| chance.u32(0..1_000)) < per_mille
    }

    /// A time between these, in milliseconds.
    pub fn millis(&self, range: std::ops::RangeInclusive<i64>) -> SignedDuration {
        SignedDuration::from_millis(self.draw(|chance| chance.i64(range)))
    }

    /// Starts a task of this process; nothing happens when the process is dead.
    pub fn spawn(
        &self,
        process: Process,
        label: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut state = self.state();
        if state.dead.contains(&process) {
            return;
        }
        state.last_task += 1;
        let id = state.last_task;
        let waker = TaskWaker { id, queued: AtomicBool::new(true), inner: Arc::downgrade(&self.0) };
        let task = Task { process, label, future: Some(Box::pin(future)), waker: Arc::new(waker) };
        state.tasks.insert(id, task);
        locked(&self.0.ready).push(id);
    }

    /// Whose the running task is.
    pub fn process(&self) -> Option<Process> {
        self.state().current.map(|(_, process, _)| process)
    }

    /// What the running task is called; a task that it starts takes the name over.
    pub fn label(&self) -> &'static str {
        self.state().current.map_or("outside", |(_, _, label)| label)
    }

    /// Waits.
    pub fn sleep(&self, time: SignedDuration) -> Sleep {
        Sleep {
            due: self.state().now.saturating_add(time.max(SignedDuration::ZERO)),
            exec: self.clone(),
            timer: None,
        }
    }

    /// Ends a process at once. A task of it that is running is not polled again.
    pub fn kill(&self, process: Process) {
        self.state().dead.insert(process);
    }

    /// Whether it was killed.
    pub fn is_dead(&self, process: Process) -> bool {
        self.state().dead.contains(&process)
    }

    /// Stops a process where it is, or lets it go on; it does not notice.
    pub fn pause(&self, process: Process, paused: bool) {
        let mut state = self.state();
        if paused {
            state.paused.insert(process);
            return;
        }
        state.paused.remove(&process);
        let late = state.tasks.values().filter(|task| task.process == process).map(|task| task.waker.clone());
        let late: Vec<_> = late.collect();
        drop(state);
        late.into_iter().for_each(Wake::wake);
    }

    /// Polls one task, chosen by the seed among those that can run.
    pub fn step(&self) -> Step {
        let id = {
            let mut ready = locked(&self.0.ready);
            if ready.is_empty() {
                return Step::Idle;
            }
            let at = self.draw(|chance| chance.usize(0..ready.len()));
            ready.swap_remove(at)
        };
        let mut state = self.state();
        let Some(task) = state.tasks.get_mut(&id) else { return Step::Polled };
        task.waker.queued.store(false, Ordering::Relaxed);
        let (process, label, waker) = (task.process, task.label, Waker::from(task.waker.clone()));
        if state.paused.contains(&process) {
            return Step::Polled;
        }
        let Some(mut future) = state.tasks.get_mut(&id).and_then(|task| task.future.take()) else {
            return Step::Polled;
        };
        state.current = Some((id, process, label));
        state.polls += 1;
        let is_dead = state.dead.contains(&process);
        drop(state);
        let over = is_dead || future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut state = self.state();
        state.current = None;
        if over || state.dead.contains(&process) {
            state.tasks.remove(&id);
        } else if let Some(task) = state.tasks.get_mut(&id) {
            task.future = Some(future);
            return Step::Polled;
        }
        drop(state);
        drop(future);
        Step::Polled
    }

    /// Forgets the tasks of dead processes.
    pub fn bury(&self) {
        let mut state = self.state();
        let dead = std::mem::take(&mut state.dead);
        let buried: Vec<TaskId> =
            state.tasks.iter().filter(|(_, task)| dead.contains(&task.process)).map(|(id, _)| *id).collect();
        let tasks: Vec<_> = buried.into_iter().filter_map(|id| state.tasks.remove(&id)).collect();
        state.dead = dead;
        drop(state);
        // Outside of the lock: what they own may ask the executor something while it is dropped.
        drop(tasks);
    }

    /// Moves the time to the next timer; false when there is none.
    pub fn advance(&self) -> bool {
        let mut state = self.state();
        while let Some(Reverse((due, timer))) = state.timers.pop() {
            let Some(waker) = state.wakers.remove(&timer) else { continue };
            state.now = state.now.max(due);
            drop(state);
            waker.wake();
            return true;
        }
        false
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }
}

/// See [`Exec::sleep`].
pub struct Sleep {
    due: SignedDuration,
    exec: Exec,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let exec = self.exec.clone();
        let mut state = exec.state();
        if let Some(timer) = self.timer.take() {
            state.wakers.remove(&timer);
        }
        if state.now >= self.due {
            return Poll::Ready(());
        }
        state.last_timer += 1;
        let timer = state.last_timer;
        state.timers.push(Reverse((self.due, timer)));
        state.wakers.insert(timer, cx.waker().clone());
        self.timer = Some(timer);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.exec.state().wakers.remove(&timer);
        }
    }
}

/// One thread, so nobody waits; a panic elsewhere must not hide its message behind poison.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
