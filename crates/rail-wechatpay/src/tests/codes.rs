//! The table of codes, walked from the documentation's side, and printed.

use std::collections::BTreeSet;

use expect_test::{expect, expect_file};
use paifang_payment::{Basis, Doubt, Outcome, Presentation};
use paifang_rail::{Answer, Call, Finding, Inquiry, Rail, Reply, StatementWish};

use super::support::*;
use crate::answer::Api;
use crate::codes::{self, Meaning};
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

/// The codes of API v2 for payers' codes, which v3 may have kept, and v2's names of two refusals of refunds.
const OF_V2: &[&str] = &[
    "SYSTEMERROR",
    "BANKERROR",
    "USERPAYING",
    "ORDERCLOSED",
    "ORDERREVERSED",
    "NOTENOUGH",
    "NOTSUPORTCARD",
    "AUTHCODEEXPIRE",
    "AUTH_CODE_ERROR",
    "AUTH_CODE_INVALID",
    "BUYER_MISMATCH",
    "TRADE_ERROR",
    "RULELIMIT",
    "ORDERPAID",
    "NOAUTH",
    "PARAM_ERROR",
    "LACK_PARAMS",
    "SIGNERROR",
    "XML_FORMAT_ERROR",
    "NOT_UTF8",
    "REQUIRE_POST_METHOD",
    "OUT_TRADE_NO_USED",
    "APPID_NOT_EXIST",
    "MCHID_NOT_EXIST",
    "APPID_MCHID_NOT_MATCH",
    "INVALID_REQUEST",
    "TRADE_OVERDUE",
    "REFUND_FEE_MISMATCH",
    "ORDERNOTEXIST",
    "ACCOUNTERROR",
];

/// What one library tolerates in the answer to a download of certificates.
const TOLERATED: &[&str] = &["NOT_FOUND"];

/// Today's spelling and that of 2020 and before.
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
    ("SIGN_ERROR", "SIGNERROR"),
    ("USERPAYING", "USERPAYING"),
];

const APIS: [Api; 10] = [
    Api::Order,
    Api::Codepay,
    Api::Query,
    Api::Close,
    Api::Reverse,
    Api::Refund,
    Api::QueryRefund,
    Api::AbnormalRefund,
    Api::Bill,
    Api::Certificates,
];

/// The calls of an order, in the order in which golden texts name them.
const CALLS: [Api; 7] =
    [Api::Order, Api::Codepay, Api::Query, Api::Close, Api::Reverse, Api::Refund, Api::QueryRefund];

fn read(api: Api, reply: &Reply) -> Answer {
    let (order, refund, reversal) = (order(Presentation::QrShown), refund(), reversal());
    let (native, scanned) = (charge(Presentation::QrShown), charge(Presentation::PayerCode));
    let call = match api {
        Api::Order => Call::Charge(&native),
        Api::Codepay => Call::Charge(&scanned),
        Api::Query => Call::Query(&order),
        Api::Close => Call::Close(&order),
        Api::Reverse => Call::Reverse(&reversal),
        Api::Refund => Call::Refund(&refund),
        Api::QueryRefund => Call::QueryRefund(&refund),
        Api::AbnormalRefund => return account().read_abnormal_refund(&refund, reply, &cx(CLOCK)),
        Api::Bill | Api::Certificates => panic!("not a call"),
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

/// What each documented code means under its documented status, by call.
#[test]
fn the_whole_documented_list_by_call() {
    let mut lines = String::new();
    for (code, status) in DOCUMENTED.iter().filter(|(_, status)| *status >= 400) {
        let words = CALLS.map(|api| word(&read(api, &bare(*status, &body(code)))));
        lines += &format!("{code} {status}: {}\n", words.join(", "));
    }
    expect![[r#"
        PARAM_ERROR 400: no:invalid_request, no:invalid_request, unsure, unsure, unsure, no:invalid_request, unsure
        INVALID_REQUEST 400: no:invalid_request, no:invalid_request, unsure, unsure, unsure, no:invalid_request, unsure
        APPID_MCHID_NOT_MATCH 400: no:rail_configuration, no:rail_configuration, unlisted, unlisted, unsure, unlisted, unlisted
        MCH_NOT_EXISTS 400: no:rail_configuration, no:rail_configuration, unsure, unsure, unsure, unsure, unsure
        ORDER_CLOSED 400: no:order_closed, no:order_closed, unlisted, unsure, unsure, unlisted, unlisted
        ORDER_PAID 400: maybe_paid, maybe_paid, unlisted, maybe_paid, unlisted, unlisted, unlisted
        NO_STATEMENT_EXIST 400: unlisted, unlisted, unlisted, unlisted, unlisted, unlisted, unlisted
        STATEMENT_CREATING 400: unlisted, unlisted, unlisted, unlisted, unlisted, unlisted, unlisted
        SIGN_ERROR 401: no:rail_configuration, no:rail_configuration, unsure, unsure, unsure, unsure, unsure
        NO_AUTH 403: no:not_permitted, no:not_permitted, unsure, unsure, unsure, unsure, unsure
        RULE_LIMIT 403: no:risk, no:risk, unlisted, unlisted, unlisted, unlisted, unlisted
        TRADE_ERROR 403: no:not_permitted, no:payer_declined, unlisted, unlisted, unsure, unlisted, unlisted
        ACCOUNT_ERROR 403: no:payer_account, no:payer_account, unlisted, unlisted, unlisted, unlisted, unlisted
        OUT_TRADE_NO_USED 403: unsure, unsure, unlisted, unlisted, unlisted, unlisted, unlisted
        NOT_ENOUGH 403: unlisted, no:insufficient_funds, unlisted, unlisted, unsure, unsure, unlisted
        USER_ACCOUNT_ABNORMAL 403: unlisted, unlisted, unlisted, unlisted, unlisted, no:payer_account, unlisted
        ORDER_NOT_EXIST 404: unlisted, unlisted, absent, absent, absent, unlisted, unlisted
        RESOURCE_NOT_EXISTS 404: unlisted, unlisted, unlisted, unlisted, unlisted, no:refund_not_allowed, absent
        FREQUENCY_LIMITED 429: http_429, http_429, http_429, http_429, http_429, http_429, http_429
        RATELIMIT_EXCEEDED 429: http_429, http_429, http_429, http_429, http_429, http_429, http_429
        RATELIMIT_EXCEED 429: http_429, http_429, http_429, http_429, http_429, http_429, http_429
        RATE_LIMITED 429: http_429, http_429, http_429, http_429, http_429, http_429, http_429
        FREQUENCY_LIMIT_EXCEED 429: http_429, http_429, http_429, http_429, http_429, http_429, http_429
        REQUEST_BLOCKED 403: no:not_permitted, no:not_permitted, unlisted, unlisted, unlisted, unlisted, unlisted
        SYSTEM_ERROR 500: http_500, http_500, http_500, http_500, http_500, http_500, http_500
        BANK_ERROR 500: http_500, http_500, http_500, http_500, http_500, http_500, http_500
        INVALID_TRANSACTIONID 500: http_500, http_500, http_500, http_500, http_500, http_500, http_500
        OPENID_MISMATCH 500: http_500, http_500, http_500, http_500, http_500, http_500, http_500
        SERVICE_UNAVAILABLE 503: http_503, http_503, http_503, http_503, http_503, http_503, http_503
    "#]].assert_eq(&lines);
}

/// The same codes under a status at which codes count: nothing documented is missing from the table.
#[test]
fn codes_of_other_statuses_have_a_meaning_too() {
    let mut lines = String::new();
    for (code, _) in DOCUMENTED.iter().filter(|(_, status)| !(400..=404).contains(status)) {
        let words = CALLS.map(|api| word(&read(api, &bare(403, &body(code)))));
        lines += &format!("{code}: {}\n", words.join(", "));
    }
    expect![[r#"
        FREQUENCY_LIMITED: unsure, unsure, unsure, unsure, unsure, unsure, unsure
        RATELIMIT_EXCEEDED: unsure, unsure, unsure, unsure, unsure, unsure, unsure
        RATELIMIT_EXCEED: unsure, unsure, unsure, unsure, unsure, unsure, unsure
        RATE_LIMITED: unsure, unsure, unsure, unsure, unsure, unsure, unsure
        FREQUENCY_LIMIT_EXCEED: unsure, unsure, unsure, unsure, unsure, unsure, unsure
        SYSTEM_ERROR: unsure, unsure, unsure, unsure, unsure, unsure, unsure
        BANK_ERROR: unsure, unsure, unsure, unsure, unsure, unsure, unsure
        INVALID_TRANSACTIONID: unlisted, unlisted, unsure, unlisted, unlisted, unlisted, unlisted
        OPENID_MISMATCH: no:payer_mismatch, no:payer_mismatch, unlisted, unlisted, unlisted, unlisted, unlisted
        SERVICE_UNAVAILABLE: unsure, unsure, unsure, unsure, unsure, unsure, unsure
        USERPAYING: unlisted, unsure, unsure, unsure, unsure, unlisted, unlisted
    "#]].assert_eq(&lines);
}

/// What the codes of bills and of certificates come to.
#[test]
fn inquiries_have_their_own_meanings() {
    let wish = StatementWish {
        kind: "trade",
        day: "2026-01-01".parse().unwrap(),
        inquiry_no: paifang_payment::OrderNo::parse("S20260101000001").unwrap(),
    };
    let mut lines = String::new();
    for (code, status) in
        DOCUMENTED.iter().filter(|(_, status)| *status >= 400).chain(&[("NOT_FOUND", 404), ("NEW_CODE", 400)])
    {
        let found =
            [Inquiry::Statement(&wish), Inquiry::Keys { unknown: None }].map(|inquiry| {
                match account().read_inquiry(&inquiry, &bare(*status, &body(code)), &cx(CLOCK)) {
                    Finding::NoMovements { .. } => "nothing".to_owned(),
                    Finding::NotYet(_) => "not yet".to_owned(),
                    Finding::Refused { .. } => "refused".to_owned(),
                    other => format!("{other:?}"),
                }
            });
        lines += &format!("{code} {status}: {}\n", found.join(", "));
    }
    expect![[r#"
        PARAM_ERROR 400: refused, refused
        INVALID_REQUEST 400: refused, refused
        APPID_MCHID_NOT_MATCH 400: Unknown(UnlistedCode("APPID_MCHID_NOT_MATCH")), Unknown(UnlistedCode("APPID_MCHID_NOT_MATCH"))
        MCH_NOT_EXISTS 400: refused, refused
        ORDER_CLOSED 400: Unknown(UnlistedCode("ORDER_CLOSED")), Unknown(UnlistedCode("ORDER_CLOSED"))
        ORDER_PAID 400: Unknown(UnlistedCode("ORDER_PAID")), Unknown(UnlistedCode("ORDER_PAID"))
        NO_STATEMENT_EXIST 400: nothing, Unknown(UnlistedCode("NO_STATEMENT_EXIST"))
        STATEMENT_CREATING 400: not yet, Unknown(UnlistedCode("STATEMENT_CREATING"))
        SIGN_ERROR 401: refused, refused
        NO_AUTH 403: refused, refused
        RULE_LIMIT 403: Unknown(UnlistedCode("RULE_LIMIT")), Unknown(UnlistedCode("RULE_LIMIT"))
        TRADE_ERROR 403: Unknown(UnlistedCode("TRADE_ERROR")), Unknown(UnlistedCode("TRADE_ERROR"))
        ACCOUNT_ERROR 403: Unknown(UnlistedCode("ACCOUNT_ERROR")), Unknown(UnlistedCode("ACCOUNT_ERROR"))
        OUT_TRADE_NO_USED 403: Unknown(UnlistedCode("OUT_TRADE_NO_USED")), Unknown(UnlistedCode("OUT_TRADE_NO_USED"))
        NOT_ENOUGH 403: Unknown(UnlistedCode("NOT_ENOUGH")), Unknown(UnlistedCode("NOT_ENOUGH"))
        USER_ACCOUNT_ABNORMAL 403: Unknown(UnlistedCode("USER_ACCOUNT_ABNORMAL")), Unknown(UnlistedCode("USER_ACCOUNT_ABNORMAL"))
        ORDER_NOT_EXIST 404: Unknown(UnlistedCode("ORDER_NOT_EXIST")), Unknown(UnlistedCode("ORDER_NOT_EXIST"))
        RESOURCE_NOT_EXISTS 404: Unknown(UnlistedCode("RESOURCE_NOT_EXISTS")), refused
        FREQUENCY_LIMITED 429: Unknown(HttpStatus(429)), Unknown(HttpStatus(429))
        RATELIMIT_EXCEEDED 429: Unknown(HttpStatus(429)), Unknown(HttpStatus(429))
        RATELIMIT_EXCEED 429: Unknown(HttpStatus(429)), Unknown(HttpStatus(429))
        RATE_LIMITED 429: Unknown(HttpStatus(429)), Unknown(HttpStatus(429))
        FREQUENCY_LIMIT_EXCEED 429: Unknown(HttpStatus(429)), Unknown(HttpStatus(429))
        REQUEST_BLOCKED 403: Unknown(UnlistedCode("REQUEST_BLOCKED")), Unknown(UnlistedCode("REQUEST_BLOCKED"))
        SYSTEM_ERROR 500: Unknown(HttpStatus(500)), Unknown(HttpStatus(500))
        BANK_ERROR 500: Unknown(HttpStatus(500)), Unknown(HttpStatus(500))
        INVALID_TRANSACTIONID 500: Unknown(HttpStatus(500)), Unknown(HttpStatus(500))
        OPENID_MISMATCH 500: Unknown(HttpStatus(500)), Unknown(HttpStatus(500))
        SERVICE_UNAVAILABLE 503: Unknown(HttpStatus(503)), Unknown(HttpStatus(503))
        NOT_FOUND 404: Unknown(UnlistedCode("NOT_FOUND")), refused
        NEW_CODE 400: Unknown(UnlistedCode("NEW_CODE")), Unknown(UnlistedCode("NEW_CODE"))
    "#]].assert_eq(&lines);
}

#[test]
fn the_table_holds_the_documented_list_and_nothing_else() {
    let mut known = BTreeSet::new();
    for api in APIS {
        let rows = codes::listed(api);
        let once: BTreeSet<&str> = rows.iter().map(|(code, _)| *code).collect();
        assert_eq!(once.len(), rows.len(), "a code stands twice in {api:?}");
        known.extend(once);
    }
    let then = SPELLINGS.iter().flat_map(|(now, then)| [*now, *then]);
    let documented = DOCUMENTED.iter().map(|(code, _)| *code).chain(then);
    let documented: BTreeSet<&str> =
        documented.chain(OF_V2.iter().copied()).chain(TOLERATED.iter().copied()).collect();
    assert_eq!(known, documented);
    // Those of payers' codes are listed for payers' codes.
    for code in
        OF_V2.iter().filter(|code| !["TRADE_OVERDUE", "REFUND_FEE_MISMATCH", "ORDERNOTEXIST"].contains(code))
    {
        assert!(codes::find(Api::Codepay, code).is_some(), "{code}");
    }
}

#[test]
fn both_spellings_have_one_meaning() {
    for (now, then) in SPELLINGS {
        let mut listed = 0;
        for api in APIS {
            assert_eq!(codes::find(api, now), codes::find(api, then), "{now} {then} {api:?}");
            listed += usize::from(codes::find(api, now).is_some());
        }
        assert!(listed > 0, "{now}");
    }
}

#[test]
fn every_reason_is_a_reason() {
    for (_, meaning) in APIS.into_iter().flat_map(codes::listed) {
        if let Meaning::No(word) = meaning {
            assert_eq!(reason(word).as_str(), word);
        }
    }
}

/// F06: only listed codes are definite, and only in the very spelling.
#[test]
fn what_is_not_listed_is_doubt() {
    for code in ["NO_SUCH_CODE", "param_error", "PARAM_ERROR ", "", "订单不存在", &"X".repeat(9000)] {
        for api in CALLS.into_iter().chain([Api::AbnormalRefund]) {
            for status in [400, 401, 403, 404, 405] {
                let answer = read(api, &bare(status, &body(code)));
                let kept: String = code.chars().take(64).collect();
                assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::UnlistedCode(kept))));
            }
        }
    }
}

#[test]
fn absence_needs_its_status() {
    for (api, code) in [
        (Api::Query, "ORDER_NOT_EXIST"),
        (Api::Close, "ORDERNOTEXIST"),
        (Api::Reverse, "ORDER_NOT_EXIST"),
        (Api::QueryRefund, "RESOURCE_NOT_EXISTS"),
    ] {
        assert_eq!(word(&read(api, &bare(404, &body(code)))), "absent");
        assert_eq!(word(&read(api, &bare(400, &body(code)))), "unsure");
    }
}

/// Whether errors are signed is not documented: unsigned ones rest on the channel, signed ones must be signed right.
#[test]
fn a_refusal_rests_on_its_signature_where_there_is_one() {
    let basis = |api, reply: &Reply| match read(api, reply).outcome() {
        Some(Outcome::Refused(refusal)) => {
            assert_eq!((refusal.rail_code.as_str(), refusal.rail_message.as_str()), ("PARAM_ERROR", "说明"));
            Some(refusal.basis)
        }
        _ => None,
    };
    let text = body("PARAM_ERROR");
    for api in [Api::Order, Api::Codepay] {
        assert_eq!(basis(api, &bare(400, &text)), Some(Basis::Channel));
        assert_eq!(basis(api, &signed(400, &text)), Some(Basis::Signed));
    }
    // A refund's no is confirmed by a query in any case.
    assert_eq!(basis(Api::Refund, &bare(400, &text)), Some(Basis::Channel));
    assert_eq!(basis(Api::Refund, &signed(400, &text)), Some(Basis::Channel));
    let mut wrong = signed(400, &text);
    wrong.body = body("NO_AUTH").into_bytes();
    for api in CALLS {
        let answer = read(api, &wrong);
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::BadSignature)), "{}", answer.rule());
    }
}

/// "The payer is typing" was a code beside 202 once; it is no success and no refusal.
#[test]
fn a_paying_payer_may_be_a_code() {
    for api in [Api::Codepay, Api::Query] {
        let answer = read(api, &signed(202, &body("USERPAYING")));
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::RailUnsure("USERPAYING".into()))));
        let answer = read(api, &bare(202, &body("USERPAYING")));
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::BadSignature)));
        let answer = read(api, &signed(202, &body("PARAM_ERROR")));
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Unreadable)));
    }
}

/// The document is printed from the table; run with `UPDATE_EXPECT=1` to renew it.
#[test]
fn the_document_is_the_table() {
    let mut text = String::from(DOCUMENT_HEAD);
    for (api, title) in APIS.into_iter().zip(TITLES) {
        text += &format!("\n## {title}\n\n| code | meaning | what the gateway does |\n|---|---|---|\n");
        let mut rows: Vec<String> = codes::listed(api)
            .into_iter()
            .map(|(code, meaning)| {
                let (word, then) = told(api, meaning);
                format!("| {code} | {word} | {then} |\n")
            })
            .collect();
        rows.sort();
        text += &rows.concat();
    }
    expect_file!["../../../../docs/codes/wechatpay.md"].assert_eq(&text);
}

/// In the order of [`APIS`].
const TITLES: [&str; 10] = [
    "`POST /v3/pay/transactions/{native,jsapi,app,h5}`: charge",
    "`POST /v3/pay/transactions/codepay`: charge by payer's code",
    "`GET /v3/pay/transactions/{out-trade-no,id}/...`: query, query_reverse",
    "`POST .../close`: close",
    "`POST .../reverse`: reverse",
    "`POST /v3/refund/domestic/refunds`: refund",
    "`GET /v3/refund/domestic/refunds/...`: query_refund",
    "`POST .../apply-abnormal-refund`: where an abnormal refund goes",
    "`GET /v3/bill/{tradebill,fundflowbill}`: statement",
    "`GET /v3/certificates`: keys",
];

const DOCUMENT_HEAD: &str = "# WeChat Pay's codes\n\n\
    Printed from the adapter's table by its test; do not edit. Where two spellings are in use both are listed. What is not \
    listed is doubt: the order's query decides.\n\n\
    - The status goes before the code: 429, 5xx and everything but 400, 401, 403, 404 and 405 is doubt, whatever stands in \
    the body. Rates and failures are listed for the case that they come with one of these.\n\
    - Errors are unsigned as far as is known; a signature that is there must be right. Unsigned, they rest on the TLS \
    channel.\n\
    - The codes of payers' codes are not confirmed for API v3: those of API v2 stand beside them.\n\
    - A signed state of an order or refund is no code. `PAYERROR` of a payer's code ends the attempt with `payer_declined`, \
    `CLOSED` of a refund with `refund_not_allowed`; `ABNORMAL` leaves a refund under way until somebody says where the money \
    goes.\n";

fn told(api: Api, meaning: Meaning) -> (String, &'static str) {
    let refused = |reason: &str| format!("refused: `{reason}`");
    match (meaning, api) {
        (Meaning::No(reason), Api::Codepay | Api::Refund) => {
            (refused(reason), "asks by query; refused when that finds nothing")
        }
        (Meaning::No(reason), Api::Bill | Api::Certificates) => {
            (refused(reason), "says so; asks again later")
        }
        (Meaning::No(reason), _) => (refused(reason), "ends the attempt with this reason"),
        (Meaning::Unsure, _) => {
            ("the rail does not know".to_owned(), "asks by query, repeats where that is safe")
        }
        (Meaning::Paid, _) => ("it may be paid".to_owned(), "asks by query"),
        (Meaning::Absent, Api::QueryRefund) => {
            ("no such refund (404)".to_owned(), "sends it again under its number")
        }
        (Meaning::Absent, _) => ("no such order (404)".to_owned(), "final once the order has expired"),
        (Meaning::Nothing, _) => ("nothing moved".to_owned(), "takes the day as empty"),
        (Meaning::NotYet, _) => ("not there (yet)".to_owned(), "asks again later"),
    }
}
