//! Answers of WeChat Pay: JSON under the same signed headers as its notifications.

use serde_json::{Value, json};

use super::{RETIRED, Signed, paid, with};
use crate::book::{Book, Message};
use crate::case::Case;
use crate::scene::{self, CANARY, WECHATPAY};
use crate::sign::{How, Key};

/// Calls with the status and the body of their success.
fn answers() -> Vec<(&'static str, u16, String)> {
    let refund = json!({
        "refund_id": "50000000000202603010000000001", "out_refund_no": WECHATPAY.refund, "out_trade_no": WECHATPAY.paid,
        "transaction_id": "4200000000202603010000000002", "channel": "ORIGINAL", "user_received_account": CANARY,
        "success_time": "2026-03-01T12:00:00+08:00", "status": "SUCCESS",
        "amount": { "total": 10_000, "refund": 3_000, "currency": "CNY" },
    });
    let reversed =
        json!({ "appid": "wxd678efh567hg6787", "mchid": "1900000109", "out_trade_no": WECHATPAY.charge });
    let revoked = with(&paid(), "/trade_state", "REVOKED".into());
    vec![
        ("charge", 200, json!({ "code_url": "weixin://wxpay/bizpayurl?pr=TESTabcd1" }).to_string()),
        ("charge_code", 200, paid().to_string()),
        ("query", 200, paid().to_string()),
        ("close", 204, String::new()),
        ("reverse", 200, reversed.to_string()),
        ("query_reverse", 200, revoked.to_string()),
        ("refund", 200, refund.to_string()),
        ("query_refund", 200, refund.to_string()),
    ]
}

fn answer_to(call: &str) -> (u16, String) {
    let found = answers().into_iter().find(|(known, ..)| *known == call);
    found.map(|(_, status, body)| (status, body)).unwrap_or_else(|| panic!("no answer to {call}"))
}

fn genuine(status: u16, body: &str) -> Message {
    Signed::new(body).message().with_status(status)
}

pub(super) fn control() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "control-replies");
    book.from("scene").kind("-", "authentic");
    for (call, status, body) in answers() {
        book.replies_to(call).accepted("done", &genuine(status, &body));
    }
    book.file()
}

/// F08: replies without a right signature.
pub(super) fn signatures() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "replies-signatures");
    for (call, status, body) in answers() {
        book.from("a success").replies_to(call).kind("F08", "reply without a right signature");
        let news = Signed::new(body.clone());
        let good = genuine(status, &body);
        for name in ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature"] {
            book.unknown(&format!("no {name}"), &good.without_header(name));
        }
        let merchant = Key::at("wechatpay", "/keys/merchant/private_key_pem");
        book.unknown(
            "the merchant's own key",
            &Signed { key: merchant, ..news.clone() }.message().with_status(status),
        );
        book.unknown("the serial of another certificate", &good.with_header("Wechatpay-Serial", RETIRED));
        book.unknown("SHA-1", &Signed { how: How::Sha1, ..news.clone() }.message().with_status(status));
        book.unknown("the vendor's probe", &news.message_with("WECHATPAY/SIGNTEST/abc").with_status(status));
        let old = (scene::now().as_second() - 301).to_string();
        book.unknown(
            "301 seconds old",
            &Signed { timestamp: old, ..news.clone() }.message().with_status(status),
        );
        let ahead = (scene::now().as_second() + 301).to_string();
        book.unknown(
            "301 seconds ahead",
            &Signed { timestamp: ahead, ..news.clone() }.message().with_status(status),
        );
        book.unknown("a blank behind the body", &good.with_body(format!("{body} ")));
        book.unknown(
            "a signature header twice",
            &good.plus_header("Wechatpay-Signature", good.header("Wechatpay-Signature")),
        );
    }
    let (status, body) = answer_to("query");
    book.replies_to("query").kind("F47", "algorithm downgrade in a reply");
    for (why, how) in
        [("MD5", How::Md5), ("SHA-512", How::Sha512), ("PSS", How::Pss), ("no hash's name", How::Bare)]
    {
        book.unknown(why, &Signed { how, ..Signed::new(body.clone()) }.message().with_status(status));
    }
    let changed = body.replace("10000", "1");
    book.unknown("another amount", &genuine(status, &body).with_body(changed));
    book.unknown(
        "another type of signature",
        &genuine(status, &body).with_header("Wechatpay-Signature-Type", "WECHATPAY2-SHA1-RSA2048"),
    );
    book.file()
}

/// F06, F07, F09, F53, F57: what is said cannot be used.
pub(super) fn content() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "replies-content");
    statuses(&mut book);
    misbound(&mut book);
    missing(&mut book);
    amounts(&mut book);
    odd(&mut book);
    book.file()
}

fn statuses(book: &mut Book) {
    for call in ["query", "close", "refund"] {
        let (right, body) = answer_to(call);
        book.from("a success, signed").replies_to(call).kind("F07", "status");
        for status in [201, 202, 206, 301, 302, 408, 409, 429, 500, 502, 503] {
            // 202 is a success of a query: the payer is still typing.
            if status != right && (call, status) != ("query", 202) {
                book.unknown(&format!("status {status}"), &genuine(status, &body));
            }
        }
        book.kind("F06", "error of a proxy");
        for status in [400, 403, 404] {
            book.unknown(
                &format!("an HTML page with {status}"),
                &Message::default()
                    .with_status(status)
                    .plus_header("Content-Type", "text/html")
                    .with_body("<html>not found</html>"),
            );
            book.unknown(&format!("an empty {status}"), &Message::default().with_status(status));
            let wrong = Signed {
                key: Key::at("wechatpay", "/keys/merchant/private_key_pem"),
                ..Signed::new(r#"{"code":"ORDER_CLOSED","message":"closed"}"#)
            };
            book.unknown(
                &format!("an error with {status} under a wrong signature"),
                &wrong.message().with_status(status),
            );
        }
    }
}

fn misbound(book: &mut Book) {
    for call in ["charge_code", "query", "reverse", "query_reverse", "refund", "query_refund"] {
        let (status, body) = answer_to(call);
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        book.from("a success, signed anew").replies_to(call).kind("F53", "reply about something else");
        for (place, values) in [
            ("/out_trade_no", ["ANOTHER", "", "1"]),
            ("/out_refund_no", ["ANOTHER", "", "1"]),
            ("/mchid", ["1900000999", "", "1900000109 "]),
            ("/appid", ["wx0", "", "WXD678EFH567HG6787"]),
        ] {
            if body.pointer(place).is_none() {
                continue;
            }
            for value in values {
                book.unknown(
                    &format!("{place} is {value:?}"),
                    &genuine(status, &with(&body, place, value.into()).to_string()),
                );
            }
            book.unknown(
                &format!("without {place}"),
                &genuine(status, &super::less(&body, place).to_string()),
            );
        }
    }
}

fn missing(book: &mut Book) {
    book.kind("F06", "success without its fields");
    for (call, places) in [
        ("charge", ["/code_url"].as_slice()),
        ("charge_code", &["/trade_state", "/transaction_id", "/amount", "/amount/total"]),
        ("query", &["/trade_state", "/transaction_id", "/amount", "/amount/total"]),
        ("query_reverse", &["/trade_state", "/amount"]),
        ("refund", &["/status", "/refund_id", "/transaction_id", "/amount", "/amount/refund"]),
        ("query_refund", &["/status", "/refund_id", "/transaction_id", "/amount", "/amount/refund"]),
    ] {
        let (status, body) = answer_to(call);
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        book.replies_to(call);
        for place in places {
            book.unknown(
                &format!("without {place}"),
                &genuine(status, &super::less(&body, place).to_string()),
            );
        }
        book.unknown("an empty object", &genuine(status, "{}"));
        book.unknown("no body", &genuine(status, ""));
    }
    book.kind("F06", "a value that is not listed");
    for (call, place) in [
        ("query", "/trade_state"),
        ("query_reverse", "/trade_state"),
        ("refund", "/status"),
        ("query_refund", "/status"),
    ] {
        let (status, body) = answer_to(call);
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        book.replies_to(call);
        for value in ["success", "SUCCESS ", "PAID", "", "OK"] {
            book.unknown(
                &format!("{place} is {value:?}"),
                &genuine(status, &with(&body, place, value.into()).to_string()),
            );
        }
    }
}

fn amounts(book: &mut Book) {
    book.kind("F52", "another amount in a reply");
    for (call, place) in [
        ("query", "/amount/total"),
        ("charge_code", "/amount/total"),
        ("refund", "/amount/refund"),
        ("query_refund", "/amount/refund"),
    ] {
        let (status, text) = answer_to(call);
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        book.replies_to(call);
        for fen in [1_i64, 2_999, 10_001, 999_999_999_999_999] {
            book.suspicious(
                &format!("{fen} fen"),
                &genuine(status, &with(&body, place, fen.into()).to_string()),
            );
        }
        book.suspicious(
            "dollars",
            &genuine(status, &with(&body, "/amount/currency", "USD".into()).to_string()),
        );
        let name = place.rsplit('/').next().unwrap_or_default();
        let old = format!("\"{name}\":{}", body.pointer(place).unwrap_or(&Value::Null));
        for value in [
            "0",
            "-1",
            "1e4",
            "1e400",
            "10000.0",
            "9223372036854775807",
            "9223372036854775808",
            "\"10000\"",
            "null",
            "{}",
        ] {
            book.unknown(
                &format!("the amount is {value}"),
                &genuine(status, &text.replacen(&old, &format!("\"{name}\":{value}"), 1)),
            );
        }
    }
}

fn odd(book: &mut Book) {
    let (status, text) = answer_to("query");
    book.replies_to("query").kind("F57", "signed JSON that reads in two ways");
    for (why, body) in [
        (
            "the state twice",
            text.replacen("\"trade_state\":", "\"trade_state\":\"NOTPAY\",\"trade_state\":", 1),
        ),
        ("the amount twice", text.replacen("\"total\":", "\"total\":1,\"total\":", 1)),
        (
            "the order twice, once escaped",
            text.replacen("\"out_trade_no\":", "\"out_trad\\u0065_no\":\"X\",\"out_trade_no\":", 1),
        ),
        ("something behind it", format!("{text}[]")),
        ("cut", text[..text.len() - 1].to_owned()),
        ("a list around it", format!("[{text}]")),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("10,000 levels", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
        ("null", "null".to_owned()),
        ("XML", "<xml><trade_state>SUCCESS</trade_state></xml>".to_owned()),
    ] {
        book.unknown(why, &genuine(status, &body));
    }
    let zipped = Signed::new(super::gzip(text.as_bytes())).message().with_status(status);
    book.kind("F65", "compressed reply")
        .unknown("gzip, signed as it is", &zipped.plus_header("Content-Encoding", "gzip"));
}
