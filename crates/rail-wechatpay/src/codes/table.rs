//! The rows: for each call, what each code means, in today's spelling, then in that of 2020, which some pages and accounts
//! still have. The codes of payers' codes are those of API v2 too, because those of v3 are not confirmed.

use crate::answer::Api;

/// What a code means to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The call was turned down for good, for this reason.
    No(&'static str),
    /// The rail does not know, or it can be had later, or a query tells more.
    Unsure,
    /// The order may be paid.
    Paid,
    /// There is no such order or refund; believed with status 404 only.
    Absent,
    /// Nothing moved on that day.
    Nothing,
    /// It is not there (yet).
    NotYet,
}

use Meaning::{Absent, No, NotYet, Nothing, Paid, Unsure};

/// Codes of one meaning.
pub(crate) type Row = (Meaning, &'static [&'static str]);

/// The rows of a call, looked at in this order.
pub(crate) fn of(api: Api) -> &'static [&'static [Row]] {
    match api {
        Api::Order => &[ORDER, PASSING],
        Api::Codepay => &[CODEPAY, PASSING],
        Api::Query => &[QUERY, PASSING],
        Api::Close => &[CLOSE, PASSING],
        Api::Reverse => &[REVERSE, PASSING],
        Api::Refund => &[REFUND, PASSING],
        Api::QueryRefund => &[QUERY_REFUND, PASSING],
        Api::AbnormalRefund => &[ABNORMAL, PASSING],
        Api::Bill => &[BILL, PASSING],
        Api::Certificates => &[CERTIFICATES, PASSING],
    }
}

/// Rates and failures: documented with 429 and 5xx, where the code is not even looked at; they stand here for the case that
/// they come with another status.
const PASSING: &[Row] = &[(Unsure, FAILING)];

/// The rail fails, or turns everybody away for a while; the others that leave a call in doubt are about its order, such as
/// `USERPAYING`.
pub(crate) const FAILING: &[&str] = &[
    "FREQUENCY_LIMITED",
    "RATELIMIT_EXCEEDED",
    "RATELIMIT_EXCEED",
    "RATE_LIMITED",
    "FREQUENCY_LIMIT_EXCEED",
    "SYSTEM_ERROR",
    "SYSTEMERROR",
    "BANK_ERROR",
    "BANKERROR",
    "SERVICE_UNAVAILABLE",
];

const ORDER: &[Row] = &[
    // INVALID_REQUEST is also a repeat whose content differs from the first one's.
    (No("invalid_request"), &["PARAM_ERROR", "INVALID_REQUEST"]),
    (No("rail_configuration"), &["APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS", "SIGN_ERROR", "SIGNERROR"]),
    (No("not_permitted"), &["NO_AUTH", "NOAUTH", "TRADE_ERROR", "REQUEST_BLOCKED"]),
    (No("order_closed"), &["ORDER_CLOSED", "ORDERCLOSED"]),
    (No("risk"), &["RULE_LIMIT", "RULELIMIT"]),
    (No("payer_account"), &["ACCOUNT_ERROR", "ACCOUNTERROR"]),
    (No("payer_mismatch"), &["OPENID_MISMATCH"]),
    (Paid, &["ORDER_PAID", "ORDERPAID"]),
    // An order of this number exists; a query tells what became of it.
    (Unsure, &["OUT_TRADE_NO_USED"]),
];

/// Whatever turns a scanned code down is confirmed by a query before it is final.
const CODEPAY: &[Row] = &[
    (
        No("invalid_request"),
        &[
            "PARAM_ERROR",
            "INVALID_REQUEST",
            "LACK_PARAMS",
            "XML_FORMAT_ERROR",
            "NOT_UTF8",
            "REQUIRE_POST_METHOD",
        ],
    ),
    (
        No("rail_configuration"),
        &[
            "APPID_MCHID_NOT_MATCH",
            "MCH_NOT_EXISTS",
            "APPID_NOT_EXIST",
            "MCHID_NOT_EXIST",
            "SIGN_ERROR",
            "SIGNERROR",
        ],
    ),
    (No("not_permitted"), &["NO_AUTH", "NOAUTH", "REQUEST_BLOCKED"]),
    (No("payer_declined"), &["TRADE_ERROR"]),
    (No("payer_code_invalid"), &["AUTHCODEEXPIRE", "AUTH_CODE_ERROR", "AUTH_CODE_INVALID"]),
    // Here it is the payer's money.
    (No("insufficient_funds"), &["NOT_ENOUGH", "NOTENOUGH"]),
    (No("payer_account"), &["ACCOUNT_ERROR", "ACCOUNTERROR", "NOTSUPORTCARD"]),
    (No("payer_mismatch"), &["BUYER_MISMATCH", "OPENID_MISMATCH"]),
    (No("order_closed"), &["ORDER_CLOSED", "ORDERCLOSED", "ORDERREVERSED"]),
    (No("risk"), &["RULE_LIMIT", "RULELIMIT"]),
    (Paid, &["ORDER_PAID", "ORDERPAID"]),
    (Unsure, &["USERPAYING", "OUT_TRADE_NO_USED"]),
];

const QUERY: &[Row] = &[
    (Absent, &["ORDER_NOT_EXIST", "ORDERNOTEXIST"]),
    (
        Unsure,
        &[
            "PARAM_ERROR",
            "INVALID_REQUEST",
            "MCH_NOT_EXISTS",
            "SIGN_ERROR",
            "SIGNERROR",
            "NO_AUTH",
            "NOAUTH",
            "INVALID_TRANSACTIONID",
            "USERPAYING",
        ],
    ),
];

const CLOSE: &[Row] = &[
    (Absent, &["ORDER_NOT_EXIST", "ORDERNOTEXIST"]),
    (Paid, &["ORDER_PAID", "ORDERPAID"]),
    (
        Unsure,
        &[
            "PARAM_ERROR",
            "INVALID_REQUEST",
            "MCH_NOT_EXISTS",
            "ORDER_CLOSED",
            "ORDERCLOSED",
            "SIGN_ERROR",
            "SIGNERROR",
            "NO_AUTH",
            "NOAUTH",
            "USERPAYING",
        ],
    ),
];

/// A reverse is repeated until the order's query tells of it, so that nothing here is a no.
const REVERSE: &[Row] = &[
    (Absent, &["ORDER_NOT_EXIST", "ORDERNOTEXIST"]),
    (
        Unsure,
        &[
            "PARAM_ERROR",
            "INVALID_REQUEST",
            "APPID_MCHID_NOT_MATCH",
            "MCH_NOT_EXISTS",
            "ORDER_CLOSED",
            "ORDERCLOSED",
            "ORDERREVERSED",
            "SIGN_ERROR",
            "SIGNERROR",
            "NO_AUTH",
            "NOAUTH",
            "TRADE_ERROR",
            // Of the merchant's own money, out of which a paid order goes back.
            "NOT_ENOUGH",
            "NOTENOUGH",
            "USERPAYING",
        ],
    ),
];

const REFUND: &[Row] = &[
    // INVALID_REQUEST is also a refund of more than is left.
    (No("invalid_request"), &["PARAM_ERROR", "INVALID_REQUEST"]),
    (No("payer_account"), &["USER_ACCOUNT_ABNORMAL"]),
    // The order does not exist, or is not paid.
    (No("refund_not_allowed"), &["RESOURCE_NOT_EXISTS"]),
    (No("refund_window"), &["TRADE_OVERDUE"]),
    (
        Unsure,
        &[
            "MCH_NOT_EXISTS",
            "SIGN_ERROR",
            "SIGNERROR",
            "NO_AUTH",
            "NOAUTH",
            // Of the merchant's own money.
            "NOT_ENOUGH",
            "NOTENOUGH",
            // A refund of this number exists, with another content.
            "REFUND_FEE_MISMATCH",
        ],
    ),
];

const QUERY_REFUND: &[Row] = &[
    (Absent, &["RESOURCE_NOT_EXISTS"]),
    (
        Unsure,
        &["PARAM_ERROR", "INVALID_REQUEST", "MCH_NOT_EXISTS", "SIGN_ERROR", "SIGNERROR", "NO_AUTH", "NOAUTH"],
    ),
];

/// The refund exists before this is called, and its query tells.
const ABNORMAL: &[Row] = &[(
    Unsure,
    &[
        "PARAM_ERROR",
        "INVALID_REQUEST",
        "MCH_NOT_EXISTS",
        "SIGN_ERROR",
        "SIGNERROR",
        "NO_AUTH",
        "NOAUTH",
        "NOT_ENOUGH",
        "NOTENOUGH",
        "RESOURCE_NOT_EXISTS",
        "USER_ACCOUNT_ABNORMAL",
    ],
)];

const BILL: &[Row] = &[
    (Nothing, &["NO_STATEMENT_EXIST"]),
    (NotYet, &["STATEMENT_CREATING"]),
    (No("invalid_request"), &["PARAM_ERROR", "INVALID_REQUEST"]),
    (No("rail_configuration"), &["SIGN_ERROR", "SIGNERROR", "MCH_NOT_EXISTS"]),
    (No("not_permitted"), &["NO_AUTH", "NOAUTH"]),
];

/// A merchant who has only the public key has no certificates to be handed.
const CERTIFICATES: &[Row] = &[
    (NotYet, &["RESOURCE_NOT_EXISTS", "NOT_FOUND"]),
    (No("invalid_request"), &["PARAM_ERROR", "INVALID_REQUEST"]),
    (No("rail_configuration"), &["SIGN_ERROR", "SIGNERROR", "MCH_NOT_EXISTS"]),
    (No("not_permitted"), &["NO_AUTH", "NOAUTH"]),
];
