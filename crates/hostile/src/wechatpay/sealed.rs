//! Rightly signed envelopes that are wrong inside: the seal (F58), the form (F57), the size (F65), XML (F56).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};

use super::{
    PAID, REFUNDED, Signed, envelope, genuine, gzip, less, paid, refunded, resource, sealed_under, told,
    told_text, with,
};
use crate::book::Book;
use crate::case::Case;
use crate::scene::CANARY;

/// F58: sealed otherwise than it says.
pub(super) fn envelopes() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "envelopes");
    for (from, (event, kind), content) in [
        ("the order was paid, signed anew", PAID, paid()),
        ("the refund went out, signed anew", REFUNDED, refunded()),
    ] {
        book.from(from);
        let good = envelope(event, &resource(kind, content.to_string().as_bytes()));
        seals(&mut book, &good);
        others(&mut book, event, kind, &content);
    }
    book.file()
}

fn signed(value: &Value) -> crate::book::Message {
    Signed::new(value.to_string()).message()
}

fn seals(book: &mut Book, good: &Value) {
    let sealed = good.pointer("/resource/ciphertext").and_then(Value::as_str).unwrap_or_default().to_owned();
    let bytes = STANDARD.decode(&sealed).unwrap_or_default();
    let cipher = |bytes: &[u8]| signed(&with(good, "/resource/ciphertext", STANDARD.encode(bytes).into()));
    let flipped = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        cipher(&bytes)
    };
    book.kind("F58", "altered seal");
    book.refused("the first bit of the content", &flipped(0));
    book.refused("a bit in the middle", &flipped(bytes.len() / 2));
    book.refused("the first bit of the tag", &flipped(bytes.len() - 16));
    book.refused("the last bit of the tag", &flipped(bytes.len() - 1));
    book.refused("no tag", &cipher(&bytes[..bytes.len() - 16]));
    book.refused("a tag of 12 bytes", &cipher(&bytes[..bytes.len() - 4]));
    book.refused("a tag of zeros", &cipher(&[&bytes[..bytes.len() - 16], &[0; 16]].concat()));
    book.refused("only a tag", &cipher(&bytes[bytes.len() - 16..]));
    book.refused("nothing", &cipher(&[]));
    book.refused("a byte more", &cipher(&[bytes.as_slice(), &[0]].concat()));
    book.kind("F58", "nonce and associated data");
    for (why, pointer, value) in [
        ("another nonce", "/resource/nonce", json!("0123456789ac")),
        ("a nonce of 11 bytes", "/resource/nonce", json!("0123456789a")),
        ("a nonce of 13 bytes", "/resource/nonce", json!("0123456789ab0")),
        ("an empty nonce", "/resource/nonce", json!("")),
        ("a nonce of 12 characters and 24 bytes", "/resource/nonce", json!("éééééééééééé")),
        ("the nonce is a number", "/resource/nonce", json!(123_456_789_012_u64)),
        ("no nonce", "/resource/nonce", Value::Null),
        ("other associated data", "/resource/associated_data", json!("certificate")),
        ("empty associated data", "/resource/associated_data", json!("")),
        ("no associated data", "/resource/associated_data", Value::Null),
        ("associated data is a list", "/resource/associated_data", json!([])),
    ] {
        book.refused(why, &signed(&with(good, pointer, value)));
    }
    book.kind("F47", "named algorithm of the seal");
    for name in ["AEAD_AES_128_GCM", "AES_256_ECB", "AEAD_SM4_GCM", "none", "", "aead_aes_256_gcm"] {
        book.refused(
            &format!("algorithm {name:?}"),
            &signed(&with(good, "/resource/algorithm", name.into())),
        );
    }
    book.kind("F57", "encoding of the seal");
    for (why, text) in [
        ("base64url", URL_SAFE.encode(&bytes)),
        ("without padding", STANDARD_NO_PAD.encode(&bytes)),
        ("hex", hex::encode(&bytes)),
        ("a blank in it", format!("{} {}", &sealed[..8], &sealed[8..])),
        ("not base64", "!!!!".to_owned()),
    ] {
        // Some lengths have no padding, and some seals no letter that base64url writes otherwise.
        if text != sealed {
            book.refused(why, &signed(&with(good, "/resource/ciphertext", text.into())));
        }
    }
}

fn others(book: &mut Book, event: &str, kind: &str, content: &Value) {
    let plain = content.to_string();
    book.kind("F58", "sealed by somebody else");
    for (why, key) in [("another key", [7; 32].to_vec()), ("a key of zeros", [0; 32].to_vec())] {
        book.refused(
            why,
            &signed(&envelope(event, &sealed_under(kind, plain.as_bytes(), &key, "0123456789ab", kind))),
        );
    }
    let open = json!({ "original_type": kind, "algorithm": "none", "ciphertext": STANDARD.encode(&plain), "nonce": "0123456789ab" });
    book.refused("not sealed at all", &signed(&envelope(event, &open)));
    book.refused("the content beside the envelope", &Signed::new(plain.clone()).message());
    book.refused("the content in place of the resource", &signed(&envelope(event, content)));
    book.kind("F58", "content of another kind");
    let inner = if kind == "refund" { paid() } else { refunded() };
    book.refused(
        "what is inside is of the other kind",
        &signed(&envelope(event, &resource(kind, inner.to_string().as_bytes()))),
    );
    let other = if kind == "refund" { "transaction" } else { "refund" };
    book.refused("the kind is the other's", &signed(&envelope(event, &resource(other, plain.as_bytes()))));
    let sealed = resource(kind, plain.as_bytes());
    for name in [
        "TRANSACTION.SUCCESS",
        "REFUND.SUCCESS",
        "REFUND.ABNORMAL",
        "REFUND.CLOSED",
        "TRANSACTION.CLOSED",
        "PAYSCORE.USER_PAID",
        "COUPON.USE",
        "PROFITSHARING",
        "transaction.success",
        "TRANSACTION.SUCCESS ",
        "",
    ] {
        if name != event {
            book.refused(&format!("event {name:?} over a {kind}"), &signed(&envelope(name, &sealed)));
        }
    }
    book.refused(
        "another resource type",
        &signed(&with(&envelope(event, &sealed), "/resource_type", "plain-resource".into())),
    );
    for part in [
        "/resource",
        "/event_type",
        "/resource_type",
        "/resource/ciphertext",
        "/resource/algorithm",
        "/resource/original_type",
    ] {
        book.refused(&format!("without {part}"), &signed(&less(&envelope(event, &sealed), part)));
    }
}

/// F56, F57, F65: bodies that parsers fall over.
pub(super) fn bodies() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "bodies");
    xml(&mut book);
    ambiguous(&mut book);
    large(&mut book);
    book.file()
}

fn xml(book: &mut Book) {
    book.from("a notification of API v2").kind("F56", "XML with an external entity or a bomb");
    let lol: String = (0..9)
        .map(|level| format!("<!ENTITY l{} \"{}\">", level + 1, format!("&l{level};").repeat(10)))
        .collect();
    for (why, text) in [
        ("an external entity", "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><xml><out_trade_no>&x;</out_trade_no></xml>".to_owned()),
        ("an external DTD", "<!DOCTYPE xml SYSTEM \"http://127.0.0.1:9/evil.dtd\"><xml><return_code>SUCCESS</return_code></xml>".to_owned()),
        ("a parameter entity", "<!DOCTYPE xml [<!ENTITY % x SYSTEM \"http://127.0.0.1:9/x\"> %x;]><xml/>".to_owned()),
        ("entities that multiply", format!("<!DOCTYPE xml [<!ENTITY l0 \"lol\">{lol}]><xml>&l9;</xml>")),
        ("100,000 attributes are too many for 64 KiB; 5,000", format!("<xml {}/>", (0..5_000).map(|n| format!("a{n}=\"\" ")).collect::<String>())),
        ("depth 7,000", format!("{}{}", "<a>".repeat(7_000), "</a>".repeat(7_000))),
        ("CDATA tricks", "<xml><total_fee><![CDATA[1]]>0000</total_fee><return_code><![CDATA[SUCCESS]]></return_code></xml>".to_owned()),
        ("elements twice", "<xml><total_fee>1</total_fee><total_fee>10000</total_fee></xml>".to_owned()),
        ("a success of API v2 with an MD5 sign", "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code><sign>0CC175B9C0F1B6A831C399E269772661</sign></xml>".to_owned()),
        ("a processing instruction", "<?xml version=\"1.0\"?><?php system('id')?><xml/>".to_owned()),
    ] {
        let news = Signed::new(text);
        book.refused(why, &news.message().with_header("Content-Type", "text/xml").without_header("Wechatpay-Signature"));
        book.refused(&format!("{why}, signed"), &news.message().with_header("Content-Type", "text/xml"));
    }
}

fn ambiguous(book: &mut Book) {
    let good = String::from_utf8_lossy(&told(PAID, &paid()).body).into_owned();
    book.from("the order was paid, signed anew").kind("F57", "envelope that reads in two ways");
    for (why, body) in [
        (
            "the event twice",
            good.replacen("\"event_type\"", "\"event_type\":\"REFUND.SUCCESS\",\"event_type\"", 1),
        ),
        ("the resource twice", good.replacen("\"resource\":", "\"resource\":{},\"resource\":", 1)),
        ("the nonce twice", good.replacen("\"nonce\":", "\"nonce\":\"\",\"nonce\":", 1)),
        (
            "the event twice, once escaped",
            good.replacen("\"event_type\"", "\"event_typ\\u0065\":\"X\",\"event_type\"", 1),
        ),
        ("something behind it", format!("{good}{{}}")),
        ("a comment", format!("/**/{good}")),
        ("single quotes", good.replace('"', "'")),
        ("a comma too many", good.replacen('}', ",}", 1)),
        ("a list around it", format!("[{good}]")),
        ("a text around it", Value::from(good.clone()).to_string()),
        ("null", "null".to_owned()),
        ("a form", "event_type=TRANSACTION.SUCCESS&out_trade_no=1".to_owned()),
        ("cut", good[..good.len() - 1].to_owned()),
        ("a NUL behind it", format!("{good}\0")),
        ("a byte order mark", format!("\u{feff}{good}")),
    ] {
        book.refused(why, &Signed::new(body).message());
    }
    book.refused(
        "UTF-16",
        &Signed::new(good.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()).message(),
    );
    book.refused(
        "bytes that are not UTF-8",
        &Signed::new([good.replace("news", "").as_bytes(), &[0xff, 0xfe]].concat()).message(),
    );
    book.kind("F57", "content that reads in two ways");
    let content = paid().to_string();
    for (why, plain) in [
        ("the amount twice", content.replacen("\"total\":", "\"total\":1,\"total\":", 1)),
        (
            "the order twice",
            content.replacen("\"out_trade_no\":", "\"out_trade_no\":\"X\",\"out_trade_no\":", 1),
        ),
        ("the merchant twice", content.replacen("\"mchid\":", "\"mchid\":\"1\",\"mchid\":", 1)),
        (
            "the state twice, once escaped",
            content.replacen("\"trade_state\":", "\"trade_st\\u0061te\":\"NOTPAY\",\"trade_state\":", 1),
        ),
        ("something behind it", format!("{content}0")),
        ("cut", content[..content.len() - 1].to_owned()),
        ("empty", String::new()),
        ("a lone surrogate", content.replace("\"paid\"", "\"\\udfff\"")),
        ("a raw line feed in a text", content.replace("NATIVE", "a\nb")),
    ] {
        book.refused(why, &told_text(PAID, plain.as_bytes()).message());
    }
    let latin: Vec<u8> =
        content.replace("NATIVE", "\u{80}").into_bytes().into_iter().filter(|byte| *byte != 0xc2).collect();
    book.refused("bytes that are not UTF-8", &told_text(PAID, &latin).message());
}

fn large(book: &mut Book) {
    book.kind("F65", "too much");
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    book.refused("20,000 levels, signed", &Signed::new(deep.clone()).message());
    book.refused("20,000 levels inside of the seal", &told_text(PAID, deep.as_bytes()).message());
    let wide = with(&paid(), "/attach", CANARY.repeat(7_000).into());
    book.refused("over 64 KiB, signed", &genuine(PAID, &wide));
    book.refused(
        "a number of 5,000 digits",
        &told_text(PAID, paid().to_string().replace("10000", &"9".repeat(5_000)).as_bytes()).message(),
    );
    book.kind("F65", "compressed");
    let news = told(PAID, &paid());
    let zipped = Signed { body: gzip(&news.body), ..news.clone() };
    book.refused("gzip, signed as it is", &zipped.message().plus_header("Content-Encoding", "gzip"));
    book.refused(
        "gzip under the signature of the plain body",
        &news.message().with_body(gzip(&news.body)).plus_header("Content-Encoding", "gzip"),
    );
    book.refused(
        "4 MB in gzip",
        &Signed::new(gzip(&vec![b' '; 4_000_000])).message().plus_header("Content-Encoding", "gzip"),
    );
    book.refused(
        "deflate that is none",
        &Signed::new("x").message().plus_header("Content-Encoding", "deflate"),
    );
}
