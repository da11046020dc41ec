//! One case, and its line of JSON.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A message that must not be believed, or not be acted on; or, in the files named `control`, one that must.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name; unique in the corpus.
    pub name: String,
    /// The fault that it shows: `F45` to `F65` of the fault catalogue.
    pub fault: String,
    /// What kind of forgery it is, in a few words; figures are counted by it.
    pub kind: String,
    /// Why it must not be believed, or what it tries.
    pub reason: String,
    /// The authentic message that it is made of.
    pub from: String,
    /// What it is.
    pub about: About,
    /// Which of the rail's accounts it is for, where a rail has several forms; `main` otherwise.
    #[serde(default = "main", skip_serializing_if = "is_main")]
    pub account: String,
    /// Another request line than the right one: a method and a target, in which `{path}` stands for the right path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The query string, without `?`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The HTTP status of a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The headers that belong to the message.
    pub headers: Vec<(String, String)>,
    /// The body, where it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The body in base64, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// What has to become of it.
    pub expected: Expected,
}

/// What a case is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The rail's own message to us.
    Notification,
    /// The rail's answer to this call, such as `query`.
    ReplyTo(String),
}

/// What has to become of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// A notification that is not believed: an answer that is no acknowledgement, and the store is as it was.
    Refused,
    /// Nothing follows from it: a reply that leaves the outcome unknown; a genuine notification of something that is not
    /// here, or of something that has to be asked about.
    Unknown,
    /// Genuine, and it does not fit what was agreed: kept and raised, no state and no money moves.
    Suspicious,
    /// Only in the control group: genuine and right. It is believed.
    Accepted,
}

/// A line that is no case, or a file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {why}")]
pub struct BadLine {
    place: String,
    why: String,
}

impl BadLine {
    pub(crate) fn file(name: &str, why: &dyn fmt::Display) -> Self {
        Self { place: name.to_owned(), why: why.to_string() }
    }
}

impl Case {
    /// The body's bytes; empty when it is base64 that cannot be read, which [`read`] refuses.
    pub fn body(&self) -> Vec<u8> {
        match (&self.body, &self.body_base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(text)) => STANDARD.decode(text).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    pub(crate) fn set_body(&mut self, bytes: Vec<u8>) {
        (self.body, self.body_base64) = match String::from_utf8(bytes) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
        };
    }

    /// Whether both are the same bytes for the same reader.
    pub(crate) fn is_sent_as(&self, other: &Self) -> bool {
        let sent = |case: &Self| {
            (case.about.clone(), case.account.clone(), case.request.clone(), case.query.clone())
        };
        sent(self) == sent(other)
            && (self.status, &self.headers) == (other.status, &other.headers)
            && self.body() == other.body()
    }

    pub(crate) fn blank(name: String, about: About, expected: Expected) -> Self {
        Self {
            name,
            fault: String::new(),
            kind: String::new(),
            reason: String::new(),
            from: String::new(),
            about,
            account: main(),
            request: None,
            query: String::new(),
            status: None,
            headers: Vec::new(),
            body: None,
            body_base64: None,
            expected,
        }
    }
}

/// The cases of a file's text; `name` is for the error.
///
/// # Errors
/// Names the first line that is no case.
pub fn read(name: &str, text: &str) -> Result<Vec<Case>, BadLine> {
    let case = |(number, line): (usize, &str)| {
        let bad = |why: String| BadLine { place: format!("{name}:{}", number + 1), why };
        let case: Case = serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
        let whole = case.body_base64.as_ref().is_none_or(|text| STANDARD.decode(text).is_ok());
        if whole { Ok(case) } else { Err(bad("body_base64 is no base64".to_owned())) }
    };
    text.lines().enumerate().map(case).collect()
}

/// The text of a file, one case per line.
pub fn write(cases: &[Case]) -> String {
    let line = |case: &Case| serde_json::to_string(case).expect("texts and numbers have a JSON form") + "\n";
    cases.iter().map(line).collect()
}

fn main() -> String {
    "main".to_owned()
}

fn is_main(account: &str) -> bool {
    account == "main"
}
