//! Answers of Alipay's gateway: `{"alipay_..._response":{...},"sign":"..."}` in v2, signed headers in v3.

use super::own;
use crate::book::{Book, Message};
use crate::case::Case;
use crate::scene::{ALIPAY, CANARY, OTHER_NO};
use crate::sign::{self, How, Key};

/// A call, the member of its answer, and the answer of a success.
struct Answer {
    call: &'static str,
    member: &'static str,
    content: String,
}

const QUERY: &str = "alipay_trade_query_response";
const PAY: &str = "alipay_trade_pay_response";

fn answers() -> Vec<Answer> {
    let (order, paid, refund) = (ALIPAY.charge, ALIPAY.paid, ALIPAY.refund);
    let done = format!(r#""code":"10000","msg":"Success","buyer_logon_id":"{CANARY}""#);
    let trade = r#""trade_no":"2026030122001400000500000001""#;
    let answer = |call, member, rest: String| Answer { call, member, content: format!("{{{done},{rest}}}") };
    vec![
        answer(
            "charge",
            "alipay_trade_precreate_response",
            format!(r#""out_trade_no":"{order}","qr_code":"https:\/\/qr.alipay.com\/bax0""#),
        ),
        answer(
            "charge_code",
            PAY,
            format!(
                r#""out_trade_no":"{order}",{trade},"total_amount":"100.00","gmt_payment":"2026-03-01 11:59:58""#
            ),
        ),
        answer(
            "query",
            QUERY,
            format!(
                r#""out_trade_no":"{order}",{trade},"total_amount":"100.00","trade_status":"TRADE_SUCCESS","send_pay_date":"2026-03-01 11:59:58""#
            ),
        ),
        answer("close", "alipay_trade_close_response", format!(r#""out_trade_no":"{order}",{trade}"#)),
        answer(
            "reverse",
            "alipay_trade_cancel_response",
            format!(r#""out_trade_no":"{order}",{trade},"retry_flag":"N","action":"refund""#),
        ),
        answer(
            "refund",
            "alipay_trade_refund_response",
            format!(
                r#""out_trade_no":"{paid}",{trade},"fund_change":"Y","refund_fee":"30.00","gmt_refund_pay":"2026-03-01 12:00:00""#
            ),
        ),
        answer(
            "query_refund",
            "alipay_trade_fastpay_refund_query_response",
            format!(
                r#""out_trade_no":"{paid}",{trade},"out_request_no":"{refund}","refund_amount":"30.00","total_amount":"100.00","refund_status":"REFUND_SUCCESS""#
            ),
        ),
        answer(
            "capture",
            PAY,
            format!(
                r#""out_trade_no":"{OTHER_NO}",{trade},"total_amount":"100.00","gmt_payment":"2026-03-01 11:59:58""#
            ),
        ),
    ]
}

fn answer_to(call: &str) -> Answer {
    let found = answers().into_iter().find(|answer| answer.call == call);
    found.unwrap_or_else(|| panic!("no answer to {call}"))
}

fn body(member: &str, content: &str, sign: &str) -> Message {
    let kind = "application/json;charset=utf-8";
    let text = format!(r#"{{"{member}":{content},"sign":"{sign}"}}"#);
    Message::default().with_status(200).plus_header("Content-Type", kind).with_body(text)
}

fn genuine(member: &str, content: &str) -> Message {
    body(member, content, &own().sign(How::Sha256, content.as_bytes()))
}

pub(super) fn control() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "control-replies");
    book.kind("-", "authentic");
    for answer in answers() {
        book.from("scene").replies_to(answer.call).accepted("done", &genuine(answer.member, &answer.content));
    }
    let Answer { member, content, .. } = answer_to("query");
    let spaced = format!(
        " {{ \"sign\" : \"{}\" ,\n\"{member}\":{content} }}\n",
        own().sign(How::Sha256, content.as_bytes())
    );
    let spaced = genuine(member, &content).with_body(spaced);
    book.replies_to("query").accepted("blanks and another order outside of what is signed", &spaced);
    book.for_account("v3").accepted("the query over protocol v3", &v3(&V3::new(), How::Sha256, &own()));
    book.file()
}

/// F08: replies without a right signature.
pub(super) fn signatures() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "replies-signatures");
    for answer in answers() {
        let Answer { call, member, content } = &answer;
        book.from("a success").replies_to(call).kind("F08", "reply without a right signature");
        let unsigned = format!(r#"{{"{member}":{content}}}"#);
        book.unknown("no sign", &genuine(member, content).with_body(unsigned));
        book.unknown("an empty sign", &body(member, content, ""));
        let merchant = Key::at("alipay", "/keys/app/private_pkcs8_pem");
        book.unknown(
            "signed with the merchant's own key",
            &body(member, content, &merchant.sign(How::Sha256, content.as_bytes())),
        );
        book.unknown("signed with SHA-1", &body(member, content, &own().sign(How::Sha1, content.as_bytes())));
        let failed = r#"{"code":"40004","msg":"Business Failed","sub_code":"ACQ.SYSTEM_ERROR"}"#;
        book.unknown(
            "the signature of a failure",
            &body(member, content, &own().sign(How::Sha256, failed.as_bytes())),
        );
        let changed = content.replace("100.00", "100.01").replace("30.00", "30.01").replace(CANARY, "canary");
        let sign = own().sign(How::Sha256, content.as_bytes());
        book.unknown("changed after signing", &body(member, &changed, &sign));
        book.unknown(
            "signed, and cut",
            &genuine(member, content).with_body(format!(r#"{{"{member}":{content},"sign":"#)),
        );
    }
    let Answer { member, content, .. } = answer_to("query");
    book.replies_to("query").kind("F47", "algorithm downgrade in a reply");
    for (why, how) in
        [("MD5", How::Md5), ("SHA-512", How::Sha512), ("PSS", How::Pss), ("no hash's name", How::Bare)]
    {
        book.unknown(why, &body(member, &content, &own().sign(how, content.as_bytes())));
    }
    book.unknown("a digest for a signature", &body(member, &content, &sign::md5_hex(content.as_bytes())));
    book.kind("F47", "named certificate");
    let named = |serial: &str| {
        format!(
            r#"{{"{member}":{content},"alipay_cert_sn":"{serial}","sign":"{}"}}"#,
            own().sign(How::Sha256, content.as_bytes())
        )
    };
    book.for_account("certificates");
    for serial in [
        "d0320bd5ff1f9fb02e41c95234c9bfc7",
        "78de0bfeb984a079ac7d917bcf733d78",
        "448590d8b3c1fe684040deaecd7fa348",
        "x",
    ] {
        book.unknown(
            &format!("certificate {serial} is not the one that verifies"),
            &genuine(member, &content).with_body(named(serial)),
        );
    }
    book.for_account("main");
    v3_signatures(&mut book);
    book.file()
}

/// F06, F07, F09, F57: signed or not, what is said cannot be used.
pub(super) fn content() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "replies-content");
    around(&mut book);
    ambiguous(&mut book);
    misbound(&mut book);
    missing(&mut book);
    other_calls(&mut book);
    amounts(&mut book);
    book.file()
}

fn around(book: &mut Book) {
    let Answer { member, content, .. } = answer_to("query");
    let sign = own().sign(How::Sha256, content.as_bytes());
    let good = genuine(member, &content);
    book.from("the order was paid").replies_to("query").kind("F07", "status");
    for status in [201, 204, 301, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504] {
        book.unknown(&format!("a signed success with status {status}"), &good.with_status(status));
    }
    book.kind("F57", "JSON that reads in two ways");
    let forged = content.replace("100.00", "0.01");
    for (why, text) in [
        (
            "the answer twice, the forged one first",
            format!(r#"{{"{member}":{forged},"{member}":{content},"sign":"{sign}"}}"#),
        ),
        (
            "the answer twice, the forged one last",
            format!(r#"{{"{member}":{content},"{member}":{forged},"sign":"{sign}"}}"#),
        ),
        ("sign twice", format!(r#"{{"{member}":{content},"sign":"","sign":"{sign}"}}"#)),
        (
            "an answer and an error",
            format!(r#"{{"{member}":{content},"error_response":{content},"sign":"{sign}"}}"#),
        ),
        ("a success under error_response", format!(r#"{{"error_response":{content},"sign":"{sign}"}}"#)),
        (
            "the member's name escaped",
            format!(r#"{{"alipay_trade_\u0071uery_response":{content},"sign":"{sign}"}}"#),
        ),
        ("something behind it", format!(r#"{{"{member}":{content},"sign":"{sign}"}}{{}}"#)),
        ("a byte order mark", format!("\u{feff}{{\"{member}\":{content},\"sign\":\"{sign}\"}}")),
        (
            "the answer as a text",
            format!(r#"{{"{member}":{},"sign":"{sign}"}}"#, serde_json::Value::from(content.clone())),
        ),
        ("the answer in a list", format!(r#"{{"{member}":[{content}],"sign":"{sign}"}}"#)),
        ("sign is a number", format!(r#"{{"{member}":{content},"sign":1}}"#)),
        ("sign is a list", format!(r#"{{"{member}":{content},"sign":["{sign}"]}}"#)),
        ("a comment", format!(r#"{{"{member}":{content}/**/,"sign":"{sign}"}}"#)),
        ("empty", String::new()),
        ("null", "null".to_owned()),
        (
            "100 members",
            format!("{{{}\"sign\":\"{sign}\"}}", format!(r#""{member}":{content},"#).repeat(100)),
        ),
        (
            "10,000 levels",
            format!(r#"{{"{member}":{}1{},"sign":"{sign}"}}"#, "[".repeat(10_000), "]".repeat(10_000)),
        ),
        ("an HTML page", "<html><body>Success</body></html>".to_owned()),
        ("a form", format!("{member}={content}&sign={sign}")),
    ] {
        book.unknown(why, &good.with_body(text));
    }
}

/// Signed as it stands, and still nothing that two readers understand alike.
fn ambiguous(book: &mut Book) {
    let Answer { member, content, .. } = answer_to("query");
    let good = genuine(member, &content);
    book.kind("F57", "signed JSON that reads in two ways");
    for (why, inner) in [
        ("the amount twice", content.replace(r#""total_amount""#, r#""total_amount":"0.01","total_amount""#)),
        ("the order twice", content.replace(r#""out_trade_no""#, r#""out_trade_no":"X","out_trade_no""#)),
        ("the code twice", content.replace(r#""msg""#, r#""code":"40004","msg""#)),
        (
            "the amount twice, once escaped",
            content.replace(r#""total_amount""#, r#""total_\u0061mount":"0.01","total_amount""#),
        ),
        ("a lone surrogate", content.replace("Success", r"\ud800")),
        ("a raw control character", content.replace("Success", "a\u{1}b")),
        ("cut", content.replace('}', "")),
    ] {
        book.unknown(why, &genuine(member, &inner));
    }
    let mut latin = genuine(member, &content.replace(CANARY, "\u{80}")).body;
    latin.retain(|byte| *byte != 0xc2);
    book.unknown("bytes that are not UTF-8", &good.with_body(latin));
    book.kind("F65", "compressed reply");
    let bomb = crate::wechatpay::gzip(&vec![b' '; 4_000_000]);
    book.unknown("4 MB of blanks in gzip", &good.with_body(bomb).plus_header("Content-Encoding", "gzip"));
}

/// F53: signed, of something else.
fn misbound(book: &mut Book) {
    for answer in answers() {
        let Answer { call, member, content } = &answer;
        book.from("a success, signed anew").replies_to(call).kind("F53", "reply about another order");
        for own in [ALIPAY.charge, ALIPAY.paid, OTHER_NO] {
            let named = format!(r#""out_trade_no":"{own}""#);
            if content.contains(&named) {
                let other = content.replace(&named, r#""out_trade_no":"ANOTHER00000000000000000000000AA""#);
                book.unknown("another order", &genuine(member, &other));
                let nameless = content.replace(&format!("{named},"), "");
                book.unknown("no order", &genuine(member, &nameless));
                let lower = content.replace(&named, &named.to_lowercase());
                book.unknown("the order in lower case", &genuine(member, &lower));
            }
        }
    }
    let Answer { member, content, .. } = answer_to("query_refund");
    book.replies_to("query_refund");
    book.unknown("another refund", &genuine(member, &content.replace(ALIPAY.refund, "ANOTHER")));
    let nameless = content.replace(&format!(r#""out_request_no":"{}","#, ALIPAY.refund), "");
    book.unknown("no refund's number", &genuine(member, &nameless));
}

/// F06: code 10000 without what makes it a success.
fn missing(book: &mut Book) {
    book.kind("F06", "success without its fields");
    for (call, drop) in [
        ("charge", r#","qr_code":"https:\/\/qr.alipay.com\/bax0""#),
        ("charge_code", r#","total_amount":"100.00""#),
        ("query", r#","total_amount":"100.00""#),
        ("query", r#","trade_status":"TRADE_SUCCESS""#),
        ("reverse", r#","action":"refund""#),
        ("reverse", r#","retry_flag":"N","action":"refund""#),
        ("refund", r#","fund_change":"Y""#),
        ("query_refund", r#","refund_amount":"30.00""#),
        ("capture", r#","total_amount":"100.00""#),
    ] {
        let Answer { member, content, .. } = answer_to(call);
        let less = content.replace(drop, "");
        if call == "reverse" && drop.contains("action") && !drop.contains("retry") {
            // "Do not repeat, nothing was done" is an answer of its own.
            continue;
        }
        book.from("a success, signed anew")
            .replies_to(call)
            .unknown(&format!("without {drop}"), &genuine(member, &less));
    }
    book.kind("F06", "a value that is not listed");
    for (call, from, to) in [
        ("query", "TRADE_SUCCESS", "trade_success"),
        ("query", "TRADE_SUCCESS", "TRADE_PAID"),
        ("query", "TRADE_SUCCESS", "TRADE_SUCCESS "),
        ("refund", r#""fund_change":"Y""#, r#""fund_change":"N""#),
        ("refund", r#""fund_change":"Y""#, r#""fund_change":"y""#),
        ("refund", r#""refund_fee":"30.00""#, r#""refund_fee":"29.99""#),
        ("query_refund", "REFUND_SUCCESS", "SUCCESS"),
        ("reverse", r#""retry_flag":"N""#, r#""retry_flag":"Y""#),
        ("reverse", r#""action":"refund""#, r#""action":"none""#),
        ("query", r#""code":"10000""#, r#""code":"20000""#),
        ("query", r#""code":"10000""#, r#""code":"1000""#),
        ("query", r#""code":"10000""#, r#""code":"""#),
        ("query", r#""code":"10000","#, ""),
    ] {
        let Answer { member, content, .. } = answer_to(call);
        book.replies_to(call)
            .unknown(&format!("{from} became {to}"), &genuine(member, &content.replace(from, to)));
    }
}

/// The signature covers the inner object and not the member's name, so an answer can be played under another call's name.
fn other_calls(book: &mut Book) {
    book.kind("F08", "the answer of another call");
    for to in ["close", "refund", "reverse", "charge", "query"] {
        let wanted = answer_to(to);
        for other in answers() {
            let same = other.member == wanted.member || (to == "query" && other.call == "query");
            // What another call of the same order answered; a success of the same shape is the same answer.
            let plain = other.call == "close" && to == "refund" || other.call == "refund" && to == "close";
            if same
                || (!plain && !other.content.contains(ALIPAY.charge))
                || !wanted.content.contains(ALIPAY.charge) && !plain
            {
                continue;
            }
            book.from(&format!("the answer of {}", other.call)).replies_to(to);
            book.unknown("its signature fits, the call does not", &genuine(wanted.member, &other.content));
        }
    }
}

/// F52: signed, about another amount.
fn amounts(book: &mut Book) {
    book.from("a success, signed anew").kind("F52", "another amount in a reply");
    for (call, named) in [
        ("query", "total_amount"),
        ("charge_code", "total_amount"),
        ("query_refund", "refund_amount"),
        ("capture", "total_amount"),
    ] {
        let Answer { member, content, .. } = answer_to(call);
        let fen = if call == "query_refund" { "30.00" } else { "100.00" };
        let old = format!(r#""{named}":"{fen}""#);
        book.replies_to(call);
        for value in ["0.01", "99.99", "10000", "9999999999999.99"] {
            let other = content.replace(&old, &format!(r#""{named}":"{value}""#));
            book.suspicious(&format!("{value} yuan"), &genuine(member, &other));
        }
        for value in [
            "\"0.00\"",
            "\"-100.00\"",
            "\"1e2\"",
            "1e2",
            "1e400",
            "-1",
            "true",
            "[\"100.00\"]",
            "{}",
            "\"100.001\"",
            "9007199254740993.001",
            "\"92233720368547758.07\"",
            "\"１００.００\"",
        ] {
            let other = content.replace(&old, &format!(r#""{named}":{value}"#));
            book.unknown(&format!("the amount is {value}"), &genuine(member, &other));
        }
    }
    let Answer { member, content, .. } = answer_to("query");
    let other = content.replace(r#""total_amount""#, r#""trans_currency":"USD","total_amount""#);
    book.replies_to("query").unknown("100 dollars", &genuine(member, &other));
}

/// The signed parts of an answer of v3.
#[derive(Clone)]
struct V3 {
    timestamp: String,
    nonce: String,
    body: String,
}

impl V3 {
    fn new() -> Self {
        let body = format!(
            r#"{{"out_trade_no":"{}","trade_no":"2026030122001400000500000001","total_amount":"100.00","trade_status":"TRADE_SUCCESS","send_pay_date":"2026-03-01 11:59:58","buyer_logon_id":"{CANARY}"}}"#,
            ALIPAY.charge
        );
        Self { timestamp: "1772337600000".into(), nonce: "d5553f1d2304d354784457f7f6a3cfb2".into(), body }
    }
}

fn v3(parts: &V3, how: How, key: &Key) -> Message {
    let text = format!("{}\n{}\n{}\n", parts.timestamp, parts.nonce, parts.body);
    Message::default()
        .with_status(200)
        .plus_header("Content-Type", "application/json;charset=UTF-8")
        .plus_header("alipay-timestamp", &parts.timestamp)
        .plus_header("alipay-nonce", &parts.nonce)
        .plus_header("alipay-signature", &key.sign(how, text.as_bytes()))
        .with_body(parts.body.clone())
}

fn v3_signatures(book: &mut Book) {
    let good = v3(&V3::new(), How::Sha256, &own());
    book.from("the order was paid, over v3")
        .replies_to("query")
        .for_account("v3")
        .kind("F08", "v3 reply without a right signature");
    for name in ["alipay-timestamp", "alipay-nonce", "alipay-signature"] {
        book.unknown(&format!("no {name}"), &good.without_header(name));
        book.unknown(&format!("an empty {name}"), &good.with_header(name, ""));
        book.unknown(&format!("{name} twice"), &good.plus_header(name, good.header(name)));
        book.unknown(
            &format!("{name} with a blank"),
            &good.with_header(name, &format!("{} ", good.header(name))),
        );
    }
    book.unknown("another time", &good.with_header("alipay-timestamp", "1772337600001"));
    book.unknown("another nonce", &good.with_header("alipay-nonce", "0"));
    let joined = V3 { nonce: format!("a\n{}", V3::new().nonce), ..V3::new() };
    book.unknown("a line feed moves the border of the nonce", &v3(&joined, How::Sha256, &own()));
    book.unknown(
        "the merchant's own key",
        &v3(&V3::new(), How::Sha256, &Key::at("alipay", "/keys/app/private_pkcs8_pem")),
    );
    book.unknown("SHA-1", &v3(&V3::new(), How::Sha1, &own()));
    let changed = String::from_utf8_lossy(&good.body).replace("100.00", "0.01");
    book.unknown("another amount", &good.with_body(changed));
    book.unknown("a blank behind the body", &good.with_body([good.body.as_slice(), b" "].concat()));
    for status in [201, 301, 400, 404, 500, 503] {
        book.unknown(&format!("status {status}"), &good.with_status(status));
    }
    book.kind("F53", "reply about another order");
    let other = V3 { body: V3::new().body.replace(ALIPAY.charge, "ANOTHER"), ..V3::new() };
    book.unknown("another order, signed anew", &v3(&other, How::Sha256, &own()));
    book.for_account("main");
}
