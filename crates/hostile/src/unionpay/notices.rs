//! Notifications that are not genuine, or stand at the wrong door.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use super::{Signer, digits, genuine, held, own, paid, posted, raw, refunded, signed, signed_by, text};
use crate::book::Book;
use crate::case::Case;
use crate::form::{self, Fields, escaped, get, set, without};
use crate::scene::{CANARY, UNIONPAY};
use crate::sign::{self, How, Key};

pub(super) fn control() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "control");
    book.from("scene").kind("-", "authentic");
    book.accepted("the order was paid", &genuine(&paid()));
    let mut turned = signed(&paid());
    turned.reverse();
    book.accepted("the same news with its fields in another order", &posted(&turned));
    let strict = form::encoded(&signed(&paid())).replace('+', "%20");
    book.accepted("the same news with %20 for spaces", &raw(strict));
    book.accepted("an empty field that is not signed", &raw(form::encoded(&signed(&paid())) + "&payType="));
    book.accepted("the refund went out", &genuine(&refunded()));
    book.accepted("the money is held", &genuine(&held()));
    book.file()
}

pub(super) fn signatures() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "signatures");
    spoiled(&mut book);
    keys(&mut book);
    algorithms(&mut book);
    altered(&mut book);
    book.file()
}

/// F45: there is no signature, or only a part of it.
fn spoiled(book: &mut Book) {
    let news = signed(&paid());
    let good = get(&news, "signature").to_owned();
    let bytes = STANDARD.decode(&good).unwrap_or_default();
    let with = |signature: &str| posted(&set(&news, "signature", signature));
    book.from("the order was paid").kind("F45", "no signature");
    book.refused("no signature", &posted(&without(&news, "signature")));
    book.refused("no certificate", &posted(&without(&news, "signPubKeyCert")));
    book.refused("neither", &posted(&paid()));
    book.refused("an empty signature", &with(""));
    book.refused("an empty certificate", &posted(&set(&news, "signPubKeyCert", "")));
    book.refused("a signature of blanks", &with("    "));
    book.kind("F45", "broken signature");
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
        ("a line feed in it", format!("{}\r\n{}", &good[..76], &good[76..])),
        ("a blank before it", format!(" {good}")),
        ("not base64", "****".to_owned()),
    ] {
        book.refused(why, &with(&signature));
    }
    let plus = form::encoded(&news).replace("%2B", "+");
    book.refused("plus signs that became blanks", &raw(plus));
    book.kind("F45", "signature of another message");
    book.refused("that of the refund", &with(get(&signed(&refunded()), "signature")));
    book.refused("that of the hold", &with(get(&signed(&held()), "signature")));
    book.refused(
        "that of an order of one fen",
        &with(get(&signed(&set(&paid(), "txnAmt", "1")), "signature")),
    );
}

/// F46: a good signature by the wrong key.
fn keys(book: &mut Book) {
    book.kind("F46", "wrong key");
    for (from, news) in
        [("the order was paid", paid()), ("the refund went out", refunded()), ("the money is held", held())]
    {
        book.from(from);
        for (who, rail, pointer) in [
            ("the merchant's own key", "unionpay", "/certificates/merchant/private_key_pem"),
            ("the key of another company", "unionpay", "/certificates/wrongcn/private_key_pem"),
            ("WeChat Pay's key", "wechatpay", "/keys/platform_certificate/private_key_pem"),
            ("Alipay's key", "alipay", "/keys/alipay/private_pkcs8_pem"),
        ] {
            let forger = Signer { key: Key::at(rail, pointer), ..own() };
            book.refused(
                &format!("under UnionPay's certificate, by {who}"),
                &posted(&signed_by(&news, &forger, How::Sha256)),
            );
        }
    }
}

/// F47: another algorithm than SHA-256 taken twice under RSA.
fn algorithms(book: &mut Book) {
    book.from("the order was paid").kind("F47", "algorithm downgrade");
    for (why, how) in [
        ("SHA-1", How::Sha1),
        ("MD5", How::Md5),
        ("SHA-384", How::Sha384),
        ("SHA-512", How::Sha512),
        ("PSS", How::Pss),
        ("a padding without the hash's name", How::Bare),
        ("the textbook operation", How::Textbook),
    ] {
        book.refused(why, &posted(&signed_by(&paid(), &own(), how)));
    }
    let old = set(&paid(), "version", "5.0.0");
    let old_whole = set(&without(&old, "signMethod"), "certId", "69990000002");
    let sha1_hex = set(&old_whole, "signature", &own().key.sign(How::Sha1, text(&old_whole).as_bytes()));
    book.refused("version 5.0.0 with SHA-1 and a certId", &posted(&sha1_hex));
    book.kind("F47", "named method");
    let whole = set(&paid(), "signPubKeyCert", &own().certificate);
    let secret = sign::text_at("unionpay", "/symmetric_key/value");
    for (method, signature) in [
        (
            "11",
            hex::encode(sign::sha256(
                format!(
                    "{}&{}",
                    text(&set(&whole, "signMethod", "11")),
                    hex::encode(sign::sha256(secret.as_bytes()))
                )
                .as_bytes(),
            )),
        ),
        ("12", hex::encode(sign::sha256(text(&whole).as_bytes()))),
        ("02", sign::md5_hex(text(&whole).as_bytes())),
        ("00", "none".to_owned()),
        ("", "none".to_owned()),
    ] {
        let forged = set(&set(&whole, "signMethod", method), "signature", &signature);
        book.refused(&format!("signMethod {method:?} with a digest for a signature"), &posted(&forged));
    }
    book.kind("F47", "another text signed");
    let plain = text(&whole);
    let upper = digits(&whole).to_uppercase();
    for (why, message) in [
        ("the digest is taken once", plain.clone().into_bytes()),
        ("the digest is in upper case", upper.into_bytes()),
        ("the digest is binary", sign::sha256(plain.as_bytes())),
        (
            "the encoded form is signed",
            hex::encode(sign::sha256(form::encoded(&whole).as_bytes())).into_bytes(),
        ),
        ("the certificate is not in the text", digits(&paid()).into_bytes()),
        (
            "empty fields are in the text",
            hex::encode(sign::sha256(format!("{plain}&zzz=").as_bytes())).into_bytes(),
        ),
    ] {
        let forged = set(&whole, "signature", &own().key.sign(How::Sha256, &message));
        book.refused(why, &posted(&forged));
    }
}

/// F49: genuine, and changed on the way.
fn altered(book: &mut Book) {
    book.kind("F49", "altered after signing");
    for (from, news) in
        [("the order was paid", paid()), ("the refund went out", refunded()), ("the money is held", held())]
    {
        book.from(from);
        let news = signed(&news);
        for (name, value) in [
            ("txnAmt", "1"),
            ("orderId", UNIONPAY.paid),
            ("merId", "777290058110999"),
            ("currencyCode", "840"),
            ("respCode", "A6"),
            ("txnType", "04"),
            ("txnTime", "20260301115901"),
            ("queryId", "1"),
            ("version", "5.0.0"),
            ("encoding", "GBK"),
            ("signMethod", "02"),
        ] {
            if get(&news, name) != value {
                book.refused(&format!("{name} is changed"), &posted(&set(&news, name, value)));
            }
        }
        book.refused("a field is added", &posted(&set(&news, "payType", "0001")));
        book.refused("a field is left out", &posted(&without(&news, "traceNo")));
        let unix = get(&news, "signPubKeyCert").replace("\r\n", "\n");
        book.refused("the certificate's line ends", &posted(&set(&news, "signPubKeyCert", &unix)));
    }
}

/// F48, F49, F56, F57, F65: what parsers read differently.
pub(super) fn forms() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "forms");
    doubled(&mut book);
    hidden(&mut book);
    strange(&mut book);
    book.file()
}

fn doubled(book: &mut Book) {
    let news = signed(&paid());
    let body = form::encoded(&news);
    book.from("the order was paid").kind("F48", "field twice");
    for (name, value) in [
        ("txnAmt", "1"),
        ("txnAmt", "10000"),
        ("orderId", UNIONPAY.paid),
        ("merId", "777290058110999"),
        ("respCode", "00"),
        ("currencyCode", "840"),
        ("txnType", "04"),
        ("signature", ""),
        ("signature", "x"),
        ("signPubKeyCert", "x"),
        ("signMethod", "02"),
    ] {
        let pair = format!("{name}={}", escaped(value));
        book.refused(&format!("{name} again at the end ({value:.12})"), &raw(format!("{body}&{pair}")));
        book.refused(&format!("{name} again in front ({value:.12})"), &raw(format!("{pair}&{body}")));
    }
    book.refused("the amount again, its name escaped", &raw(format!("{body}&%74xnAmt=1")));
    book.refused("the amount again as an array", &raw(format!("{body}&txnAmt[]=1")));
    book.refused("the amount again behind a semicolon", &raw(format!("{body};txnAmt=1")));
    book.kind("F48", "field in the query");
    book.refused("another amount in the URL", &genuine(&paid()).with_query("txnAmt=1"));
    book.refused("the whole form in the URL", &raw("").with_query(&body));
}

/// Names and values are joined raw, so the same signature fits another division into fields.
fn hidden(book: &mut Book) {
    book.kind("F48", "fields divided anew under a genuine signature");
    for (name, value) in [
        ("txnAmt", "10000"),
        ("respCode", "00"),
        ("merId", "777290058110048"),
        ("orderId", UNIONPAY.charge),
        ("txnType", "01"),
        ("currencyCode", "156"),
        ("queryId", "1"),
    ] {
        let bare = set(&without(&paid(), name), "signPubKeyCert", &own().certificate);
        let host = bare
            .iter()
            .filter(|(known, _)| known.as_str() < name)
            .map(|(known, _)| known.clone())
            .max()
            .unwrap_or_default();
        let chosen = set(&without(&paid(), name), &host, &format!("{}&{name}={value}", get(&bare, &host)));
        book.from("a notification with a chosen text in a field");
        book.refused(&format!("{name} hides in {host}"), &posted(&signed(&chosen)));
        let joined = signed(&paid());
        let swallowed = set(
            &without(&joined, name),
            &host,
            &format!("{}&{name}={}", get(&joined, &host), get(&joined, name)),
        );
        book.from("the order was paid");
        book.refused(&format!("{name} is swallowed by {host}"), &posted(&swallowed));
    }
    let braces = set(&paid(), "reqReserved", "{a=1");
    book.from("a notification with a chosen text in a field");
    book.refused("a brace that never closes", &genuine(&braces));
    let early = set(&paid(), "reqReserved", "{a}&txnAmt=1");
    book.refused("a field behind a brace that closes early", &genuine(&early));
}

fn strange(book: &mut Book) {
    let news = signed(&paid());
    let body = form::encoded(&news);
    book.from("the order was paid").kind("F48", "strange names");
    for (why, pair) in [
        ("a name with a blank", "txnAmt+=1"),
        ("a name with NUL", "txnAmt%00=1"),
        ("no name", "=1"),
        ("a name that is not UTF-8", "%ff=1"),
        ("a name in full-width letters", "%EF%BD%94xnAmt=1"),
        ("an ampersand in a name", "a%26b=1"),
        ("an equals sign in a name", "a%3Db=1"),
    ] {
        book.refused(why, &raw(format!("{body}&{pair}")));
    }
    book.kind("F49", "another encoding");
    book.refused("a byte order mark", &raw(format!("\u{feff}{body}")));
    book.refused("a line feed behind it", &raw(format!("{body}\r\n")));
    book.refused("escaped twice", &raw(escaped(&body)));
    book.refused("HTML entities", &raw(body.replace('&', "&amp;")));
    book.refused("braces around it, as in answers", &raw(format!("{{{body}}}")));
    book.refused(
        "not escaped at all",
        &raw(news.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")),
    );
    book.refused("UTF-16", &raw(body.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()));
    let gbk = body.replace(&escaped("成功"), "%B3%C9%B9%A6");
    book.refused("GBK for UTF-8", &raw(gbk));
    book.refused("bytes that are not UTF-8", &raw(body.replace("UTF-8", "%c3%28")));
    book.kind("F57", "another content");
    let json: serde_json::Map<_, _> =
        news.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let json = serde_json::Value::Object(json).to_string();
    book.refused("the same as JSON", &raw(json.clone()).with_header("Content-Type", "application/json"));
    book.refused("JSON that says it is a form", &raw(json));
    book.refused(
        "multipart",
        &raw("--x\r\nContent-Disposition: form-data; name=\"respCode\"\r\n\r\n00\r\n--x--\r\n")
            .with_header("Content-Type", "multipart/form-data; boundary=x"),
    );
    book.kind("F56", "XML with an external entity");
    let xml = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><respCode>&x;</respCode>";
    book.refused("XML is no message of this rail", &raw(xml).with_header("Content-Type", "text/xml"));
    book.kind("F65", "too much");
    let many: Vec<String> = (0..3_000).map(|number| format!("f{number}=1")).collect();
    book.refused("3,024 fields", &raw(format!("{body}&{}", many.join("&"))));
    book.refused("over 64 KiB, signed", &genuine(&set(&paid(), "reqReserved", &CANARY.repeat(6_000))));
    book.refused("50,000 ampersands", &raw("&".repeat(50_000)));
    book.refused("20,000 braces in a value", &raw(format!("{body}&zz={}", escaped(&"{".repeat(20_000)))));
    book.kind("F65", "compressed");
    book.refused(
        "the genuine form in gzip",
        &raw(crate::wechatpay::gzip(body.as_bytes())).plus_header("Content-Encoding", "gzip"),
    );
    book.refused(
        "4 MB in gzip",
        &raw(crate::wechatpay::gzip(&vec![b'&'; 4_000_000])).plus_header("Content-Encoding", "gzip"),
    );
}

/// F51, F62: the wrong door, and headers that claim something.
pub(super) fn doors() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "doors");
    book.from("the order was paid").kind("F51", "wrong endpoint");
    for (why, request) in [
        ("at Alipay's endpoint", "POST /notify/alipay-main/{token}"),
        ("at WeChat Pay's endpoint", "POST /notify/wechatpay-main/{token}"),
        ("at an account that is not there", "POST /notify/unionpay-two/{token}"),
        ("a wrong token", "POST /notify/unionpay-main/demo-notify-token-012345678"),
        ("GET", "GET {path}"),
        ("DELETE", "DELETE {path}"),
        ("at the browser's return address", "POST /back/unionpay-main/{order}"),
    ] {
        book.refused(why, &genuine(&paid()).with_request(request));
    }
    book.kind("F62", "headers that claim trust");
    let forged: Fields = set(&signed(&paid()), "txnAmt", "1");
    crate::alipay::claims(&mut book, &posted(&forged));
    book.file()
}
