//! What this adapter can do, as data. Which wallets there are and how keys are told depends on the account, so there is one
//! descriptor for each case.

use paifang_payment::Presentation;
use paifang_rail::{
    ClientKind, Closing, CreditUse, Descriptor, Holding, KeyKind, KeySpec, Need, Offer, Refunding,
    StatementSpec,
};

use crate::Settings;
use crate::codes;
use crate::settings::KeyMode;

/// The rail's name, and the name of its own wallet.
pub(crate) const ALIPAY: &str = "alipay";

/// Paying in instalments with Huabei credit: another wallet to the storefront, the same rail.
pub(crate) const HUABEI: &str = "huabei";

paifang_rail::tells! {
    /// What Alipay is told of an order and its payer, beside the order's terms. Every message of a trade has a subject.
    pub(crate) struct Tells {
        required: [PaymentIntentDescription],
        optional: [ClientContextPayerCode, ClientContextPayerId, ClientContextPayerIp, RefundReason],
    }
}

/// The names of keys under `[rail.keys]`.
pub(crate) const SIGNING_KEY: &str = "app_private_key";
pub(crate) const CONTENT_KEY: &str = "content_key";
pub(crate) const APP_CERTIFICATE: &str = "app_certificate";
pub(crate) const ROOT_CERTIFICATES: &str = "alipay_root_certificates";

/// The one bill that is read.
pub(crate) const TRADE_BILL: &str = "trade";

/// A QR code lives at most two hours, whatever the order's own expiry says (documentation of precreate).
pub(crate) const QR_LIFE_S: u32 = 2 * 60 * 60;

/// 100,000,000.00 yuan, the documented maximum of `total_amount`.
pub(crate) const AMOUNT_MAX_FEN: i64 = 10_000_000_000;

/// Timeouts go from one minute to fifteen days (documentation of `timeout_express`).
const EXPIRY_S_MIN: u32 = 60;
const EXPIRY_S_MAX: u32 = 15 * DAY_S;
const DAY_S: u32 = 24 * 60 * 60;

/// Twelve months on current pages for face-to-face and web products.
const REFUND_WINDOW_DAYS: u32 = 365;

/// Thirty days, as in a published capture of a till's hold; contracts may allow more. Not confirmed by documentation.
const HOLDING: Option<Holding> = Some(Holding { days: 30, partial: true });

/// The descriptor of this account.
pub(crate) fn of(settings: &Settings) -> &'static Descriptor {
    match (settings.key_mode, settings.huabei.is_some()) {
        (KeyMode::PublicKey, false) => &PLAIN,
        (KeyMode::PublicKey, true) => &PLAIN_HUABEI,
        (KeyMode::Certificate, false) => &CERTIFIED,
        (KeyMode::Certificate, true) => &CERTIFIED_HUABEI,
    }
}

static PLAIN: Descriptor = descriptor(&ALIPAY_ONLY, KEYS, false);
static PLAIN_HUABEI: Descriptor = descriptor(&BOTH, KEYS, false);
static CERTIFIED: Descriptor = descriptor(&ALIPAY_ONLY, CERTIFICATES, true);
static CERTIFIED_HUABEI: Descriptor = descriptor(&BOTH, CERTIFICATES, true);

const fn descriptor(offers: &'static [Offer], keys: &'static [KeySpec], serves_keys: bool) -> Descriptor {
    Descriptor {
        rail: ALIPAY,
        title: "Alipay OpenAPI v2 and v3",
        offers,
        tells: Tells::LIST,
        currencies: &["CNY"],
        amount_min: 1,
        amount_max: AMOUNT_MAX_FEN,
        closing: Closing::ByCall,
        reverses: true,
        reverses_unknown: true,
        asks_after_s: &[],
        fails_with: codes::FAILING,
        refunding: Refunding {
            partial: true,
            // No published figure was found; this bounds what one order can be split into.
            count_max: 50,
            window_days: REFUND_WINDOW_DAYS,
            // Idempotent by out_request_no, without a stated end.
            resend_s: REFUND_WINDOW_DAYS * DAY_S,
            // "3 s or more between refunds of one trade".
            interval_s: 3,
        },
        statements: &[StatementSpec {
            kind: TRADE_BILL,
            about: "Payments, captures and refunds of the account (acquiring bill)",
            // "The next day by about 09:00".
            ready_hour: 9,
            cut_before_midnight_s: 0,
            // "The last six years".
            window_days: 6 * 365,
        }],
        serves_keys,
        keys,
    }
}

static ALIPAY_ONLY: [Offer; 7] = offers(ALIPAY, HOLDING, CreditUse::Excludable);

static BOTH: [Offer; 14] = {
    let [a, b, c, d, e, f, g] = offers(ALIPAY, HOLDING, CreditUse::Excludable);
    let [h, i, j, k, l, m, n] = offers(HUABEI, None, CreditUse::Always);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n]
};

/// Every way to charge a wallet.
const fn offers(wallet: &'static str, hold: Option<Holding>, credit: CreditUse) -> [Offer; 7] {
    let base = Offer {
        wallet,
        presentation: Presentation::DesktopWeb,
        clients: &[ClientKind::DesktopBrowser],
        needs: &[],
        expiry_s_max: EXPIRY_S_MAX,
        expiry_s_min: EXPIRY_S_MIN,
        // The payer opens what was signed; equal members lead to the same unpaid trade however often that is done.
        resendable: true,
        hold: None,
        credit,
    };
    let qr = Offer {
        presentation: Presentation::QrShown,
        clients: &[ClientKind::DesktopBrowser, ClientKind::PointOfSale],
        // Beyond the code's life nobody could scan it any more.
        expiry_s_max: QR_LIFE_S,
        // Whether a repeat answers the same code, a new one or an error is not confirmed.
        resendable: false,
        hold,
        ..base
    };
    let code = Offer {
        presentation: Presentation::PayerCode,
        clients: &[ClientKind::PointOfSale],
        needs: &[Need::PayerCode],
        resendable: false,
        hold,
        ..base
    };
    let app = Offer { presentation: Presentation::App, clients: &[ClientKind::NativeApp], hold, ..base };
    let mobile =
        Offer { presentation: Presentation::MobileWeb, clients: &[ClientKind::MobileBrowser], ..base };
    // "Same number and same members while unpaid gives the same trade."
    let jsapi = Offer {
        presentation: Presentation::Jsapi,
        clients: &[ClientKind::InWallet],
        needs: &[Need::PayerId],
        ..base
    };
    let mini =
        Offer { presentation: Presentation::MiniProgram, clients: &[ClientKind::MiniProgram], ..jsapi };
    [qr, base, code, app, mobile, jsapi, mini]
}

const KEY: KeySpec = KeySpec {
    name: SIGNING_KEY,
    kind: KeyKind::SigningKey,
    required: true,
    about: "The application's private key (RSA2), which signs requests",
};

const CONTENT: KeySpec = KeySpec {
    name: CONTENT_KEY,
    kind: KeyKind::ContentKey,
    required: false,
    about: "The key of content encryption (AES), where the application uses it",
};

const KEYS: &[KeySpec] = &[
    KEY,
    KeySpec {
        name: "alipay_public_key",
        kind: KeyKind::VerifyKey,
        required: true,
        about: "Alipay's public key for this application, from the console: not the application's own; two while it \
                is changed",
    },
    CONTENT,
];

const CERTIFICATES: &[KeySpec] = &[
    KEY,
    KeySpec {
        name: APP_CERTIFICATE,
        kind: KeyKind::SigningCertificate,
        required: true,
        about: "The application's certificate (appCertPublicKey_....crt)",
    },
    KeySpec {
        name: "alipay_public_key",
        kind: KeyKind::VerifyKey,
        required: true,
        about: "Alipay's certificate for this application (alipayCertPublicKey_RSA2.crt)",
    },
    KeySpec {
        name: ROOT_CERTIFICATES,
        kind: KeyKind::RootCertificate,
        required: true,
        about: "Alipay's bundle of root certificates (alipayRootCert.crt)",
    },
    CONTENT,
];
