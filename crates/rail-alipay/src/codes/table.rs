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
    /// There is no such trade.
    Absent,
}

use Meaning::{Absent, MaybePaid, Refused, RefusedUnlessDone, Unsure};

/// Codes that share a meaning, by bare name.
pub(super) type Row = (Meaning, &'static [&'static str]);

/// Code 40004 to `alipay.trade.precreate`.
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

/// Code 40004 to `alipay.trade.query`.
pub(super) const QUERY: &[Row] = &[
    (Absent, &["TRADE_NOT_EXIST"]),
    (Unsure, &["SYSTEM_ERROR", "INVALID_PARAMETER", "ENTERPRISE_PAY_BIZ_ERROR"]),
];

/// Code 40004 to `alipay.trade.close`. A trade that is paid, or closed already, answers the same TRADE_STATUS_ERROR.
pub(super) const CLOSE: &[Row] = &[
    (Absent, &["TRADE_NOT_EXIST"]),
    (MaybePaid, &["TRADE_STATUS_ERROR", "REASON_TRADE_STATUS_INVALID", "REASON_ILLEGAL_STATUS"]),
    (Unsure, &["SYSTEM_ERROR", "INVALID_PARAMETER"]),
];

/// Code 40004 to `alipay.trade.refund`.
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

/// Code 40004 to `alipay.trade.fastpay.refund.query`.
pub(super) const QUERY_REFUND: &[Row] = &[
    (Absent, &["TRADE_NOT_EXIST"]),
    (Unsure, &["SYSTEM_ERROR", "INVALID_PARAMETER", "ENTERPRISE_PAY_BIZ_ERROR"]),
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
            "suspected-attack",
            "code-invalid",
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
        ],
    ),
    (Unsure, &["unknow-error", "SYSTEM_ERROR", "app-call-limited", "method-call-limited"]),
];

/// The gateway's codes that every copy of the same message gets, so that no earlier copy was carried out either.
pub(super) const MESSAGES_OWN_FAULT: &[&str] = &["invalid-parameter", "illegal-json", "code-invalid"];
