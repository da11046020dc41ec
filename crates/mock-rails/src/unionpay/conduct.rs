//! What is unconfirmed about the real gateway, or a matter of taste, and so can be set.

use jiff::SignedDuration;

/// How this gateway behaves where the facts leave room.
#[derive(Clone, Debug)]
pub struct Conduct {
    /// How far the `txnTime` of a new transaction may be from Beijing time, either way. The real figure is unknown.
    pub txn_time_tolerance: SignedDuration,
    /// How long a payer's-code charge, a refund or an undo stays "accepted" before it is decided.
    pub decide_after: SignedDuration,
    /// The same while the payer is asked for a password.
    pub pending_for: SignedDuration,
    /// How long after the payment a refund is taken.
    pub refund_window: SignedDuration,
    /// What a query says of an order that nobody has paid yet.
    pub unpaid: Unpaid,
    /// What becomes of money that comes after `payTimeout`.
    pub late_money: LateMoney,
    /// Whether successes carry code A6 instead of 00; both are success.
    pub defective_success: bool,
    /// How long a pre-authorised amount stays frozen; then the bank lets it go without a word.
    pub hold_for: SignedDuration,
    /// How much of the frozen amount may be completed, in per cent of it.
    pub capture_percent_max: i64,
    /// Whether the amount is frozen again, for another completion, when a completion is undone (33). Unconfirmed.
    pub undone_capture_freezes: bool,
    /// What a query says of a pre-authorisation that was voided or has lapsed. Unconfirmed.
    pub ended_hold: EndedHold,
    /// The merchant's fee in hundredths of a per cent of each payment, half a fen rounded up; returns give it back in
    /// proportion.
    pub fee_basis_points: i64,
    /// From which hour of Beijing time the file of the day before is there.
    pub file_hour: i8,
    /// Whether there is a file of a day without any transaction; otherwise it is 98 for ever.
    pub empty_day_file: bool,
    /// Whether the merchant may sign with a shared key (signMethod 11 and 12).
    pub shared_key: bool,
    /// Whether the merchant may still speak version 5.0.0 with its SHA-1. Off unless it is asked for.
    pub legacy_version: bool,
    /// Whether amounts say what becomes of a transaction: one that ends in `97NN` fen comes to code NN (`9764`: the payer
    /// has not enough money), and 96, 94 and 95 there stand for A6, PR05 and PR99.
    pub amount_codes: bool,
    /// The certificate behind every answer and notification.
    pub certificate: SigningCertificate,
}

impl Default for Conduct {
    /// 15 minutes of tolerance, decided after 1 s (10 s with a password), refunds for 330 days, an unpaid order is 05,
    /// late money is kept and notified; holds of 30 days and up to 115 %, a fee of 0.60 %, files from 08:00 of the
    /// next day, no version 5.0.0.
    fn default() -> Self {
        Self {
            txn_time_tolerance: SignedDuration::from_mins(15),
            decide_after: SignedDuration::from_secs(1),
            pending_for: SignedDuration::from_secs(10),
            refund_window: SignedDuration::from_hours(330 * 24),
            unpaid: Unpaid::Accepted,
            late_money: LateMoney::Kept,
            defective_success: false,
            hold_for: SignedDuration::from_hours(30 * 24),
            capture_percent_max: 115,
            undone_capture_freezes: true,
            ended_hold: EndedHold::AlreadyBack,
            fee_basis_points: 60,
            file_hour: 8,
            empty_day_file: false,
            shared_key: true,
            legacy_version: false,
            amount_codes: false,
            certificate: SigningCertificate::Good,
        }
    }
}

/// Both were seen for orders without a payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpaid {
    /// `respCode` 00 with `origRespCode` 05.
    Accepted,
    /// `respCode` 34, as if there were no such order.
    NotFound,
}

/// The documents say that late money goes back unannounced; gateways have been seen to keep and announce it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateMoney {
    /// The order becomes paid and is notified: a gateway must be ready for it.
    Kept,
    /// The rail gives it back by itself: code 42, no notification.
    GivenBack,
}

/// The sheet has nothing about a query of what was voided since. The text of 45 ("refunded or undone already") fits it; a
/// gateway that reports only how the transaction itself ended would say 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedHold {
    /// `origRespCode` 45.
    AlreadyBack,
    /// `origRespCode` 00, as while the amount was frozen.
    Success,
}

/// Which certificate stands behind the gateway's signatures. All but the first two are to be refused by a client.
///
/// For single answers they are armed as a business code: `CERT:LEGACY_NAME`, `CERT:WRONG_NAME`, `CERT:EXPIRED`,
/// `CERT:UNTRUSTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningCertificate {
    /// In UnionPay's name, valid, below the trusted root.
    Good,
    /// In the old name of the test environment, `00040000:SIGN`, which only a lenient client takes.
    LegacyName,
    /// In another company's name.
    WrongName,
    /// Run out.
    Expired,
    /// Below a root that nobody trusts.
    Untrusted,
}

impl SigningCertificate {
    pub(super) const ALL: [Self; 5] =
        [Self::Good, Self::LegacyName, Self::WrongName, Self::Expired, Self::Untrusted];

    /// The code it is armed by, and how its files begin; `None` for the good one, which the keys' rotation decides.
    fn names(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Good => None,
            Self::LegacyName => Some(("CERT:LEGACY_NAME", "gateway_legacy")),
            Self::WrongName => Some(("CERT:WRONG_NAME", "gateway_wrong_name")),
            Self::Expired => Some(("CERT:EXPIRED", "gateway_expired")),
            Self::Untrusted => Some(("CERT:UNTRUSTED", "gateway_untrusted")),
        }
    }

    pub(super) fn file(self) -> Option<&'static str> {
        self.names().map(|(_, file)| file)
    }

    /// The certificate that an armed code asks for.
    pub(super) fn armed(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.names().is_some_and(|(armed, _)| armed == code))
    }
}
