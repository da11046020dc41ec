//! The net statement of two parties for a period: what one owes the other, recomputed by each side from its own events.
//!
//! A statement is a fold over entries. Their order does not matter, and an entry that comes again changes nothing; the
//! same id with another content is an error, whichever of the two came first. Both sides compare [`NetStatement::digest`];
//! where it differs, [`NetStatement::differences`] lists every entry that one side lacks or has otherwise.
//!
//! The parties are kept in the order of their names, so both sides write the same statement: a balance above zero is
//! what the first owes the second, below zero what the second owes the first.

mod differences;
mod digest;

pub use differences::Difference;
pub use digest::StatementDigest;

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::{EntryId, EntryKind, Party};

/// Entries of one statement at most, those of other periods included.
pub const ENTRIES_MAX: usize = 5_000_000;

/// Currencies of one statement's opening at most; ISO 4217 has fewer.
pub const CURRENCIES_MAX: usize = 200;

/// The largest opening balance of a currency, either way, in minor units. Sums stay far below the limits of 128 bits.
pub const OPENING_MAX: i128 = 1_000_000_000_000_000_000_000_000;

/// One thing that a party owes the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The event's own id, the same on both sides.
    pub id: EntryId,
    /// When it happened; decides the period.
    pub at: Timestamp,
    /// Who owes.
    pub from: Party,
    /// Who is owed.
    pub to: Party,
    /// How much.
    pub amount: PositiveMoney,
    /// What for.
    pub kind: EntryKind,
}

/// The time of a statement: from `from` until before `until`. For a month, its first instant and that of the next one,
/// in the time zone that the parties agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant of the next period.
    pub until: Timestamp,
}

/// Balances by currency: above zero the first party owes the second, in minor units. A balance of zero may be left out.
pub type Balances = BTreeMap<Currency, i128>;

/// A statement under way, or complete: there is no difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct NetStatement {
    first: Party,
    second: Party,
    period: Period,
    opening: Balances,
    /// Those of other periods, too: the same id in two periods is a contradiction as well.
    entries: BTreeMap<EntryId, Entry>,
}

/// What an entry did to the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It counts.
    New,
    /// It was there already and changes nothing.
    Repeated,
    /// It belongs to another period and does not count here.
    OtherPeriod,
}

/// One currency of a statement, in minor units; above zero the first party owes the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Line {
    /// At the start of the period.
    pub opening: i128,
    /// What the period's entries came to.
    pub net: i128,
    /// At its end: opening and net.
    pub closing: i128,
    /// How many entries counted.
    pub entries: usize,
}

/// Why there is no such statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// A statement is between two.
    #[error("the parties must be two, are both {0}")]
    SameParty(Party),
    /// The period ends before it starts.
    #[error("period.until must be after period.from {from}, is {until}")]
    PeriodEmpty {
        /// Its start.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// An opening balance beyond [`OPENING_MAX`], or too many of them.
    #[error(
        "opening must be at most {CURRENCIES_MAX} balances of at most {OPENING_MAX} minor units either way"
    )]
    Opening,
    /// An entry is not between the two parties.
    #[error("entry {id} must be between {first} and {second}, is from {from} to {to}")]
    NotBetween {
        /// The entry.
        id: EntryId,
        /// The statement's first party.
        first: Party,
        /// The statement's second party.
        second: Party,
        /// Who owes by the entry.
        from: Party,
        /// Who is owed by it.
        to: Party,
    },
    /// An id came with two contents.
    #[error("entry {0} came twice with different contents; an id stands for one event for ever")]
    Contradiction(EntryId),
    /// More than [`ENTRIES_MAX`].
    #[error("a statement has at most {ENTRIES_MAX} entries")]
    TooMany,
}

impl NetStatement {
    /// A statement without entries. The parties may be given in either order; `opening` counts from the one whose name
    /// comes first.
    ///
    /// Errors: one party twice; an empty period; an opening balance out of its limits.
    pub fn open(a: Party, b: Party, period: Period, opening: Balances) -> Result<Self, StatementError> {
        if a == b {
            return Err(StatementError::SameParty(a));
        }
        let Period { from, until } = period;
        if until <= from {
            return Err(StatementError::PeriodEmpty { from, until });
        }
        let within = opening.values().all(|balance| (-OPENING_MAX..=OPENING_MAX).contains(balance));
        if !within || opening.len() > CURRENCIES_MAX {
            return Err(StatementError::Opening);
        }
        let (first, second) = if a < b { (a, b) } else { (b, a) };
        let opening = opening.into_iter().filter(|(_, balance)| *balance != 0).collect();
        Ok(Self { first, second, period, opening, entries: BTreeMap::new() })
    }

    /// The same with balances of what `debtor` owes `creditor`, whichever name comes first.
    ///
    /// Errors: as [`Self::open`].
    pub fn open_owing(
        debtor: Party,
        creditor: Party,
        period: Period,
        owed: Balances,
    ) -> Result<Self, StatementError> {
        let sign = if debtor < creditor { 1 } else { -1 };
        let turned = |balance: i128| balance.checked_mul(sign).ok_or(StatementError::Opening);
        let opening: Result<Balances, StatementError> =
            owed.into_iter().map(|(currency, balance)| Ok((currency, turned(balance)?))).collect();
        Self::open(debtor, creditor, period, opening?)
    }

    /// The statement of all these entries, in any order and however often each comes.
    ///
    /// Errors: those of [`Self::open`] and [`Self::add`].
    pub fn fold(
        a: Party,
        b: Party,
        period: Period,
        opening: Balances,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<Self, StatementError> {
        let mut statement = Self::open(a, b, period, opening)?;
        for entry in entries {
            statement.add(entry)?;
        }
        Ok(statement)
    }

    /// Takes one entry in. After an error the statement is as it was.
    ///
    /// Errors: an entry of other parties; an id that came with another content; too many.
    pub fn add(&mut self, entry: Entry) -> Result<Added, StatementError> {
        let Self { first, second, .. } = &*self;
        let between = [(first, second), (second, first)].contains(&(&entry.from, &entry.to));
        if !between {
            let (first, second) = (first.clone(), second.clone());
            let Entry { id, from, to, .. } = entry;
            return Err(StatementError::NotBetween { id, first, second, from, to });
        }
        match self.entries.get(&entry.id) {
            Some(known) if *known == entry => return Ok(Added::Repeated),
            Some(_) => return Err(StatementError::Contradiction(entry.id)),
            None => {}
        }
        if self.entries.len() >= ENTRIES_MAX {
            return Err(StatementError::TooMany);
        }
        let added = if self.period.has(entry.at) { Added::New } else { Added::OtherPeriod };
        self.entries.insert(entry.id.clone(), entry);
        Ok(added)
    }

    /// The two parties, in the order of their names.
    pub fn parties(&self) -> (&Party, &Party) {
        (&self.first, &self.second)
    }

    /// Its time.
    pub fn period(&self) -> Period {
        self.period
    }

    /// The entries that count, by id.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| self.period.has(entry.at))
    }

    /// Opening, net and closing of every currency that has an opening balance or an entry.
    pub fn lines(&self) -> BTreeMap<Currency, Line> {
        let line = |(currency, opening): (&Currency, &i128)| {
            (*currency, Line { opening: *opening, closing: *opening, ..Line::default() })
        };
        let mut lines: BTreeMap<Currency, Line> = self.opening.iter().map(line).collect();
        for entry in self.entries() {
            let line = lines.entry(entry.amount.currency()).or_default();
            // At most ENTRIES_MAX amounts of at most 10^15 beside OPENING_MAX: below 10^25.
            let amount = i128::from(entry.amount.minor_units());
            line.net += if entry.from == self.first { amount } else { -amount };
            line.closing = line.opening + line.net;
            line.entries += 1;
        }
        lines
    }

    /// The same lines, above zero where this party owes the other one.
    pub fn lines_of(&self, debtor: &Party) -> BTreeMap<Currency, Line> {
        let turned = |line: Line| Line {
            opening: -line.opening,
            net: -line.net,
            closing: -line.closing,
            entries: line.entries,
        };
        let lines = self.lines().into_iter();
        lines.map(|(code, line)| (code, if *debtor == self.first { line } else { turned(line) })).collect()
    }

    /// The balances at the end: the opening of the next period.
    pub fn closing(&self) -> Balances {
        let lines = self.lines().into_iter();
        lines.map(|(currency, line)| (currency, line.closing)).filter(|(_, closing)| *closing != 0).collect()
    }
}

impl Period {
    /// Whether a time lies in it.
    pub fn has(self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    first: Party,
    second: Party,
    period: Period,
    opening: Balances,
    entries: Vec<Entry>,
}

impl TryFrom<Form> for NetStatement {
    type Error = StatementError;

    fn try_from(form: Form) -> Result<Self, StatementError> {
        Self::fold(form.first, form.second, form.period, form.opening, form.entries)
    }
}

impl From<NetStatement> for Form {
    fn from(statement: NetStatement) -> Self {
        let NetStatement { first, second, period, opening, entries } = statement;
        Self { first, second, period, opening, entries: entries.into_values().collect() }
    }
}

#[cfg(test)]
mod tests;
