//! When a call is sent again: after every answer that leaves its outcome open, later each time.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often a call is sent, and how long between.
#[derive(Debug, Clone)]
pub(crate) struct Repeats {
    tries: u32,
}

/// The tries of one call.
#[derive(Debug)]
pub(crate) struct Tries {
    left: u32,
    pause: Duration,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { tries: TRIES }
    }
}

impl Repeats {
    pub fn with_tries(self, tries: u32) -> Self {
        Self { tries: tries.max(1) }
    }

    pub fn begin(&self) -> Tries {
        Tries { left: self.tries, pause: FIRST_PAUSE }
    }
}

impl Tries {
    /// How long to wait before the same message is sent again; `None` when this error is the answer.
    pub fn pause_after(&mut self, error: &Status) -> Option<Duration> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || !is_open(error.code()) {
            return None;
        }
        let wished = error.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or_default();
        let pause = jittered(self.pause.max(wished).min(LONGEST_PAUSE));
        self.pause = self.pause.saturating_mul(2);
        Some(pause)
    }
}

/// Whether the call may have been carried out, or can be carried out later: the contract's list. A server's time-out shows
/// as `CANCELLED`, a connection that ended as `UNKNOWN` or `INTERNAL`.
fn is_open(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::Internal
    )
}

/// 75 to 125 % of a pause, so that clients that failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let percent = 75 + RandomState::new().build_hasher().finish() % 51;
    pause.saturating_mul(u32::try_from(percent).unwrap_or(100)) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_outcomes_are_sent_again_and_not_for_ever() {
        for code in (0..=16).map(Code::from_i32) {
            let open = [1, 2, 4, 13, 14].contains(&(code as i32));
            let pause = Repeats::default().begin().pause_after(&Status::new(code, ""));
            assert_eq!(pause.is_some(), open, "{code:?}");
        }
        let mut tries = Repeats::default().with_tries(3).begin();
        let lost = Status::unavailable("");
        let pauses: Vec<_> = std::iter::from_fn(|| tries.pause_after(&lost)).collect();
        assert_eq!(pauses.len(), 2);
        assert!(pauses[0] <= Duration::from_millis(125) && pauses[1] >= Duration::from_millis(150));
    }
}
