//! What the tests share: the vectors, an account with all keys, orders, and replies signed like the rail's.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Credit, OrderNo, PayerId, Presentation, WalletName};
use paifang_rail::{
    Answer, Charge, Context, Exchange, Keyring, KeyringBuilder, Order, PayerCode, Plan, RefundOrder, Reply,
    Reversal, Secret,
};
use serde_json::Value;

use crate::{Settings, WeChatPay};

pub(super) const NONCE: &str = "0123456789abcdef0123456789abcdef";
pub(super) const NOTIFY_URL: &str = "https://merchant.example/notify/pay";
/// 2026-01-01T08:00:00+08:00, the vectors' clock.
pub(super) const CLOCK: i64 = 1_767_225_600;

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../tests/vectors/wechatpay-vectors.json")).unwrap()
});
static RING: LazyLock<Keyring> = LazyLock::new(ring);
static RAIL: LazyLock<Keyring> = LazyLock::new(|| signer("platform_certificate"));

pub(super) fn vectors(part: &str) -> &'static [Value] {
    VECTORS[part].as_array().unwrap()
}

/// Texts of the vectors, by pointer.
pub(super) fn text(path: &str) -> &'static str {
    VECTORS.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}"))
}

/// Everything that an account can have: both platform certificates and the public key.
fn ring() -> Keyring {
    let secret = |path| Secret::new(text(path).into());
    Keyring::builder()
        .signer(&secret("/keys/merchant/private_key_pem"))
        .and_then(|ring| ring.signer_certificate(text("/keys/merchant/certificate_pem")))
        .and_then(|ring| ring.symmetric(&secret("/keys/apiv3_key")))
        .and_then(|ring| ring.verifier(None, text("/keys/platform_certificate/certificate_pem")))
        .and_then(|ring| ring.verifier(None, text("/keys/platform_certificate_next/certificate_pem")))
        .and_then(|ring| {
            let id = text("/keys/wechatpay_public_key/id");
            ring.verifier(Some(id), text("/keys/wechatpay_public_key/public_key_pem"))
        })
        .and_then(KeyringBuilder::build)
        .unwrap()
}

/// Signs with one of the vectors' keys.
pub(super) fn signer(name: &str) -> Keyring {
    let key = Secret::new(text(&format!("/keys/{name}/private_key_pem")).into());
    Keyring::builder().signer(&key).and_then(KeyringBuilder::build).unwrap()
}

pub(super) fn settings() -> Settings {
    Settings {
        mchid: "1900000109".into(),
        appid: "wxd678efh567hg6787".into(),
        endpoint: crate::ENDPOINT.into(),
        merchant_serial: None,
        public_key_id: None,
        store_id: None,
        store_out_id: None,
        h5_returns: false,
        refund_funds_account: None,
        refund_from: None,
    }
}

pub(super) fn account() -> WeChatPay {
    WeChatPay::configure(settings()).unwrap()
}

pub(super) fn cx(now: i64) -> Context<'static> {
    Context {
        now: Timestamp::from_second(now).unwrap(),
        nonce: NONCE,
        notify_url: NOTIFY_URL,
        return_url: "https://shop.example/back",
        keys: &RING,
    }
}

pub(super) fn yuan(fen: i64) -> PositiveMoney {
    PositiveMoney::new(fen, Currency::CNY).unwrap()
}

pub(super) fn order(presentation: Presentation) -> Order {
    Order {
        kind: paifang_rail::OrderKind::Payment,

        order_no: OrderNo::parse("T20260101000001").unwrap(),
        amount: yuan(100),
        presentation,
        rail_ref: None,
        opened_at: Timestamp::from_second(CLOCK).unwrap(),
        expires_at: Timestamp::from_second(CLOCK + 1800).unwrap(),
    }
}

pub(super) fn charge(presentation: Presentation) -> Charge {
    Charge {
        order: order(presentation),
        description: "测试商品-QQ公仔".into(),
        wallet: WalletName::parse("wechatpay").unwrap(),
        credit: Credit::Allowed,
        payer: Some(PayerId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()).into(),
        payer_code: Default::default(),
        client_ip: Default::default(),
        payer_alias: Default::default(),
    }
}

/// The same account with a store, so that it takes payers' codes.
pub(super) fn shop() -> WeChatPay {
    WeChatPay::configure(Settings { store_id: Some("0001".into()), ..settings() }).unwrap()
}

/// A charge of a code that was scanned.
pub(super) fn scanned() -> Charge {
    let payer_code = Some(PayerCode::parse("130061098828009406").unwrap());
    Charge { payer_code: payer_code.into(), ..charge(Presentation::PayerCode) }
}

pub(super) fn reversal() -> Reversal {
    Reversal {
        order: order(Presentation::PayerCode),
        reversal_no: OrderNo::parse("V20260101000001").unwrap(),
        opened_at: Timestamp::from_second(CLOCK + 60).unwrap(),
    }
}

pub(super) fn refund() -> RefundOrder {
    RefundOrder {
        order: order(Presentation::QrShown),
        refund_no: OrderNo::parse("R20260101000001").unwrap(),
        amount: yuan(30),
        reason: "商品已售完".into(),
        opened_at: Timestamp::from_second(CLOCK + 600).unwrap(),
    }
}

pub(super) fn sent(plan: Plan) -> Exchange {
    match plan {
        Plan::Send(exchange) => exchange,
        Plan::HandOff(action) => panic!("{action:?}"),
    }
}

pub(super) fn headers(of: &Value) -> Vec<(String, String)> {
    let named = of["headers"].as_object().unwrap();
    named.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// An unsigned reply.
pub(super) fn bare(status: u16, body: &str) -> Reply {
    Reply { status, headers: Vec::new(), body: body.into() }
}

/// A reply as the rail signs it at [`CLOCK`].
pub(super) fn signed(status: u16, body: &str) -> Reply {
    Reply { status, headers: signature(body), body: body.into() }
}

/// The five headers over a body.
pub(super) fn signature(body: &str) -> Vec<(String, String)> {
    let message = format!("{CLOCK}\n{NONCE}\n{body}\n");
    let signature = STANDARD.encode(RAIL.sign(message.as_bytes()).unwrap());
    let named = [
        ("Wechatpay-Timestamp", CLOCK.to_string()),
        ("Wechatpay-Nonce", NONCE.to_owned()),
        ("Wechatpay-Serial", text("/keys/platform_certificate/serial_no").to_owned()),
        ("Wechatpay-Signature", signature),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
    ];
    named.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A query's answer about [`order`].
pub(super) fn transaction(state: &str) -> Value {
    let mut body: Value = serde_json::from_str(text("/response_verification/2/body")).unwrap();
    body["trade_state"] = state.into();
    body
}

/// A refund's answer about [`refund`].
pub(super) fn refunded(status: &str) -> Value {
    serde_json::json!({
        "refund_id": "50000000000202601010000000001",
        "out_refund_no": "R20260101000001",
        "transaction_id": "4200000000202601010000000001",
        "out_trade_no": "T20260101000001",
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": "2026-01-01T08:10:00+08:00",
        "status": status,
        "funds_account": "AVAILABLE",
        "amount": {"total": 100, "refund": 30, "payer_total": 100, "payer_refund": 30, "settlement_refund": 30,
            "settlement_total": 100, "discount_refund": 0, "currency": "CNY"},
    })
}

/// An answer as one line for a golden text.
pub(super) fn shown(answer: &Answer) -> String {
    match answer.outcome() {
        Some(outcome) => format!("{} = {outcome:?}", answer.rule()),
        None => format!("{} = absent", answer.rule()),
    }
}
