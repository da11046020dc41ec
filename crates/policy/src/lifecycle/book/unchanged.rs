//! Since when an opening is what it is: what guard rails measure together.

use jiff::Timestamp;

use super::{Book, Entry};
use crate::RuleId;

impl Book {
    /// The first of the versions that decided one behind the other, up to this one, and in which the opening says the same. This
    /// version itself where the one before says something else, or is followed by a time in which nothing decided, or was
    /// written by a release that did not keep what openings say.
    ///
    /// What decided before this version is fixed once this one decides, so the answer is too.
    pub fn unchanged_since(&self, version: u32, opening: &RuleId) -> u32 {
        let own = self.versions.get(&version);
        let Some((content, mut begins)) =
            own.and_then(|entry| entry.contents.get(opening).zip(entry.effective_at()))
        else {
            return version;
        };
        let before = self.versions.iter().filter_map(|(version, entry)| {
            let effective_at = entry.effective_at().filter(|effective_at| *effective_at < begins)?;
            Some((effective_at, *version, entry))
        });
        let mut before: Vec<(Timestamp, u32, &Entry)> = before.collect();
        before.sort_by_key(|(effective_at, ..)| std::cmp::Reverse(*effective_at));
        let mut since = version;
        for (effective_at, version, entry) in before {
            let is_gap = entry.retired_at.is_some_and(|retired| retired < begins);
            if is_gap || entry.contents.get(opening) != Some(content) {
                break;
            }
            (since, begins) = (version, effective_at);
        }
        since
    }
}
