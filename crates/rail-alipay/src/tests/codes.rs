//! The code table, walked against the fact sheet's own lists.

use std::collections::BTreeSet;

use paifang_payment::{Basis, Doubt, Outcome, Presentation, Reason, Verb};
use paifang_rail::Call;

use super::*;
use crate::codes::{Meaning, listed};

/// The codes that the documentation lists for each call, without `ACQ.`.
const DOCUMENTED: &[(Verb, &str)] = &[
    (
        Verb::Charge,
        "SYSTEM_ERROR INVALID_PARAMETER ACCESS_FORBIDDEN EXIST_FORBIDDEN_WORD PARTNER_ERROR TOTAL_FEE_EXCEED \
         CONTEXT_INCONSISTENT TRADE_HAS_SUCCESS TRADE_HAS_CLOSE BUYER_SELLER_EQUAL TRADE_BUYER_NOT_MATCH \
         BUYER_ENABLE_STATUS_FORBID BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR \
         BEYOND_PAY_RESTRICTION BEYOND_PER_RECEIPT_RESTRICTION BEYOND_PER_RECEIPT_DAY_RESTRICTION \
         BEYOND_PER_RECEIPT_SINGLE_RESTRICTION SELLER_BEEN_BLOCKED ERROR_BUYER_CERTIFY_LEVEL_LIMIT \
         INVALID_STORE_ID APPLY_PC_MERCHANT_CODE_ERROR SECONDARY_MERCHANT_STATUS_ERROR \
         SECONDARY_MERCHANT_ID_INVALID SECONDARY_MERCHANT_ID_BLANK SECONDARY_MERCHANT_NOT_MATCH \
         SECONDARY_MERCHANT_ISV_PUNISH_INDIRECT SECONDARY_MERCHANT_ALIPAY_ACCOUNT_INVALID TRADE_SETTLE_ERROR \
         SELLER_NOT_EXIST INVALID_RECEIVE_ACCOUNT NOW_TIME_AFTER_EXPIRE_TIME_ERROR BUYER_NOT_EXIST \
         SUB_GOODS_SIZE_MAX_COUNT DEFAULT_SETTLE_RULE_NOT_EXIST MERCHANT_PERM_RECEIPT_SUSPEND_LIMIT \
         MERCHANT_PERM_RECEIPT_SINGLE_LIMIT MERCHANT_PERM_RECEIPT_DAY_LIMIT RISK_MERCHANT_IP_NOT_EXIST \
         MERCHANT_STATUS_NOT_NORMAL",
    ),
    (Verb::Query, "SYSTEM_ERROR INVALID_PARAMETER TRADE_NOT_EXIST ENTERPRISE_PAY_BIZ_ERROR"),
    (
        Verb::Close,
        "SYSTEM_ERROR TRADE_NOT_EXIST TRADE_STATUS_ERROR REASON_TRADE_STATUS_INVALID REASON_ILLEGAL_STATUS \
         INVALID_PARAMETER",
    ),
    (
        Verb::Refund,
        "SYSTEM_ERROR REFUND_CHARGE_ERROR SELLER_BALANCE_NOT_ENOUGH INVALID_PARAMETER TRADE_NOT_EXIST \
         TRADE_STATUS_ERROR REASON_TRADE_STATUS_INVALID TRADE_HAS_CLOSE TRADE_HAS_FINISHED TRADE_NOT_ALLOW_REFUND \
         REFUND_AMT_NOT_EQUAL_TOTAL REASON_TRADE_REFUND_FEE_ERR REFUND_FEE_ERROR DISCORDANT_REPEAT_REQUEST \
         NOT_ALLOW_PARTIAL_REFUND ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND REASON_TRADE_BEEN_FREEZEN BUYER_NOT_EXIST \
         BUYER_ERROR BUYER_ENABLE_STATUS_FORBID REFUND_ACCOUNT_NOT_EXIST ALLOC_AMOUNT_VALIDATE_ERROR \
         REFUND_ROYALTY_PAYEE_ACCOUNT_NOT_EXIST REFUNDALLOC_UNAUTH_LIMIT TRADE_SETTLE_ERROR USER_NOT_MATCH_ERR \
         CUSTOMER_VALIDATE_ERROR CURRENCY_NOT_SUPPORT ENTERPRISE_PAY_BIZ_ERROR OVERDRAFT_ASSIGN_ACCOUNT_INVALID \
         OVERDRAFT_AGREEMENT_NOT_MATCH",
    ),
    (Verb::QueryRefund, "SYSTEM_ERROR INVALID_PARAMETER TRADE_NOT_EXIST ENTERPRISE_PAY_BIZ_ERROR"),
];

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
         isv.suspected-attack isv.forbidden-api isv.code-invalid app-cert-expired not-online-app \
         isv.invalid-alipay-root-cert-sn isv.app-cert-not-exist isv.alipay-cert-not-exist",
    ),
    ("40003", "isv.missing-signature-config isv.decryption-error-unknown invalid-auth-relations"),
    (
        "40006",
        "isv.insufficient-isv-permissions isv.insufficient-user-permissions isv.self-invoke-forbidden \
         isv.app-api-punished",
    ),
];

fn each_call(mut check: impl FnMut(Call<'_>)) {
    let (charge, order, refund) = (charge(Presentation::QrShown), order(Presentation::QrShown), refund());
    check(Call::Charge(&charge));
    check(Call::Query(&order));
    check(Call::Close(&order));
    check(Call::Refund(&refund));
    check(Call::QueryRefund(&refund));
}

fn failure(code: &str, sub_code: &str) -> String {
    format!(r#"{{"code":"{code}","msg":"Failed","sub_code":"{sub_code}","sub_msg":"失败"}}"#)
}

fn unsigned(bench: &Bench, call: &Call<'_>, content: &str) -> Answer {
    let key = crate::method(call).unwrap().replace('.', "_");
    bench.read_raw(call, format!(r#"{{"{key}_response":{content}}}"#).into())
}

#[test]
fn the_table_lists_exactly_what_is_documented() {
    for (verb, names) in DOCUMENTED {
        let documented: BTreeSet<&str> = names.split_whitespace().collect();
        let table = listed::business(*verb);
        let known: BTreeSet<&str> = table.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, documented, "{verb:?}");
        assert_eq!(known.len(), table.len(), "{verb:?}: a code twice");
    }
    assert!(listed::business(Verb::Reverse).is_empty() && listed::business(Verb::QueryReverse).is_empty());
    for (name, meaning) in listed::gateway() {
        if let Meaning::Refused(word) | Meaning::RefusedUnlessDone(word) = meaning {
            assert!(Reason::parse(word).is_ok(), "{name}");
        }
    }
}

#[test]
fn every_listed_code_is_read_by_its_row_under_every_prefix() {
    let bench = Bench::new();
    each_call(|call| {
        for (name, meaning) in listed::business(call.verb()) {
            for prefix in ["ACQ.", "AQC.", "", "aop.ACQ."] {
                let code = format!("{prefix}{name}");
                let answer = bench.read(&call, &failure("40004", &code));
                assert!(answer.rule().ends_with(&name.to_ascii_lowercase()), "{answer:?}");
                let says = answer.outcome();
                let fits = match (meaning, says) {
                    (Meaning::Refused(word), Some(Outcome::Refused(refusal))) => {
                        refusal.reason.as_str() == word
                            && refusal.rail_code == code
                            && refusal.rail_message == "失败"
                            && refusal.basis == Basis::Signed
                    }
                    (
                        Meaning::RefusedUnlessDone(word),
                        Some(Outcome::Unknown(Doubt::Unconfirmed(refusal))),
                    ) => refusal.reason.as_str() == word && refusal.rail_code == code,
                    (Meaning::Unsure, Some(Outcome::Unknown(Doubt::RailUnsure(shown)))) => *shown == code,
                    (Meaning::MaybePaid, Some(Outcome::Unknown(Doubt::MaybePaid(shown)))) => *shown == code,
                    (Meaning::Absent, None) => true,
                    _ => false,
                };
                assert!(fits, "{code}: {meaning:?} but {answer:?}");
                let alone = unsigned(&bench, &call, &failure("40004", &code));
                let doubt = match meaning {
                    Meaning::Unsure => Doubt::RailUnsure(code),
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
        let content = r#"{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST","out_trade_no":"T20240709A0002"}"#;
        let wanted = Outcome::Unknown(Doubt::Mismatch("out_trade_no".into()));
        assert_eq!(bench.read(&call, content).outcome(), Some(&wanted));
    });
}
