//! Answers of UnionPay: `name=value&...` without any escape, signed like its notifications.

use super::{Signer, UNIONPAY, certificate, own, paid, signed, signed_by};
use crate::book::{Book, Message};
use crate::case::Case;
use crate::form::{self, Fields, get, set, without};
use crate::scene::{CANARY, OTHER_NO};
use crate::sign::How;

/// Calls and the fields of their success. What only says "accepted" settles nothing even when it is right.
fn answers() -> Vec<(&'static str, Fields)> {
    let of = |kind: (&str, &str), number: &str, drop: &[&str], more: &[(&str, &str)]| {
        let base = set(&set(&set(&paid(), "txnType", kind.0), "txnSubType", kind.1), "orderId", number);
        let base = drop.iter().fold(base, |fields, name| without(&fields, name));
        more.iter().fold(base, |fields, (name, value)| set(&fields, name, value))
    };
    let settled =
        &["traceNo", "traceTime", "settleAmt", "settleDate", "settleCurrencyCode", "queryId", "payCardType"];
    let done: &[(&str, &str)] = &[("origRespCode", "00"), ("origRespMsg", "成功[0000000]")];
    let less: &[(&str, &str)] = &[("origRespCode", "00"), ("txnAmt", "3000"), ("settleAmt", "3000")];
    vec![
        (
            "charge",
            of(
                ("01", "07"),
                UNIONPAY.charge,
                settled,
                &[("qrCode", "https://qr.95516.com/00010000/62281234567890123456789012345678")],
            ),
        ),
        ("charge_code", of(("01", "06"), UNIONPAY.charge, &[], &[])),
        ("query", of(("01", "07"), UNIONPAY.charge, &[], done)),
        ("reverse", of(("31", "00"), OTHER_NO, &[], &[])),
        ("query_reverse", of(("31", "00"), OTHER_NO, &[], done)),
        ("refund", of(("04", "00"), UNIONPAY.refund, &[], &[("txnAmt", "3000")])),
        ("query_refund", of(("04", "00"), UNIONPAY.refund, &[], less)),
        ("capture", of(("03", "00"), OTHER_NO, &[], &[])),
        ("query_capture", of(("03", "00"), OTHER_NO, &[], done)),
    ]
}

/// The calls whose success settles something.
const SETTLING: [&str; 4] = ["query", "query_reverse", "query_refund", "query_capture"];

fn answer_to(call: &str) -> Fields {
    let found = answers().into_iter().find(|(known, _)| *known == call);
    found.map(|(_, fields)| fields).unwrap_or_else(|| panic!("no answer to {call}"))
}

fn plain(fields: &Fields) -> Message {
    raw(form::joined(fields))
}

fn raw(body: impl Into<Vec<u8>>) -> Message {
    Message::default().with_status(200).plus_header("Content-Type", "text/html;charset=UTF-8").with_body(body)
}

fn genuine(fields: &Fields) -> Message {
    plain(&signed(fields))
}

pub(super) fn control() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "control-replies");
    book.from("scene").kind("-", "authentic");
    for (call, fields) in answers() {
        book.replies_to(call).accepted("done", &genuine(&fields));
    }
    let braced = format!("{{{}}}", form::joined(&signed(&answer_to("query"))));
    book.replies_to("query").accepted("braces around it", &raw(braced));
    book.file()
}

/// F08, F46, F47: replies without a right signature.
pub(super) fn signatures() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "replies-signatures");
    for (call, fields) in answers() {
        book.from("a success").replies_to(call).kind("F08", "reply without a right signature");
        let good = signed(&fields);
        book.unknown("no signature", &plain(&without(&good, "signature")));
        book.unknown("no certificate", &plain(&without(&good, "signPubKeyCert")));
        book.unknown("an empty signature", &plain(&set(&good, "signature", "")));
        book.unknown("SHA-1", &plain(&signed_by(&fields, &own(), How::Sha1)));
        let merchant = Signer { key: Signer::named("merchant").key, ..own() };
        book.unknown("the merchant's own key", &plain(&signed_by(&fields, &merchant, How::Sha256)));
        book.unknown("changed after signing", &plain(&set(&good, "accNo", "another")));
        book.unknown(
            "the signature of another answer",
            &plain(&set(&good, "signature", get(&signed(&paid()), "signature"))),
        );
        book.kind("F46", "certificate of a reply");
        for name in ["wrongcn", "expired", "badleaf", "upsign_test", "merchant"] {
            book.unknown(
                &format!("the certificate {name} and its key"),
                &plain(&signed_by(&fields, &Signer::named(name), How::Sha256)),
            );
        }
        book.unknown(
            "another certificate than the key's",
            &plain(&set(&good, "signPubKeyCert", &certificate("wrongcn"))),
        );
    }
    book.replies_to("query").kind("F47", "algorithm downgrade in a reply");
    for (why, how) in [
        ("MD5", How::Md5),
        ("SHA-512", How::Sha512),
        ("PSS", How::Pss),
        ("no hash's name", How::Bare),
        ("the textbook operation", How::Textbook),
    ] {
        book.unknown(why, &plain(&signed_by(&answer_to("query"), &own(), how)));
    }
    book.file()
}

/// F06, F07, F09, F53, F57: what is said cannot be used.
pub(super) fn content() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "replies-content");
    misbound(&mut book);
    missing(&mut book);
    amounts(&mut book);
    odd(&mut book);
    book.file()
}

fn misbound(book: &mut Book) {
    for (call, fields) in answers() {
        book.from("a success, signed anew").replies_to(call).kind("F53", "reply about something else");
        for (name, values) in [
            ("orderId", ["ANOTHER", UNIONPAY.paid]),
            ("merId", ["777290058110999", "777290058110048 "]),
            ("txnTime", ["20260301115901", "20250301115900"]),
            ("txnType", ["99", "00"]),
        ] {
            for value in values {
                book.unknown(&format!("{name} is {value:?}"), &genuine(&set(&fields, name, value)));
            }
            book.unknown(&format!("no {name}"), &genuine(&without(&fields, name)));
        }
    }
    book.kind("F53", "the answer of another call");
    for to in SETTLING {
        for (other, fields) in answers() {
            // The same question asked by another name has the same answer.
            if other != to && get(&fields, "txnType") != get(&answer_to(to), "txnType") {
                let named =
                    set(&set(&fields, "orderId", get(&answer_to(to), "orderId")), "origRespCode", "00");
                book.replies_to(to)
                    .unknown(&format!("that of {other}, under this order's number"), &genuine(&named));
            }
        }
    }
}

fn missing(book: &mut Book) {
    for call in SETTLING {
        let fields = answer_to(call);
        book.from("a success, signed anew").replies_to(call).kind("F06", "success without its fields");
        for name in ["respCode", "origRespCode"] {
            book.unknown(&format!("no {name}"), &genuine(&without(&fields, name)));
            for code in ["", "0", "000", "00 ", "A7", "ok", "02", "06", "99"] {
                book.unknown(&format!("{name} {code:?}"), &genuine(&set(&fields, name, code)));
            }
        }
        if call != "query_reverse" {
            book.unknown("no amount", &genuine(&without(&fields, "txnAmt")));
        }
    }
    let shown = answer_to("charge");
    book.replies_to("charge");
    book.unknown("no code to show", &genuine(&without(&shown, "qrCode")));
}

fn amounts(book: &mut Book) {
    book.kind("F52", "another amount in a reply");
    for call in ["query", "query_refund", "query_capture"] {
        let fields = answer_to(call);
        book.replies_to(call);
        for fen in ["1", "2999", "10001", "999999999999"] {
            book.suspicious(&format!("{fen} fen"), &genuine(&set(&fields, "txnAmt", fen)));
        }
        book.suspicious("dollars", &genuine(&set(&fields, "currencyCode", "840")));
        for fen in ["0", "-1", "100.00", "1e4", "9223372036854775808", "１００", "+1", ""] {
            book.unknown(&format!("txnAmt {fen:?}"), &genuine(&set(&fields, "txnAmt", fen)));
        }
    }
}

fn odd(book: &mut Book) {
    let good = signed(&answer_to("query"));
    let text = form::joined(&good);
    book.from("a success").replies_to("query").kind("F07", "status");
    for status in [201, 204, 301, 302, 400, 403, 404, 429, 500, 502, 503] {
        book.unknown(&format!("status {status}"), &plain(&good).with_status(status));
    }
    book.kind("F57", "text that reads in two ways");
    for (why, body) in [
        ("the amount twice", format!("{text}&txnAmt=1")),
        ("the amount twice, in front", format!("txnAmt=1&{text}")),
        ("the code twice", format!("{text}&respCode=00")),
        ("a name without a value", format!("{text}&x")),
        ("a value without a name", format!("{text}&=x")),
        ("half of it", text.chars().take(text.chars().count() / 2).collect()),
        ("a brace in front", format!("{{{text}")),
        ("two braces around", format!("{{{{{text}}}}}")),
        ("escaped", form::encoded(&good)),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("a line feed behind it", format!("{text}\n")),
        ("empty", String::new()),
        ("an HTML page", "<html><body>respCode=00</body></html>".to_owned()),
        ("JSON", r#"{"respCode":"00"}"#.to_owned()),
        ("only a code", "respCode=00".to_owned()),
        ("100,000 braces are too many; 50,000", "{".repeat(50_000)),
        ("20,000 fields", (0..9_000).map(|n| format!("a{n}=&")).collect()),
    ] {
        book.unknown(why, &raw(body));
    }
    let hiding = set(&answer_to("query"), "reqReserved", &format!("{CANARY}&txnAmt=1"));
    book.from("a success, signed anew").unknown("a field hides in another", &genuine(&hiding));
    let latin: Vec<u8> =
        text.replace("成功", "\u{80}").into_bytes().into_iter().filter(|byte| *byte != 0xc2).collect();
    book.unknown("bytes that are not UTF-8", &raw(latin));
    let zipped = crate::wechatpay::gzip(text.as_bytes());
    book.kind("F65", "compressed reply")
        .unknown("gzip", &raw(zipped).plus_header("Content-Encoding", "gzip"));
}
