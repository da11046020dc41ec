//! What each cycle does: a fixed round of disturbances, the crash cells in turn, and everything else from the seed.

use std::collections::BTreeSet;

use crate::cells::{Cell, cells};
use crate::draw::Draw;
use crate::store::StoreKind;

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub store: StoreKind,
    /// How many cycles.
    pub cycles: u64,
    /// The number of the first one: a failed cycle is repeated alone.
    pub first: u64,
    pub seed: u64,
}

/// What disturbs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// SIGKILL at these points of these flows, one after the other.
    Points(Vec<Cell>),
    /// SIGKILL in the middle of mixed trade.
    Random,
    /// SIGSTOP, until every lease is over, then SIGCONT.
    Stop,
    /// Connections to the rails and to the database are cut.
    Cuts,
    /// The disk takes nothing more.
    Full,
    /// SIGTERM.
    Drain,
}

impl Kind {
    /// One word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Points(_) => "points",
            Self::Random => "random",
            Self::Stop => "stop",
            Self::Cuts => "cuts",
            Self::Full => "full disk",
            Self::Drain => "drain",
        }
    }
}

/// One cycle.
#[derive(Debug, Clone)]
pub struct Plan {
    pub number: u64,
    pub kind: Kind,
    /// Under rules that divide payments and say who bears refunds. Every disturbance of a round meets both in two rounds.
    pub ruled: bool,
    /// Killed again while it recovers. Each disturbance is, with and without rules, in six rounds.
    pub again: bool,
    pub draw: Draw,
}

/// How many cells a cycle of points dies in.
const CELLS_PER_CYCLE: usize = 4;

/// A round of twenty: P points, R random, S stop, C cuts, F full disk, D drain. Of those that kill every third kills again.
const ROUND: &[u8; 20] = b"PRCPPDPPPSPRPCPPFPPP";

/// The plan of each cycle.
pub fn plans(options: Options) -> Vec<Plan> {
    let cells = cells();
    // Short runs on the two stores begin at different cells, so that together they come by all of them.
    let begin = match options.store {
        StoreKind::Sqlite => 0,
        StoreKind::Postgres => cells.len() / 2,
    };
    let turns = usize::try_from(options.seed % 1_000).expect("below a thousand");
    let mut next = (begin + turns.saturating_sub(1) * 37) % cells.len();
    let mut all = Vec::new();
    for number in 0..options.first + options.cycles {
        let letter = ROUND[usize::try_from(number % 20).expect("below twenty")];
        let kind = match letter {
            b'R' => Kind::Random,
            b'S' => Kind::Stop,
            b'C' => Kind::Cuts,
            b'F' => Kind::Full,
            b'D' => Kind::Drain,
            _ => {
                let at = next;
                next += CELLS_PER_CYCLE;
                Kind::Points((0..CELLS_PER_CYCLE).map(|n| cells[(at + n) % cells.len()]).collect())
            }
        };
        let draw = Draw::new(options.seed, number);
        let ruled = (number + number / ROUND.len() as u64) % 2 == 1;
        all.push(Plan { number, kind, ruled, again: number % 3 == 2, draw });
    }
    all.split_off(usize::try_from(options.first).expect("few cycles"))
}

/// A disturbance comes with rules and without, and with and without a second kill.
#[test]
fn every_disturbance_meets_everything() {
    let options = Options { store: StoreKind::Sqlite, cycles: 6 * ROUND.len() as u64, first: 0, seed: 1 };
    let plans = plans(options);
    for place in 0..ROUND.len() {
        let met = plans.iter().skip(place).step_by(ROUND.len()).map(|plan| (plan.ruled, plan.again));
        assert_eq!(met.collect::<BTreeSet<_>>().len(), 4, "{place}");
    }
}
