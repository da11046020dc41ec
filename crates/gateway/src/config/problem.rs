//! What is wrong with a config, all of it at once.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `rail[0].keys.app_private_key`.
    pub path: String,
    /// What would be right; never holds a value of a secret.
    pub rule: String,
}

/// Everything that is wrong; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Problem>);

/// Collects problems.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl ConfigErrors {
    pub(crate) fn one(path: impl Into<String>, rule: impl Into<String>) -> Self {
        Self(vec![Problem { path: path.into(), rule: rule.into() }])
    }

    /// All of them, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl Problems {
    /// Notes one.
    pub fn add(&mut self, path: impl Into<String>, rule: impl Into<String>) {
        self.0.push(Problem { path: path.into(), rule: rule.into() });
    }

    /// The value, or the problem of it.
    pub fn take<T>(&mut self, path: &str, result: Result<T, impl fmt::Display>) -> Option<T> {
        result.map_err(|error| self.add(path, error.to_string())).ok()
    }

    /// The finished value, if nothing was wrong.
    pub(crate) fn or<T>(mut self, value: Option<T>) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) => Err(ConfigErrors(self.0)),
            None => {
                if self.0.is_empty() {
                    self.add("", "could not be read");
                }
                Err(ConfigErrors(self.0))
            }
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.iter().map(|Problem { path, rule }| match path.is_empty() {
            true => rule.clone(),
            false => format!("{path}: {rule}"),
        });
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}
