//! The committed coverage lists (`crates/sim/coverage/*.md`): what a run has to meet, cell by cell, and what nothing can meet,
//! with the reason. A run that misses a cell fails, and so does one that meets what is said to be out of reach.

use std::collections::BTreeMap;

/// A run of so many seeds meets every cell that is marked `●`.
const SEEDS_OFTEN: u64 = 200;
/// A run of so many seeds meets the cells that are marked `○` as well.
const SEEDS_ALL: u64 = 2_000;

/// The lists, with their names in the repository.
const LISTS: [(&str, &str); 2] = [
    ("crates/sim/coverage/transitions.md", include_str!("../coverage/transitions.md")),
    ("crates/sim/coverage/crashes.md", include_str!("../coverage/crashes.md")),
];

/// What a list says of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// `●`: a short run meets it.
    Often,
    /// `○`: a long run meets it.
    Seldom,
    /// `~`: a run may meet it, and it is too rare to be demanded.
    Rare,
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
    let lists = match LISTS.map(|(name, text)| List::read(name, text)) {
        [Ok(transitions), Ok(crashes)] => [transitions, crashes],
        [Err(error), _] | [_, Err(error)] => return vec![error],
    };
    let mut wrong: Vec<String> = lists.iter().flat_map(|list| list.missed(seeds, hit)).collect();
    for cell in hit.keys().filter(|cell| is_listed_kind(cell)) {
        let known = lists.iter().find_map(|list| list.cells.get(cell).map(|mark| (list, *mark)));
        match known {
            None => wrong.push(format!("{cell} was met, and is on no list")),
            Some((list, Mark::Never(letter))) => {
                let reason = list.reasons.get(&letter).copied().unwrap_or_default();
                wrong.push(format!("{cell} was met, and {} says: {reason}", list.name));
            }
            Some((_, Mark::Often | Mark::Seldom | Mark::Rare)) => {}
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
    let rare = count(&|mark| *mark == Mark::Rare);
    format!("{demanded} cells have to be met by {seeds} seeds; {rare} are too rare, {never} out of reach")
}

fn is_listed_kind(cell: &str) -> bool {
    ["attempt ", "refund ", "killed "].iter().any(|kind| cell.starts_with(kind))
}

impl Mark {
    fn is_demanded(self, seeds: u64) -> bool {
        match self {
            Self::Often => seeds >= SEEDS_OFTEN,
            Self::Seldom => seeds >= SEEDS_ALL,
            Self::Rare | Self::Never(_) => false,
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
                ['~'] => Mark::Rare,
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
            Mark::Never(_) | Mark::Often | Mark::Seldom | Mark::Rare => None,
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
        let missed = missed.map(|(cell, _)| format!("{cell} was not met, and {} demands it", self.name));
        // A row of rare cells is demanded as a whole.
        let met =
            |row: &&&str| hit.keys().any(|cell| cell.split_once(" x ").is_some_and(|(of, _)| of == **row));
        let rows = self.rows.iter().filter(|row| seeds >= SEEDS_ALL && !met(row));
        missed.chain(rows.map(|row| format!("{row} was never met, and {} demands it", self.name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that the lists demand: their cells, and one of each row of rare cells.
    fn met(seeds: u64) -> BTreeMap<String, u64> {
        let lists = LISTS.map(|(name, text)| List::read(name, text).unwrap());
        let mut met = BTreeMap::new();
        for list in lists {
            let demanded = list.cells.iter().filter(|(_, mark)| mark.is_demanded(seeds));
            met.extend(demanded.map(|(cell, _)| (cell.clone(), 1)));
            for row in list.rows {
                let of_row = |cell: &String| cell.split_once(" x ").is_some_and(|(of, _)| of == row);
                let rare = || list.cells.iter().find(|(cell, mark)| of_row(cell) && **mark == Mark::Rare);
                if seeds >= SEEDS_ALL && !met.keys().any(of_row) {
                    met.insert(rare().expect("a row that can be met").0.clone(), 1);
                }
            }
        }
        met
    }

    #[test]
    fn a_row_of_rare_cells_is_demanded_as_a_whole() {
        let mut hit = met(SEEDS_ALL);
        hit.retain(|cell, _| !cell.starts_with("attempt Held -> Closed "));
        let wrong = judge(SEEDS_ALL, &hit);
        assert!(
            matches!(&wrong[..], [one] if one.starts_with("attempt Held -> Closed was never met")),
            "{wrong:?}"
        );
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
