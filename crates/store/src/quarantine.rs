//! What is kept with work that nobody touches any more, for the person who looks at it.

use jiff::Timestamp;
use paifang_payment::{Digest, Evidence};
use serde::{Deserialize, Serialize};

/// Why work is in quarantine, and what was known of it then. [`crate::WorkChange::Quarantine`] and
/// [`crate::WorkRow::quarantined`] carry its text form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Why, in our words; at most [`Quarantine::REASON_CHARS_MAX`] characters.
    pub reason: String,
    /// The rule of the last observation, such as `alipay.query.wait_buyer_pay`; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Digest of the bytes that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// How often it was claimed in vain; absent where it went there without a claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<u32>,
    /// Since when; absent where an earlier release did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl Quarantine {
    /// Characters of a reason at most; longer ones are cut.
    pub const REASON_CHARS_MAX: usize = 500;

    /// From now on, for this reason.
    pub fn new(reason: &str, since: Timestamp) -> Self {
        let reason = reason.chars().take(Self::REASON_CHARS_MAX).collect();
        Self { reason, rule: None, digest: None, tries: None, since: Some(since) }
    }

    /// With what was observed last.
    #[must_use]
    pub fn after(self, last: Option<&Evidence>) -> Self {
        let rule = last.map(|evidence| evidence.rule.clone());
        Self { rule, digest: last.and_then(|evidence| evidence.digest), ..self }
    }

    /// The text form.
    pub fn text(&self) -> String {
        // A struct of texts, numbers and times always has one.
        serde_json::to_string(self).unwrap_or_else(|_| self.reason.clone())
    }

    /// Reads the text form; earlier releases kept the reason alone.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self {
            reason: text.to_owned(),
            rule: None,
            digest: None,
            tries: None,
            since: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use paifang_payment::Source;

    use super::*;

    #[test]
    fn what_was_known_survives_its_text_and_bare_reasons_are_read() {
        let evidence =
            Evidence { digest: Some(Digest([7; 32])), ..Evidence::plain(Source::Query, "fake.query") };
        let kept =
            Quarantine { tries: Some(20), ..Quarantine::new("no \"last\" word", Timestamp::UNIX_EPOCH) };
        let kept = kept.after(Some(&evidence));
        assert_eq!(Quarantine::read(&kept.text()), kept);
        let bare = Quarantine::read("its schedule has ended without a final word");
        assert_eq!((bare.reason.as_str(), bare.since), ("its schedule has ended without a final word", None));
    }
}
