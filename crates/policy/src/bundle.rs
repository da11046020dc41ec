//! One version of a tenant's rules.
//!
//! ```toml
//! [bundle]
//! name = "storefront"
//! version = 3
//! note = "WeChat Pay for 5 % of the payers"
//! effective_at = 2024-09-26T00:00:00+08:00
//! unlisted = "closed"            # wallets that no opening names: "open" or "closed"
//!
//! [[opening]]                    # in this order; the first that fits decides
//! id = "wechat-5"
//! wallet = "wechatpay"
//! presentation = "qr_shown"      # optional, as is `rail`: all of them
//! when = "product.category in ['books', 'toys']"
//! from = 2024-09-26T00:00:00+08:00
//! until = 2024-10-08T00:00:00+08:00   # no longer at this moment
//! cohort = { salt = "walls", ppm = 50_000 }
//! merchants = ["m-1", "m-2"]
//! show = true                    # whether the payer sees it
//! accept = true                  # whether a payment with it is taken
//!
//! [[kill]]                       # before every opening; queries and refunds go on
//! id = "no-app"
//! wallet = "wechatpay"           # one or more of rail, wallet, presentation: all that are named must fit
//! presentation = "app"
//! note = "the app's callback fails"
//!
//! [[ranking]]
//! id = "counties"
//! when = "payer.region.startsWith('3301')"
//! wallet = "wechatpay"
//! weight = 20
//! reason = "region_preference"
//!
//! [[ranking]]
//! id = "saved"
//! per = "discount"               # or "fee": `weight` is for each ten-thousandth of the price
//! funders = ["rail", "platform_b"]   # only discounts that one of these funds; left out: all
//! weight = 2
//! reason = "payer_saves"
//!
//! [[guard_rail]]
//! id = "success"
//! opening = "wechat-5"
//! measure = "success_rate"       # success_rate, refund_rate, complaint_rate
//! window_s = 3600
//! at_least = 200
//! min = 900_000                  # parts per million; of the other two: max
//! action = "roll_back"
//! ```
//!
//! `[fees]`, `[splits]`, `[refunds]` and `[discounts]` may follow, as [`paifang_shares::fees`], [`paifang_shares::splits`],
//! [`paifang_shares::refund_terms`] and [`paifang_shares::discounts`] show them. The `wallet` of a fee or discount is a wallet
//! as in openings, its `category` the product's; the conditions of refund rules and discounts may name any input.
//!
//! Reading ([`Bundle::read`]) tells every mistake at once, each with its place. A bundle cannot be changed after; its
//! [`Bundle::digest`] names exactly what decided.
//!
//! Limits: [`TEXT_BYTES_MAX`], [`RULES_MAX`] rules, [`GUARD_RAILS_MAX`] of them guard rails, [`MERCHANTS_MAX`] merchants of an opening.

mod fields;
mod guard_rails;
mod rankings;
mod read;
mod terms;
#[cfg(test)]
pub(crate) mod tests;

use jiff::Timestamp;
use paifang_payment::{Credit, Digest, Presentation, RailName, Remark, WalletName};
use paifang_shares::fees::FeeSchedule;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

pub use rankings::{Per, Ranking};
pub use terms::{Discounts, RefundRules, Splits};

use crate::cohort::Cohort;
use crate::condition::Condition;
use crate::{BundleName, Faults, MerchantId, Ppm, RuleId};

/// Bytes of a bundle's text at most.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Mistakes told at once at most.
pub const FAULTS_MAX: usize = 200;
/// Rules of a bundle at most, of all kinds together.
pub const RULES_MAX: usize = 1_000;
/// Merchants that an opening lists at most.
pub const MERCHANTS_MAX: usize = 10_000;
/// The weight of a ranking lies between this and its negative.
pub const WEIGHT_MAX: i64 = 1_000_000;
/// Samples that a guard rail may ask for at most; no more are counted of its window (the newest).
pub const AT_LEAST_MAX: u32 = 100_000;
/// Guard rails of a bundle at most.
pub const GUARD_RAILS_MAX: usize = 50;
/// Seconds of a guard rail's window: a minute to 30 days.
pub const WINDOW_S: std::ops::RangeInclusive<i64> = 60..=2_592_000;

/// One checked version of a tenant's rules. It cannot be changed; a change is another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    content: Content,
    digest: Digest,
}

/// What the digest is taken over: all of a bundle in the order of its fields, rules in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Content {
    header: Header,
    openings: Vec<Opening>,
    kills: Vec<Kill>,
    rankings: Vec<Ranking>,
    guard_rails: Vec<GuardRail>,
    // Left out where there are none, so that a bundle of before there were any has the digest it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<FeeSchedule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    splits: Option<Splits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refunds: Option<RefundRules>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discounts: Option<Discounts>,
}

/// What a bundle is and from when it is meant to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The name that all versions share.
    pub name: BundleName,
    /// The version, from 1.
    pub version: u32,
    /// Why this version is, for people.
    pub note: Remark,
    /// From when it is meant to decide. What decides is what was announced ([`crate::lifecycle`]).
    pub effective_at: Timestamp,
    /// What holds for a wallet that no opening names.
    pub unlisted: Unlisted,
}

/// What holds for a wallet that no opening names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlisted {
    /// It is shown and accepted.
    Open,
    /// It is neither.
    Closed,
}

/// Whom a wallet is opened for, or closed: of the openings that fit, the first decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opening {
    /// The rule's id.
    pub id: RuleId,
    /// The wallet.
    pub wallet: WalletName,
    /// Only this presentation of it; absent: each.
    pub presentation: Option<Presentation>,
    /// Only through this rail; absent: through each.
    pub rail: Option<RailName>,
    /// Only where this holds; absent: always.
    pub when: Option<Condition>,
    /// Only for orders placed at this time or later.
    pub from: Option<Timestamp>,
    /// Only for orders placed before this time.
    pub until: Option<Timestamp>,
    /// Only for this share of the payers.
    pub cohort: Option<Cohort>,
    /// Only for these merchants, sorted; absent: for all. Never empty.
    pub merchants: Option<Vec<MerchantId>>,
    /// Whether a payer is shown the wallet.
    pub show: bool,
    /// Whether a payment with it is taken.
    pub accept: bool,
    /// Whether the payer may pay it on credit. Left out of the digest where they may, as bundles of before it say nothing.
    #[serde(skip_serializing_if = "Credit::is_allowed")]
    pub credit: Credit,
}

/// A kill switch: new payments that fit are closed, whatever the openings say. At least one of `rail`, `wallet` and
/// `presentation` is named; all that are named must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kill {
    /// The rule's id.
    pub id: RuleId,
    /// The rail.
    pub rail: Option<RailName>,
    /// The wallet.
    pub wallet: Option<WalletName>,
    /// The presentation.
    pub presentation: Option<Presentation>,
    /// Why, for people.
    pub note: Remark,
}

/// A bound on what is measured of an opening; beyond it the opening is rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardRail {
    /// The rule's id.
    pub id: RuleId,
    /// The opening it watches.
    pub opening: RuleId,
    /// What is measured.
    pub measure: Measure,
    /// Over how many seconds.
    pub window_s: i64,
    /// With fewer samples than this it says nothing. 1 to [`AT_LEAST_MAX`].
    pub at_least: u32,
    /// The bound.
    pub bound: Bound,
    /// What happens beyond the bound.
    pub action: Action,
}

/// What a guard rail measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Attempts that were paid, of those that ended by the rail's or the payer's word.
    SuccessRate,
    /// Attempts of which a refund was asked for, of those that were paid.
    RefundRate,
    /// Attempts that were complained about, of those that were paid.
    ComplaintRate,
}

/// A bound on a rate. The bound itself is still within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The rate must be at least this.
    Min(Ppm),
    /// The rate must be at most this.
    Max(Ppm),
}

/// What happens beyond a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The opening closes until a person opens it again.
    RollBack,
}

/// Which bundle decided: name, version and the digest of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleRef {
    /// The name.
    pub name: BundleName,
    /// The version.
    pub version: u32,
    /// SHA-256 of the content ([`Bundle::digest`]).
    pub digest: Digest,
}

impl Bundle {
    /// Reads and checks a bundle's TOML. Of a text that is no TOML all errors of syntax are told, of one that is all
    /// errors of meaning, by place.
    pub fn read(text: &str) -> Result<Self, Faults> {
        read::read(text, true).map(Self::of)
    }

    /// Reads a bundle that was taken in before, maybe by an earlier release, which let more pass: a guard rail that never
    /// closes anything, or closes for the better. It has the digest that it had.
    pub fn read_stored(text: &str) -> Result<Self, Faults> {
        read::read(text, false).map(Self::of)
    }

    fn of(content: Content) -> Self {
        let digest = digest_of(DIGEST_DOMAIN, &content);
        Self { content, digest }
    }

    /// What the bundle is.
    pub fn header(&self) -> &Header {
        &self.content.header
    }

    /// The openings, in the order in which they are asked.
    pub fn openings(&self) -> &[Opening] {
        &self.content.openings
    }

    /// The kill switches.
    pub fn kills(&self) -> &[Kill] {
        &self.content.kills
    }

    /// The rankings.
    pub fn rankings(&self) -> &[Ranking] {
        &self.content.rankings
    }

    /// The guard rails.
    pub fn guard_rails(&self) -> &[GuardRail] {
        &self.content.guard_rails
    }

    /// What payments cost; absent: nothing is taken.
    pub fn fees(&self) -> Option<&FeeSchedule> {
        self.content.fees.as_ref()
    }

    /// Who receives a part of payments; absent: the merchant has all of them.
    pub fn splits(&self) -> Option<&Splits> {
        self.content.splits.as_ref()
    }

    /// Which refunds are granted, and who bears them; absent: all that a rail takes, from what the storefront has.
    pub fn refunds(&self) -> Option<&RefundRules> {
        self.content.refunds.as_ref()
    }

    /// What a payer does not have to pay, and who pays it; absent: the price is what is paid.
    pub fn discounts(&self) -> Option<&Discounts> {
        self.content.discounts.as_ref()
    }

    /// Whether it says anything about money.
    pub fn divides(&self) -> bool {
        let agrees = self.fees().is_some() || self.splits().is_some() || self.discounts().is_some();
        agrees || self.refunds().is_some()
    }

    /// SHA-256 over the line `paifang policy bundle 1` and the content as compact JSON, fields in the order of these
    /// types. Comments, blanks and the way a value is spelled do not matter; everything that decides does.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The bundle's name, version and digest.
    pub fn reference(&self) -> BundleRef {
        let Header { name, version, .. } = self.header();
        BundleRef { name: name.clone(), version: *version, digest: self.digest }
    }
}

/// Keeps the digest of a bundle apart from that of anything else; its number changes with the canonical form.
const DIGEST_DOMAIN: &[u8] = b"paifang policy bundle 1\n";
/// The same for a single opening.
const OPENING_DOMAIN: &[u8] = b"paifang policy opening 1\n";

fn digest_of(domain: &[u8], content: &impl Serialize) -> Digest {
    let canonical =
        serde_json::to_vec(content).expect("structs of texts and numbers always have a JSON form");
    let mut hash = Context::new(&SHA256);
    hash.update(domain);
    hash.update(&canonical);
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    Digest(digest)
}

impl Opening {
    /// SHA-256 over the line `paifang policy opening 1` and all of the opening as compact JSON: equal where two versions let in
    /// the same payers by it, on the same terms, as far as the opening itself says.
    pub fn content(&self) -> Digest {
        digest_of(OPENING_DOMAIN, self)
    }
}

impl Measure {
    /// Whether it is a rate of what was paid.
    pub fn is_of_paid(self) -> bool {
        match self {
            Self::SuccessRate => false,
            Self::RefundRate | Self::ComplaintRate => true,
        }
    }

    /// The name in bundles and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SuccessRate => "success_rate",
            Self::RefundRate => "refund_rate",
            Self::ComplaintRate => "complaint_rate",
        }
    }
}
