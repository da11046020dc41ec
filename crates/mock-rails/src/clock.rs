//! The rail world's clock: it runs from where it is set, as fast as it is told, or stands still until stepped.
//!
//! All rails of one [`crate::MockRails`] share one clock, so that a test can let two hours pass for a QR code, or a
//! day for the notification schedule, in no time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::watch;

use crate::locked;

/// A shared clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    wall: fn() -> Timestamp,
    mode: Mutex<Mode>,
    signatures: Mutex<Signatures>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    /// At the wall's time `wall` it was `rails` here, and it runs `speed` times as fast.
    Running {
        wall: Timestamp,
        rails: Timestamp,
        speed: u32,
    },
    Standing(Timestamp),
}

/// By which time signatures are made and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signatures {
    /// By the rails' own.
    #[default]
    Rails,
    /// By the wall's: so that clients whose clock nobody moves can still sign, while days pass here.
    Wall,
}

/// How fast the clock may run at most: a month in half a minute.
pub const SPEED_MAX: u32 = 100_000;

/// The longest single wait on the wall's clock. Waits are cut so that a far due time never overflows a timer.
const NAP_MAX: Duration = Duration::from_secs(3600);
/// What the division of a wait by the speed may lose.
const TICK: Duration = Duration::from_micros(1);

impl Clock {
    /// A clock that follows the wall.
    pub fn wall() -> Self {
        Self::on(wall_now)
    }

    /// A clock that follows another wall's: one of simulated time, in which tokio's waits pass too.
    pub fn on(wall: fn() -> Timestamp) -> Self {
        let now = wall();
        Self::with(wall, Mode::Running { wall: now, rails: now, speed: 1 })
    }

    /// A clock that stands at `t` until it is set or stepped.
    pub fn standing_at(t: Timestamp) -> Self {
        Self::with(wall_now, Mode::Standing(t))
    }

    fn with(wall: fn() -> Timestamp, mode: Mode) -> Self {
        let (mode, signatures) = (Mutex::new(mode), Mutex::default());
        Self(Arc::new(Inner { wall, mode, signatures, changed: watch::Sender::new(()) }))
    }

    /// The time in the rails' world.
    pub fn now(&self) -> Timestamp {
        locked(&self.0.mode).now((self.0.wall)())
    }

    /// The time by which signatures are made and judged.
    pub fn signing_now(&self) -> Timestamp {
        match *locked(&self.0.signatures) {
            Signatures::Rails => self.now(),
            Signatures::Wall => (self.0.wall)(),
        }
    }

    /// Says by which time signatures are made and judged.
    pub fn sign_by(&self, signatures: Signatures) {
        *locked(&self.0.signatures) = signatures;
    }

    /// Lets a running clock run so many times as fast as the wall's, 1 to [`SPEED_MAX`]; a standing one starts to run.
    pub fn run(&self, speed: u32) {
        {
            let mut mode = locked(&self.0.mode);
            let wall = (self.0.wall)();
            *mode = Mode::Running { wall, rails: mode.now(wall), speed: speed.clamp(1, SPEED_MAX) };
        }
        self.0.changed.send_replace(());
    }

    /// Makes it `t` now. A running clock goes on from there, a standing one stands there.
    pub fn set(&self, t: Timestamp) {
        {
            let mut mode = locked(&self.0.mode);
            *mode = match *mode {
                Mode::Running { speed, .. } => Mode::Running { wall: (self.0.wall)(), rails: t, speed },
                Mode::Standing(_) => Mode::Standing(t),
            };
        }
        self.0.changed.send_replace(());
    }

    /// Moves the time by `by`, which may be negative; beyond the range of timestamps it stops at their ends.
    pub fn step(&self, by: SignedDuration) {
        {
            let mut mode = locked(&self.0.mode);
            *mode = match *mode {
                Mode::Running { wall, rails, speed } => {
                    let rails = rails.saturating_add(by).unwrap_or(rails);
                    Mode::Running { wall, rails, speed }
                }
                Mode::Standing(t) => Mode::Standing(t.saturating_add(by).unwrap_or(t)),
            };
        }
        self.0.changed.send_replace(());
    }

    /// Returns once it is `t` or later; [`Clock::set`] and [`Clock::step`] wake it too.
    pub async fn sleep_until(&self, t: Timestamp) {
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let left = t.duration_since(self.now());
            if left <= SignedDuration::ZERO {
                return;
            }
            let nap = match *locked(&self.0.mode) {
                Mode::Standing(_) => NAP_MAX,
                // A little more than the quotient, so that the time is really over when it wakes.
                Mode::Running { speed, .. } => (left.unsigned_abs() / speed + TICK).min(NAP_MAX),
            };
            tokio::select! {
                // The sender lives as long as `self`, so an error cannot occur here; it would only cause a re-check.
                _ = changed.changed() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
    }
}

impl Mode {
    fn now(&self, wall_now: Timestamp) -> Timestamp {
        match *self {
            Self::Running { wall, rails, speed } => {
                let passed = wall_now.duration_since(wall);
                let passed = passed.checked_mul(i32::try_from(speed).unwrap_or(i32::MAX));
                rails.saturating_add(passed.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
            }
            Self::Standing(t) => t,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that is handed to everything else")]
fn wall_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn noon() -> Timestamp {
        "2026-01-01T12:00:00+08:00".parse().unwrap()
    }

    #[test]
    fn a_standing_clock_moves_only_when_told() {
        let clock = Clock::standing_at(noon());
        assert_eq!(clock.now(), noon());
        clock.step(SignedDuration::from_secs(90));
        assert_eq!(clock.now().duration_since(noon()), SignedDuration::from_secs(90));
        clock.set(noon());
        assert_eq!(clock.clone().now(), noon());
    }

    #[test]
    fn a_wall_clock_goes_on_from_where_it_is_set() {
        let clock = Clock::wall();
        clock.set(noon());
        let passed = clock.now().duration_since(noon());
        assert!(passed >= SignedDuration::ZERO && passed < SignedDuration::from_secs(60), "{passed}");
    }

    #[test]
    fn signatures_may_stay_on_the_walls_time() {
        let clock = Clock::standing_at(noon());
        assert_eq!(clock.signing_now(), noon());
        clock.sign_by(Signatures::Wall);
        assert_ne!(clock.signing_now(), noon());
    }

    /// A day passes in a second of the wall's.
    #[tokio::test]
    async fn a_fast_clock_wakes_its_sleepers_early_by_the_wall() {
        let clock = Clock::standing_at(noon());
        clock.run(SPEED_MAX);
        let tomorrow = noon() + SignedDuration::from_hours(24);
        tokio::time::timeout(Duration::from_secs(20), clock.sleep_until(tomorrow)).await.expect("a fast day");
        assert!(clock.now() >= tomorrow);
    }

    #[tokio::test]
    async fn sleepers_wake_on_a_step_and_not_before_their_time() {
        let clock = Clock::standing_at(noon());
        let due = noon() + SignedDuration::from_hours(2);
        let mut sleeper = Box::pin(clock.sleep_until(due));
        assert!(sleeper.as_mut().now_or_never().is_none());
        clock.step(SignedDuration::from_hours(1));
        assert!(sleeper.as_mut().now_or_never().is_none(), "an hour is too early");
        clock.set(due);
        tokio::time::timeout(Duration::from_secs(5), sleeper).await.expect("woken by set");
    }

    #[tokio::test]
    async fn a_sleeper_on_the_wall_wakes_by_itself_and_by_a_step() {
        let clock = Clock::wall();
        let soon = clock.now() + SignedDuration::from_millis(5);
        tokio::time::timeout(Duration::from_secs(5), clock.sleep_until(soon)).await.expect("by itself");
        let later = clock.now() + SignedDuration::from_hours(1);
        let mut sleeper = Box::pin(clock.sleep_until(later));
        assert!(sleeper.as_mut().now_or_never().is_none());
        clock.step(SignedDuration::from_hours(1));
        tokio::time::timeout(Duration::from_secs(5), sleeper).await.expect("by the step");
    }
}
