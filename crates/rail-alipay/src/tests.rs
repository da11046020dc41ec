//! The adapter against the committed vectors and against itself in the rail's place.

mod bills;
mod calls;
mod certificates;
mod codes;
mod encryption;
mod holds;
mod laws;
mod notices;
mod replies;
mod requests;
mod settings;
mod v3;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Credit, OrderNo, Outcome, Presentation, WalletName};
use paifang_rail::{
    Answer, Call, CaptureOrder, Charge, Context, Keyring, KeyringBuilder, Order, OrderKind, Rail,
    RefundOrder, Reply, Secret,
};
use serde_json::Value;

use crate::api::Api;
use crate::{Alipay, Charset, GATEWAY, Huabei, KeyMode, Protocol, Settings, Token, certificate_serial};

/// 2024-07-09 12:06:08 in Beijing: the time of the vectors.
const NOW: &str = "2024-07-09T04:06:08Z";

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/alipay-vectors.json")).unwrap()
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}"))
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn yuan(fen: i64) -> PositiveMoney {
    PositiveMoney::new(fen, Currency::CNY).unwrap()
}

fn settings(charset: Charset) -> Settings {
    Settings {
        app_id: "9021000000000001".into(),
        seller_id: "2088000000000001".into(),
        gateway: GATEWAY.into(),
        charset,
        protocol: Protocol::V2,
        key_mode: KeyMode::PublicKey,
        app_auth_token: None,
        op_app_id: None,
        enable_pay_channels: Vec::new(),
        disable_pay_channels: Vec::new(),
        huabei: None,
    }
}

/// An account, its keys, and the rail's own signing key.
struct Bench {
    rail: Alipay,
    keys: Keyring,
    platform: Keyring,
}

impl Bench {
    fn new() -> Self {
        Self::of(Charset::Utf8)
    }

    fn of(charset: Charset) -> Self {
        Self::with(settings(charset))
    }

    /// An account with these settings, and the keys that its mode has.
    fn with(settings: Settings) -> Self {
        let certified = settings.key_mode == KeyMode::Certificate;
        let keys = if certified { certificates() } else { public_keys() };
        Self::keyed(settings, keys)
    }

    fn keyed(settings: Settings, keys: KeyringBuilder) -> Self {
        let vectors = vectors();
        let platform = Secret::new(text(&vectors, "/keys/alipay/private_pkcs8_base64").into());
        let platform = Keyring::builder().signer(&platform).and_then(KeyringBuilder::build).unwrap();
        Self { rail: Alipay::configure(settings).unwrap(), keys: keys.build().unwrap(), platform }
    }

    fn cx(&self) -> Context<'_> {
        Context {
            now: at(NOW),
            nonce: "00112233445566778899aabbccddeeff",
            notify_url: "https://pay.example.test/notices/alipay-main",
            return_url: "https://pay.example.test/back/7",
            keys: &self.keys,
        }
    }

    fn platform_sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.platform.sign(message).unwrap())
    }

    /// A signed answer, as the rail sends it.
    fn answer(&self, method: &str, content: &[u8]) -> Vec<u8> {
        let sign = self.platform_sign(content);
        let key = method.replace('.', "_");
        [format!("{{\"{key}_response\":").as_bytes(), content, format!(",\"sign\":\"{sign}\"}}").as_bytes()]
            .concat()
    }

    /// What the adapter makes of a signed answer.
    fn read(&self, call: &Call<'_>, content: &str) -> Answer {
        let api = Api::of(call).unwrap();
        self.read_raw(call, self.answer(api.method(), content.as_bytes()))
    }

    fn read_raw(&self, call: &Call<'_>, body: Vec<u8>) -> Answer {
        self.rail.read(call, &reply(body), &self.cx())
    }
}

/// The application's private key, and no key of Alipay.
fn signer() -> KeyringBuilder {
    let key = Secret::new(text(&vectors(), "/keys/app/private_pkcs8_base64").into());
    Keyring::builder().signer(&key).unwrap()
}

fn public_keys() -> KeyringBuilder {
    signer().verifier(Some("alipay"), text(&vectors(), "/keys/alipay/public_spki_base64")).unwrap()
}

/// Certificate mode without a certificate of Alipay.
fn certificates_but_alipays() -> KeyringBuilder {
    let vectors = vectors();
    signer()
        .naming(certificate_serial)
        .signer_certificate(text(&vectors, "/certificates/app_cert_pem"))
        .and_then(|ring| ring.root(text(&vectors, "/certificates/root_bundle_pem")))
        .unwrap()
}

fn certificates() -> KeyringBuilder {
    certificates_but_alipays().verifier(None, text(&vectors(), "/certificates/alipay_cert_pem")).unwrap()
}

/// With the key of content encryption.
fn encrypting(ring: KeyringBuilder) -> KeyringBuilder {
    ring.content(&Secret::new(text(&vectors(), "/aes/key_base64").into())).unwrap()
}

fn reply(body: Vec<u8>) -> Reply {
    Reply { status: 200, headers: vec![("content-type".into(), "text/html;charset=utf-8".into())], body }
}

fn order(presentation: Presentation) -> Order {
    Order {
        kind: OrderKind::Payment,
        order_no: OrderNo::parse("T20240709A0001").unwrap(),
        amount: yuan(8888),
        presentation,
        rail_ref: None,
        opened_at: at(NOW),
        expires_at: at("2024-07-09T04:36:08Z"),
    }
}

fn charge(presentation: Presentation) -> Charge {
    Charge {
        order: order(presentation),
        description: "奶茶 (大杯) 50% off + 1".into(),
        wallet: WalletName::parse("alipay").unwrap(),
        credit: Credit::Allowed,
        payer: Default::default(),
        payer_code: Default::default(),
        client_ip: Default::default(),
        payer_alias: Default::default(),
    }
}

fn refund() -> RefundOrder {
    RefundOrder {
        order: order(Presentation::QrShown),
        refund_no: OrderNo::parse("R20240709A0001").unwrap(),
        amount: yuan(888),
        reason: "少送一杯".into(),
        opened_at: at(NOW),
    }
}

/// The outcome, or "absent", with its rule: one line per answer.
fn told(answer: &Answer) -> String {
    match answer.outcome() {
        Some(outcome) => format!("{}: {}", answer.rule(), detail(outcome)),
        None => format!("{}: absent", answer.rule()),
    }
}

fn detail(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Paid(settled) | Outcome::Held(settled) | Outcome::Refunded(settled) => format!(
            "{} {} {} {}",
            outcome.word(),
            settled.amount,
            settled.rail_ref.as_ref().map_or("-", |reference| reference.as_str()),
            settled.settled_at.map_or("-".to_owned(), |time| time.to_string()),
        ),
        Outcome::Refused(refusal) => {
            format!("refused {} {} {:?}", refusal.reason, refusal.rail_code, refusal.basis)
        }
        Outcome::Closed(_) | Outcome::Pending(_) | Outcome::NotSent(_) => outcome.word().to_owned(),
        Outcome::Unknown(doubt) => format!("unknown {doubt:?}"),
    }
}

/// An order that holds.
fn hold(presentation: Presentation) -> Order {
    Order { kind: OrderKind::Hold, ..order(presentation) }
}
