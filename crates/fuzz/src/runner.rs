//! Mutates seeds and runs a target, on stable Rust and always in the same way for the same seed of chance.
//!
//! Mutations know no structure: bits, bytes, ranges, splices of two seeds, and words of the target's own dictionary. What
//! panics, or takes longer than [`HANG`] twice in a row, is a finding.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::targets::Target;

/// One input may take this long.
pub const HANG: Duration = Duration::from_secs(1);
/// Inputs are cut to this many bytes: what the listener lets in, and a little more.
pub const INPUT_BYTES_MAX: usize = 70_000;
/// Seeds larger than this are left to the corpus tests, so that small ones have their turn.
const SEED_BYTES_MAX: usize = 16_384;
/// A run ends at so many findings.
const FINDINGS_MAX: usize = 5;

/// How long a run goes on; whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Executions after those of the seeds themselves.
    pub executions: u64,
    /// Time.
    pub time: Duration,
}

/// What a run did.
#[derive(Debug)]
pub struct Report {
    /// How many inputs were run.
    pub executions: u64,
    /// In what time.
    pub took: Duration,
    /// The inputs that panicked or hung, and which of both.
    pub findings: Vec<(Vec<u8>, &'static str)>,
}

/// Runs a target on its seeds, and then on mutations of them.
pub fn run(target: &Target, chance: u64, limit: Limit) -> Report {
    let mut seeds = (target.seeds)();
    seeds.retain(|seed| seed.len() <= SEED_BYTES_MAX);
    if seeds.is_empty() {
        seeds.push(Vec::new());
    }
    let mut mutator = Mutator { chance: Chance(chance | 1), words: target.words };
    let begin = clock();
    let mut report = Report { executions: 0, took: Duration::ZERO, findings: Vec::new() };
    for seed in &seeds {
        report.add(target, seed);
    }
    let begun = report.executions;
    while report.executions - begun < limit.executions
        && begin.elapsed() < limit.time
        && report.findings.len() < FINDINGS_MAX
    {
        let input = mutator.input(&seeds);
        report.add(target, &input);
    }
    report.took = begin.elapsed();
    report
}

impl Report {
    fn add(&mut self, target: &Target, input: &[u8]) {
        self.executions += 1;
        if let Some(why) = why_bad(target, input) {
            self.findings.push((input.to_vec(), why));
        }
    }
}

/// Runs one input; says what is wrong with it.
pub fn why_bad(target: &Target, input: &[u8]) -> Option<&'static str> {
    let timed = || {
        let begin = clock();
        let sound = catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok();
        (sound, begin.elapsed() > HANG)
    };
    match timed() {
        (false, _) => Some("panic"),
        (true, false) => None,
        // A machine that is busy elsewhere is no hang.
        (true, true) => timed().1.then_some("hang"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the runner measures; nothing of the product does")]
fn clock() -> Instant {
    Instant::now()
}

struct Mutator<'a> {
    chance: Chance,
    words: &'a [&'a str],
}

impl Mutator<'_> {
    fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.chance.below(seeds.len())].clone();
        for _ in 0..=self.chance.below(6) {
            self.mutate(&mut input, seeds);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = self.chance.below(input.len() + 1);
        match self.chance.below(9) {
            0 => self.byte(input, |byte, chance| byte ^ (1 << chance.below(8))),
            1 => self.byte(input, |_, chance| chance.byte()),
            2 => self.byte(input, |_, chance| ODD[chance.below(ODD.len())]),
            3 => {
                let end = (place + 1 + self.chance.below(32)).min(input.len());
                input.drain(place.min(end)..end);
            }
            4 => {
                let end = (place + 1 + self.chance.below(64)).min(input.len());
                let copy = input[place.min(end)..end].to_vec();
                input.splice(place..place, copy);
            }
            5 => {
                let other = &seeds[self.chance.below(seeds.len())];
                let from = self.chance.below(other.len() + 1);
                input.truncate(place);
                input.extend_from_slice(&other[from..]);
            }
            6 => input.truncate(place),
            7 => {
                let length = 1 + self.chance.below(8);
                let bytes: Vec<u8> = (0..length).map(|_| self.chance.byte()).collect();
                input.splice(place..place, bytes);
            }
            _ => {
                let all = self.words.len() + COMMON.len();
                let pick = self.chance.below(all);
                let word = self.words.get(pick).or_else(|| COMMON.get(pick - self.words.len()));
                let word = word.map_or(&[] as &[u8], |word| word.as_bytes());
                input.splice(place..place, word.iter().copied());
            }
        }
    }

    fn byte(&mut self, input: &mut [u8], change: impl Fn(u8, &mut Chance) -> u8) {
        if !input.is_empty() {
            let place = self.chance.below(input.len());
            input[place] = change(input[place], &mut self.chance);
        }
    }
}

/// Bytes at which decoders turn.
const ODD: &[u8] = b"\0\t\n\r \"#%&'+,-./0:;<=>?@[\\]{|}\x7f\x80\xbf\xc2\xe0\xf0\xff";
/// Words that any decoder may stumble over.
const COMMON: &[&str] = &[
    "9223372036854775808",
    "-1",
    "1e400",
    "0.00",
    "00",
    "null",
    "%00",
    "%",
    "\u{202e}",
    "\u{feff}",
    "{{",
    "[[[[",
    "&=",
    "==",
    "\\ud800",
    "\r\n\r\n",
    "１００",
];

/// A stream of numbers: xorshift64*.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(1);
        usize::try_from((self.next() >> 11) % end).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}
