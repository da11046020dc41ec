//! `--defect` and `--defects`: proof that the simulator would notice. Each known mistake is planted in turn, and has to be
//! caught within so many seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use paifang_payment::planted::{self, Defect};
use paifang_sim::run_within;

/// Within how many seeds a defect has to be caught.
const SEEDS_MAX: u64 = 500;
/// Polls of one run at most: some defects turn in circles.
const POLLS_MAX: u64 = 3_000_000;
/// Every so many seeds a run is repeated: it has to be the same again (I20).
const TWICE_EVERY: u64 = 20;
/// Two need a copy that is minutes late, another one that is refused or not sent, and a lost notice, all of one order; one a
/// second transaction whose every notice is lost, and an answer while nothing fails: no seed of the first 500 has that. Tests
/// of the machines and of the engine hold them instead; here they are planted by their names only.
const RARE: [Defect; 3] = [Defect::DoubtForgotten, Defect::CaptureRefusalAtOnce, Defect::SecondAnswerDropped];
/// A finding is printed up to this many characters.
const TEXT_CHARS_MAX: usize = 150;

/// What to plant.
#[derive(clap::Args)]
pub struct Args {
    /// Plants this defect and stops at the first seed that catches it.
    #[arg(long, conflicts_with = "defects")]
    defect: Option<String>,
    /// Plants every defect in turn, or so many of them.
    #[arg(long, num_args = 0..=1, default_missing_value = "0")]
    defects: Option<usize>,
    /// Which ones, where not all are planted: the next ones at each next number, such as the day's.
    #[arg(long, env = "SIM_ROTATION", default_value_t = 0)]
    rotation: usize,
}

/// How a defect was caught.
struct Caught {
    seed: u64,
    runs: u64,
    how: String,
}

/// Does what was asked; `None` when no defect was.
pub fn run(args: &Args, first: u64, seeds: Option<u64>, threads: u64) -> Option<ExitCode> {
    let seeds = first..first.saturating_add(seeds.unwrap_or(SEEDS_MAX));
    let chosen = match (&args.defect, args.defects) {
        (Some(name), _) => match Defect::parse(name) {
            Some(defect) => vec![defect],
            None => {
                Defect::ALL.iter().for_each(|known| println!("{}", known.name()));
                return Some(ExitCode::FAILURE);
            }
        },
        (None, Some(count)) => rotated(count, args.rotation),
        (None, None) => return None,
    };
    // What a planted defect makes panic is a finding and no news for the terminal.
    std::panic::set_hook(Box::new(|_| {}));
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(defect) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let caught = catch(*defect, seeds.clone());
                    tell(*defect, caught.as_ref());
                    if caught.is_none() {
                        missed.lock().unwrap_or_else(PoisonError::into_inner).push(defect.name());
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{} of {} planted defects caught", chosen.len() - missed.len(), chosen.len());
    Some(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `count` defects, or all for 0; each rotation goes on where the last one ended.
fn rotated(count: usize, rotation: usize) -> Vec<Defect> {
    let all: Vec<Defect> = Defect::ALL.iter().filter(|defect| !RARE.contains(defect)).copied().collect();
    let count = if count == 0 { all.len() } else { count.min(all.len()) };
    all.iter().cycle().skip(rotation.wrapping_mul(count) % all.len()).take(count).copied().collect()
}

fn catch(defect: Defect, seeds: std::ops::Range<u64>) -> Option<Caught> {
    let first = seeds.start;
    seeds.into_iter().find_map(|seed| {
        let how = violation(defect, seed)?;
        Some(Caught { seed, runs: seed - first + 1, how })
    })
}

/// What is wrong with this seed.
fn violation(defect: Defect, seed: u64) -> Option<String> {
    let play = || {
        planted::plant(Some(defect));
        let outcome = catch_unwind(AssertUnwindSafe(|| run_within(seed, false, POLLS_MAX)));
        planted::plant(None);
        outcome
    };
    let Ok(outcome) = play() else { return Some("a panic".to_owned()) };
    if let Some(first) = outcome.violations.into_iter().next() {
        return Some(first);
    }
    if !seed.is_multiple_of(TWICE_EVERY) {
        return None;
    }
    let again = play().map_or_else(|_| "a panic".to_owned(), |again| again.hash);
    (again != outcome.hash).then(|| format!("I20: the trace is {} and then {again}", outcome.hash))
}

fn tell(defect: Defect, caught: Option<&Caught>) {
    let name = defect.name();
    match caught {
        Some(Caught { seed, runs, how }) => {
            let how = how.split_whitespace().collect::<Vec<_>>().join(" ");
            let how: String = how.chars().take(TEXT_CHARS_MAX).collect();
            println!("{name:<24} caught at seed {seed} ({runs} runs) by {how}");
        }
        None => println!("{name:<24} NOT caught"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_rotations_of_ten_meet_thirty_defects() {
        let mut met: Vec<_> = (0..3).flat_map(|day| rotated(10, day)).map(Defect::name).collect();
        met.sort_unstable();
        met.dedup();
        assert_eq!(met.len(), 30);
        assert_eq!(rotated(0, 5).len(), Defect::ALL.len() - RARE.len());
    }

    /// F08: if this one is not noticed, nothing is.
    #[test]
    fn a_lost_event_is_noticed_at_once() {
        assert!(violation(Defect::EventLost, 1).is_some_and(|how| how.starts_with("I9")));
    }
}
