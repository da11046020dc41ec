//! What this adapter can do, as data.

use paifang_payment::Presentation;
use paifang_rail::{
    ClientKind, Closing, CreditUse, Descriptor, KeyKind, KeySpec, Need, Offer, Refunding, StatementSpec,
};

use crate::Settings;
use crate::codes;
use crate::inquiry::{FUND_FLOW, TRADE};

/// The rail's name, and the name of its one wallet.
pub(crate) const WECHATPAY: &str = "wechatpay";

paifang_rail::tells! {
    /// What WeChat Pay is told of an order and its payer, beside the order's terms. Every order has a description.
    pub(crate) struct Tells {
        required: [PaymentIntentDescription],
        optional: [ClientContextPayerCode, ClientContextPayerId, ClientContextPayerIp, RefundReason],
    }
}

/// The name of our private key under `[rail.keys]`.
pub(crate) const SIGNING_KEY: &str = "merchant_private_key";

/// The name of our certificate under `[rail.keys]`.
pub(crate) const SIGNING_CERTIFICATE: &str = "merchant_certificate";

/// `code_url` and `prepay_id` live two hours, whatever the order's own expiry says (pages of Native and JSAPI).
pub(crate) const CODE_LIFE_S: u32 = 2 * 60 * 60;

/// An expiry less than a minute after an order's arrival is silently moved to a minute after it (`time_expire`). The
/// second minute is for the way and for one repeat, so that the order at the rail does not outlive ours.
const EXPIRY_S_MIN: u32 = 2 * 60;

/// No maximum is published; the vendor's own Java library holds `amount.total` in 32 bits.
pub(crate) const AMOUNT_MAX_FEN: i64 = 2_147_483_647;

/// Partial refunds are taken within a year after the payment.
const REFUND_WINDOW_DAYS: u32 = 365;

const DAY_S: u32 = 24 * 60 * 60;

/// `h5_url` lives five minutes, and so does its order, because the page cannot be handed out a second time.
const PAGE_LIFE_S: u32 = 5 * 60;

/// A charge by payer's code is decided within a minute. Nothing of this is sent to the rail; it is when "no such order"
/// becomes final for a charge whose request was lost.
const SCAN_LIFE_S: u32 = 5 * 60;

/// The code is shown; the same order again answers a fresh code, which voids the earlier one.
const NATIVE: Offer = Offer {
    wallet: WECHATPAY,
    presentation: Presentation::QrShown,
    clients: &[ClientKind::DesktopBrowser, ClientKind::PointOfSale],
    needs: &[],
    // Beyond the code's life nobody could scan it any more.
    expiry_s_max: CODE_LIFE_S,
    expiry_s_min: EXPIRY_S_MIN,
    resendable: true,
    hold: None,
    // No field of v3 leaves credit cards out: older documents have a `limit_pay`, and what is not documented is refused.
    credit: CreditUse::Payers,
};

const JSAPI: Offer = Offer {
    presentation: Presentation::Jsapi,
    clients: &[ClientKind::InWallet],
    needs: &[Need::PayerId],
    ..NATIVE
};

const MINI_PROGRAM: Offer =
    Offer { presentation: Presentation::MiniProgram, clients: &[ClientKind::MiniProgram], ..JSAPI };

const APP: Offer = Offer { presentation: Presentation::App, clients: &[ClientKind::NativeApp], ..NATIVE };

const PAGE: Offer = Offer {
    presentation: Presentation::MobileWeb,
    clients: &[ClientKind::MobileBrowser],
    needs: &[Need::ClientIp],
    expiry_s_max: PAGE_LIFE_S,
    ..NATIVE
};

const PAYER_CODE: Offer = Offer {
    presentation: Presentation::PayerCode,
    clients: &[ClientKind::PointOfSale],
    needs: &[Need::PayerCode],
    expiry_s_max: SCAN_LIFE_S,
    expiry_s_min: 60,
    // The charge happens in the call.
    resendable: false,
    ..NATIVE
};

static WITH_STORE: Descriptor = describe(&[NATIVE, JSAPI, MINI_PROGRAM, APP, PAGE, PAYER_CODE], true);
static WITHOUT_STORE: Descriptor = describe(&[NATIVE, JSAPI, MINI_PROGRAM, APP, PAGE], false);

/// The charge of a scanned code has to name a store, and an account without one cannot.
pub(crate) fn of(settings: &Settings) -> &'static Descriptor {
    if settings.has_store() { &WITH_STORE } else { &WITHOUT_STORE }
}

const fn describe(offers: &'static [Offer], reverses: bool) -> Descriptor {
    Descriptor {
        rail: WECHATPAY,
        title: "WeChat Pay API v3",
        offers,
        tells: Tells::LIST,
        currencies: &["CNY"],
        amount_min: 1,
        amount_max: AMOUNT_MAX_FEN,
        closing: Closing::ByCall,
        reverses,
        reverses_unknown: reverses,
        asks_after_s: &[],
        fails_with: codes::FAILING,
        refunding: Refunding {
            partial: true,
            count_max: 50,
            window_days: REFUND_WINDOW_DAYS,
            // Idempotent by out_refund_no, without a stated end.
            resend_s: REFUND_WINDOW_DAYS * DAY_S,
            // "At least one minute apart".
            interval_s: 60,
        },
        // The first one lists every payment, refund and reverse; days are closed by it.
        statements: &[
            StatementSpec {
                kind: TRADE,
                about: "Payments, refunds and reverses of a day, with fees",
                ready_hour: 10,
                cut_before_midnight_s: 0,
                window_days: 90,
            },
            StatementSpec {
                kind: FUND_FLOW,
                about: "Payments and refunds as they moved the merchant's balance (fund-flow bill of the basic account)",
                ready_hour: 10,
                cut_before_midnight_s: 0,
                window_days: 90,
            },
        ],
        serves_keys: true,
        keys: KEYS,
    }
}

const KEYS: &[KeySpec] = &[
    KeySpec {
        name: SIGNING_KEY,
        kind: KeyKind::SigningKey,
        required: true,
        about: "The private key of the merchant's API certificate, which signs requests and the wallet's parameters",
    },
    KeySpec {
        name: SIGNING_CERTIFICATE,
        kind: KeyKind::SigningCertificate,
        required: false,
        about: "The merchant's API certificate, whose serial is sent; not needed where merchant_serial is set",
    },
    KeySpec {
        name: "apiv3_key",
        kind: KeyKind::SymmetricKey,
        required: true,
        about: "The APIv3 key, 32 characters, which decrypts notifications",
    },
    KeySpec {
        name: "wechatpay_public_key",
        kind: KeyKind::VerifyKey,
        required: false,
        about: "WeChat Pay's public key under its id PUB_KEY_ID_...; this or a platform certificate is needed",
    },
    KeySpec {
        name: "platform_certificate",
        kind: KeyKind::VerifyKey,
        required: false,
        about: "WeChat Pay's platform certificate; this or the public key is needed",
    },
    KeySpec {
        name: "platform_certificate_next",
        kind: KeyKind::VerifyKey,
        required: false,
        about: "The next platform certificate, while WeChat Pay changes over to it",
    },
];
