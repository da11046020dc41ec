//! What is wrong with a set of rules: every fault at once, each with its field.

use std::collections::BTreeSet;
use std::fmt;

/// Rules of one set at most.
pub const RULES_MAX: usize = 1_000;

/// One wrong field of a set of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands, from the set's own root: `rules[2].until`.
    pub field: String,
    /// What would be right: `must be after from`.
    pub rule: String,
}

/// Every fault of a set of rules, in the order of its fields. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults; at least one.
    pub fn all(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.rule)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let gap = if at == 0 { "" } else { "; " };
            write!(f, "{gap}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects faults while a set of rules is looked through.
#[derive(Debug, Default)]
pub(crate) struct Check(Vec<Fault>);

impl Check {
    /// Notes a fault unless `right`.
    pub(crate) fn require(&mut self, right: bool, field: impl fmt::Display, rule: impl fmt::Display) {
        if !right {
            self.0.push(Fault { field: field.to_string(), rule: rule.to_string() });
        }
    }

    /// Holds a list's length within its limits; whether it is. A list that is too long is looked at no further: what
    /// is wrong with its entries could cost more to tell than the limits allow.
    #[must_use = "a list that is too long is looked at no further"]
    pub(crate) fn length(&mut self, length: usize, min: usize, max: usize, field: &str) -> bool {
        let rule = format_args!("must have {min} to {max} entries, has {length}").to_string();
        self.require((min..=max).contains(&length), field, rule);
        length <= max
    }

    /// Notes each name of a list that stood there before.
    pub(crate) fn unique<T: Ord>(&mut self, names: impl IntoIterator<Item = T>, list: &str, key: &str) {
        let mut seen = BTreeSet::new();
        for (at, name) in names.into_iter().enumerate() {
            let new = seen.insert(name);
            self.require(new, format_args!("{list}[{at}].{key}"), "must differ from every entry before it");
        }
    }

    /// The faults found so far, of a check that goes no further. At least one was found.
    pub(crate) fn faults(self) -> Faults {
        Faults(self.0)
    }

    /// The checked value, or the faults.
    pub(crate) fn done<T>(self, checked: T) -> Result<T, Faults> {
        if self.0.is_empty() { Ok(checked) } else { Err(Faults(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_with_its_field() {
        let mut check = Check::default();
        check.require(true, "kept", "never told");
        check.unique(["a", "b", "a"], "rules", "id");
        assert!(check.length(0, 1, 3, "receivers") && !Check::default().length(4, 1, 3, "receivers"));
        let text = check.done(()).map_err(|faults| faults.to_string());
        let wanted =
            "rules[2].id: must differ from every entry before it; receivers: must have 1 to 3 entries, has 0";
        assert_eq!(text, Err(wanted.to_owned()));
        assert_eq!(Check::default().done(7), Ok(7));
    }
}
