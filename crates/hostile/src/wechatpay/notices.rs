//! Notifications whose signature is not right, or whose time or place is not.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use super::{NONCE, PAID, REFUNDED, RETIRED, SCHEME, SERIAL, Signed, genuine, own, paid, refunded, told};
use crate::book::{Book, Message};
use crate::case::Case;
use crate::scene;
use crate::sign::{self, How, Key};

const PARTS: [&str; 4] =
    ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature"];

pub(super) fn control() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "control");
    book.from("scene").kind("-", "authentic");
    // The same orders, refunds and transactions of which the others tell something wrong: the right news is still taken up.
    let (paid, refunded) = (paid(), refunded());
    let news = genuine(PAID, &paid);
    book.accepted("the order was paid", &news);
    book.accepted(
        "the same news, told again with another nonce",
        &Signed { nonce: "another".into(), ..told(PAID, &paid) }.message(),
    );
    book.accepted(
        "no signature type, as in older messages",
        &news.without_header("Wechatpay-Signature-Type"),
    );
    let lower: Vec<_> =
        news.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    book.accepted("header names in lower case", &Message { headers: lower, ..news.clone() });
    let early = Signed { timestamp: (scene::now().as_second() - 200).to_string(), ..told(PAID, &paid) };
    book.accepted("200 seconds old", &early.message());
    book.accepted(
        "the serial in lower case",
        &Signed { serial: SERIAL.to_lowercase(), ..told(PAID, &paid) }.message(),
    );
    book.accepted("the refund went out", &genuine(REFUNDED, &refunded));
    book.file()
}

pub(super) fn signatures() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "signatures");
    for (from, news) in
        [("the order was paid", told(PAID, &paid())), ("the refund went out", told(REFUNDED, &refunded()))]
    {
        book.from(from);
        headers(&mut book, &news);
        keys(&mut book, &news);
    }
    spoiled(&mut book);
    algorithms(&mut book);
    altered(&mut book);
    book.file()
}

/// F45: a part of the signature is missing or there twice.
fn headers(book: &mut Book, news: &Signed) {
    let good = news.message();
    book.kind("F45", "no signature");
    for name in PARTS {
        book.refused(&format!("no {name}"), &good.without_header(name));
        book.refused(&format!("an empty {name}"), &good.with_header(name, ""));
    }
    let bare = PARTS.iter().fold(good.clone(), |message, name| message.without_header(name));
    book.refused("none of the headers", &bare);
    book.kind("F48", "header twice");
    for name in PARTS {
        book.refused(&format!("{name} twice, alike"), &good.plus_header(name, good.header(name)));
        book.refused(&format!("{name} twice, the second another"), &good.plus_header(name, "0"));
    }
}

/// F46: a good signature by the wrong key.
fn keys(book: &mut Book, news: &Signed) {
    book.kind("F46", "wrong key");
    for (who, rail, pointer) in [
        ("the merchant's own key", "wechatpay", "/keys/merchant/private_key_pem"),
        (
            "a certificate that is not trusted any more",
            "wechatpay",
            "/keys/platform_certificate_next/private_key_pem",
        ),
        (
            "a public key that the account does not have",
            "wechatpay",
            "/keys/wechatpay_public_key/private_key_pem",
        ),
        ("Alipay's key", "alipay", "/keys/alipay/private_pkcs8_pem"),
        ("a stranger's key", "unionpay", "/certificates/badleaf/private_key_pem"),
    ] {
        let forged = Signed { key: Key::at(rail, pointer), ..news.clone() };
        book.refused(&format!("under the right serial, by {who}"), &forged.message());
    }
    book.kind("F46", "unknown or foreign serial");
    for (why, serial) in [
        ("the serial of a certificate that the account does not have", RETIRED),
        ("the merchant's own serial", "3A1B5C7D9E0F11223344556677889900AABBCC01"),
        (
            "the id of a public key that the account does not have",
            "PUB_KEY_ID_0119000001092026010100000000000001",
        ),
        ("a serial of zeros", "0000000000000000000000000000000000000000"),
        ("a part of the serial", &SERIAL[..20]),
        ("the serial and one digit", &format!("{SERIAL}0")),
        ("a path", "../../keys/platform"),
        ("300 characters", &"A".repeat(300)),
    ] {
        book.refused(why, &Signed { serial: serial.to_owned(), ..news.clone() }.message());
    }
    let consistent = Signed {
        serial: RETIRED.to_owned(),
        key: Key::at("wechatpay", "/keys/platform_certificate_next/private_key_pem"),
        ..news.clone()
    };
    book.refused("serial and key of a certificate that the account does not have", &consistent.message());
    let merchant = Signed {
        serial: "3A1B5C7D9E0F11223344556677889900AABBCC01".to_owned(),
        key: Key::at("wechatpay", "/keys/merchant/private_key_pem"),
        ..news.clone()
    };
    book.refused("serial and key of the merchant itself", &merchant.message());
}

/// F45, F63: what stands there is no signature.
fn spoiled(book: &mut Book) {
    let news = told(PAID, &paid());
    let good = news.signature();
    let bytes = STANDARD.decode(&good).unwrap_or_default();
    book.from("the order was paid").kind("F45", "broken signature");
    for (why, signature) in [
        ("the last character is cut", good[..good.len() - 1].to_owned()),
        ("half of it", good[..good.len() / 2].to_owned()),
        ("base64url", URL_SAFE.encode(&bytes)),
        ("without padding", STANDARD_NO_PAD.encode(&bytes)),
        ("255 bytes", STANDARD.encode(&bytes[1..])),
        ("257 bytes", STANDARD.encode([&[0], bytes.as_slice()].concat())),
        ("256 zeros", STANDARD.encode([0; 256])),
        ("all ones, above the modulus", STANDARD.encode([0xff; 256])),
        ("hex digits", hex::encode(&bytes)),
        ("twice in one", format!("{good}{good}")),
        ("a list of two", format!("{good},{good}")),
        ("in quotes", format!("\"{good}\"")),
        ("a blank in it", format!("{} {}", &good[..100], &good[100..])),
        ("a tab behind it", format!("{good}\t=")),
    ] {
        book.refused(why, &news.message_with(&signature));
    }
    book.kind("F63", "signature probe");
    book.refused(
        "the vendor's mark before a right signature",
        &news.message_with(&format!("WECHATPAY/SIGNTEST/{good}")),
    );
    book.refused("the vendor's mark alone", &news.message_with("WECHATPAY/SIGNTEST/"));
    book.refused("the vendor's mark before noise", &news.message_with("WECHATPAY/SIGNTEST/abcdefgh"));
    book.kind("F45", "signature of another message");
    book.refused("that of the refund", &news.message_with(&told(REFUNDED, &refunded()).signature()));
    book.refused("that of the empty body", &news.message_with(&Signed::new("").signature()));
    let request = format!("POST\n/notify/wechatpay-main\n{}", String::from_utf8_lossy(&news.text()));
    book.refused(
        "that of a request with method and path",
        &news.message_with(&own().sign(How::Sha256, request.as_bytes())),
    );
    book.refused("that of the body alone", &news.message_with(&own().sign(How::Sha256, &news.body)));
    let bare = news.text();
    book.refused(
        "without the last line feed",
        &news.message_with(&own().sign(How::Sha256, &bare[..bare.len() - 1])),
    );
    let windows = String::from_utf8_lossy(&bare).replace('\n', "\r\n");
    book.refused("with CRLF", &news.message_with(&own().sign(How::Sha256, windows.as_bytes())));
}

/// F47: another algorithm than the account's.
fn algorithms(book: &mut Book) {
    let news = told(PAID, &paid());
    book.kind("F47", "algorithm downgrade");
    for (why, how) in [
        ("SHA-1", How::Sha1),
        ("MD5", How::Md5),
        ("SHA-384", How::Sha384),
        ("SHA-512", How::Sha512),
        ("PSS", How::Pss),
        ("a padding without the hash's name", How::Bare),
        ("the textbook operation", How::Textbook),
    ] {
        book.refused(why, &Signed { how, ..news.clone() }.message());
    }
    for kind in [
        "WECHATPAY2-SHA1-RSA2048",
        "WECHATPAY2-MD5",
        "WECHATPAY2-SM2-WITH-SM3",
        "HMAC-SHA256",
        "none",
        "",
        "wechatpay2-sha256-rsa2048",
    ] {
        book.refused(
            &format!("a right signature under the type {kind:?}"),
            &news.message().with_header("Wechatpay-Signature-Type", kind),
        );
    }
    book.refused("the type twice", &news.message().plus_header("Wechatpay-Signature-Type", SCHEME));
    book.kind("F47", "no algorithm at all");
    let text = news.text();
    for (why, signature) in [
        ("a digest", STANDARD.encode(sign::sha256(&text))),
        ("an HMAC with the API v3 key", STANDARD.encode(sign::hmac_sha256(&super::apiv3(), &text))),
        ("an MD5 digest in hex, as in API v2", sign::md5_hex(&text).to_uppercase()),
        ("the text itself", STANDARD.encode(&text)),
    ] {
        book.refused(why, &news.message_with(&signature));
    }
}

/// F49: genuine, and changed on the way.
fn altered(book: &mut Book) {
    for (from, news) in
        [("the order was paid", told(PAID, &paid())), ("the refund went out", told(REFUNDED, &refunded()))]
    {
        book.from(from).kind("F49", "altered after signing");
        let good = news.message();
        let body = String::from_utf8_lossy(&good.body).into_owned();
        for (why, changed) in [
            ("a blank behind the body", format!("{body} ")),
            ("a line feed behind the body", format!("{body}\n")),
            ("a byte order mark", format!("\u{feff}{body}")),
            ("blanks between the members", body.replace(',', ", ")),
            ("escaped slashes", body.replace('/', "\\/")),
            ("another event", body.replace("SUCCESS", "CLOSED")),
            ("a member added", body.replace("\"id\"", "\"x\":1,\"id\"")),
            ("half of the body", body[..body.len() / 2].to_owned()),
            ("no body", String::new()),
        ] {
            book.refused(why, &good.with_body(changed));
        }
        book.refused(
            "another timestamp",
            &good.with_header("Wechatpay-Timestamp", &(scene::now().as_second() + 1).to_string()),
        );
        book.refused("another nonce", &good.with_header("Wechatpay-Nonce", "0"));
        book.kind("F48", "border between the signed parts");
        let moved = format!("{NONCE}\n{}", &body[..10]);
        book.refused(
            "a part of the body moved into the nonce",
            &good
                .with_header("Wechatpay-Nonce", &moved.replace('\n', "\\n"))
                .with_body(body[10..].to_owned()),
        );
    }
}

/// F50: genuine, and out of time.
pub(super) fn times() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "times");
    let now = scene::now().as_second();
    for (from, news) in
        [("the order was paid", told(PAID, &paid())), ("the refund went out", told(REFUNDED, &refunded()))]
    {
        book.from(from).kind("F50", "stale or from the future");
        for (why, moved) in [
            ("300 seconds old", -300),
            ("301 seconds old", -301),
            ("an hour old", -3_600),
            ("30 days old", -2_592_000),
            ("since 1970", -now),
            ("15 minutes ahead", 900),
            ("a day ahead", 86_400),
            ("a hundred years ahead", 3_155_760_000),
        ] {
            book.refused(why, &Signed { timestamp: (now + moved).to_string(), ..news.clone() }.message());
        }
        book.kind("F50", "unreadable time");
        for timestamp in [
            "1772337600000",
            "-1",
            "+1772337600",
            "1772337600.0",
            "1.7723376e9",
            "0x69a3c280",
            "9223372036854775807",
            "9223372036854775808",
            "99999999999999999999",
            "2026-03-01T12:00:00+08:00",
            "１７７２３３７６００",
        ] {
            let news = Signed { timestamp: timestamp.to_owned(), ..news.clone() };
            if timestamp.is_ascii() {
                book.refused(&format!("the time is {timestamp:?}"), &news.message());
            }
        }
    }
    book.file()
}

/// F51, F62: the wrong door, and headers that claim something.
pub(super) fn doors() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "doors");
    book.from("the order was paid").kind("F51", "wrong endpoint");
    let good = genuine(PAID, &paid());
    for (why, request) in [
        ("at Alipay's endpoint", "POST /notify/alipay-main/{token}"),
        ("at UnionPay's endpoint", "POST /notify/unionpay-main/{token}"),
        ("at an account that is not there", "POST /notify/wechatpay/{token}"),
        ("a wrong token", "POST /notify/wechatpay-main/x"),
        ("no token", "POST /notify/wechatpay-main"),
        ("something behind the token", "POST {path}/"),
        ("the account percent-encoded twice", "POST /notify/wechatpay%252dmain/{token}"),
        ("GET", "GET {path}"),
        ("PATCH", "PATCH {path}"),
        ("at the browser's return address", "POST /back/wechatpay-main/{order}"),
    ] {
        book.refused(why, &good.with_request(request));
    }
    book.kind("F48", "field in the query");
    book.refused("a query in the URL", &good.with_query("out_trade_no=1"));
    book.kind("F62", "headers that claim trust");
    let forged =
        Signed { key: Key::at("wechatpay", "/keys/merchant/private_key_pem"), ..told(PAID, &paid()) }
            .message();
    crate::alipay::claims(&mut book, &forged);
    book.file()
}
