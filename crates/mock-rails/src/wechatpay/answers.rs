//! What the rail answers, before it is signed and becomes HTTP; and times as they stand in answers.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use super::refusals::Refusal;
use super::settings::Settings;

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// 200 with a JSON body.
    Done(Vec<u8>),
    /// 202 with a JSON body, signed like a 200.
    Accepted(Vec<u8>),
    /// 204, an empty body, still signed.
    DoneEmpty,
    /// 200 with a file, unsigned.
    File(Bytes, FileKind),
    /// 4xx or 5xx.
    Refused(Refusal),
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Text,
    Gzip,
}

impl Answer {
    /// A 200 with this body.
    pub(crate) fn json(body: &Value) -> Self {
        Self::Done(body.to_string().into_bytes())
    }

    /// For the journal: the status, and the code of a refusal.
    pub(crate) fn verdict(&self, settings: &Settings) -> String {
        match self {
            Self::Done(_) | Self::File(..) => "200".to_owned(),
            Self::Accepted(_) => "202".to_owned(),
            Self::DoneEmpty => "204".to_owned(),
            Self::Refused(refusal) => format!("{} {}", refusal.status, refusal.spelt(settings)),
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Seconds and the offset `+08:00`, as all times of the payment APIs are written.
pub(crate) fn china_time(at: Timestamp) -> String {
    at.to_zoned(china()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// A part of the local time in China, by `strftime` directives.
pub(crate) fn china_format(at: Timestamp, format: &str) -> String {
    at.to_zoned(china()).strftime(format).to_string()
}

/// The offset of all China, which never changes.
pub(crate) fn china() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}
