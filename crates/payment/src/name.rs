//! Names that come from outside, each parsed once into a type that says what it may hold.

use std::fmt;

use paifang_name::{lower_word, names, shown, visible};
use serde::{Deserialize, Serialize};

pub use paifang_name::NameError;

names! {
    /// A rail, such as `alipay`: the outside scheme and its API. An open set.
    RailName, "rail", "1 to 32 of a-z, 0-9, _ and -", 1..=32, lower_word;
    /// One merchant contract with a rail, named in the config, such as `alipay-main`.
    AccountId, "rail account", "1 to 32 of a-z, 0-9, _ and -", 1..=32, lower_word;
    /// A wallet, such as `wechatpay`: what the payer holds. An open set.
    WalletName, "wallet", "1 to 32 of a-z, 0-9, _ and -", 1..=32, lower_word;
    /// Why something was refused, in our words, such as `insufficient_funds`. An open set.
    Reason, "reason", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
    /// The storefront's own id of a call that moves money; never expires.
    RequestId, "request_id", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    /// The storefront's own name of an entry of a bulk refund.
    BulkEntryId, "entry_id", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    /// The number under which a rail knows an order or a refund. 8 to 32 letters and digits suit every rail
    /// (UnionPay 8 to 40 without `-` and `_`, WeChat Pay 6 to 32, Alipay up to 64).
    OrderNo, "order number", "8 to 32 letters and digits", 8..=32, |b| b.is_ascii_alphanumeric();
    /// The rail's own number of a transaction.
    RailRef, "rail reference", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    /// A rail's own word for what waits until somebody decides something, such as WeChat Pay's `ABNORMAL` of a refund.
    Attention, "attention", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    /// A payer as the wallet's login names them (an openid). Personal data: it has no `Display`, and `Debug` hides it.
    PayerId, "payer id", "1 to 128 visible ASCII characters without blanks", 1..=128, visible;
    /// A payer under a name that means something to one counterparty and one storefront only: two rail accounts that compare
    /// their lists learn nothing from each other. Still of a payer: `Debug` hides it.
    PayerAlias, "payer alias", "64 lower-case hex digits", 64..=64, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
}

shown! { RailName AccountId WalletName Reason RequestId BulkEntryId OrderNo RailRef Attention Remark }

/// What a person says about a decision of theirs, or who they are. No secrets and no payer's data belong in it.
///
/// Form: 1 to [`Remark::CHARS_MAX`] characters without control characters, not only blanks.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Remark(String);

impl Remark {
    /// Characters at most.
    pub const CHARS_MAX: usize = 200;

    /// Reads the text, or says what would be right.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let rule = "1 to 200 characters without control characters, not only blanks";
        let plain = !text.chars().any(char::is_control) && !text.trim().is_empty();
        if plain && text.chars().count() <= Self::CHARS_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::new("remark", rule))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Remark {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<Remark> for String {
    fn from(remark: Remark) -> Self {
        remark.0
    }
}

impl fmt::Debug for PayerAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayerAlias(***)")
    }
}

impl fmt::Debug for PayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayerId(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F44: ids with odd characters are refused at the edge.
    #[test]
    fn odd_characters_and_lengths_are_refused() {
        for text in ["", "a b", "a\0b", "a/b", "a&b=c|d", "\u{202e}abc", "Ａbc12345", &"x".repeat(300)] {
            assert!(OrderNo::parse(text).is_err(), "{text:?}");
            assert!(RailName::parse(text).is_err(), "{text:?}");
        }
        assert!(OrderNo::parse("ABCDEFG").is_err());
        assert!(OrderNo::parse("ABCDEFGH").is_ok());
        assert!(RequestId::parse("order-1/pay|2").is_ok());
    }

    /// An operator's words are kept for ever, so they are bounded and cannot forge a line of a report.
    #[test]
    fn a_remark_is_bounded_and_one_line() {
        for text in ["", "  ", "two\nlines", "\u{7}", &"é".repeat(Remark::CHARS_MAX + 1)] {
            assert!(Remark::parse(text).is_err(), "{text:?}");
        }
        assert!(Remark::parse(&"é".repeat(Remark::CHARS_MAX)).is_ok());
    }

    /// I14: a payer's id never prints.
    #[test]
    fn a_payer_id_does_not_print() {
        let id = PayerId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap();
        assert_eq!(format!("{id:?}"), "PayerId(***)");
    }
}
