//! The table itself: which codes the documentation lists for each call, and what each means here. The rules that it was
//! made by stand in the module above.

/// What a listed code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Final no, for this reason; nothing moved.
    Refused(&'static str),
    /// No, for this reason, unless an earlier copy of the same request was carried out: final with a query that finds
    /// nothing.
    RefusedUnlessDone(&'static str),
    /// The rail does not know, or it can be had later, or a query tells more.
    Unsure,
    /// The order may be paid.
    MaybePaid,
    /// There is no such trade or hold.
    Absent,
    /// A bill that is not there yet.
    NotYet,
}

use Meaning::{Absent, MaybePaid, NotYet, Refused, RefusedUnlessDone, Unsure};

/// Codes that share a meaning, by bare name.
pub(super) type Row = (Meaning, &'static [&'static str]);

/// Business codes of `alipay.trade.precreate`, which `create` and `pay` have too.
pub(super) const CHARGE: &[Row] = &[
    (
        Unsure,
        // After SYSTEM_ERROR: a trade under our number exists, and a query tells what became of it.
        &[
            "SYSTEM_ERROR",
            "APPLY_PC_MERCHANT_CODE_ERROR",
            "CONTEXT_INCONSISTENT",
            "TRADE_HAS_CLOSE",
            "TRADE_BUYER_NOT_MATCH",
        ],
    ),
    (MaybePaid, &["TRADE_HAS_SUCCESS"]),
    (
        Refused("invalid_request"),
        &[
            "INVALID_PARAMETER",
            "EXIST_FORBIDDEN_WORD",
            "SUB_GOODS_SIZE_MAX_COUNT",
            "RISK_MERCHANT_IP_NOT_EXIST",
        ],
    ),
    (Refused("expired"), &["NOW_TIME_AFTER_EXPIRE_TIME_ERROR"]),
    (Refused("amount_limit"), &["TOTAL_FEE_EXCEED"]),
    (
        Refused("not_permitted"),
        &["ACCESS_FORBIDDEN", "PARTNER_ERROR", "MERCHANT_STATUS_NOT_NORMAL", "SELLER_BEEN_BLOCKED"],
    ),
    (
        Refused("rail_limit"),
        &[
            "BEYOND_PAY_RESTRICTION",
            "BEYOND_PER_RECEIPT_RESTRICTION",
            "BEYOND_PER_RECEIPT_DAY_RESTRICTION",
            "BEYOND_PER_RECEIPT_SINGLE_RESTRICTION",
            "MERCHANT_PERM_RECEIPT_SUSPEND_LIMIT",
            "MERCHANT_PERM_RECEIPT_SINGLE_LIMIT",
            "MERCHANT_PERM_RECEIPT_DAY_LIMIT",
        ],
    ),
    (
        Refused("payer_limit"),
        &[
            "BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR",
            "BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR",
            "ERROR_BUYER_CERTIFY_LEVEL_LIMIT",
        ],
    ),
    (Refused("payer_account"), &["BUYER_ENABLE_STATUS_FORBID", "BUYER_NOT_EXIST"]),
    (Refused("payer_mismatch"), &["BUYER_SELLER_EQUAL"]),
    (
        Refused("rail_configuration"),
        &[
            "INVALID_STORE_ID",
            "SECONDARY_MERCHANT_STATUS_ERROR",
            "SECONDARY_MERCHANT_ID_INVALID",
            "SECONDARY_MERCHANT_ID_BLANK",
            "SECONDARY_MERCHANT_NOT_MATCH",
            "SECONDARY_MERCHANT_ISV_PUNISH_INDIRECT",
            "SECONDARY_MERCHANT_ALIPAY_ACCOUNT_INVALID",
            "TRADE_SETTLE_ERROR",
            "SELLER_NOT_EXIST",
            "INVALID_RECEIVE_ACCOUNT",
            "DEFAULT_SETTLE_RULE_NOT_EXIST",
        ],
    ),
];

/// Further business codes of `alipay.trade.create`.
pub(super) const CREATE: &[Row] = &[
    (Refused("invalid_request"), &["ILLEGAL_ARGUMENT", "STORE_INFO_INVALID"]),
    (Refused("payer_mismatch"), &["CUSTOMER_VALIDATE_ERROR", "USER_LOGONID_DUP", "OPEN_ID_NOT_TINY_APP"]),
    (Refused("payer_limit"), &["NOT_SUPPORT_PAYMENT_INST"]),
    (Refused("rail_limit"), &["ERROR_SELLER_CERTIFY_LEVEL_LIMIT"]),
    (
        Refused("rail_configuration"),
        &[
            "SECONDARY_MERCHANT_CARD_ALIAS_NO_INVALID",
            "UNBOUND_APPLICATION",
            "PLATFORM_BUSINESS_ACQUIRE_MODE_MUST_MERCHANT_ID",
        ],
    ),
    (Refused("not_permitted"), &["BIZ_PRODUCT_NOT_ALLOWED", "PRODUCT_NOT_SUPPORT_IN_TINY_APP"]),
];

/// Further business codes of `alipay.trade.pay`, by a payer's code or out of a hold.
pub(super) const PAY: &[Row] = &[
    (
        Unsure,
        // The trade may stand there unpaid, and its payer may still confirm it.
        &["PAYMENT_FAIL", "PULL_MOBILE_CASHIER_FAIL", "TRADE_STATUS_ERROR"],
    ),
    (
        Refused("payer_code_invalid"),
        &["PAYMENT_AUTH_CODE_INVALID", "AUTH_TOKEN_IS_NOT_EXIST", "CERT_EXPIRED"],
    ),
    (
        Refused("insufficient_funds"),
        &[
            "BUYER_BALANCE_NOT_ENOUGH",
            "BUYER_BANKCARD_BALANCE_NOT_ENOUGH",
            "ERROR_BALANCE_PAYMENT_DISABLE",
            "NO_PAYMENT_INSTRUMENTS_AVAILABLE",
        ],
    ),
    (Refused("risk"), &["PAYMENT_REQUEST_HAS_RISK"]),
    (
        Refused("payer_account"),
        &[
            "MOBILE_PAYMENT_SWITCH_OFF",
            "USER_FACE_PAYMENT_SWITCH_OFF",
            "BUYER_NOT_MAINLAND_CERT",
            "NOT_CERTIFIED_USER",
            "CARD_TYPE_ERROR",
            "CARD_USER_NOT_MATCH",
            "USER_LOGONID_DUP",
        ],
    ),
    (Refused("payer_limit"), &["NOT_SUPPORT_PAYMENT_INST"]),
    (Refused("payer_mismatch"), &["PAYER_UNMATCHED"]),
    (Refused("amount_limit"), &["PRODUCT_AMOUNT_LIMIT_ERROR", "REQUEST_AMOUNT_EXCEED"]),
    (
        Refused("invalid_request"),
        &["AMOUNT_OR_CURRENCY_ERROR", "CURRENCY_NOT_SUPPORT", "UN_SUPPORT_TRADE_SCENE"],
    ),
    (
        Refused("rail_configuration"),
        &[
            "SUB_MERCHANT_CREATE_FAIL",
            "SUB_MERCHANT_TYPE_INVALID",
            "SMILE_PAY_MERCHANT_NOT_MATCH",
            "PLATFORM_BUSINESS_ACQUIRE_MODE_MUST_MERCHANT_ID",
            "ROYALTY_ACCOUNT_NOT_EXIST",
            "PRE_AUTH_PROD_CODE_INCONSISTENT",
        ],
    ),
    (
        Refused("not_permitted"),
        &[
            "RESTRICTED_MERCHANT_INDUSTRY",
            "MERCHANT_UNSUPPORT_ADVANCE",
            "BUYER_UNSUPPORT_ADVANCE",
            "ORDER_UNSUPPORT_ADVANCE",
        ],
    ),
    // Withholding, which is not offered: nothing of ours can get them.
    (
        Refused("not_permitted"),
        &[
            "AGREEMENT_NOT_EXIST",
            "AGREEMENT_INVALID",
            "AGREEMENT_STATUS_NOT_NORMAL",
            "AGREEMENT_ERROR",
            "MERCHANT_AGREEMENT_NOT_EXIST",
            "MERCHANT_AGREEMENT_INVALID",
            "CYCLE_PAY_DATE_NOT_MATCH",
            "CYCLE_PAY_SINGLE_FEE_EXCEED",
            "CYCLE_PAY_TOTAL_FEE_EXCEED",
            "CYCLE_PAY_TOTAL_TIMES_EXCEED",
            "ZM_AUTH_AMOUNT_EXCEED",
            "ZM_CREDIT_AUTH_FAIL",
            "ZM_AUTH_RULE_LIMIT",
            "OVER_MAX_DEDUCT_COUNT",
            "OVER_MAX_UNDER_WAY_DEDUCT_COUNT",
            "OVER_DEDUCT_PERIOD",
            "OVER_MERCHANT_DAILY_DEDUCT_AMOUNT",
        ],
    ),
    // The hold that is captured. An earlier copy of the capture may be what ended it.
    (
        RefusedUnlessDone("order_closed"),
        &["AUTH_NO_ERROR", "AUTH_ORDER_NOT_PAID", "AUTH_ORDER_HAS_FINISHED", "AUTH_ORDER_HAS_CLOSED"],
    ),
    (RefusedUnlessDone("amount_limit"), &["AUTH_AMOUNT_NOT_ENOUGH"]),
];

/// Business codes of `alipay.trade.query`.
pub(super) const QUERY: &[Row] = &[
    (Absent, &["TRADE_NOT_EXIST"]),
    (Unsure, &["SYSTEM_ERROR", "INVALID_PARAMETER", "ENTERPRISE_PAY_BIZ_ERROR"]),
];

/// Business codes of `alipay.trade.close`. A trade that is paid, or closed already, answers the same TRADE_STATUS_ERROR.
pub(super) const CLOSE: &[Row] = &[
    (Absent, &["TRADE_NOT_EXIST"]),
    (MaybePaid, &["TRADE_STATUS_ERROR", "REASON_TRADE_STATUS_INVALID", "REASON_ILLEGAL_STATUS"]),
    (Unsure, &["SYSTEM_ERROR", "INVALID_PARAMETER"]),
];

/// Business codes of `alipay.trade.refund`.
pub(super) const REFUND: &[Row] = &[
    (
        Unsure,
        &[
            "SYSTEM_ERROR",
            "REFUND_CHARGE_ERROR",
            "SELLER_BALANCE_NOT_ENOUGH",
            // Frozen trades thaw.
            "REASON_TRADE_BEEN_FREEZEN",
            // A refund under this number exists, of another amount than ours.
            "DISCORDANT_REPEAT_REQUEST",
        ],
    ),
    (Refused("invalid_request"), &["INVALID_PARAMETER", "CURRENCY_NOT_SUPPORT"]),
    // The earlier copy of this very refund may be what brought the trade into this state.
    (RefusedUnlessDone("order_closed"), &["TRADE_HAS_CLOSE"]),
    (RefusedUnlessDone("refund_not_allowed"), &["TRADE_STATUS_ERROR", "REASON_TRADE_STATUS_INVALID"]),
    // Idempotency by number should answer first; which of the three stands for "more than left" is not confirmed.
    (
        RefusedUnlessDone("refund_amount"),
        &["REFUND_AMT_NOT_EQUAL_TOTAL", "REASON_TRADE_REFUND_FEE_ERR", "REFUND_FEE_ERROR"],
    ),
    (RefusedUnlessDone("refund_window"), &["TRADE_HAS_FINISHED", "TRADE_NOT_ALLOW_REFUND"]),
    (
        Refused("refund_not_allowed"),
        &[
            "TRADE_NOT_EXIST",
            "NOT_ALLOW_PARTIAL_REFUND",
            "ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND",
            "USER_NOT_MATCH_ERR",
            "CUSTOMER_VALIDATE_ERROR",
            "ENTERPRISE_PAY_BIZ_ERROR",
            "OVERDRAFT_ASSIGN_ACCOUNT_INVALID",
            "OVERDRAFT_AGREEMENT_NOT_MATCH",
        ],
    ),
    (
        Refused("payer_account"),
        &["BUYER_NOT_EXIST", "BUYER_ERROR", "BUYER_ENABLE_STATUS_FORBID", "REFUND_ACCOUNT_NOT_EXIST"],
    ),
    (
        Refused("rail_configuration"),
        &[
            "ALLOC_AMOUNT_VALIDATE_ERROR",
            "REFUND_ROYALTY_PAYEE_ACCOUNT_NOT_EXIST",
            "REFUNDALLOC_UNAUTH_LIMIT",
            "TRADE_SETTLE_ERROR",
        ],
    ),
];

/// Business codes of `alipay.trade.fastpay.refund.query`.
pub(super) const QUERY_REFUND: &[Row] = &[
    (Absent, &["TRADE_NOT_EXIST"]),
    (Unsure, &["SYSTEM_ERROR", "INVALID_PARAMETER", "ENTERPRISE_PAY_BIZ_ERROR"]),
];

/// Business codes of `alipay.trade.cancel`. A refusal says that what was paid stays, or that it went back another way: a
/// query tells.
pub(super) const CANCEL: &[Row] = &[
    (
        Unsure,
        &["SYSTEM_ERROR", "INVALID_PARAMETER", "SELLER_BALANCE_NOT_ENOUGH", "REASON_TRADE_BEEN_FREEZEN"],
    ),
    (
        MaybePaid,
        &["TRADE_HAS_FINISHED", "TRADE_CANCEL_TIME_OUT", "REASON_TRADE_REFUND_FEE_ERR", "CANCEL_NOT_ALLOWED"],
    ),
];

/// Business codes of `alipay.fund.auth.order.freeze` and `voucher.create`.
pub(super) const FREEZE: &[Row] = &[
    // After SYSTEM_ERROR: a hold of our number exists, or its payer may still confirm it.
    (
        Unsure,
        &[
            "SYSTEM_ERROR",
            "UNIQUE_VIOLATION",
            "FREEZE_ALREADY_SUCCESS",
            "ORDER_ALREADY_CLOSED",
            "ORDER_ALREADY_FINISH",
            "PULL_MOBILE_CASHIER_FAIL",
        ],
    ),
    (Refused("invalid_request"), &["ILLEGAL_ARGUMENT", "EXIST_FORBIDDEN_WORD"]),
    (Refused("not_permitted"), &["ACCESS_FORBIDDEN"]),
    (Refused("payer_code_invalid"), &["PAYMENT_AUTH_CODE_INVALID"]),
    (Refused("insufficient_funds"), &["MONEY_NOT_ENOUGH", "NO_PAYMENT_INSTRUMENTS_AVAILABLE"]),
    (Refused("payer_account"), &["PAYER_NOT_EXIST", "PAYER_USER_STATUS_LIMIT"]),
    (Refused("payer_mismatch"), &["PAYER_PAYEE_EQUAL"]),
    (Refused("rail_configuration"), &["PAYEE_NOT_EXIST", "PAYEE_USER_STATUS_LIMIT"]),
];

/// Business codes of `alipay.fund.auth.operation.detail.query`.
pub(super) const QUERY_FREEZE: &[Row] = &[
    (Absent, &["AUTH_OPERATION_NOT_EXIST", "AUTH_ORDER_NOT_EXIST"]),
    (Unsure, &["SYSTEM_ERROR", "ILLEGAL_ARGUMENT", "ACCESS_FORBIDDEN", "HAS_NO_PRIVILEGE"]),
];

/// Business codes of `alipay.fund.auth.operation.cancel`.
pub(super) const CANCEL_FREEZE: &[Row] = &[
    (Absent, &["AUTH_OPERATION_NOT_EXIST", "AUTH_ORDER_NOT_EXIST"]),
    (Unsure, &["SYSTEM_ERROR", "ILLEGAL_ARGUMENT", "ACCESS_FORBIDDEN", "HAS_NO_PRIVILEGE"]),
    // The hold stands, or was captured or given back.
    (
        MaybePaid,
        &["CANCEL_OPERATION_TIME_OUT", "ORDER_ALREADY_FINISH", "ORDER_ALREADY_CLOSED", "ILLEGAL_STATUS"],
    ),
];

/// Business codes of `alipay.fund.auth.order.unfreeze`. The earlier copy of this very release may be what ended the hold.
pub(super) const UNFREEZE: &[Row] = &[
    (Unsure, &["SYSTEM_ERROR", "UNIQUE_VIOLATION", "BIZ_ERROR", "ACCESS_FORBIDDEN"]),
    (Refused("invalid_request"), &["ILLEGAL_ARGUMENT", "AUTH_ORDER_NOT_EXIST"]),
    (
        RefusedUnlessDone("order_closed"),
        &["REQUEST_AMOUNT_EXCEED", "ILLEGAL_STATUS", "ORDER_ALREADY_FINISH", "ORDER_ALREADY_CLOSED"],
    ),
];

/// Business codes of the bill's download URL, in the spellings of the documentation and of the wire.
pub(super) const BILL: &[Row] = &[
    (NotYet, &["bill_not_exist", "BILL_NOT_EXIST", "NO_BILL_DATA"]),
    (
        Refused("invalid_request"),
        &["invalid_arguments", "INVAILID_ARGUMENTS", "BILL_DATE_BEFORE_REGISTRATION", "TYPE_NOT_SUPPORTED"],
    ),
    (Unsure, &["UNKNOWN_ERROR", "UNKNOW_ERROR", "SYSTEM_RATE_LIMIT", "USER_RATE_LIMIT", "SYSTEM_ERROR"]),
];

/// What the gateway itself says, before any business: codes 20001, 40001, 40002, 40003 and 40006. The meaning is that of
/// an order creation, and of a refund where it is the message's own fault; refunds and queries are narrowed
/// where the table is read.
pub(super) const GATEWAY: &[Row] = &[
    (
        Refused("invalid_request"),
        &[
            "invalid-parameter",
            "illegal-json",
            "invalid-format",
            "invalid-method",
            "missing-method",
            "missing-version",
            "missing-timestamp",
            "invalid-timestamp",
            "invalid-charset",
            "code-invalid",
            "upload-fail",
            "invalid-file-extension",
            "invalid-file-size",
            "file-check-fail",
            "illegal-timestamp",
            "invalid-version",
            "unsupported-version",
            "invalid-encoding",
        ],
    ),
    (
        Refused("rail_configuration"),
        &[
            "missing-signature",
            "missing-signature-type",
            "missing-signature-key",
            "missing-signature-config",
            "invalid-signature-type",
            "invalid-signature",
            "missing-app-id",
            "invalid-app-id",
            "missing-app-cert-sn",
            "missing-alipay-root-cert-sn",
            "invalid-alipay-root-cert-sn",
            "app-cert-expired",
            "app-cert-not-exist",
            "alipay-cert-not-exist",
            "decryption-error-missing-encrypt-type",
            "decryption-error-unknown",
            "decryption-error",
            "decryption-error-not-valid-encrypt-type",
            "decryption-error-not-valid-encrypt-key",
            "missing-encrypt-type",
            "missing-encrypt-key",
            "invalid-encrypt-type",
            "invalid-encrypt",
            "missing-default-signature-type",
            "unsupported-expired-app-key-sign",
            "app-key-security-risk",
            "missing-alipay-cert-sn",
            "invalid-digest-type",
            "invalid-digest",
            "illegal-client-ip",
        ],
    ),
    (
        Refused("not_permitted"),
        &[
            "forbidden-api",
            "not-online-app",
            "invalid-auth-relations",
            "invalid-auth-token",
            "auth-token-time-out",
            "invalid-app-auth-token",
            "invalid-app-auth-token-no-api",
            "app-auth-token-time-out",
            "no-product-reg-by-partner",
            "insufficient-isv-permissions",
            "insufficient-user-permissions",
            "self-invoke-forbidden",
            "app-api-punished",
            "missing-app-access-token",
            "missing-session",
            "invalid-app-state",
            "invalid-subscribe-relations",
            "not-support-app-auth",
            "access-data-time-out",
            "openid-error",
            "invalid-partnerid",
            "invalid-app-auth-relations",
            "app-unbind-partner",
        ],
    ),
    (
        Unsure,
        &[
            "unknow-error",
            // In v3 also a nonce that came before, so perhaps this very message.
            "suspected-attack",
            "unknown-sub-code",
            "SYSTEM_ERROR",
            "app-call-limited",
            "method-call-limited",
            "app-auth-invoke-limit",
            "exceed-api-balance",
        ],
    ),
];

/// The gateway's codes that every copy of the same message gets, so that no earlier copy was carried out either.
pub(super) const MESSAGES_OWN_FAULT: &[&str] = &["invalid-parameter", "illegal-json", "code-invalid"];
