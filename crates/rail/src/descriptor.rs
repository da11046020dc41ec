//! What a rail can do, as data. The engine never issues a call that is not listed; the conformance kit proves the list.

use paifang_boundary::{Field, Fields};
use paifang_payment::Presentation;
use paifang_payment::intent::CaptureMode;

use crate::FieldUse;

/// The capabilities of one rail, true for every account unless the account's settings narrow them.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// The rail's name, as in the config's `rail = "..."`.
    pub rail: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// The wallets and presentations that can be charged.
    pub offers: &'static [Offer],
    /// What the adapter uses of what may be told to a rail, beside the order's terms; the list that it opens values with
    /// ([`crate::tells!`]).
    pub tells: &'static [FieldUse],
    /// ISO 4217 codes.
    pub currencies: &'static [&'static str],
    /// Least amount of a charge, minor units.
    pub amount_min: i64,
    /// Largest amount of a charge, minor units.
    pub amount_max: i64,
    /// How an order ends that nobody paid.
    pub closing: Closing,
    /// Whether a charge by payer's code can be reversed.
    pub reverses: bool,
    /// A reverse names our own number, so that an order can be reversed before anybody knows what became of it. `false`: it
    /// names the rail's number, which only a paid order may have.
    pub reverses_unknown: bool,
    /// After how many seconds each a call whose outcome is open is asked about, where the rail documents it: a charge by
    /// payer's code, a refund, a capture, a release. After the last one the gateway asks at wider distances. Empty: the
    /// gateway's own schedule.
    pub asks_after_s: &'static [u32],
    /// Codes by which the rail says that it fails, or turns everybody away for a while, as they stand in
    /// [`paifang_payment::Doubt::RailUnsure`]: any order would have met them. Whatever else leaves a call in doubt may be about its
    /// order.
    pub fails_with: &'static [&'static str],
    /// Refunds.
    pub refunding: Refunding,
    /// The daily bills; the first one lists payments and refunds. Empty: none.
    pub statements: &'static [StatementSpec],
    /// Whether the rail hands out its own verification keys over its API ([`crate::Inquiry::Keys`]).
    pub serves_keys: bool,
    /// The keys that an account needs.
    pub keys: &'static [KeySpec],
}

/// One way to charge one wallet.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// The wallet.
    pub wallet: &'static str,
    /// How the payer is asked.
    pub presentation: Presentation,
    /// In which surroundings of the payer this works.
    pub clients: &'static [ClientKind],
    /// What must be known of the payer.
    pub needs: &'static [Need],
    /// Longest life of an order in seconds; a wish beyond it is cut to it.
    pub expiry_s_max: u32,
    /// Shortest life of an order in seconds; a wish below it is refused.
    pub expiry_s_min: u32,
    /// Whether the same creation may be sent again byte for byte and answers the same order.
    pub resendable: bool,
    /// Whether the money can also be held first, and by which rules; `None`: it is always charged at once.
    pub hold: Option<Holding>,
    /// Whether the payer may pay on credit, and whether an order can leave that out.
    pub credit: CreditUse,
}

/// Whether the payer may pay on credit, and whether an order can leave that out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreditUse {
    /// What the payer pays with is never credit.
    Never,
    /// The payer may, and no order can say otherwise.
    Payers,
    /// The payer may, unless the order leaves it out ([`crate::Charge::credit`]); of an order that holds money first nobody
    /// can say otherwise.
    Excludable,
    /// The wallet is credit.
    Always,
}

impl CreditUse {
    /// The same for orders that are charged so.
    pub fn of(self, capture: CaptureMode) -> Self {
        match (self, capture) {
            (Self::Excludable, CaptureMode::Manual) => Self::Payers,
            (credit, _) => credit,
        }
    }

    /// Whether an order can be made that is not paid on credit.
    pub fn can_exclude(self) -> bool {
        matches!(self, Self::Never | Self::Excludable)
    }
}

/// How held money is taken or given back. A hold is captured once; the rest goes back with the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// For how many days after the payer's consent the rail keeps the money held; the gateway gives it back before.
    pub days: u32,
    /// Less than the held amount may be taken.
    pub partial: bool,
}

/// A daily bill of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementSpec {
    /// The name under which it is asked for, such as `trade`.
    pub kind: &'static str,
    /// What it lists, for people.
    pub about: &'static str,
    /// The Beijing hour of the next day from which on it is there.
    pub ready_hour: u8,
    /// How many seconds before midnight (Beijing) the rail's day ends: 0 for the calendar day.
    pub cut_before_midnight_s: u32,
    /// For how many days back it can be fetched.
    pub window_days: u32,
}

/// Where the payer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// A browser on a desktop.
    DesktopBrowser,
    /// A browser on a phone, outside of any wallet.
    MobileBrowser,
    /// The browser inside a wallet.
    InWallet,
    /// A mini program inside a wallet.
    MiniProgram,
    /// The storefront's native app.
    NativeApp,
    /// A till with a scanner or a display.
    PointOfSale,
}

/// What an offer needs to know of the payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// The payer's id from the wallet's login (an openid).
    PayerId,
    /// The code scanned from the payer's phone.
    PayerCode,
    /// The payer's IP address.
    ClientIp,
}

impl Need {
    /// The field of the contract that it comes from.
    pub const fn field(self) -> Field {
        match self {
            Self::PayerId => Field::ClientContextPayerId,
            Self::PayerCode => Field::ClientContextPayerCode,
            Self::ClientIp => Field::ClientContextPayerIp,
        }
    }
}

impl Descriptor {
    /// Everything that the adapter uses, beside the order's terms.
    pub fn tellable(&self) -> Fields {
        self.tells.iter().map(|used| used.field).collect()
    }

    /// What held money cannot be taken without, beside the terms: a capture is an order with a description, too.
    pub fn required_by_captures(&self) -> Fields {
        let described = |used: &&FieldUse| used.required && used.field == Field::PaymentIntentDescription;
        self.tells.iter().filter(described).map(|used| used.field).collect()
    }

    /// What an order of this offer cannot be made without, beside its terms.
    pub fn required(&self, offer: &Offer) -> Fields {
        let always = self.tells.iter().filter(|used| used.required).map(|used| used.field);
        always.chain(offer.needs.iter().map(|need| need.field())).collect()
    }
}

/// How an order ends that nobody paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The rail has a close call; one of an order that it does not know answers "absent" and proves nothing.
    ByCall,
    /// Only its expiry ends it, proved by a query after it.
    ByExpiry,
}

/// How refunds work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refunding {
    /// Less than the whole amount may go back.
    pub partial: bool,
    /// How many refunds one order may have.
    pub count_max: u32,
    /// Days after the payment in which a refund is taken.
    pub window_days: u32,
    /// For how many seconds after its opening a refund in doubt may be sent again under its number.
    pub resend_s: u32,
    /// Least seconds between two refunds of one order; the scheduler obeys it.
    pub interval_s: u32,
}

/// One key of an account, as the config names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// The name under `[rail.keys]`.
    pub name: &'static str,
    /// What it is.
    pub kind: KeyKind,
    /// Whether the account works without it.
    pub required: bool,
    /// What it is for, for people.
    pub about: &'static str,
}

/// What a configured key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Our RSA private key (PEM, or bare base64 of PKCS#8 or PKCS#1) that signs requests.
    SigningKey,
    /// The certificate of our signing key (PEM), of which the serial is sent.
    SigningCertificate,
    /// The rail's public key or certificate (PEM, or bare base64 of SPKI). A certificate's id is its own serial; a
    /// plain key's id is given by the config beside it.
    VerifyKey,
    /// A symmetric key, used raw (WeChat Pay's APIv3 key, 32 bytes).
    SymmetricKey,
    /// A symmetric key for whole messages, base64 of 16 bytes (Alipay's AES content encryption).
    ContentKey,
    /// A root certificate (PEM) that the rail's signer certificates chain to.
    RootCertificate,
    /// An intermediate certificate (PEM) between the root and the rail's signer certificates.
    IntermediateCertificate,
}
