//! The table of codes, walked from the documentation's side.

use expect_test::expect;
use paifang_payment::{Basis, Doubt, Outcome, Presentation, Verb};
use paifang_rail::{Answer, Call, Rail, Reply};

use super::support::*;
use crate::codes;
use crate::wire::reason;

/// The documented list with its statuses, in today's spelling.
const DOCUMENTED: &[(&str, u16)] = &[
    ("PARAM_ERROR", 400),
    ("INVALID_REQUEST", 400),
    ("APPID_MCHID_NOT_MATCH", 400),
    ("MCH_NOT_EXISTS", 400),
    ("ORDER_CLOSED", 400),
    ("ORDER_PAID", 400),
    ("NO_STATEMENT_EXIST", 400),
    ("STATEMENT_CREATING", 400),
    ("SIGN_ERROR", 401),
    ("NO_AUTH", 403),
    ("RULE_LIMIT", 403),
    ("TRADE_ERROR", 403),
    ("ACCOUNT_ERROR", 403),
    ("OUT_TRADE_NO_USED", 403),
    ("NOT_ENOUGH", 403),
    ("USER_ACCOUNT_ABNORMAL", 403),
    ("ORDER_NOT_EXIST", 404),
    ("RESOURCE_NOT_EXISTS", 404),
    ("FREQUENCY_LIMITED", 429),
    ("RATELIMIT_EXCEEDED", 429),
    ("RATELIMIT_EXCEED", 429),
    ("RATE_LIMITED", 429),
    ("FREQUENCY_LIMIT_EXCEED", 429),
    ("REQUEST_BLOCKED", 403),
    ("SYSTEM_ERROR", 500),
    ("BANK_ERROR", 500),
    ("INVALID_TRANSACTIONID", 500),
    ("OPENID_MISMATCH", 500),
    ("SERVICE_UNAVAILABLE", 503),
    ("USERPAYING", 202),
];

/// Today's spelling and that of 2020.
const SPELLINGS: &[(&str, &str)] = &[
    ("ORDER_NOT_EXIST", "ORDERNOTEXIST"),
    ("ORDER_CLOSED", "ORDERCLOSED"),
    ("ORDER_PAID", "ORDERPAID"),
    ("NOT_ENOUGH", "NOTENOUGH"),
    ("SYSTEM_ERROR", "SYSTEMERROR"),
    ("BANK_ERROR", "BANKERROR"),
    ("NO_AUTH", "NOAUTH"),
    ("RULE_LIMIT", "RULELIMIT"),
    ("ACCOUNT_ERROR", "ACCOUNTERROR"),
    ("SIGN_ERROR", "SIGN_ERROR"),
    ("USERPAYING", "USERPAYING"),
];

const VERBS: [Verb; 5] = [Verb::Charge, Verb::Query, Verb::Close, Verb::Refund, Verb::QueryRefund];

fn read(verb: Verb, reply: &Reply) -> Answer {
    let (order, charge, refund) = (order(Presentation::QrShown), charge(Presentation::QrShown), refund());
    let call = match verb {
        Verb::Charge => Call::Charge(&charge),
        Verb::Query => Call::Query(&order),
        Verb::Close => Call::Close(&order),
        Verb::Refund => Call::Refund(&refund),
        Verb::QueryRefund => Call::QueryRefund(&refund),
        Verb::Reverse
        | Verb::QueryReverse
        | Verb::Capture
        | Verb::QueryCapture
        | Verb::Release
        | Verb::QueryRelease => panic!("not a call of this rail"),
    };
    account().read(&call, reply, &cx(CLOCK))
}

fn body(code: &str) -> String {
    format!(r#"{{"code":"{code}","detail":{{"location":"body","value":0}},"message":"说明"}}"#)
}

fn word(answer: &Answer) -> String {
    match answer.outcome() {
        None => "absent".into(),
        Some(Outcome::Refused(refusal)) => format!("no:{}", refusal.reason),
        Some(Outcome::Unknown(Doubt::HttpStatus(status))) => format!("http_{status}"),
        Some(Outcome::Unknown(Doubt::RailUnsure(_))) => "unsure".into(),
        Some(Outcome::Unknown(Doubt::MaybePaid(_))) => "maybe_paid".into(),
        Some(Outcome::Unknown(Doubt::UnlistedCode(_))) => "unlisted".into(),
        Some(other) => format!("{other:?}"),
    }
}

/// What each documented code means under its documented status: charge, query, close, refund, refund query.
#[test]
fn the_whole_documented_list_by_call() {
    let mut lines = String::new();
    for (code, status) in DOCUMENTED.iter().filter(|(_, status)| *status >= 400) {
        let words = VERBS.map(|verb| word(&read(verb, &bare(*status, &body(code)))));
        lines += &format!("{code} {status}: {}\n", words.join(", "));
    }
    expect![[r#"
        PARAM_ERROR 400: no:invalid_request, unsure, unsure, no:invalid_request, unsure
        INVALID_REQUEST 400: no:invalid_request, unsure, unsure, no:invalid_request, unsure
        APPID_MCHID_NOT_MATCH 400: no:rail_configuration, unlisted, unlisted, unlisted, unlisted
        MCH_NOT_EXISTS 400: no:rail_configuration, unsure, unsure, unsure, unsure
        ORDER_CLOSED 400: no:order_closed, unlisted, unsure, unlisted, unlisted
        ORDER_PAID 400: maybe_paid, unlisted, maybe_paid, unlisted, unlisted
        NO_STATEMENT_EXIST 400: unlisted, unlisted, unlisted, unlisted, unlisted
        STATEMENT_CREATING 400: unlisted, unlisted, unlisted, unlisted, unlisted
        SIGN_ERROR 401: no:rail_configuration, unsure, unsure, unsure, unsure
        NO_AUTH 403: no:not_permitted, unsure, unsure, unsure, unsure
        RULE_LIMIT 403: no:risk, unlisted, unlisted, unlisted, unlisted
        TRADE_ERROR 403: no:not_permitted, unlisted, unlisted, unlisted, unlisted
        ACCOUNT_ERROR 403: no:payer_account, unlisted, unlisted, unlisted, unlisted
        OUT_TRADE_NO_USED 403: unsure, unlisted, unlisted, unlisted, unlisted
        NOT_ENOUGH 403: unlisted, unlisted, unlisted, unsure, unlisted
        USER_ACCOUNT_ABNORMAL 403: unlisted, unlisted, unlisted, no:payer_account, unlisted
        ORDER_NOT_EXIST 404: unlisted, absent, absent, unlisted, unlisted
        RESOURCE_NOT_EXISTS 404: unlisted, unlisted, unlisted, no:refund_not_allowed, absent
        FREQUENCY_LIMITED 429: http_429, http_429, http_429, http_429, http_429
        RATELIMIT_EXCEEDED 429: http_429, http_429, http_429, http_429, http_429
        RATELIMIT_EXCEED 429: http_429, http_429, http_429, http_429, http_429
        RATE_LIMITED 429: http_429, http_429, http_429, http_429, http_429
        FREQUENCY_LIMIT_EXCEED 429: http_429, http_429, http_429, http_429, http_429
        REQUEST_BLOCKED 403: unlisted, unlisted, unlisted, unlisted, unlisted
        SYSTEM_ERROR 500: http_500, http_500, http_500, http_500, http_500
        BANK_ERROR 500: http_500, http_500, http_500, http_500, http_500
        INVALID_TRANSACTIONID 500: http_500, http_500, http_500, http_500, http_500
        OPENID_MISMATCH 500: http_500, http_500, http_500, http_500, http_500
        SERVICE_UNAVAILABLE 503: http_503, http_503, http_503, http_503, http_503
    "#]]
    .assert_eq(&lines);
}

/// The same codes under a status at which codes count: nothing documented is missing from the table.
#[test]
fn codes_of_other_statuses_have_a_meaning_too() {
    let mut lines = String::new();
    for (code, _) in DOCUMENTED.iter().filter(|(_, status)| !(400..=404).contains(status)) {
        let words = VERBS.map(|verb| word(&read(verb, &bare(403, &body(code)))));
        lines += &format!("{code}: {}\n", words.join(", "));
    }
    expect![[r#"
        FREQUENCY_LIMITED: unsure, unsure, unsure, unsure, unsure
        RATELIMIT_EXCEEDED: unsure, unsure, unsure, unsure, unsure
        RATELIMIT_EXCEED: unsure, unsure, unsure, unsure, unsure
        RATE_LIMITED: unsure, unsure, unsure, unsure, unsure
        FREQUENCY_LIMIT_EXCEED: unsure, unsure, unsure, unsure, unsure
        SYSTEM_ERROR: unsure, unsure, unsure, unsure, unsure
        BANK_ERROR: unsure, unsure, unsure, unsure, unsure
        INVALID_TRANSACTIONID: unlisted, unsure, unlisted, unlisted, unlisted
        OPENID_MISMATCH: no:payer_mismatch, unlisted, unlisted, unlisted, unlisted
        SERVICE_UNAVAILABLE: unsure, unsure, unsure, unsure, unsure
        USERPAYING: unsure, unsure, unsure, unlisted, unlisted
    "#]]
    .assert_eq(&lines);
}

#[test]
fn the_table_holds_the_documented_list_and_nothing_else() {
    let mut listed: Vec<&str> = codes::listed().map(|spellings| spellings[0]).collect();
    let mut documented: Vec<&str> = DOCUMENTED.iter().map(|(code, _)| *code).collect();
    listed.sort_unstable();
    documented.sort_unstable();
    assert_eq!(listed, documented);
    let all: Vec<&str> = codes::listed().flatten().copied().collect();
    let mut once = all.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), all.len());
}

#[test]
fn both_spellings_have_one_meaning() {
    for (now, then) in SPELLINGS {
        for verb in VERBS {
            let meaning = codes::find(verb, now);
            assert!(meaning.is_some(), "{now}");
            assert_eq!(meaning, codes::find(verb, then), "{now} {then} {verb:?}");
        }
    }
}

#[test]
fn every_reason_is_a_reason() {
    for spellings in codes::listed() {
        for verb in VERBS {
            if let Some(codes::Meaning::No(word)) = codes::find(verb, spellings[0]) {
                assert_eq!(reason(word).as_str(), word);
            }
        }
    }
}

/// F06: only listed codes are definite, and only in the very spelling.
#[test]
fn what_is_not_listed_is_doubt() {
    for code in ["TRADE_OVERDUE", "param_error", "PARAM_ERROR ", "", "订单不存在", &"X".repeat(9000)] {
        for verb in VERBS {
            for status in [400, 401, 403, 404, 405] {
                let answer = read(verb, &bare(status, &body(code)));
                let kept: String = code.chars().take(64).collect();
                assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::UnlistedCode(kept))));
            }
        }
    }
}

#[test]
fn absence_needs_its_status() {
    for (verb, code) in [
        (Verb::Query, "ORDER_NOT_EXIST"),
        (Verb::Close, "ORDERNOTEXIST"),
        (Verb::QueryRefund, "RESOURCE_NOT_EXISTS"),
    ] {
        assert_eq!(word(&read(verb, &bare(404, &body(code)))), "absent");
        assert_eq!(word(&read(verb, &bare(400, &body(code)))), "unsure");
    }
}

/// Whether errors are signed is not documented: unsigned ones rest on the channel, signed ones must be signed right.
#[test]
fn a_refusal_rests_on_its_signature_where_there_is_one() {
    let basis = |verb, reply: &Reply| match read(verb, reply).outcome() {
        Some(Outcome::Refused(refusal)) => {
            assert_eq!((refusal.rail_code.as_str(), refusal.rail_message.as_str()), ("PARAM_ERROR", "说明"));
            Some(refusal.basis)
        }
        _ => None,
    };
    let text = body("PARAM_ERROR");
    assert_eq!(basis(Verb::Charge, &bare(400, &text)), Some(Basis::Channel));
    assert_eq!(basis(Verb::Charge, &signed(400, &text)), Some(Basis::Signed));
    // A refund's no is confirmed by a query in any case.
    assert_eq!(basis(Verb::Refund, &bare(400, &text)), Some(Basis::Channel));
    assert_eq!(basis(Verb::Refund, &signed(400, &text)), Some(Basis::Channel));
    let mut wrong = signed(400, &text);
    wrong.body = body("NO_AUTH").into_bytes();
    for verb in VERBS {
        let answer = read(verb, &wrong);
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::BadSignature)), "{}", answer.rule());
    }
}
