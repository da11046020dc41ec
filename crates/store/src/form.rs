//! How values lie in a store: JSON with the version of its form beside it, so that a later release reads what an
//! earlier one wrote, and an earlier one refuses what it cannot know.

use paifang_payment::Commit;
use paifang_payment::intent::{self, Intent};
use paifang_payment::refund::{self, Refund};
use paifang_policy::lifecycle::Fact;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{BulkTerms, Decided, Snapshot, StoreError, Submission, WorkKey};

/// A type with a stored form.
pub trait Stored: Serialize + DeserializeOwned {
    /// What it is called in errors.
    const NAME: &'static str;
    /// The form that is written today. Raised by a change that the old reader would misread; every earlier form stays
    /// readable.
    const FORM: u32;
}

impl Stored for Intent {
    const NAME: &'static str = "intent";
    const FORM: u32 = 1;
}

impl Stored for intent::Entry {
    const NAME: &'static str = "intent journal entry";
    const FORM: u32 = 1;
}

impl Stored for Commit {
    const NAME: &'static str = "seal of a commit";
    const FORM: u32 = 1;
}

impl Stored for Refund {
    const NAME: &'static str = "refund";
    const FORM: u32 = 1;
}

impl Stored for refund::Entry {
    const NAME: &'static str = "refund journal entry";
    const FORM: u32 = 1;
}

impl Stored for Snapshot {
    const NAME: &'static str = "event snapshot";
    const FORM: u32 = 1;
}

impl Stored for Submission {
    const NAME: &'static str = "submission";
    const FORM: u32 = 1;
}

impl Stored for WorkKey {
    const NAME: &'static str = "work key";
    const FORM: u32 = 1;
}

impl Stored for Fact {
    const NAME: &'static str = "fact about rules";
    const FORM: u32 = 1;
}

impl Stored for Decided {
    const NAME: &'static str = "decision";
    const FORM: u32 = 1;
}

impl Stored for BulkTerms {
    const NAME: &'static str = "terms of a bulk refund";
    const FORM: u32 = 1;
}

/// The stored text, in form [`Stored::FORM`].
pub fn write<T: Stored>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|_| StoreError::Broken(format!("{} cannot be written down", T::NAME)))
}

/// Reads a stored text. [`StoreError::Damaged`] for a form that this release does not know and for a text that is not
/// in its form; the text itself is not repeated, since it may speak of a payer.
pub fn read<T: Stored>(form: u32, text: &str) -> Result<T, StoreError> {
    if form != T::FORM {
        return Err(StoreError::Damaged(format!("{} in form {form}, known is {}", T::NAME, T::FORM)));
    }
    serde_json::from_str(text).map_err(|error| {
        StoreError::Damaged(format!("{} is unreadable at column {}", T::NAME, error.column()))
    })
}

#[cfg(test)]
mod tests {
    use paifang_payment::PayerId;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_no_other_form_is() {
        let payer = PayerId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap();
        let submission = Submission { payer: Some(payer), client_ip: None, alias: None };
        let text = write(&submission).unwrap();
        assert_eq!(read::<Submission>(1, &text).unwrap(), submission);
        assert!(matches!(read::<Submission>(2, &text), Err(StoreError::Damaged(_))));
    }

    /// I14: an error about a payer's row does not repeat it.
    #[test]
    fn an_unreadable_text_is_not_repeated() {
        let error = read::<Submission>(1, r#"{"payer":"open id","client_ip":null}"#).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)));
        assert!(!error.to_string().contains("open id"), "{error}");
    }
}
