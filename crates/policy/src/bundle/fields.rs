//! Reading a TOML table field by field, so that every mistake is told and none hides the next.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use jiff::Timestamp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::FAULTS_MAX;
use crate::{Fault, Place};

/// The mistakes found so far, and the text they are in.
pub(super) struct Notes<'t> {
    pub(super) text: &'t str,
    /// What can only be a mistake is told, too.
    pub(super) is_new: bool,
    /// At most [`FAULTS_MAX`]: they come in by [`Notes::add`] and [`Notes::push`].
    pub(super) faults: Vec<Fault>,
}

/// A value that was read, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
    pub(super) field: String,
}

/// One table: fields are taken out by name, and what is left over at the end is unknown.
pub(super) struct Fields<'t> {
    path: String,
    span: Range<usize>,
    left: BTreeMap<String, Entry<'t>>,
    known: Vec<&'static str>,
}

struct Entry<'t> {
    key: Range<usize>,
    value: Spanned<DeValue<'t>>,
}

impl Notes<'_> {
    /// Whether enough was told: a text of nothing but mistakes must not cost more than one with some.
    pub(super) fn is_full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }

    pub(super) fn add(
        &mut self,
        span: &Range<usize>,
        field: &str,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        if self.is_full() {
            return;
        }
        let place = Place::of(self.text, span.start);
        self.push(Fault { place, field: field.to_owned(), wrong: wrong.into(), right: right.into() });
    }

    /// Takes a mistake whose place is known, unless enough was told.
    pub(super) fn push(&mut self, fault: Fault) {
        if !self.is_full() {
            self.faults.push(fault);
        }
    }
}

impl<'t> Fields<'t> {
    pub(super) fn new(path: &str, span: Range<usize>, table: DeTable<'t>) -> Self {
        let entry = |(key, value): (Spanned<_>, _)| {
            let span = key.span();
            (std::borrow::Cow::<str>::into_owned(key.into_inner()), Entry { key: span, value })
        };
        Self { path: path.to_owned(), span, left: table.into_iter().map(entry).collect(), known: Vec::new() }
    }

    /// Tells every field that nobody took.
    pub(super) fn finish(self, notes: &mut Notes<'_>) {
        let known = self.known.join(", ");
        for (name, entry) in &self.left {
            let short: String = name.chars().take(64).collect();
            let path = join(&self.path, &short);
            notes.add(&entry.key, &path, "this field is unknown", format!("the fields here are {known}"));
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Located<DeValue<'t>>> {
        self.known.push(name);
        let entry = self.left.remove(name)?;
        let span = entry.value.span();
        Some(Located { value: entry.value.into_inner(), span, field: join(&self.path, name) })
    }

    fn lacks(&self, notes: &mut Notes<'_>, name: &str, right: &str) {
        notes.add(&self.span, &join(&self.path, name), "it is missing", format!("it must be {right}"));
    }

    /// A text that must be there, read by `parse`, whose error says what would be right.
    pub(super) fn required<T, E: Display>(
        &mut self,
        notes: &mut Notes<'_>,
        name: &'static str,
        right: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Located<T>> {
        if !self.left.contains_key(name) {
            self.known.push(name);
            self.lacks(notes, name, right);
            return None;
        }
        self.optional(notes, name, right, parse)
    }

    /// A text that may be there. A wrong one is told, and read as absent.
    pub(super) fn optional<T, E: Display>(
        &mut self,
        notes: &mut Notes<'_>,
        name: &'static str,
        right: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Located<T>> {
        let found = self.take(name)?;
        let DeValue::String(text) = &found.value else {
            notes.add(
                &found.span,
                &found.field,
                format!("it is {}", kind(&found.value)),
                format!("it must be {right}"),
            );
            return None;
        };
        match parse(text) {
            Ok(value) => Some(Located { value, span: found.span, field: found.field }),
            Err(error) => {
                notes.add(&found.span, &found.field, format!("it is {}", quoted(text)), error.to_string());
                None
            }
        }
    }

    /// A whole number within a range that may be there.
    pub(super) fn number(
        &mut self,
        notes: &mut Notes<'_>,
        name: &'static str,
        range: &RangeInclusive<i64>,
    ) -> Option<Located<i64>> {
        let found = self.take(name)?;
        let read = match &found.value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match read.filter(|number| range.contains(number)) {
            Some(value) => Some(Located { value, span: found.span, field: found.field }),
            None => {
                let wrong = match &found.value {
                    DeValue::Integer(number) => format!("it is {}", quoted(number.as_str())),
                    other => format!("it is {}", kind(other)),
                };
                notes.add(&found.span, &found.field, wrong, in_range(range));
                None
            }
        }
    }

    /// A whole number within a range that must be there.
    pub(super) fn required_number(
        &mut self,
        notes: &mut Notes<'_>,
        name: &'static str,
        range: &RangeInclusive<i64>,
    ) -> Option<Located<i64>> {
        if !self.left.contains_key(name) {
            self.known.push(name);
            self.lacks(notes, name, in_range(range).trim_start_matches("it must be "));
            return None;
        }
        self.number(notes, name, range)
    }

    /// `true` or `false`, which must be there.
    pub(super) fn flag(&mut self, notes: &mut Notes<'_>, name: &'static str) -> Option<bool> {
        let read = self.optional_flag(notes, name)?;
        if read.is_none() {
            self.lacks(notes, name, "true or false");
        }
        read
    }

    /// `true` or `false`, or nothing; `None` where it is something else, which is told.
    pub(super) fn optional_flag(
        &mut self,
        notes: &mut Notes<'_>,
        name: &'static str,
    ) -> Option<Option<bool>> {
        match self.take(name) {
            None => Some(None),
            Some(Located { value: DeValue::Boolean(flag), .. }) => Some(Some(flag)),
            Some(found) => {
                notes.add(
                    &found.span,
                    &found.field,
                    format!("it is {}", kind(&found.value)),
                    "it must be true or false",
                );
                None
            }
        }
    }

    /// A time that must be there.
    pub(super) fn required_time(
        &mut self,
        notes: &mut Notes<'_>,
        name: &'static str,
    ) -> Option<Located<Timestamp>> {
        if !self.left.contains_key(name) {
            self.known.push(name);
            self.lacks(notes, name, TIME);
            return None;
        }
        self.time(notes, name)
    }

    /// A time that may be there, with its offset; as TOML has it, or as RFC 3339 text.
    pub(super) fn time(&mut self, notes: &mut Notes<'_>, name: &'static str) -> Option<Located<Timestamp>> {
        let found = self.take(name)?;
        let text = match &found.value {
            DeValue::Datetime(time) => time.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => String::new(),
        };
        match text.parse() {
            Ok(value) => Some(Located { value, span: found.span, field: found.field }),
            Err(_) => {
                let wrong = if text.is_empty() { kind(&found.value).to_owned() } else { quoted(&text) };
                notes.add(&found.span, &found.field, format!("it is {wrong}"), format!("it must be {TIME}"));
                None
            }
        }
    }

    /// A table that may be there.
    pub(super) fn table(&mut self, notes: &mut Notes<'_>, name: &'static str) -> Option<Fields<'t>> {
        let found = self.section(notes, name)?;
        Some(Fields::new(&found.field, found.span, found.value))
    }

    /// A table that may be there, as it stands.
    pub(super) fn section(
        &mut self,
        notes: &mut Notes<'_>,
        name: &'static str,
    ) -> Option<Located<DeTable<'t>>> {
        let found = self.take(name)?;
        match found.value {
            DeValue::Table(table) => Some(Located { value: table, span: found.span, field: found.field }),
            other => {
                notes.add(&found.span, &found.field, format!("it is {}", kind(&other)), "it must be a table");
                None
            }
        }
    }

    /// The tables of `[[name]]`, none where there are none.
    pub(super) fn tables(&mut self, notes: &mut Notes<'_>, name: &'static str) -> Vec<Fields<'t>> {
        let Some(list) = self.list(notes, name, "tables, each under its [[..]]") else { return Vec::new() };
        let mut tables = Vec::new();
        for (at, item) in list.value.into_iter().enumerate() {
            let path = format!("{}[{at}]", list.field);
            match item.value {
                DeValue::Table(table) => tables.push(Fields::new(&path, item.span, table)),
                other => {
                    notes.add(&item.span, &path, format!("it is {}", kind(&other)), "it must be a table")
                }
            }
        }
        tables
    }

    /// The values of a list that may be there.
    pub(super) fn list(
        &mut self,
        notes: &mut Notes<'_>,
        name: &'static str,
        right: &str,
    ) -> Option<Located<Vec<Located<DeValue<'t>>>>> {
        let found = self.take(name)?;
        let DeValue::Array(array) = found.value else {
            let wrong = format!("it is {}", kind(&found.value));
            notes.add(&found.span, &found.field, wrong, format!("it must be a list of {right}"));
            return None;
        };
        let item = |(at, item): (usize, Spanned<DeValue<'t>>)| {
            let span = item.span();
            Located { value: item.into_inner(), span, field: format!("{}[{at}]", found.field) }
        };
        let value = array.into_iter().enumerate().map(item).collect();
        Some(Located { value, span: found.span, field: found.field })
    }

    /// Where the table stands and its path.
    pub(super) fn place(&self) -> (Range<usize>, String) {
        (self.span.clone(), self.path.clone())
    }
}

/// What a TOML value is, in words.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A value of the text, cut so that a message stays one line.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short:?}...") } else { format!("{short:?}") }
}

fn in_range(range: &RangeInclusive<i64>) -> String {
    format!("it must be a whole number from {} to {}", range.start(), range.end())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

const TIME: &str = "a time with its offset, such as 2024-09-26T00:00:00+08:00";
