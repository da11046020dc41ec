//! What this adapter can do, as data.

use paifang_payment::Presentation;
use paifang_rail::{ClientKind, Closing, Descriptor, KeyKind, KeySpec, Offer, Refunding};

/// The rail's name, and the name of its one wallet.
pub(crate) const ALIPAY: &str = "alipay";

/// The name of our private key under `[rail.keys]`.
pub(crate) const SIGNING_KEY: &str = "app_private_key";

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

pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    rail: ALIPAY,
    title: "Alipay OpenAPI v2",
    offers: &[
        Offer {
            wallet: ALIPAY,
            presentation: Presentation::QrShown,
            clients: &[ClientKind::DesktopBrowser, ClientKind::PointOfSale],
            needs: &[],
            // Beyond the code's life nobody could scan it any more.
            expiry_s_max: QR_LIFE_S,
            expiry_s_min: EXPIRY_S_MIN,
            // Whether a repeat answers the same code, a new one or an error is not confirmed.
            resendable: false,
            hold: None,
        },
        Offer {
            wallet: ALIPAY,
            presentation: Presentation::DesktopWeb,
            clients: &[ClientKind::DesktopBrowser],
            needs: &[],
            expiry_s_max: EXPIRY_S_MAX,
            expiry_s_min: EXPIRY_S_MIN,
            // The payer's browser opens the URL; equal members lead to the same unpaid trade however often it does.
            resendable: true,
            hold: None,
        },
    ],
    currencies: &["CNY"],
    amount_min: 1,
    amount_max: AMOUNT_MAX_FEN,
    closing: Closing::ByCall,
    reverses: false,
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
    statements: &[],
    serves_keys: false,
    keys: &[
        KeySpec {
            name: SIGNING_KEY,
            kind: KeyKind::SigningKey,
            required: true,
            about: "The application's private key (RSA2), which signs requests",
        },
        KeySpec {
            name: "alipay_public_key",
            kind: KeyKind::VerifyKey,
            required: true,
            about: "Alipay's public key for this application, from the console: not the application's own",
        },
    ],
};
