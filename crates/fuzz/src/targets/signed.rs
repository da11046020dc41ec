//! What the rail's own key signs, whatever it is: the readers behind the signature. Nothing panics, reading twice gives the
//! same, and an amount that is believed is a positive one of a real currency.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use paifang_hostile::scene::now;
use paifang_hostile::{About, Expected};
use paifang_payment::Outcome;
use paifang_rail::{Keyring, KeyringBuilder, RawNotification, Secret};
use ring::digest::{SHA256, digest};

use super::messages::cases;
use crate::bench::{Bench, text};

/// Fields as lines `name=value`, signed as Alipay does.
pub(super) fn alipay(input: &[u8]) {
    let fields = lines(input);
    let mut signed: Vec<_> =
        fields.iter().filter(|(name, _)| name != "sign" && name != "sign_type").collect();
    signed.sort();
    let text = signed.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let sign = STANDARD.encode(sign("alipay", text.as_bytes()));
    let all =
        fields.iter().filter(|(name, _)| name != "sign").map(|(name, value)| (name.as_str(), value.as_str()));
    let body =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(all).append_pair("sign", &sign).finish();
    twice("alipay", &[], body.as_bytes());
}

/// The same as UnionPay does.
pub(super) fn unionpay(input: &[u8]) {
    let mut fields = lines(input);
    fields.retain(|(name, _)| name != "signature" && name != "signPubKeyCert");
    fields.push(("signPubKeyCert".to_owned(), text("unionpay", "/certificates/upsign/cert_pem").to_owned()));
    fields.sort();
    let joined = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let digits = hex::encode(digest(&SHA256, joined.as_bytes()));
    fields.push(("signature".to_owned(), STANDARD.encode(sign("unionpay", digits.as_bytes()))));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    twice("unionpay", &[], body.as_bytes());
}

/// A body, signed as WeChat Pay does.
pub(super) fn wechatpay(input: &[u8]) {
    let (timestamp, nonce) = (now().as_second().to_string(), "0");
    let message = [timestamp.as_bytes(), b"\n", nonce.as_bytes(), b"\n", input, b"\n"].concat();
    let headers = [
        ("Wechatpay-Timestamp", timestamp),
        ("Wechatpay-Nonce", nonce.to_owned()),
        ("Wechatpay-Serial", text("wechatpay", "/keys/platform_certificate/serial_no").to_owned()),
        ("Wechatpay-Signature", STANDARD.encode(sign("wechatpay", &message))),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    twice("wechatpay", &headers, input);
}

fn twice(rail: &str, headers: &[(String, String)], body: &[u8]) {
    let bench = Bench::of(rail, "main");
    let raw = RawNotification { headers, query: "", body };
    let open = || bench.rail.open_notification(&raw, &bench.context());
    let (one, two) = (open(), open());
    assert_eq!(format!("{one:?}"), format!("{two:?}"), "read twice, understood otherwise");
    let Ok(notification) = one else { return };
    match notification.get().outcome.plain() {
        Outcome::Paid(settled) | Outcome::Held(settled) | Outcome::Refunded(settled) => {
            let again =
                paifang_money::Money::from_decimal(&settled.amount.to_decimal(), settled.amount.currency());
            assert_eq!(again.ok(), Some(settled.amount.money()));
        }
        Outcome::Closed(_)
        | Outcome::Pending(_)
        | Outcome::Refused(_)
        | Outcome::NotSent(_)
        | Outcome::Unknown(_) => {}
    }
}

fn sign(rail: &str, message: &[u8]) -> Vec<u8> {
    static KEYS: OnceLock<[Keyring; 3]> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        [
            ("alipay", "/keys/alipay/private_pkcs8_pem"),
            ("wechatpay", "/keys/platform_certificate/private_key_pem"),
            ("unionpay", "/certificates/upsign/private_key_pem"),
        ]
        .map(|(rail, pointer)| {
            let key = Secret::new(text(rail, pointer).into());
            let ring = Keyring::builder().signer(&key).and_then(KeyringBuilder::build);
            ring.expect("a key of the vectors")
        })
    });
    let place = ["alipay", "wechatpay"].iter().position(|known| *known == rail).unwrap_or(2);
    keys[place].sign(message).expect("a whole key signs")
}

pub(super) fn signature_of_unionpay(message: &[u8]) -> Vec<u8> {
    sign("unionpay", message)
}

fn lines(input: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(input).into_owned();
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.lines().filter_map(pair).collect()
}

/// The genuine notifications of the corpus, as such lines.
fn fields_of(rail: &str) -> Vec<Vec<u8>> {
    let genuine = genuine(rail);
    let lines = |body: Vec<u8>| {
        let fields = form_urlencoded::parse(&body).filter(|(name, _)| name != "signPubKeyCert");
        fields.map(|(name, value)| format!("{name}={value}\n")).collect::<String>().into_bytes()
    };
    genuine.into_iter().map(lines).collect()
}

fn genuine(rail: &str) -> Vec<Vec<u8>> {
    let of = |expected| matches!(expected, Expected::Accepted | Expected::Suspicious | Expected::Unknown);
    let cases = cases(rail).into_iter();
    cases
        .filter(|case| case.about == About::Notification && of(case.expected))
        .map(|case| case.body())
        .collect()
}

pub(super) fn alipay_seeds() -> Vec<Vec<u8>> {
    fields_of("alipay")
}

pub(super) fn unionpay_seeds() -> Vec<Vec<u8>> {
    fields_of("unionpay")
}

pub(super) fn wechatpay_seeds() -> Vec<Vec<u8>> {
    genuine("wechatpay")
}
