//! One account of each rail, with the public test keys.

use std::sync::OnceLock;

use paifang_hostile::scene::now;
use paifang_rail::{CertificateRule, Context, KeyError, Keyring, KeyringBuilder, Rail, Secret};
use paifang_rail_alipay::{Alipay, Charset, KeyMode, Protocol};
use paifang_rail_unionpay::UnionPay;
use paifang_rail_wechatpay::WeChatPay;
use serde_json::Value;

/// An adapter and the keys of its account.
pub struct Bench {
    /// The adapter.
    pub rail: Box<dyn Rail>,
    /// The account's keys.
    pub keys: Keyring,
}

impl Bench {
    /// The account of this rail; Alipay has `main` (v2 with a public key), `certificates` and `v3`, the others `main`.
    /// Made once.
    ///
    /// # Panics
    /// When the public test vectors have no such key, which their own tests exclude.
    pub fn of(rail: &str, account: &str) -> &'static Self {
        static ALL: OnceLock<[Bench; 5]> = OnceLock::new();
        let all = ALL.get_or_init(|| {
            let made = [
                alipay(KeyMode::PublicKey, Protocol::V2),
                alipay(KeyMode::Certificate, Protocol::V2),
                alipay(KeyMode::PublicKey, Protocol::V3),
                wechatpay(),
                unionpay(),
            ];
            made.map(|bench| bench.expect("the keys of the vectors are whole"))
        });
        let [main, certificates, v3, wechatpay, unionpay] = all;
        match (rail, account) {
            ("alipay", "certificates") => certificates,
            ("alipay", "v3") => v3,
            ("alipay", _) => main,
            ("wechatpay", _) => wechatpay,
            _ => unionpay,
        }
    }

    /// The context of every operation: the corpus's noon.
    pub fn context(&self) -> Context<'_> {
        Context {
            now: now(),
            nonce: "00112233445566778899aabbccddeeff",
            notify_url: "https://pay.example.test/notify/main/token",
            return_url: "https://pay.example.test/back/main/1",
            keys: &self.keys,
        }
    }
}

/// The vectors of a rail.
pub(crate) fn vectors(rail: &str) -> &'static Value {
    static ALL: OnceLock<[Value; 3]> = OnceLock::new();
    let [alipay, wechatpay, unionpay] = ALL.get_or_init(|| {
        [
            include_str!("../../../tests/vectors/alipay-vectors.json"),
            include_str!("../../../tests/vectors/wechatpay-vectors.json"),
            include_str!("../../../tests/vectors/unionpay-vectors.json"),
        ]
        .map(|text| serde_json::from_str(text).expect("a vector file is JSON"))
    });
    match rail {
        "alipay" => alipay,
        "wechatpay" => wechatpay,
        _ => unionpay,
    }
}

/// A text of the vectors; empty where there is none.
pub(crate) fn text(rail: &str, pointer: &str) -> &'static str {
    vectors(rail).pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn secret(rail: &str, pointer: &str) -> Secret {
    Secret::new(text(rail, pointer).into())
}

fn alipay(key_mode: KeyMode, protocol: Protocol) -> Result<Bench, KeyError> {
    let ring = Keyring::builder().signer(&secret("alipay", "/keys/app/private_pkcs8_pem"))?;
    let keys = match key_mode {
        KeyMode::PublicKey => {
            ring.verifier(Some("alipay"), text("alipay", "/keys/alipay/public_spki_pem"))?
        }
        KeyMode::Certificate => ring
            .naming(paifang_rail_alipay::certificate_serial)
            .signer_certificate(text("alipay", "/certificates/app_cert_pem"))?
            .root(text("alipay", "/certificates/root_bundle_pem"))?
            .verifier(None, text("alipay", "/certificates/alipay_cert_pem"))?,
    };
    let settings = paifang_rail_alipay::Settings {
        app_id: "9021000000000001".into(),
        seller_id: "2088000000000001".into(),
        gateway: paifang_rail_alipay::GATEWAY.into(),
        charset: Charset::Utf8,
        protocol,
        key_mode,
        app_auth_token: None,
        op_app_id: None,
        enable_pay_channels: Vec::new(),
        disable_pay_channels: Vec::new(),
        huabei: None,
    };
    let rail = Alipay::configure(settings).expect("settings of the test environment");
    Ok(Bench { rail: Box::new(rail), keys: keys.build()? })
}

fn wechatpay() -> Result<Bench, KeyError> {
    let keys = Keyring::builder()
        .signer(&secret("wechatpay", "/keys/merchant/private_key_pem"))?
        .signer_certificate(text("wechatpay", "/keys/merchant/certificate_pem"))?
        .symmetric(&secret("wechatpay", "/keys/apiv3_key"))?
        .verifier(None, text("wechatpay", "/keys/platform_certificate/certificate_pem"))?;
    let settings = paifang_rail_wechatpay::Settings {
        mchid: "1900000109".into(),
        appid: "wxd678efh567hg6787".into(),
        endpoint: paifang_rail_wechatpay::ENDPOINT.into(),
        merchant_serial: None,
        public_key_id: None,
        store_id: Some("store1".into()),
        store_out_id: None,
        h5_returns: false,
        refund_funds_account: None,
        refund_from: None,
    };
    let rail = WeChatPay::configure(settings).expect("settings of the test environment");
    Ok(Bench { rail: Box::new(rail), keys: keys.build()? })
}

fn unionpay() -> Result<Bench, KeyError> {
    let settings = paifang_rail_unionpay::Settings {
        merchant_id: "777290058110048".into(),
        front_url: paifang_rail_unionpay::GATEWAY.into(),
        back_url: paifang_rail_unionpay::GATEWAY.into(),
        query_url: paifang_rail_unionpay::GATEWAY.into(),
        app_url: None,
        file_url: None,
        holds: true,
        terminal_id: Some("49000002".into()),
        accept_test_signer: false,
    };
    let rail = UnionPay::configure(settings).expect("settings of the test environment");
    let keys = unionpay_ring(rail.certificate_rule())?;
    Ok(Bench { rail: Box::new(rail), keys: keys.build()? })
}

fn unionpay_ring(rule: CertificateRule) -> Result<KeyringBuilder, KeyError> {
    Ok(Keyring::builder()
        .signer(&secret("unionpay", "/certificates/merchant/private_key_pem"))?
        .signer_certificate(text("unionpay", "/certificates/merchant/cert_pem"))?
        .root(text("unionpay", "/certificates/root/cert_pem"))?
        .intermediate(text("unionpay", "/certificates/middle/cert_pem"))?
        .certificate_rule(rule))
}
