//! Names in rules and entries, each parsed once into a type of its own, so that no kind passes for another.

use paifang_name::{lower_word, names, shown, visible};

names! {
    /// A rule within its set, such as `live-commerce-2026`.
    RuleId, "rule id", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
    /// A product or merchant category, such as `apparel`. An open set.
    Category, "category", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
    /// What was paid with, such as `alipay`, `ecny`. An open set.
    Wallet, "wallet", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
    /// Who receives a part of a payment.
    Receiver, "receiver", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    /// Who sold, as the storefront numbers them.
    Merchant, "merchant", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    /// A discount within its set, such as `double-eleven-coupon`.
    DiscountId, "discount id", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
    /// A list of bearers that refund rules refer to.
    WaterfallName, "waterfall", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
    /// One side of a net statement, such as `storefront` or `receiver:streamer`.
    Party, "party", "1 to 80 visible ASCII characters without blanks", 1..=80, visible;
    /// An entry of a net statement: the event's own id.
    EntryId, "entry id", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    /// What an entry is for, such as `fee` or `subsidy`. An open set.
    EntryKind, "entry kind", "1 to 64 of a-z, 0-9, _ and -", 1..=64, lower_word;
}

shown! { RuleId Category Wallet Receiver Merchant DiscountId WaterfallName Party EntryId EntryKind }
