//! What the rows of both tables share: their names, how sure they are, and how a text becomes rows.

use paifang_name::{lower_word, names, shown};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

names! {
    /// A row of a table. It keeps its name from release to release.
    RowId, "row id", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
}

shown! { RowId }

/// How sure a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Nobody confirmed it.
    Unconfirmed,
    /// Third parties say so: press, published policies, other people's programs.
    Reported,
    /// The party whose code or rail it is has published it.
    Documented,
}

/// A table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is no TOML, or a field is missing, unknown or of another kind; the text names the place.
    #[error("{0}")]
    Form(String),
    /// Rows that cannot be; all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rows(Vec<Wrong>),
}

/// A row that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{row}: {field} must be {rule}")]
pub struct Wrong {
    /// The row's name.
    pub row: String,
    /// The field.
    pub field: &'static str,
    /// What would be right.
    pub rule: String,
}

/// Rows of a table at most.
pub(crate) const ROWS_MAX: usize = 500;
/// Characters of a text for people at most.
pub(crate) const TEXT_CHARS_MAX: usize = 500;

impl Confidence {
    /// Its name, as in the tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Reported => "reported",
            Self::Documented => "documented",
        }
    }
}

impl Wrong {
    pub(crate) fn new(row: &RowId, field: &'static str, rule: impl Into<String>) -> Self {
        Self { row: row.to_string(), field, rule: rule.into() }
    }
}

pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    toml::from_str(text).map_err(|error| ReadError::Form(error.to_string()))
}

/// What holds for the rows of either table: a bounded number, names that differ, texts that say something.
pub(crate) fn check<'a>(
    rows: impl ExactSizeIterator<Item = (&'a RowId, &'a str, &'a str)>,
    wrong: &mut Vec<Wrong>,
) {
    let count = rows.len();
    let mut seen = std::collections::BTreeSet::new();
    for (id, source, note) in rows {
        if !seen.insert(id) {
            wrong.push(Wrong::new(id, "id", "another one in each row"));
        }
        if count > ROWS_MAX {
            wrong.push(Wrong::new(id, "row", format!("one of at most {ROWS_MAX}")));
            return;
        }
        if source.is_empty() || source.chars().count() > TEXT_CHARS_MAX {
            wrong.push(Wrong::new(id, "source", format!("1 to {TEXT_CHARS_MAX} characters")));
        }
        if note.chars().count() > TEXT_CHARS_MAX {
            wrong.push(Wrong::new(id, "note", format!("at most {TEXT_CHARS_MAX} characters")));
        }
    }
}
