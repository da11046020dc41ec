//! Names of rules and of what they are about, each parsed once into a type that says what it may hold.

use paifang_name::{lower_word, names, shown, visible};

names! {
    /// A rule of a bundle. One id names one rule in the whole bundle, and the same rule in its next version.
    RuleId, "rule id", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
    /// A bundle: the name that all its versions share.
    BundleName, "bundle name", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
    /// A code in our words, such as the reason of a ranking.
    Code, "code", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
    /// A merchant as the storefront numbers them.
    MerchantId, "merchant id", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    /// What keeps two cohorts apart: payers are drawn anew under another salt.
    Salt, "salt", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    /// A payer under a name that means nothing outside of this tenant. Never a payer's id: whoever has one makes a pseudonym
    /// of it first. It has no `Display`, and `Debug` hides it.
    Pseudonym, "pseudonym", "1 to 128 visible ASCII characters without blanks", 1..=128, visible;
}

shown! { RuleId BundleName Code MerchantId Salt }

impl std::fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonym(***)")
    }
}
