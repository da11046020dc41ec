//! The code table, walked against the fact sheet's own lists.

use std::collections::BTreeSet;

use paifang_payment::{Basis, Doubt, Outcome, Presentation, Reason, Verb};
use paifang_rail::Call;

use super::*;
use crate::codes::{Meaning, listed};

/// The codes that the documentation lists for each API, without prefixes. Those of holds are listed together, so a table of
/// one may have more than stand here.
const DOCUMENTED: &[(Api, &str)] = &[
    (
        Api::Precreate,
        "SYSTEM_ERROR INVALID_PARAMETER ACCESS_FORBIDDEN EXIST_FORBIDDEN_WORD PARTNER_ERROR TOTAL_FEE_EXCEED \
         CONTEXT_INCONSISTENT TRADE_HAS_SUCCESS TRADE_HAS_CLOSE BUYER_SELLER_EQUAL TRADE_BUYER_NOT_MATCH \
         BUYER_ENABLE_STATUS_FORBID BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR \
         BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR BEYOND_PAY_RESTRICTION BEYOND_PER_RECEIPT_RESTRICTION \
         BEYOND_PER_RECEIPT_DAY_RESTRICTION BEYOND_PER_RECEIPT_SINGLE_RESTRICTION SELLER_BEEN_BLOCKED \
         ERROR_BUYER_CERTIFY_LEVEL_LIMIT INVALID_STORE_ID APPLY_PC_MERCHANT_CODE_ERROR \
         SECONDARY_MERCHANT_STATUS_ERROR SECONDARY_MERCHANT_ID_INVALID SECONDARY_MERCHANT_ID_BLANK \
         SECONDARY_MERCHANT_NOT_MATCH SECONDARY_MERCHANT_ISV_PUNISH_INDIRECT \
         SECONDARY_MERCHANT_ALIPAY_ACCOUNT_INVALID TRADE_SETTLE_ERROR SELLER_NOT_EXIST \
         INVALID_RECEIVE_ACCOUNT NOW_TIME_AFTER_EXPIRE_TIME_ERROR BUYER_NOT_EXIST SUB_GOODS_SIZE_MAX_COUNT \
         DEFAULT_SETTLE_RULE_NOT_EXIST MERCHANT_PERM_RECEIPT_SUSPEND_LIMIT MERCHANT_PERM_RECEIPT_SINGLE_LIMIT \
         MERCHANT_PERM_RECEIPT_DAY_LIMIT RISK_MERCHANT_IP_NOT_EXIST MERCHANT_STATUS_NOT_NORMAL",
    ),
    (
        Api::Create,
        "CUSTOMER_VALIDATE_ERROR SECONDARY_MERCHANT_CARD_ALIAS_NO_INVALID ILLEGAL_ARGUMENT \
         ERROR_SELLER_CERTIFY_LEVEL_LIMIT STORE_INFO_INVALID OPEN_ID_NOT_TINY_APP BIZ_PRODUCT_NOT_ALLOWED \
         UNBOUND_APPLICATION PRODUCT_NOT_SUPPORT_IN_TINY_APP USER_LOGONID_DUP NOT_SUPPORT_PAYMENT_INST \
         PLATFORM_BUSINESS_ACQUIRE_MODE_MUST_MERCHANT_ID",
    ),
    (
        Api::Pay,
        "PAYMENT_AUTH_CODE_INVALID BUYER_BALANCE_NOT_ENOUGH BUYER_BANKCARD_BALANCE_NOT_ENOUGH \
         ERROR_BALANCE_PAYMENT_DISABLE PULL_MOBILE_CASHIER_FAIL MOBILE_PAYMENT_SWITCH_OFF PAYMENT_FAIL \
         PAYMENT_REQUEST_HAS_RISK NO_PAYMENT_INSTRUMENTS_AVAILABLE USER_FACE_PAYMENT_SWITCH_OFF \
         SUB_MERCHANT_CREATE_FAIL SUB_MERCHANT_TYPE_INVALID AGREEMENT_NOT_EXIST AGREEMENT_INVALID \
         AGREEMENT_STATUS_NOT_NORMAL AGREEMENT_ERROR MERCHANT_AGREEMENT_NOT_EXIST MERCHANT_AGREEMENT_INVALID \
         CARD_USER_NOT_MATCH CARD_TYPE_ERROR CERT_EXPIRED AMOUNT_OR_CURRENCY_ERROR CURRENCY_NOT_SUPPORT \
         MERCHANT_UNSUPPORT_ADVANCE BUYER_UNSUPPORT_ADVANCE ORDER_UNSUPPORT_ADVANCE CYCLE_PAY_DATE_NOT_MATCH \
         CYCLE_PAY_SINGLE_FEE_EXCEED CYCLE_PAY_TOTAL_FEE_EXCEED CYCLE_PAY_TOTAL_TIMES_EXCEED AUTH_NO_ERROR \
         AUTH_AMOUNT_NOT_ENOUGH AUTH_ORDER_NOT_PAID AUTH_ORDER_HAS_FINISHED AUTH_ORDER_HAS_CLOSED \
         AUTH_TOKEN_IS_NOT_EXIST PRODUCT_AMOUNT_LIMIT_ERROR REQUEST_AMOUNT_EXCEED PAYER_UNMATCHED \
         PRE_AUTH_PROD_CODE_INCONSISTENT NOT_SUPPORT_PAYMENT_INST BUYER_NOT_MAINLAND_CERT \
         SMILE_PAY_MERCHANT_NOT_MATCH NOT_CERTIFIED_USER RESTRICTED_MERCHANT_INDUSTRY \
         PLATFORM_BUSINESS_ACQUIRE_MODE_MUST_MERCHANT_ID TRADE_STATUS_ERROR USER_LOGONID_DUP \
         ZM_AUTH_AMOUNT_EXCEED ZM_CREDIT_AUTH_FAIL ZM_AUTH_RULE_LIMIT ROYALTY_ACCOUNT_NOT_EXIST \
         UN_SUPPORT_TRADE_SCENE OVER_MAX_DEDUCT_COUNT OVER_MAX_UNDER_WAY_DEDUCT_COUNT OVER_DEDUCT_PERIOD \
         OVER_MERCHANT_DAILY_DEDUCT_AMOUNT",
    ),
    (Api::Query, "SYSTEM_ERROR INVALID_PARAMETER TRADE_NOT_EXIST ENTERPRISE_PAY_BIZ_ERROR"),
    (
        Api::Close,
        "SYSTEM_ERROR TRADE_NOT_EXIST TRADE_STATUS_ERROR REASON_TRADE_STATUS_INVALID REASON_ILLEGAL_STATUS \
         INVALID_PARAMETER",
    ),
    (
        Api::Cancel,
        "SYSTEM_ERROR INVALID_PARAMETER SELLER_BALANCE_NOT_ENOUGH REASON_TRADE_BEEN_FREEZEN \
         TRADE_HAS_FINISHED TRADE_CANCEL_TIME_OUT REASON_TRADE_REFUND_FEE_ERR CANCEL_NOT_ALLOWED",
    ),
    (
        Api::Refund,
        "SYSTEM_ERROR REFUND_CHARGE_ERROR SELLER_BALANCE_NOT_ENOUGH INVALID_PARAMETER TRADE_NOT_EXIST \
         TRADE_STATUS_ERROR REASON_TRADE_STATUS_INVALID TRADE_HAS_CLOSE TRADE_HAS_FINISHED \
         TRADE_NOT_ALLOW_REFUND REFUND_AMT_NOT_EQUAL_TOTAL REASON_TRADE_REFUND_FEE_ERR REFUND_FEE_ERROR \
         DISCORDANT_REPEAT_REQUEST NOT_ALLOW_PARTIAL_REFUND ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND \
         REASON_TRADE_BEEN_FREEZEN BUYER_NOT_EXIST BUYER_ERROR BUYER_ENABLE_STATUS_FORBID \
         REFUND_ACCOUNT_NOT_EXIST ALLOC_AMOUNT_VALIDATE_ERROR REFUND_ROYALTY_PAYEE_ACCOUNT_NOT_EXIST \
         REFUNDALLOC_UNAUTH_LIMIT TRADE_SETTLE_ERROR USER_NOT_MATCH_ERR CUSTOMER_VALIDATE_ERROR \
         CURRENCY_NOT_SUPPORT ENTERPRISE_PAY_BIZ_ERROR OVERDRAFT_ASSIGN_ACCOUNT_INVALID \
         OVERDRAFT_AGREEMENT_NOT_MATCH",
    ),
    (Api::RefundQuery, "SYSTEM_ERROR INVALID_PARAMETER TRADE_NOT_EXIST ENTERPRISE_PAY_BIZ_ERROR"),
    (
        Api::Freeze,
        "ILLEGAL_ARGUMENT UNIQUE_VIOLATION SYSTEM_ERROR ACCESS_FORBIDDEN PAYMENT_AUTH_CODE_INVALID \
         MONEY_NOT_ENOUGH PAYER_NOT_EXIST PAYEE_NOT_EXIST PAYER_PAYEE_EQUAL PAYER_USER_STATUS_LIMIT \
         PAYEE_USER_STATUS_LIMIT ORDER_ALREADY_CLOSED ORDER_ALREADY_FINISH FREEZE_ALREADY_SUCCESS \
         PULL_MOBILE_CASHIER_FAIL NO_PAYMENT_INSTRUMENTS_AVAILABLE EXIST_FORBIDDEN_WORD",
    ),
    (Api::Unfreeze, "AUTH_ORDER_NOT_EXIST REQUEST_AMOUNT_EXCEED ILLEGAL_STATUS BIZ_ERROR"),
    (Api::FreezeQuery, "AUTH_OPERATION_NOT_EXIST HAS_NO_PRIVILEGE"),
    (Api::FreezeCancel, "CANCEL_OPERATION_TIME_OUT"),
    (
        Api::BillUrl,
        "NO_BILL_DATA INVAILID_ARGUMENTS BILL_NOT_EXIST UNKNOWN_ERROR UNKNOW_ERROR \
         BILL_DATE_BEFORE_REGISTRATION TYPE_NOT_SUPPORTED SYSTEM_RATE_LIMIT USER_RATE_LIMIT bill_not_exist \
         invalid_arguments",
    ),
];

/// The gateway's codes in the official description of v3.
const GATEWAY_V3: &str = "invalid-parameter upload-fail invalid-file-extension invalid-file-size file-check-fail \
     app-call-limited method-call-limited insufficient-isv-permissions illegal-client-ip \
     insufficient-user-permissions self-invoke-forbidden app-auth-invoke-limit app-api-punished \
     missing-method invalid-method forbidden-api invalid-format missing-signature \
     missing-app-access-token missing-signature-type missing-default-signature-type missing-signature-key \
     invalid-signature-type invalid-signature unsupported-expired-app-key-sign app-key-security-risk \
     app-cert-expired app-cert-not-exist alipay-cert-not-exist missing-app-cert-sn missing-alipay-cert-sn \
     missing-alipay-root-cert-sn invalid-alipay-root-cert-sn missing-encrypt-type missing-encrypt-key \
     invalid-encrypt-type invalid-encrypt missing-session missing-app-id invalid-app-id missing-timestamp \
     invalid-timestamp illegal-timestamp missing-version invalid-version unsupported-version \
     invalid-encoding invalid-charset invalid-digest-type invalid-digest invalid-app-state \
     invalid-subscribe-relations invalid-auth-token auth-token-time-out invalid-app-auth-token \
     invalid-app-auth-token-no-api app-auth-token-time-out not-support-app-auth access-data-time-out \
     openid-error unknow-error illegal-json invalid-partnerid no-product-reg-by-partner decryption-error \
     decryption-error-missing-encrypt-type decryption-error-not-valid-encrypt-type \
     decryption-error-not-valid-encrypt-key decryption-error-unknown missing-signature-config \
     unknown-sub-code suspected-attack invalid-auth-relations invalid-app-auth-relations \
     app-unbind-partner exceed-api-balance";

/// Codes of the gateway itself, under each of their numbers.
const GATEWAY_CODES: &[(&str, &str)] = &[
    (
        "20001",
        "aop.invalid-auth-token aop.auth-token-time-out aop.invalid-app-auth-token \
         aop.invalid-app-auth-token-no-api aop.app-auth-token-time-out aop.no-product-reg-by-partner",
    ),
    (
        "40001",
        "isv.missing-method isv.missing-signature isv.missing-signature-type isv.missing-signature-key \
         isv.missing-app-id isv.missing-timestamp isv.missing-version isv.decryption-error-missing-encrypt-type \
         isv.missing-app-cert-sn isv.missing-alipay-root-cert-sn",
    ),
    (
        "40002",
        "isv.invalid-parameter isv.invalid-method isv.invalid-format isv.invalid-signature-type \
         isv.invalid-signature isv.invalid-app-id isv.invalid-timestamp isv.invalid-charset isv.illegal-json \
         isv.forbidden-api isv.code-invalid app-cert-expired not-online-app \
         isv.invalid-alipay-root-cert-sn isv.app-cert-not-exist isv.alipay-cert-not-exist",
    ),
    ("40003", "isv.missing-signature-config isv.decryption-error-unknown invalid-auth-relations"),
    (
        "40006",
        "isv.insufficient-isv-permissions isv.insufficient-user-permissions isv.self-invoke-forbidden \
         isv.app-api-punished",
    ),
];

pub(super) fn each_call(mut check: impl FnMut(Call<'_>)) {
    let (order, refund, hold) = (order(Presentation::QrShown), refund(), hold(Presentation::QrShown));
    let (capture, release) = (super::holds::capture(), super::holds::release());
    let reversal = super::calls::reversal(Presentation::PayerCode);
    for presentation in [Presentation::QrShown, Presentation::PayerCode, Presentation::Jsapi] {
        check(Call::Charge(&charge(presentation)));
    }
    for presentation in [Presentation::QrShown, Presentation::PayerCode] {
        let mut charge = charge(presentation);
        charge.order.kind = OrderKind::Hold;
        check(Call::Charge(&charge));
    }
    check(Call::Query(&order));
    check(Call::Query(&hold));
    check(Call::Close(&order));
    check(Call::Close(&hold));
    check(Call::Reverse(&reversal));
    check(Call::QueryReverse(&reversal));
    check(Call::Refund(&refund));
    check(Call::QueryRefund(&refund));
    check(Call::Capture(&capture));
    check(Call::QueryCapture(&capture));
    check(Call::Release(&release));
    check(Call::QueryRelease(&release));
}

fn failure(code: &str, sub_code: &str) -> String {
    format!(r#"{{"code":"{code}","msg":"Failed","sub_code":"{sub_code}","sub_msg":"失败"}}"#)
}

fn unsigned(bench: &Bench, call: &Call<'_>, content: &str) -> Answer {
    let key = Api::of(call).unwrap().method().replace('.', "_");
    bench.read_raw(call, format!(r#"{{"{key}_response":{content}}}"#).into())
}

#[test]
fn the_table_lists_what_is_documented() {
    for (api, names) in DOCUMENTED {
        let table = listed::business(*api);
        let known: BTreeSet<&str> = table.iter().map(|(name, _)| *name).collect();
        let missing: Vec<&str> = names.split_whitespace().filter(|name| !known.contains(name)).collect();
        assert!(missing.is_empty(), "{api:?}: {missing:?}");
        for (name, meaning) in &table {
            let twice: Vec<_> = table.iter().filter(|(other, _)| other == name).collect();
            assert_eq!(twice.len(), 1, "{api:?} {name} twice: {meaning:?}");
            reason_of(*meaning);
        }
    }
    let gateway = listed::gateway();
    let known: BTreeSet<&str> = gateway.iter().map(|(name, _)| *name).collect();
    assert_eq!(known.len(), gateway.len(), "a code twice");
    for name in GATEWAY_V3.split_whitespace() {
        assert!(known.contains(name), "{name}");
    }
    gateway.iter().for_each(|(_, meaning)| reason_of(*meaning));
}

fn reason_of(meaning: Meaning) {
    if let Meaning::Refused(word) | Meaning::RefusedUnlessDone(word) = meaning {
        assert!(Reason::parse(word).is_ok(), "{word}");
    }
}

#[test]
fn every_listed_code_is_read_by_its_row_under_every_prefix() {
    let bench = Bench::new();
    each_call(|call| {
        for (name, listed) in listed::business(Api::of(&call).unwrap()) {
            let meaning = listed::to(call.verb(), listed);
            for prefix in ["ACQ.", "AQC.", "", "aop.ACQ."] {
                let code = format!("{prefix}{name}");
                let answer = bench.read(&call, &failure("40004", &code));
                assert!(answer.rule().ends_with(&name.to_ascii_lowercase()), "{answer:?}");
                assert!(fits(meaning, &answer, &code), "{code}: {meaning:?} but {answer:?}");
                let alone = unsigned(&bench, &call, &failure("40004", &code));
                let doubt = match meaning {
                    Meaning::Unsure | Meaning::NotYet => Doubt::RailUnsure(code),
                    Meaning::Refused(_)
                    | Meaning::RefusedUnlessDone(_)
                    | Meaning::MaybePaid
                    | Meaning::Absent => Doubt::BadSignature,
                };
                assert_eq!(alone.outcome(), Some(&Outcome::Unknown(doubt)), "unsigned {name}");
            }
        }
    });
}

fn fits(meaning: Meaning, answer: &Answer, code: &str) -> bool {
    match (meaning, answer.outcome()) {
        (Meaning::Refused(word), Some(Outcome::Refused(refusal))) => {
            refusal.reason.as_str() == word
                && refusal.rail_code == code
                && refusal.rail_message == "失败"
                && refusal.basis == Basis::Signed
        }
        (Meaning::RefusedUnlessDone(word), Some(Outcome::Unknown(Doubt::Unconfirmed(refusal)))) => {
            refusal.reason.as_str() == word && refusal.rail_code == code
        }
        (Meaning::Unsure, Some(Outcome::Unknown(Doubt::RailUnsure(shown)))) => *shown == code,
        (Meaning::MaybePaid, Some(Outcome::Unknown(Doubt::MaybePaid(shown)))) => *shown == code,
        (Meaning::Absent, None) => true,
        _ => false,
    }
}

#[test]
fn unlisted_codes_are_doubt_everywhere() {
    let bench = Bench::new();
    each_call(|call| {
        for (code, sub_code) in [
            ("40004", "ACQ.NO_SUCH_CODE"),
            ("40004", "ACQ.system_error"),
            ("40004", "isv.invalid-signature"),
            ("40002", "isv.no-such-code"),
            ("40002", "ACQ.INVALID_PARAMETER"),
            ("40009", "ACQ.INVALID_PARAMETER"),
            ("10001", "ACQ.TRADE_NOT_EXIST"),
            ("", ""),
        ] {
            let answer = bench.read(&call, &failure(code, sub_code));
            let wanted = match code {
                "" => Doubt::Unreadable,
                _ => Doubt::UnlistedCode(sub_code.to_owned()),
            };
            assert_eq!(answer.outcome(), Some(&Outcome::Unknown(wanted)), "{code} {sub_code}");
        }
        let bare = bench.read(&call, r#"{"code":"40004","msg":"Business Failed"}"#);
        assert_eq!(bare.outcome(), Some(&Outcome::Unknown(Doubt::UnlistedCode("40004".into()))));
        let long = bench.read(&call, &failure("40004", &"X".repeat(500)));
        assert_eq!(long.outcome(), Some(&Outcome::Unknown(Doubt::UnlistedCode("X".repeat(64)))));
    });
}

/// The rail's own "I do not know": never an end, signed or not.
#[test]
fn unavailable_and_limited_gateways_leave_doubt() {
    let bench = Bench::new();
    each_call(|call| {
        for (code, sub_code) in [
            ("40002", "isv.suspected-attack"),
            ("20000", "isp.unknow-error"),
            ("20000", "aop.unknow-error"),
            ("20000", "aop.ACQ.SYSTEM_ERROR"),
            ("20000", "ACQ.TRADE_NOT_EXIST"),
            ("40005", "isv.app-call-limited"),
            ("40005", "isv.method-call-limited"),
            ("10003", "isp.anything"),
        ] {
            let wanted = Outcome::Unknown(Doubt::RailUnsure(sub_code.to_owned()));
            assert_eq!(bench.read(&call, &failure(code, sub_code)).outcome(), Some(&wanted));
            assert_eq!(unsigned(&bench, &call, &failure(code, sub_code)).outcome(), Some(&wanted));
        }
    });
}

/// A fault of configuration ends a new order, which nobody can have paid. It says nothing of what a query asks about, and
/// a refund waits for the repair, since an earlier copy of it may have been carried out.
#[test]
fn the_gateways_refusals_end_new_orders_only() {
    let bench = Bench::new();
    let own_fault = ["isv.invalid-parameter", "isv.illegal-json", "isv.code-invalid"];
    each_call(|call| {
        for (code, names) in GATEWAY_CODES {
            for name in names.split_whitespace() {
                let signed = bench.read(&call, &failure(code, name));
                let alone = unsigned(&bench, &call, &failure(code, name));
                let ends = match call.verb() {
                    Verb::Charge => true,
                    Verb::Refund => own_fault.contains(&name),
                    Verb::Query
                    | Verb::Close
                    | Verb::QueryRefund
                    | Verb::Reverse
                    | Verb::QueryReverse
                    | Verb::Capture
                    | Verb::QueryCapture
                    | Verb::Release
                    | Verb::QueryRelease => false,
                };
                for (answer, basis) in [(signed, Basis::Signed), (alone, Basis::Channel)] {
                    let fits = match answer.outcome() {
                        Some(Outcome::Refused(refusal)) => ends && refusal.basis == basis,
                        Some(Outcome::Unknown(Doubt::RailUnsure(shown))) => !ends && shown == name,
                        _ => false,
                    };
                    assert!(fits, "{code} {name}: {answer:?}");
                }
            }
        }
    });
}

/// The gateway repeats the whole request in this message; it does not go into the journal.
#[test]
fn a_wrong_signature_is_told_without_our_own_request() {
    let bench = Bench::new();
    let charge = charge(Presentation::QrShown);
    let answer = bench.read(&Call::Charge(&charge), &failure("40002", "isv.invalid-signature"));
    let Some(Outcome::Refused(refusal)) = answer.outcome() else { panic!("{answer:?}") };
    assert_eq!((refusal.reason.as_str(), refusal.rail_message.as_str()), ("rail_configuration", "Failed"));
}

#[test]
fn a_failure_that_names_another_order_is_not_ours() {
    let bench = Bench::new();
    each_call(|call| {
        let field = if Api::of(&call).unwrap().is_of_hold() { "out_order_no" } else { "out_trade_no" };
        let content =
            format!(r#"{{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST","{field}":"T20240709A0002"}}"#);
        let wanted = Outcome::Unknown(Doubt::Mismatch(field.into()));
        assert_eq!(bench.read(&call, &content).outcome(), Some(&wanted));
    });
}

/// The document is printed from the table; run with `UPDATE_EXPECT=1` to renew it.
#[test]
fn the_document_is_the_table() {
    let mut text = String::from(DOCUMENT_HEAD);
    let apis = [
        (Api::Precreate, "charge"),
        (Api::Create, "charge"),
        (Api::Pay, "charge, capture"),
        (Api::Query, "query, query_reverse, query_capture"),
        (Api::Close, "close"),
        (Api::Cancel, "reverse"),
        (Api::Refund, "refund"),
        (Api::RefundQuery, "query_refund"),
        (Api::Freeze, "charge (hold)"),
        (Api::Voucher, "charge (hold)"),
        (Api::FreezeQuery, "query (hold), query_release"),
        (Api::FreezeCancel, "close (hold), reverse (hold)"),
        (Api::Unfreeze, "release"),
        (Api::BillUrl, "statement"),
    ];
    for (api, verbs) in apis {
        text += &format!("\n## `{}`: {verbs}\n\n{COLUMNS}", api.method());
        text += &rows(listed::business(api), api == Api::Unfreeze);
    }
    text += &format!(
        "\n## The gateway itself (v2: 20001, 40001, 40002, 40003, 40006; v3: kebab case)\n\n{COLUMNS}"
    );
    text += &rows(listed::gateway(), false);
    expect_test::expect_file!["../../../../docs/codes/alipay.md"].assert_eq(&text);
}

const COLUMNS: &str = "| code | meaning | what the gateway does |\n|---|---|---|\n";

const DOCUMENT_HEAD: &str = "# Alipay's codes\n\n\
    Printed from the adapter's table by its test; do not edit. A code is compared by its bare name, without `ACQ.`, `AQC.`, \
    `isp.`, `isv.` and `aop.`. What is not listed is doubt: the order's query decides.\n\n\
    - Codes 20000, 40005 and (but for payers' codes) 10003, and in v3 the statuses 429 and 5xx, are the rail's \"I do not \
    know\", whatever stands beside them.\n\
    - An unsigned business code is doubt. The gateway's own codes may be unsigned; of a new order they are final, of \
    everything else doubt, except invalid-parameter, illegal-json and code-invalid of a refund.\n\
    - For captures and releases \"refused\" means \"refused, unless an earlier copy was carried out\"; for reverses it means \
    that a query decides.\n";

fn rows(list: Vec<(&'static str, Meaning)>, repeated: bool) -> String {
    let mut lines: Vec<String> = list
        .into_iter()
        .map(|(name, meaning)| {
            let meaning = if repeated { listed::to(Verb::Release, meaning) } else { meaning };
            let (word, then) = match meaning {
                Meaning::Refused(reason) => {
                    (format!("refused: `{reason}`"), "ends the attempt with this reason")
                }
                Meaning::RefusedUnlessDone(reason) => (
                    format!("refused: `{reason}`, unless done before"),
                    "asks by query; refused when that finds nothing",
                ),
                Meaning::Unsure => {
                    ("the rail does not know".to_owned(), "asks by query, repeats where that is safe")
                }
                Meaning::MaybePaid => ("it may be paid".to_owned(), "asks by query"),
                Meaning::Absent => ("no such order".to_owned(), "final once the order has expired"),
                Meaning::NotYet => ("not there yet".to_owned(), "asks again later"),
            };
            format!("| {name} | {word} | {then} |\n")
        })
        .collect();
    lines.sort();
    lines.concat()
}

/// What says that the rail fails leaves a charge in doubt, however it is spelled; what is about one trade is not among it.
#[test]
fn codes_of_a_failing_rail_leave_a_doubt() {
    let known: Vec<_> = listed::gateway().into_iter().chain(listed::business(Api::Precreate)).collect();
    for code in crate::codes::FAILING.iter().filter(|code| !["20000", "40005"].contains(code)) {
        let bare = code.rsplit('.').next().unwrap();
        assert!(known.contains(&(bare, Meaning::Unsure)), "{code}");
    }
    for of_one_trade in ["10003", "ACQ.PAYMENT_FAIL", "ACQ.TRADE_HAS_CLOSE", "ACQ.CONTEXT_INCONSISTENT"] {
        assert!(!crate::codes::FAILING.contains(&of_one_trade), "{of_one_trade}");
    }
}
