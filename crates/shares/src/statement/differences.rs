//! Where two sides' statements differ, entry by entry.

use std::collections::BTreeMap;

use paifang_money::Currency;
use serde::Serialize;

use super::{Entry, NetStatement, Period};
use crate::EntryId;

/// One difference between two sides' statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// They are not between the same parties; nothing else is compared.
    Parties,
    /// They are not of the same period.
    Period {
        /// On this side.
        ours: Period,
        /// On the other side.
        theirs: Period,
    },
    /// An opening balance.
    Opening {
        /// Its currency.
        currency: Currency,
        /// On this side.
        ours: i128,
        /// On the other side.
        theirs: i128,
    },
    /// Only this side has it.
    OnlyOurs(Entry),
    /// Only the other side has it.
    OnlyTheirs(Entry),
    /// Both have the id, with different contents.
    Differs {
        /// On this side.
        ours: Entry,
        /// On the other side.
        theirs: Entry,
    },
}

impl NetStatement {
    /// Every difference to the other side's statement: none exactly where the digests are equal.
    pub fn differences(&self, theirs: &Self) -> Vec<Difference> {
        if self.parties() != theirs.parties() {
            return vec![Difference::Parties];
        }
        let mut found = Vec::new();
        if self.period != theirs.period {
            found.push(Difference::Period { ours: self.period, theirs: theirs.period });
        }
        let mut currencies: Vec<Currency> =
            self.opening.keys().chain(theirs.opening.keys()).copied().collect();
        currencies.sort_unstable();
        currencies.dedup();
        for currency in currencies {
            let [ours, theirs] =
                [self, theirs].map(|side| side.opening.get(&currency).copied().unwrap_or_default());
            if ours != theirs {
                found.push(Difference::Opening { currency, ours, theirs });
            }
        }
        found.extend(self.entry_differences(theirs));
        found
    }

    /// Differences of entries that count on at least one side, by id.
    fn entry_differences(&self, theirs: &Self) -> impl Iterator<Item = Difference> {
        let known = |side: &Self, id: &EntryId| side.entries.get(id).cloned();
        let mut sides: BTreeMap<&EntryId, (Option<Entry>, Option<Entry>)> = BTreeMap::new();
        for entry in self.entries().chain(theirs.entries()) {
            sides.entry(&entry.id).or_insert_with(|| (known(self, &entry.id), known(theirs, &entry.id)));
        }
        let differences: Vec<Difference> = sides
            .into_values()
            .filter_map(|sides| match sides {
                (Some(ours), Some(theirs)) if ours == theirs => None,
                (Some(ours), Some(theirs)) => Some(Difference::Differs { ours, theirs }),
                (Some(ours), None) => Some(Difference::OnlyOurs(ours)),
                (None, Some(theirs)) => Some(Difference::OnlyTheirs(theirs)),
                (None, None) => None,
            })
            .collect();
        differences.into_iter()
    }
}
