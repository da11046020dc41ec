//! Where in a text something is wrong, and what would be right.

use std::fmt;

use serde::Serialize;

/// A place in a text: line and column in characters, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: u32,
    /// The character of that line, from 1.
    pub column: u32,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// The field it is about, such as `opening[2].when`; empty for the text as a whole.
    pub field: String,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

/// All mistakes of a text, by place. Never empty where it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Faults(pub Vec<Fault>);

impl Place {
    /// The first character.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of a byte offset in a text; the end of the text where the offset lies beyond it.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        Self { line: counted(before.matches('\n').count()), column: counted(column) }
    }
}

/// From 0 to a number from 1.
fn counted(before: usize) -> u32 {
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, field, wrong, right } = self;
        if field.is_empty() {
            write!(f, "{place}: {wrong}; {right}")
        } else {
            write!(f, "{place}: {field}: {wrong}; {right}")
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_from_one() {
        let text = "ab\n门z";
        for (offset, line, column) in [(0, 1, 1), (1, 1, 2), (3, 2, 1), (6, 2, 2), (7, 2, 3), (99, 2, 3)] {
            assert_eq!(Place::of(text, offset), Place { line, column }, "{offset}");
        }
    }
}
