//! The rail world's clock: it follows the wall with an offset, or stands still until stepped.
//!
//! All rails of one [`crate::MockRails`] share one clock, so that a test can let two hours pass for a QR code, or a
//! day for the notification schedule, in no time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::locked;

/// A shared clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mode: Mutex<Mode>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    /// The wall's time plus this much.
    Wall(SignedDuration),
    Standing(Timestamp),
}

/// The longest single wait on the wall's clock. Waits are cut so that a far due time never overflows a timer.
const NAP_MAX: Duration = Duration::from_secs(3600);

impl Clock {
    /// A clock that follows the wall.
    pub fn wall() -> Self {
        Self::with(Mode::Wall(SignedDuration::ZERO))
    }

    /// A clock that stands at `t` until it is set or stepped.
    pub fn standing_at(t: Timestamp) -> Self {
        Self::with(Mode::Standing(t))
    }

    fn with(mode: Mode) -> Self {
        Self(Arc::new(Inner { mode: Mutex::new(mode), changed: watch::Sender::new(()) }))
    }

    /// The time in the rails' world.
    pub fn now(&self) -> Timestamp {
        match *locked(&self.0.mode) {
            Mode::Wall(offset) => wall_now().saturating_add(offset).unwrap_or(Timestamp::MAX),
            Mode::Standing(t) => t,
        }
    }

    /// Makes it `t` now. A wall clock goes on from there, a standing one stands there.
    pub fn set(&self, t: Timestamp) {
        {
            let mut mode = locked(&self.0.mode);
            *mode = match *mode {
                Mode::Wall(_) => Mode::Wall(t.duration_since(wall_now())),
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
                Mode::Wall(offset) => Mode::Wall(offset.saturating_add(by)),
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
            let standing = matches!(*locked(&self.0.mode), Mode::Standing(_));
            let nap = if standing { NAP_MAX } else { left.unsigned_abs().min(NAP_MAX) };
            tokio::select! {
                // The sender lives as long as `self`, so an error cannot occur here; it would only cause a re-check.
                _ = changed.changed() => {}
                () = tokio::time::sleep(nap) => {}
            }
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
