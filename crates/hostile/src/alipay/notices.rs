//! Notices that are not genuine, and genuine ones in the wrong place or time.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use super::{ALIPAY, CANARY, genuine, held, own, paid, posted, raw, refunded, signed, text, time};
use crate::book::{Book, Message};
use crate::case::Case;
use crate::form::{self, Fields, escaped, get, set, without};
use crate::sign::{self, How, Key};

/// Genuine notices, which have to be believed: each of these is one of the authentic forms that a check might refuse.
pub(super) fn control() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "control");
    book.from("scene").kind("-", "authentic");
    // Numbers of their own: of the others, some are genuine and leave the matter open; such news is known by its number.
    let base = [("a payment", paid()), ("a refund", refunded()), ("a hold", held())];
    let numbered = |notice: Fields, last: &str| {
        set(&notice, "notify_id", &format!("20260301002221200000005000000009{last}"))
    };
    let (paid, refunded, held) = (numbered(paid(), "01"), numbered(refunded(), "02"), numbered(held(), "03"));
    book.accepted("the order was paid", &genuine(&paid));
    let mut turned = signed(&paid);
    turned.reverse();
    book.accepted("the same news with its fields in another order", &posted(&turned));
    let strict = form::encoded(&signed(&paid)).replace('+', "%20");
    book.accepted("the same news with %20 for spaces", &raw(strict));
    let typed = set(&signed(&paid), "sign_type", "none");
    book.accepted("sign_type is not signed and nobody's choice: it is not read", &posted(&typed));
    let empty = signed(&set(&paid, "passback_params", ""));
    book.accepted("a field without a value, signed", &posted(&empty));
    book.accepted("the refund went out", &genuine(&refunded));
    book.accepted("the money is held", &genuine(&held));
    for (what, notice) in base {
        book.accepted(&format!("{what}: what most of the others are made of"), &genuine(&notice));
    }
    book.file()
}

pub(super) fn signatures() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "signatures");
    spoiled(&mut book);
    foreign_keys(&mut book);
    algorithms(&mut book);
    altered(&mut book);
    book.file()
}

/// F45: there is no signature, or only a part of it.
fn spoiled(book: &mut Book) {
    let notice = signed(&paid());
    let good = get(&notice, "sign").to_owned();
    let bytes = STANDARD.decode(&good).unwrap_or_default();
    let with = |sign: &str| posted(&set(&notice, "sign", sign));
    book.from("the order was paid").kind("F45", "no signature");
    book.refused("no sign field", &posted(&without(&notice, "sign")));
    book.refused("neither sign nor sign_type", &posted(&paid_without_types()));
    book.refused("an empty sign", &with(""));
    book.refused("a sign of blanks", &with("   "));
    book.refused("the name without a value", &raw(form::encoded(&without(&notice, "sign")) + "&sign"));
    book.refused("sign under another name", &posted(&renamed(&notice, "sign", "Sign")));
    book.kind("F45", "broken signature");
    book.refused("the last character is cut", &with(&good[..good.len() - 1]));
    book.refused("the last four characters are cut", &with(&good[..good.len() - 4]));
    book.refused("half of it", &with(&good[..good.len() / 2]));
    book.refused("base64url", &with(&URL_SAFE.encode(&bytes)));
    book.refused("without padding", &with(&STANDARD_NO_PAD.encode(&bytes)));
    book.refused("255 bytes", &with(&STANDARD.encode(&bytes[1..])));
    book.refused("257 bytes", &with(&STANDARD.encode([&[0], bytes.as_slice()].concat())));
    book.refused("256 zeros", &with(&STANDARD.encode([0; 256])));
    book.refused("all ones, above the modulus", &with(&STANDARD.encode([0xff; 256])));
    book.refused("the number one, whose cube is one", &with(&STANDARD.encode(one())));
    book.refused("hex digits", &with(&hex::encode(&bytes)));
    book.refused("twice in one", &with(&format!("{good}{good}")));
    book.refused("a line feed in it", &with(&format!("{}\n{}", &good[..76], &good[76..])));
    book.refused("a blank before it", &with(&format!(" {good}")));
    book.refused("padding behind it", &with(&format!("{good}==")));
    book.refused("plus signs that became blanks", &raw(form::encoded(&notice).replace("%2B", "+")));
    let mut turned = bytes.clone();
    turned.reverse();
    book.refused("its bytes backwards", &with(&STANDARD.encode(turned)));
    book.kind("F45", "signature of another message");
    book.refused("that of the refund's notice", &with(get(&signed(&refunded()), "sign")));
    book.refused("that of the hold's notice", &with(get(&signed(&held()), "sign")));
    let other = signed(&set(&paid(), "total_amount", "0.01"));
    book.refused("that of an order of one fen", &with(get(&other, "sign")));
    book.refused("that of the empty text", &with(&own().sign(How::Sha256, b"")));
}

fn paid_without_types() -> Fields {
    without(&paid(), "sign_type")
}

fn one() -> Vec<u8> {
    let mut number = vec![0; 256];
    number[255] = 1;
    number
}

fn renamed(notice: &Fields, from: &str, to: &str) -> Fields {
    let rename = |(name, value): &(String, String)| {
        (if name == from { to.to_owned() } else { name.clone() }, value.clone())
    };
    notice.iter().map(rename).collect()
}

/// F46: a good signature by the wrong key.
fn foreign_keys(book: &mut Book) {
    book.from("the order was paid").kind("F46", "wrong key");
    for (who, rail, pointer) in [
        ("the merchant's own key", "alipay", "/keys/app/private_pkcs8_pem"),
        ("another rail's merchant key", "wechatpay", "/keys/merchant/private_key_pem"),
        ("another rail's platform key", "wechatpay", "/keys/platform_certificate/private_key_pem"),
        ("a key that another rail gave up", "wechatpay", "/keys/platform_certificate_next/private_key_pem"),
        ("UnionPay's key", "unionpay", "/certificates/upsign/private_key_pem"),
        ("a stranger's key", "unionpay", "/certificates/badleaf/private_key_pem"),
    ] {
        let key = Key::at(rail, pointer);
        for (what, notice) in [("a payment", paid()), ("a refund", refunded()), ("a hold", held())] {
            let forged = set(&notice, "sign", &key.sign(How::Sha256, text(&notice).as_bytes()));
            book.refused(&format!("{what} signed with {who}"), &posted(&forged));
        }
    }
    let notice = set(&paid(), "alipay_cert_sn", "d0320bd5ff1f9fb02e41c95234c9bfc6");
    let forged = set(
        &notice,
        "sign",
        &Key::at("alipay", "/keys/app/private_pkcs8_pem").sign(How::Sha256, text(&notice).as_bytes()),
    );
    book.refused("names Alipay's certificate, is signed with the merchant's key", &posted(&forged));
}

/// F47: the right key, another algorithm; the account's is RSA with SHA-256 and nothing else.
fn algorithms(book: &mut Book) {
    book.from("the order was paid").kind("F47", "algorithm downgrade");
    for (name, how, sign_type) in [
        ("SHA-1 under sign_type RSA", How::Sha1, "RSA"),
        ("SHA-1 under sign_type RSA2", How::Sha1, "RSA2"),
        ("SHA-1 under sign_type rsa2", How::Sha1, "rsa2"),
        ("MD5 under sign_type MD5", How::Md5, "MD5"),
        ("MD5 under sign_type RSA2", How::Md5, "RSA2"),
        ("SHA-384 under sign_type RSA2", How::Sha384, "RSA2"),
        ("SHA-512 under sign_type RSA2", How::Sha512, "RSA2"),
        ("PSS under sign_type RSA2", How::Pss, "RSA2"),
        ("a padding without the hash's name", How::Bare, "RSA2"),
        ("the textbook operation", How::Textbook, "RSA2"),
    ] {
        let notice = set(&paid(), "sign_type", sign_type);
        let forged = set(&notice, "sign", &own().sign(how, text(&notice).as_bytes()));
        book.refused(name, &posted(&forged));
    }
    book.kind("F47", "no algorithm at all");
    let plain = text(&paid());
    let app_key = sign::text_at("alipay", "/keys/alipay/public_spki_pem");
    for (name, sign_type, sign) in [
        ("an MD5 digest under sign_type MD5", "MD5", sign::md5_hex(plain.as_bytes())),
        (
            "an MD5 digest with the app id as a key",
            "MD5",
            sign::md5_hex(format!("{plain}9021000000000001").as_bytes()),
        ),
        (
            "an HMAC with the public key as the secret",
            "HMAC-SHA256",
            STANDARD.encode(sign::hmac_sha256(app_key.as_bytes(), plain.as_bytes())),
        ),
        ("a bare SHA-256 digest", "SHA256", STANDARD.encode(sign::sha256(plain.as_bytes()))),
        ("sign_type none, and the word none", "none", "none".to_owned()),
        ("sign_type empty, and the text itself", "", STANDARD.encode(plain.as_bytes())),
        ("a JWT without algorithm", "none", "eyJhbGciOiJub25lIn0.e30.".to_owned()),
    ] {
        let forged = set(&set(&paid(), "sign_type", sign_type), "sign", &sign);
        book.refused(name, &posted(&forged));
    }
    book.kind("F47", "another text signed");
    for (name, text) in [
        ("sign_type is in the signed text", form::joined(&paid())),
        ("the encoded form is signed", form::encoded(&without(&paid(), "sign_type"))),
        ("the fields are not sorted", unsorted(&paid())),
        ("the digest of the text is signed", hex::encode(sign::sha256(plain.as_bytes()))),
        ("a line feed is at the end", format!("{plain}\n")),
        (
            "only the amount and the order are signed",
            format!("out_trade_no={}&total_amount=100.00", ALIPAY.charge),
        ),
    ] {
        let forged = set(&paid(), "sign", &own().sign(How::Sha256, text.as_bytes()));
        book.refused(name, &posted(&forged));
    }
}

fn unsorted(notice: &Fields) -> String {
    let signed = without(notice, "sign_type");
    signed.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// F45, F49: a genuine notice, and something in it changed on the way.
fn altered(book: &mut Book) {
    book.kind("F49", "altered after signing");
    for (from, notice) in
        [("the order was paid", paid()), ("the refund went out", refunded()), ("the money is held", held())]
    {
        book.from(from);
        let notice = signed(&notice);
        for (name, value) in [
            ("total_amount", "0.01"),
            ("amount", "0.01"),
            ("out_trade_no", ALIPAY.paid),
            ("out_order_no", ALIPAY.charge),
            ("seller_id", "2088999999999999"),
            ("app_id", "9021000000000099"),
            ("trade_status", "TRADE_FINISHED"),
            ("refund_fee", "99.99"),
            ("out_biz_no", "R999"),
            ("notify_id", "another"),
            ("notify_time", "2026-03-01 12:00:01"),
            ("gmt_refund", ""),
        ] {
            if notice.iter().any(|(known, old)| known == name && old != value) {
                book.refused(&format!("{name} is changed"), &posted(&set(&notice, name, value)));
            }
        }
        book.refused("a field is added", &posted(&set(&notice, "gmt_close", "2026-03-01 12:00:00")));
        book.refused("the version is left out", &posted(&without(&notice, "version")));
    }
}

/// F48, F49, F57: what parsers read differently.
pub(super) fn forms() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "forms");
    doubled(&mut book);
    hidden(&mut book);
    strange(&mut book);
    encodings(&mut book);
    book.file()
}

fn doubled(book: &mut Book) {
    let notice = signed(&paid());
    let body = form::encoded(&notice);
    book.from("the order was paid").kind("F48", "field twice");
    for (name, value) in [
        ("total_amount", "0.01"),
        ("total_amount", "100.00"),
        ("out_trade_no", ALIPAY.paid),
        ("trade_status", "TRADE_SUCCESS"),
        ("seller_id", "2088999999999999"),
        ("app_id", "9021000000000099"),
        ("sign", ""),
        ("sign", get(&notice, "sign")),
        ("sign_type", "RSA"),
        ("notify_id", "another"),
    ] {
        let pair = format!("{name}={}", escaped(value));
        book.refused(&format!("{name} again at the end ({value:.20})"), &raw(format!("{body}&{pair}")));
        book.refused(&format!("{name} again in front ({value:.20})"), &raw(format!("{pair}&{body}")));
    }
    book.refused("the amount again, its name escaped", &raw(format!("{body}&%74otal_amount=0.01")));
    book.refused("the amount again as an array", &raw(format!("{body}&total_amount[]=0.01")));
    book.refused("the amount again behind a semicolon", &raw(format!("{body};total_amount=0.01")));
    book.kind("F48", "field in the query");
    book.refused("another amount in the URL", &genuine(&paid()).with_query("total_amount=0.01"));
    book.refused("the whole form in the URL, no body", &raw("").with_query(&body));
    book.refused("a harmless parameter in the URL", &genuine(&paid()).with_query("utm=1"));
}

/// The signed text joins values raw, so the same signature fits another division into fields.
fn hidden(book: &mut Book) {
    book.kind("F48", "fields divided anew under a genuine signature");
    for (name, value) in [
        ("trade_status", "TRADE_SUCCESS"),
        ("total_amount", "100.00"),
        ("seller_id", "2088000000000001"),
        ("out_trade_no", ALIPAY.charge),
        ("notify_type", "trade_status_sync"),
        ("refund_fee", "30.00"),
        ("gmt_payment", "2026-03-01 11:59:58"),
        ("passback_params", "x"),
    ] {
        // The payer (or the shop) chose a value that reads as a further field.
        let innocent = set(&without(&paid(), name), "body", "tea");
        let before =
            innocent.iter().filter(|(known, _)| known.as_str() < name).map(|(known, _)| known.clone());
        let host = before.filter(|known| known != "sign_type").max().unwrap_or_default();
        let chosen = format!("{}&{name}={value}", get(&innocent, &host));
        let notice = signed(&set(&innocent, &host, &chosen));
        book.from("a notice with a chosen text in a field");
        book.refused(&format!("{name} hides in {host}"), &posted(&notice));
        let divided = set(&set(&notice, &host, get(&innocent, &host)), name, value);
        // Divided like this it is what Alipay would have signed: only the kind that nothing distinguishes is left out.
        let joined = signed(&paid());
        let swallowed = set(
            &without(&joined, name),
            &host,
            &format!("{}&{name}={}", get(&joined, &host), get(&joined, name)),
        );
        book.from("the order was paid");
        if joined.iter().any(|(known, _)| known == name) {
            book.refused(&format!("{name} is swallowed by {host}"), &posted(&swallowed));
        }
        debug_assert_eq!(text(&divided), text(&notice), "{name} in {host}");
    }
}

fn strange(book: &mut Book) {
    let notice = signed(&paid());
    let body = form::encoded(&notice);
    book.from("the order was paid").kind("F48", "strange names");
    for (why, pair) in [
        ("a name with a blank", "total_amount+=0.01"),
        ("a name with a dot", "total.amount=0.01"),
        ("a name with NUL", "total_amount%00=0.01"),
        ("no name", "=0.01"),
        ("no equals sign", "total_amount"),
        ("an empty pair", ""),
        ("a name that is not UTF-8", "%ff=1"),
        ("a name in full-width letters", "%EF%BD%94otal_amount=0.01"),
        ("a line feed in a name", "x%0Atotal_amount=0.01"),
        ("an escape that is none", "x=%zz"),
        ("an escape that is cut", "x=%4"),
    ] {
        book.refused(why, &raw(format!("{body}&{pair}")));
    }
    book.kind("F65", "too much");
    let many: Vec<String> = (0..200).map(|number| format!("f{number}=1")).collect();
    book.refused("224 fields", &raw(format!("{body}&{}", many.join("&"))));
    let wide = signed(&set(&paid(), "body", &CANARY.repeat(6_000)));
    book.refused("72 KB, signed", &posted(&wide));
    book.refused("40,000 ampersands", &raw("&".repeat(40_000)));
}

fn encodings(book: &mut Book) {
    let notice = signed(&paid());
    let body = form::encoded(&notice);
    book.kind("F49", "another encoding");
    book.refused("a byte order mark", &raw(format!("\u{feff}{body}")));
    book.refused("a line feed behind it", &raw(format!("{body}\r\n")));
    book.refused("escaped twice", &raw(escaped(&body)));
    book.refused("blanks trimmed", &raw(body.replace("%2B+1", "%2B1")));
    book.refused("HTML entities", &raw(body.replace('&', "&amp;")));
    let wide: Vec<u8> = body.encode_utf16().flat_map(u16::to_be_bytes).collect();
    book.refused("UTF-16", &raw(wide));
    let foreign = signed(&set(&paid(), "charset", "gbk"));
    book.refused("says GBK, signed so, on an account of UTF-8", &posted(&foreign));
    book.refused("UTF-7 for the seller", &raw(body.replace("seller_id=2088", "seller_id=%2BADIAMAA4ADg-")));
    let latin = body.replace("subject=tea", "subject=%A3tea");
    book.refused("bytes that are not UTF-8 in a value", &raw(latin));
    book.kind("F57", "another content");
    let json: serde_json::Map<_, _> =
        notice.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let json = serde_json::Value::Object(json).to_string();
    book.refused("the same as JSON", &raw(json.clone()).with_header("Content-Type", "application/json"));
    book.refused("JSON that says it is a form", &raw(json));
    let nested = format!("{}{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    book.refused("JSON of 10,000 levels", &raw(nested).with_header("Content-Type", "application/json"));
    let multipart =
        "--x\r\nContent-Disposition: form-data; name=\"trade_status\"\r\n\r\nTRADE_SUCCESS\r\n--x--\r\n";
    book.refused("multipart", &raw(multipart).with_header("Content-Type", "multipart/form-data; boundary=x"));
    let xml = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><xml><sign>&x;</sign></xml>";
    book.kind("F56", "XML with an external entity");
    book.refused("XML is no message of this rail", &raw(xml).with_header("Content-Type", "text/xml"));
    book.kind("F65", "compressed");
    let zipped = crate::wechatpay::gzip(&form::encoded(&notice).into_bytes());
    book.refused("the genuine form in gzip", &raw(zipped).plus_header("Content-Encoding", "gzip"));
    let bomb = crate::wechatpay::gzip(&vec![b'a'; 4_000_000]);
    book.refused("4 MB of one letter in gzip", &raw(bomb).plus_header("Content-Encoding", "gzip"));
}

/// F50: genuine, and out of time.
pub(super) fn times() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "times");
    const HOUR: i64 = 3600;
    book.from("the order was paid").kind("F50", "stale or from the future");
    for (why, moved) in [
        ("49 hours old", -49 * HOUR),
        ("30 days old", -30 * 24 * HOUR),
        ("a year old", -365 * 24 * HOUR),
        ("an hour ahead", HOUR),
        ("a day ahead", 24 * HOUR),
        ("a hundred years ahead", 100 * 365 * 24 * HOUR),
    ] {
        book.refused(why, &genuine(&set(&paid(), "notify_time", &time(moved))));
        book.refused(&format!("a hold, {why}"), &genuine(&set(&held(), "notify_time", &time(moved))));
    }
    book.kind("F50", "unreadable time");
    for value in [
        "",
        "now",
        "2026-03-01",
        "2026-03-01T12:00:00Z",
        "1772337600",
        "2026-13-01 12:00:00",
        "2026-03-01 25:00:00",
        "99999-01-01 00:00:00",
    ] {
        book.refused(&format!("the time is {value:?}"), &genuine(&set(&paid(), "notify_time", value)));
    }
    book.refused("no time", &genuine(&without(&paid(), "notify_time")));
    book.file()
}

/// F51, F62: the wrong door, and headers that claim something.
pub(super) fn doors() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "doors");
    book.from("the order was paid").kind("F51", "wrong endpoint");
    let good = genuine(&paid());
    for (why, request) in [
        ("at WeChat Pay's endpoint", "POST /notify/wechatpay-main/{token}"),
        ("at UnionPay's endpoint", "POST /notify/unionpay-main/{token}"),
        ("at an account that is not there", "POST /notify/alipay-other/{token}"),
        ("a wrong token", "POST /notify/alipay-main/demo-notify-token-0123456788"),
        ("a part of the token", "POST /notify/alipay-main/demo-notify-token"),
        ("no token", "POST /notify/alipay-main/"),
        ("no account", "POST /notify"),
        ("the token in upper case", "POST /notify/alipay-main/DEMO-NOTIFY-TOKEN-0123456789"),
        ("the account in upper case", "POST /notify/ALIPAY-MAIN/{token}"),
        ("something behind the token", "POST {path}/more"),
        ("a doubled slash", "POST /notify//alipay-main/{token}"),
        ("dots in the path", "POST /notify/x/../alipay-main/{token}"),
        ("GET", "GET {path}"),
        ("PUT", "PUT {path}"),
        ("at the browser's return address", "POST /back/alipay-main/{order}"),
    ] {
        book.refused(why, &good.with_request(request));
    }
    book.kind("F62", "headers that claim trust");
    let forged = posted(&set(&signed(&paid()), "total_amount", "0.01"));
    claims(&mut book, &forged);
    book.file()
}

/// Headers that some framework or proxy believes; each on a message that is not genuine.
pub(crate) fn claims(book: &mut Book, forged: &Message) {
    for (name, value) in [
        ("Host", "localhost"),
        ("Host", "127.0.0.1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", "localhost"),
        ("X-Real-IP", "10.0.0.1"),
        ("Forwarded", "for=127.0.0.1;host=localhost"),
        ("X-Original-URL", "/healthz"),
        ("X-HTTP-Method-Override", "GET"),
        ("Authorization", "Bearer trusted"),
        ("X-Skip-Verify", "1"),
        ("User-Agent", "Mozilla/4.0"),
        ("X-Canary", CANARY),
    ] {
        book.refused(&format!("{name}: {value}"), &forged.plus_header(name, value));
    }
    book.refused("an absolute target", &forged.with_request("POST http://localhost{path}"));
}
