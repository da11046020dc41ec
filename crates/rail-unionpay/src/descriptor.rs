//! What this adapter can do, as data.

use paifang_payment::Presentation;
use paifang_rail::{
    ClientKind, Closing, CreditUse, Descriptor, Holding, KeyKind, KeySpec, Need, Offer, Refunding,
    StatementSpec,
};

use crate::Settings;
use crate::codes;

/// The rail's name.
pub(crate) const UNIONPAY: &str = "unionpay";

/// The wallet: Cloud QuickPass.
pub(crate) const QUICKPASS: &str = "quickpass";

paifang_rail::tells! {
    /// What UnionPay is told of an order and its payer, beside the order's terms: what is bought on pages and in the app, and
    /// a scanned code. Refunds take no reason.
    pub(crate) struct Tells {
        required: [],
        optional: [ClientContextPayerCode, PaymentIntentDescription],
    }
}

/// Names under `[rail.keys]`.
pub(crate) const SIGNING_KEY: &str = "merchant_private_key";
pub(crate) const SIGNING_CERTIFICATE: &str = "merchant_certificate";

/// `txnAmt` has at most 12 digits.
pub(crate) const AMOUNT_MAX_FEN: i64 = 999_999_999_999;

/// UnionPay suggests a `payTimeout` of 15 minutes and publishes no bounds; these are ours. The upper one keeps an order
/// that has no close from being payable for longer than a day.
const EXPIRY_S_MIN: u32 = 60;
const EXPIRY_S_MAX: u32 = DAY_S;
const DAY_S: u32 = 24 * 60 * 60;

/// The form of a page carries the order's opening time as `txnTime`, which must be the present when the payer's browser
/// posts it. How far it may be off is not published; within the `payTimeout` that UnionPay suggests a form has to work.
const PAGE_EXPIRY_S_MAX: u32 = 15 * 60;

/// 330 days by the system, by the demo of the gateway 11 months; codes were limited to 30 days in an older text, and
/// what a product does not allow UnionPay refuses with its signature.
const REFUND_WINDOW_DAYS: u32 = 330;

/// How far `txnTime` may lie behind UnionPay's clock is not published; a refund in doubt is sent again within this time
/// only, because the time belongs to its name and cannot be renewed.
const RESEND_S: u32 = 300;

const CODE_SHOWN: Offer = Offer {
    wallet: QUICKPASS,
    presentation: Presentation::QrShown,
    clients: &[ClientKind::DesktopBrowser, ClientKind::PointOfSale],
    needs: &[],
    expiry_s_max: EXPIRY_S_MAX,
    expiry_s_min: EXPIRY_S_MIN,
    // No documented field leaves credit cards out.
    credit: CreditUse::Payers,
    // A second message with the same orderId and txnTime is answered with 12, not with the code of the first.
    resendable: false,
    hold: None,
};

const PAGE: Offer = Offer {
    wallet: QUICKPASS,
    presentation: Presentation::DesktopWeb,
    clients: &[ClientKind::DesktopBrowser],
    needs: &[],
    expiry_s_max: PAGE_EXPIRY_S_MAX,
    expiry_s_min: EXPIRY_S_MIN,
    credit: CreditUse::Payers,
    resendable: false,
    hold: None,
};

/// The same form with the channel of phones: UnionPay answers with its page for small screens.
const PHONE_PAGE: Offer =
    Offer { presentation: Presentation::MobileWeb, clients: &[ClientKind::MobileBrowser], ..PAGE };

/// The wallet's app takes `tn` from the merchant's app. How long a `tn` lives is not published; the order's `payTimeout`
/// ends it in any case.
const APP: Offer = Offer {
    wallet: QUICKPASS,
    presentation: Presentation::App,
    clients: &[ClientKind::NativeApp],
    needs: &[],
    expiry_s_max: EXPIRY_S_MAX,
    expiry_s_min: EXPIRY_S_MIN,
    credit: CreditUse::Payers,
    resendable: false,
    hold: None,
};

/// A completion is taken within 30 days, once, for up to 115 % of what is held (the gateway takes 100 % at most); after
/// that the issuer lets go by itself.
const HOLDING: Holding = Holding { days: 30, partial: true };

const fn holding(offer: Offer) -> Offer {
    Offer { hold: Some(HOLDING), ..offer }
}

/// A charge by payer's code is decided within minutes. Nothing of this is sent to the rail; it is when "no such order"
/// becomes final for a charge whose request was lost.
const CODE_EXPIRY_S_MAX: u32 = 300;

const CODE_SCANNED: Offer = Offer {
    wallet: QUICKPASS,
    presentation: Presentation::PayerCode,
    clients: &[ClientKind::PointOfSale],
    needs: &[Need::PayerCode],
    expiry_s_max: CODE_EXPIRY_S_MAX,
    expiry_s_min: EXPIRY_S_MIN,
    credit: CreditUse::Payers,
    resendable: false,
    hold: None,
};

static PLAIN: Descriptor = describe(&[CODE_SHOWN, PAGE, PHONE_PAGE, APP], false);
static WITH_TILL: Descriptor = describe(&[CODE_SHOWN, PAGE, PHONE_PAGE, APP, CODE_SCANNED], true);
static WITH_HOLDS: Descriptor =
    describe(&[CODE_SHOWN, holding(PAGE), holding(PHONE_PAGE), holding(APP)], false);
static WITH_BOTH: Descriptor =
    describe(&[CODE_SHOWN, holding(PAGE), holding(PHONE_PAGE), holding(APP), CODE_SCANNED], true);

/// An account without a till cannot name one, and every scanned code has to; holds are a permission of their own.
pub(crate) fn of(settings: &Settings) -> &'static Descriptor {
    match (settings.terminal_id.is_some(), settings.holds) {
        (false, false) => &PLAIN,
        (true, false) => &WITH_TILL,
        (false, true) => &WITH_HOLDS,
        (true, true) => &WITH_BOTH,
    }
}

/// The kind of the one bill.
pub(crate) const TRADE: &str = "trade";

/// The clearing day ends at 23:00. The file is made on the day after; the hour is ours, as is how far back it is asked
/// for: it is named by month and day only, so never a year.
const STATEMENTS: &[StatementSpec] = &[StatementSpec {
    kind: TRADE,
    about: "Payments, completions of holds, refunds and undos of a clearing day, with fees",
    ready_hour: 9,
    cut_before_midnight_s: 60 * 60,
    window_days: 90,
}];

const fn describe(offers: &'static [Offer], reverses: bool) -> Descriptor {
    Descriptor {
        statements: STATEMENTS,
        // The certificates of UnionPay's signers come with its messages; see `certificate`.
        serves_keys: false,
        rail: UNIONPAY,
        title: "UnionPay online gateway (ACP 5.1.0)",
        offers,
        tells: Tells::LIST,
        currencies: &["CNY"],
        amount_min: 1,
        amount_max: AMOUNT_MAX_FEN,
        closing: Closing::ByExpiry,
        reverses,
        // An undo names the payment by `origQryId`.
        reverses_unknown: false,
        // Documented: up to six queries, while the answer is 03, 04 or 05.
        asks_after_s: &[1, 2, 4, 8, 16, 32],
        fails_with: codes::FAILING,
        refunding: Refunding {
            partial: true,
            // "Several times"; no figure is published, so this bounds what one order can be split into.
            count_max: 50,
            window_days: REFUND_WINDOW_DAYS,
            resend_s: RESEND_S,
            interval_s: 0,
        },
        keys: KEYS,
    }
}

const KEYS: &[KeySpec] = &[
    KeySpec {
        name: SIGNING_KEY,
        kind: KeyKind::SigningKey,
        required: true,
        about: "The merchant's private key, which signs requests (from the .pfx file)",
    },
    KeySpec {
        name: SIGNING_CERTIFICATE,
        kind: KeyKind::SigningCertificate,
        required: true,
        about: "The certificate of that key, of which the serial is sent as certId (from the .pfx file)",
    },
    KeySpec {
        name: "root_certificate",
        kind: KeyKind::RootCertificate,
        required: true,
        about: "The root that UnionPay's signer chains to (acp_prod_root.cer)",
    },
    KeySpec {
        name: "middle_certificate",
        kind: KeyKind::IntermediateCertificate,
        required: true,
        about: "The certificate between the root and UnionPay's signer (acp_prod_middle.cer)",
    },
];
