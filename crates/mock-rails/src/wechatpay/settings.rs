//! Where the sources leave a choice, or where the rail's behaviour depends on the merchant.

use serde::{Deserialize, Serialize};

/// How the rail treats the merchant. Everything left out is as by default: both kinds of keys, the certificate signs; no
/// probes; what is seen live before what is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which kinds of platform keys the merchant has, and which one signs unless a request names another.
    pub platform: Platform,
    /// While a merchant is moved to the public key, notifications come signed by either key, whatever the order named.
    pub grey_release: Option<GreyRelease>,
    /// Signature probes by themselves, beside those that faults ask for.
    pub probes: Option<Probes>,
    /// What the probes of faults look like.
    pub probe_form: ProbeForm,
    /// How a changed repeat of an order number is refused.
    pub changed_repeat: ChangedRepeat,
    /// Whether two refunds of one order must be a minute apart (429 otherwise). The rule is documented; it is off by
    /// default, for tests on the wall's clock.
    pub refunds_paced: bool,
    /// How long a refund takes, in seconds of the rail's clock; three by default. Real ones take minutes to days.
    pub refunds_take_s: Option<u32>,
    /// How long a payer types the password that a payment code asks for, in seconds of the rail's clock; ten by default.
    pub passwords_take_s: Option<u32>,
    /// The code of every 429.
    pub rate_code: RateCode,
    /// Whose spelling the codes have.
    pub spelling: Spelling,
    /// What `detail` of a `PARAM_ERROR` holds.
    pub error_detail: ErrorDetail,
    /// Whether refusals of requests that are the merchant's carry no signature. A published capture of a 400 answer to an
    /// authenticated order is signed (wechatpay-apache-httpclient, issue 129), and there are SDKs that demand the headers
    /// of every answer; refusals of strangers are never signed.
    pub refusals_unsigned: bool,
    /// Whether a payment code that waits for a password is answered 200 instead of 202. The latter is reported.
    pub userpaying_as_200: bool,
    /// Whether the merchant lacks payment codes on API v3 (403 `NO_AUTH`): the sources disagree about who has them.
    pub codepay_missing: bool,
    /// Whether notifications are sealed with an empty `associated_data`, which clients must open too.
    pub empty_associated_data: bool,
}

/// Which kinds of platform keys the merchant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Certificates only: the public key's id means nothing.
    CertificatesOnly,
    /// Both; a request that names no key is answered under the certificate.
    #[default]
    Both,
    /// Both; a request that names no key is answered under the public key.
    BothPublicKeyFirst,
    /// The public key only: `GET /v3/certificates` is 404.
    PublicKeyOnly,
}

/// A share of notifications signed by the public key, the rest by the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreyRelease {
    /// Of a hundred notifications; 100 or more is all.
    pub percent: u8,
    /// The same seed draws the same notifications.
    pub seed: u64,
}

/// A share of answers and of first tries of notifications with a wrong signature. Never two answers in a row, and never
/// a second try: the real rail's repeat is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probes {
    /// Of a thousand signed answers.
    pub answers_per_mille: u16,
    /// Of a thousand notifications.
    pub notices_per_mille: u16,
    /// Of a hundred probes, how many are not even Base64.
    pub broken_percent: u8,
    /// The same seed draws the same notifications, and the same places in the row of answers.
    pub seed: u64,
}

/// What a probe looks like; all start with `WECHATPAY/SIGNTEST/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeForm {
    /// Base64 of the usual length that verifies nothing.
    #[default]
    Decodable,
    /// Characters of Base64 in a number that no decoder takes.
    Broken,
}

/// How a changed repeat of an order number is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedRepeat {
    /// 400 `INVALID_REQUEST`, as field reports have it.
    #[default]
    AsReported,
    /// 403 `OUT_TRADE_NO_USED`, as documented.
    AsDocumented,
}

/// The spellings of 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RateCode {
    /// The pages of payments and refunds.
    #[default]
    FrequencyLimited,
    /// The general page of status codes.
    RatelimitExceeded,
    /// Profit sharing.
    RatelimitExceed,
    /// Other products.
    RateLimited,
    /// Other products.
    FrequencyLimitExceed,
}

impl RateCode {
    /// The code on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::FrequencyLimited => "FREQUENCY_LIMITED",
            Self::RatelimitExceeded => "RATELIMIT_EXCEEDED",
            Self::RatelimitExceed => "RATELIMIT_EXCEED",
            Self::RateLimited => "RATE_LIMITED",
            Self::FrequencyLimitExceed => "FREQUENCY_LIMIT_EXCEED",
        }
    }
}

/// Whose spelling the codes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// Of the present pages.
    #[default]
    Current,
    /// Of the tables of 2020, which some pages still show.
    Of2020,
}

impl Spelling {
    /// The code in this spelling.
    pub(crate) fn of(self, code: &str) -> &str {
        match (self, code) {
            (Self::Of2020, "ORDER_NOT_EXIST") => "ORDERNOTEXIST",
            (Self::Of2020, "ORDER_CLOSED") => "ORDERCLOSED",
            (Self::Of2020, "ORDER_PAID") => "ORDERPAID",
            (Self::Of2020, "NOT_ENOUGH") => "NOTENOUGH",
            (Self::Of2020, "SYSTEM_ERROR") => "SYSTEMERROR",
            (Self::Of2020, "BANK_ERROR") => "BANKERROR",
            (Self::Of2020, "NO_AUTH") => "NOAUTH",
            (Self::Of2020, "RULE_LIMIT") => "RULELIMIT",
            (Self::Of2020, "ACCOUNT_ERROR") => "ACCOUNTERROR",
            (Self::Of2020 | Self::Current, code) => code,
        }
    }
}

/// What `detail` of a `PARAM_ERROR` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorDetail {
    /// `location` and `value`, as seen live.
    #[default]
    AsSeen,
    /// `field`, `value`, `issue` and `location`, as documented.
    AsDocumented,
}
