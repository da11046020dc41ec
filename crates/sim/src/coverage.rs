//! The committed coverage lists (`crates/sim/coverage/*.md`): what a run has to meet, cell by cell, and what nothing can meet,
//! with the reason. A run that misses a cell fails, and so does one that meets what is said to be out of reach. A long run is
//! free at first, and then goes for what it has not met ([`crate::aim`]).

use std::collections::{BTreeMap, BTreeSet};

/// A run of so many seeds meets every cell that is marked `●`.
const SEEDS_OFTEN: u64 = 200;
/// A run of so many seeds meets the cells that are marked `○` as well.
const SEEDS_ALL: u64 = 2_000;

/// The lists, with their names in the repository.
const LISTS: [(&str, &str); 3] = [
    ("crates/sim/coverage/transitions.md", include_str!("../coverage/transitions.md")),
    ("crates/sim/coverage/crashes.md", include_str!("../coverage/crashes.md")),
    ("crates/sim/coverage/ways.md", include_str!("../coverage/ways.md")),
];

/// What a list says of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// `●`: a short run meets it.
    Often,
    /// `○`: a long run meets it.
    Seldom,
    /// A letter: nothing can meet it, for the reason under this letter.
    Never(char),
}

/// One list.
struct List {
    name: &'static str,
    cells: BTreeMap<String, Mark>,
    reasons: BTreeMap<char, &'static str>,
    rows: Vec<&'static str>,
}

/// What a run has met, against the lists. Empty is what we want; `hit` counts, per cell, the seeds that met it.
pub fn judge(seeds: u64, hit: &BTreeMap<String, u64>) -> Vec<String> {
    let lists: Vec<List> = match LISTS.iter().map(|(name, text)| List::read(name, text)).collect() {
        Ok(lists) => lists,
        Err(error) => return vec![error],
    };
    let mut wrong: Vec<String> = lists.iter().flat_map(|list| list.missed(seeds, hit)).collect();
    // Whoever comes by a point could be killed there.
    let reached =
        hit.keys().filter_map(|cell| cell.strip_prefix("reached ").map(|at| format!("killed {at}")));
    let met: BTreeSet<String> = hit.keys().cloned().chain(reached).collect();
    for cell in met.iter().filter(|cell| is_listed_kind(cell)) {
        let known = lists.iter().find_map(|list| list.cells.get(cell).map(|mark| (list, *mark)));
        match known {
            None => wrong.push(format!("{cell} was met, and is on no list")),
            Some((list, Mark::Never(letter))) => {
                let reason = list.reasons.get(&letter).copied().unwrap_or_default();
                wrong.push(format!("{cell} was met, and {} says: {reason}", list.name));
            }
            Some((_, Mark::Often | Mark::Seldom)) => {}
        }
    }
    wrong
}

/// What a run of so many seeds is measured by, in words.
pub fn summary(seeds: u64) -> String {
    let lists = LISTS.map(|(name, text)| List::read(name, text));
    let count = |wanted: &dyn Fn(&Mark) -> bool| -> usize {
        let cells = lists.iter().flatten().flat_map(|list| list.cells.values());
        cells.filter(|mark| wanted(mark)).count()
    };
    let demanded = count(&|mark| mark.is_demanded(seeds));
    let never = count(&|mark| matches!(mark, Mark::Never(_)));
    format!("{demanded} cells have to be met by {seeds} seeds; {never} are out of reach")
}

/// How many of so many seeds are free; the others go for the cells that those have not met.
pub fn free_of(seeds: u64) -> u64 {
    if seeds < SEEDS_ALL { seeds } else { seeds / 5 * 3 }
}

/// The cells that a run of so many seeds has to meet and has not met yet.
pub fn lacking(seeds: u64, hit: &BTreeMap<String, u64>) -> Vec<String> {
    let lists = LISTS.map(|(name, text)| List::read(name, text));
    let cells = lists.into_iter().flatten().flat_map(|list| list.cells);
    cells
        .filter(|(cell, mark)| mark.is_demanded(seeds) && !hit.contains_key(cell))
        .map(|(cell, _)| cell)
        .collect()
}

fn is_listed_kind(cell: &str) -> bool {
    ["attempt ", "refund ", "killed ", "paid ", "held ", "refunded ", "ruled ", "bulk "]
        .iter()
        .any(|kind| cell.starts_with(kind))
}

impl Mark {
    fn is_demanded(self, seeds: u64) -> bool {
        match self {
            Self::Often => seeds >= SEEDS_OFTEN,
            Self::Seldom => seeds >= SEEDS_ALL,
            Self::Never(_) => false,
        }
    }
}

impl List {
    /// The tables of a list have a row per transition or crash point and a column per fault or flow; lines `- a: ...` give
    /// the reasons.
    fn read(name: &'static str, text: &'static str) -> Result<Self, String> {
        let mut list = Self { name, cells: BTreeMap::new(), reasons: BTreeMap::new(), rows: Vec::new() };
        let mut columns: Vec<&str> = Vec::new();
        for line in text.lines() {
            if let Some((letter, reason)) = line.strip_prefix("- ").and_then(|line| line.split_once(": ")) {
                if let [letter] = letter.chars().collect::<Vec<_>>()[..] {
                    list.reasons.insert(letter, reason);
                }
            } else if line.is_empty() {
                // The next table has columns of its own.
                columns.clear();
            } else if line.starts_with("|--") {
            } else if let Some(line) = line.strip_prefix('|') {
                let cells: Vec<&str> = line.trim_end_matches('|').split('|').map(str::trim).collect();
                match cells.split_first() {
                    Some((row, marks)) if !columns.is_empty() => list.row(row, &columns, marks)?,
                    Some((_, titles)) => columns = titles.to_vec(),
                    None => {}
                }
            }
        }
        list.reasoned()
    }

    fn row(&mut self, row: &'static str, columns: &[&str], marks: &[&'static str]) -> Result<(), String> {
        if columns.len() != marks.len() || self.rows.contains(&row) {
            return Err(format!("{}: the row `{row}` is there twice or too short", self.name));
        }
        self.rows.push(row);
        for (column, mark) in columns.iter().zip(marks) {
            let mark = match mark.chars().collect::<Vec<_>>()[..] {
                ['●'] => Mark::Often,
                ['○'] => Mark::Seldom,
                [letter] if letter.is_ascii_lowercase() => Mark::Never(letter),
                _ => return Err(format!("{}: `{mark}` at {row} x {column} is no mark", self.name)),
            };
            self.cells.insert(format!("{row} x {column}"), mark);
        }
        Ok(())
    }

    fn reasoned(self) -> Result<Self, String> {
        let used = |letter: char| self.cells.values().any(|mark| *mark == Mark::Never(letter));
        let idle = self.reasons.keys().find(|letter| !used(**letter));
        let bare = self.cells.values().find_map(|mark| match mark {
            Mark::Never(letter) if !self.reasons.contains_key(letter) => Some(letter),
            Mark::Never(_) | Mark::Often | Mark::Seldom => None,
        });
        match idle.or(bare) {
            Some(letter) => {
                Err(format!("{}: `{letter}` is a mark without reason or the other way round", self.name))
            }
            None => Ok(self),
        }
    }

    fn missed(&self, seeds: u64, hit: &BTreeMap<String, u64>) -> Vec<String> {
        let demanded = self.cells.iter().filter(|(_, mark)| mark.is_demanded(seeds));
        let missed = demanded.filter(|(cell, _)| !hit.contains_key(*cell));
        missed.map(|(cell, _)| format!("{cell} was not met, and {} demands it", self.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aim::Aim;

    /// Everything that the lists demand.
    fn met(seeds: u64) -> BTreeMap<String, u64> {
        let lists = LISTS.map(|(name, text)| List::read(name, text).unwrap());
        let cells = lists.into_iter().flat_map(|list| list.cells);
        cells.filter(|(_, mark)| mark.is_demanded(seeds)).map(|(cell, _)| (cell, 1)).collect()
    }

    #[test]
    fn a_long_run_goes_for_what_it_lacks() {
        assert_eq!((free_of(SEEDS_OFTEN), free_of(SEEDS_ALL)), (SEEDS_OFTEN, 1_200));
        let mut hit = met(SEEDS_ALL);
        assert_eq!(lacking(SEEDS_ALL, &hit), Vec::<String>::new());
        hit.remove("attempt Sending -> Late x F02").unwrap();
        hit.remove("killed refund.sending x confirm").unwrap();
        let lacks = ["attempt Sending -> Late x F02", "killed refund.sending x confirm"];
        assert_eq!(lacking(SEEDS_ALL, &hit), lacks);
        assert_eq!(lacking(SEEDS_OFTEN, &hit), Vec::<String>::new());
    }

    /// A cell that no run could go for would be demanded of chance alone.
    #[test]
    fn runs_can_go_for_every_transition_and_crash() {
        let cells = met(SEEDS_ALL);
        let ways = |cell: &String| {
            ["paid ", "held ", "refunded ", "ruled ", "bulk "].iter().any(|way| cell.starts_with(way))
        };
        assert!(cells.keys().filter(|cell| !ways(cell)).all(|cell| Aim::read(cell).is_some()));
        let cells = cells.keys().filter_map(|cell| Aim::read(cell));
        let nets = [
            "not-connected",
            "F01",
            "F02",
            "F03",
            "F04",
            "twice",
            "F06",
            "F07",
            "F08",
            "F09",
            "F10",
            "F14",
            "F18",
        ];
        let others = ["none", "F05", "F15", "F19", "F22", "F24", "F27"];
        for aim in cells.filter(|aim| matches!(aim, Aim::Move { .. })) {
            let (by_net, by_other) =
                (nets.iter().any(|net| aim.is_of(net)), others.iter().any(|other| aim.is_of(other)));
            assert!(by_net != by_other && by_net != aim.strikes().is_empty(), "{aim:?}");
        }
    }

    #[test]
    fn what_the_lists_call_out_of_reach_is_not_reached_either() {
        let mut hit = met(SEEDS_ALL);
        hit.insert("reached create.deciding x work".to_owned(), 1);
        assert!(matches!(&judge(SEEDS_ALL, &hit)[..], [one] if one.contains("does not come by")));
    }

    #[test]
    fn the_lists_are_read_and_what_they_demand_is_enough() {
        assert!(met(SEEDS_ALL).len() > met(SEEDS_OFTEN).len());
        assert_eq!(judge(SEEDS_ALL, &met(SEEDS_ALL)), Vec::<String>::new());
        assert_eq!(judge(SEEDS_OFTEN, &met(SEEDS_OFTEN)), Vec::<String>::new());
    }

    #[test]
    fn a_run_that_misses_one_cell_fails_and_one_that_meets_too_much_does_too() {
        let mut hit = met(SEEDS_ALL);
        hit.remove("attempt AwaitingPayer -> Paid x F02").unwrap();
        assert_eq!(judge(SEEDS_ALL, &hit).len(), 1);
        hit.insert("attempt Paid -> Sending x F02".to_owned(), 1);
        assert!(judge(SEEDS_ALL, &hit)[1].contains("on no list"));
    }
}
