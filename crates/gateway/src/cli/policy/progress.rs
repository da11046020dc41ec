//! How many records were looked at so far, on standard error: on a terminal one line that moves, else only where it is asked
//! for, a line each time. Standard output is left to the answer.

use std::io::{IsTerminal, Write};

/// After so many records it is told.
const EVERY: u64 = 10_000;

pub(super) struct Progress {
    told: bool,
    moves: bool,
    count: u64,
}

impl Progress {
    /// `asked`: told also where standard error is no terminal.
    pub(super) fn new(asked: bool) -> Self {
        let moves = std::io::stderr().is_terminal();
        Self { told: asked || moves, moves, count: 0 }
    }

    pub(super) fn one_more(&mut self) {
        self.count += 1;
        if self.count.is_multiple_of(EVERY) {
            self.say(if self.moves { "\r" } else { "" }, if self.moves { "" } else { "\n" });
        }
    }

    /// The last word: how many there were.
    pub(super) fn finish(&self) {
        self.say(if self.moves { "\r" } else { "" }, "\n");
    }

    fn say(&self, before: &str, after: &str) {
        if self.told {
            // Nobody is left to tell when standard error is gone.
            let _ = write!(std::io::stderr(), "{before}{} records{after}", self.count);
        }
    }
}
