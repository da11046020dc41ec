//! Values: what is read is written back as it was, and an amount agrees with an oracle of big integers.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use paifang_gateway::apikey::ApiKey;
use paifang_gateway::config::{Config, Lookup};
use paifang_hostile::scene::{ALIPAY, now};
use paifang_money::{Currency, Money};
use paifang_payment::{
    AccountId, IntentId, OrderNo, PayerId, RailRef, RefundId, RequestId, TenantId, intent, refund,
};
use paifang_proto::v1;
use paifang_store::form::{self, Stored};
use prost::Message;

use crate::bench::{Bench, text};
use crate::calls::Calls;

/// A certificate that is admitted is the rail's own, to the last bit.
pub(super) fn certificate(input: &[u8]) {
    let pem = String::from_utf8_lossy(input);
    if let Ok(key) = Bench::of("unionpay", "main").keys.admit_certificate(&pem, now()) {
        let known =
            certificate_seeds().iter().any(|seed| der(&String::from_utf8_lossy(seed)) == der(&key.pem));
        assert!(known, "a certificate of nobody: {}", key.id);
    }
    // The config's own keys come the same way.
    let _ = paifang_rail::Keyring::builder().verifier(None, &pem);
    let _ = paifang_rail::Keyring::builder().verifier(Some("id"), &pem);
    let _ = paifang_rail::Keyring::builder().root(&pem);
    let _ = paifang_rail::Keyring::builder().signer(&paifang_rail::Secret::new(input.to_vec()));
    let _ = paifang_rail_alipay::certificate_serial(input);
}

/// What stands in a PEM text.
fn der(pem: &str) -> Vec<u8> {
    let inside: String = pem
        .trim()
        .trim_start_matches("-----BEGIN CERTIFICATE-----")
        .trim_end_matches("-----END CERTIFICATE-----")
        .split_ascii_whitespace()
        .collect();
    STANDARD.decode(inside).unwrap_or_default()
}

pub(super) fn certificate_seeds() -> Vec<Vec<u8>> {
    let names = ["root", "middle", "merchant", "upsign", "upsign_test", "wrongcn", "expired", "badleaf"];
    let unionpay = names.map(|name| text("unionpay", &format!("/certificates/{name}/cert_pem")));
    let others = [
        text("alipay", "/certificates/alipay_cert_pem"),
        text("alipay", "/keys/alipay/public_spki_base64"),
        text("alipay", "/keys/app/private_pkcs1_pem"),
    ];
    unionpay.into_iter().chain(others).map(|text| text.as_bytes().to_vec()).collect()
}

/// Decimal text against big integers.
pub(super) fn money(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for code in ["CNY", "JPY", "KWD"] {
        let Ok(currency) = Currency::parse(code) else { continue };
        let read = Money::from_decimal(text, currency).ok().map(Money::minor_units);
        assert_eq!(read, oracle(text, currency.exponent()), "{text:?} {code}");
        if let Some(minor) = read {
            let money = Money::new(minor, currency).expect("it was read");
            assert_eq!(
                Money::from_decimal(&money.to_decimal(), currency).ok(),
                Some(money),
                "{text:?} {code}"
            );
        }
    }
}

/// The rule in other words: digits, perhaps a point and more digits; the value in minor units is whole and in range.
fn oracle(text: &str, places: u32) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.chars().all(|character| character.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() > 18 {
        return None;
    }
    let scale = |count: usize| BigUint::from(10_u8).pow(u32::try_from(count).unwrap_or(u32::MAX));
    let scaled: BigUint = format!("{whole}{fraction}").parse::<BigUint>().ok()? * scale(places as usize);
    let unit = scale(fraction.len());
    if &scaled % &unit != BigUint::ZERO {
        return None;
    }
    let minor = i64::try_from(scaled / unit).ok()?;
    (minor <= paifang_money::MINOR_UNITS_MAX).then_some(minor)
}

pub(super) fn money_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "88.88",
        "0.01",
        "10000000000000.00",
        "9999999999999.99",
        "100",
        "1.000",
        "0.5",
        "000.10",
        "1.2.3",
        "",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

/// Ids and names: one text each, and the same again.
pub(super) fn names(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    macro_rules! same {
        ($($kind:ty),*) => {$(
            if let Ok(read) = <$kind>::parse(text) {
                assert_eq!(<$kind>::parse(&read.to_string()).ok(), Some(read), "{text:?}");
            }
        )*};
    }
    same!(OrderNo, RequestId, AccountId, RailRef, TenantId, IntentId, RefundId);
    if let Ok(read) = paifang_ledger::Account::parse(text) {
        assert_eq!(paifang_ledger::Account::parse(&read.to_string()).ok(), Some(read), "{text:?}");
    }
    if let Ok(key) = ApiKey::parse(text) {
        assert_eq!(key.expose(), text, "an API key has one text");
    }
    if let Ok(payer) = PayerId::parse(text) {
        let shown = format!("{payer:?}");
        assert!(text.len() < 8 || !shown.contains(text), "a payer's id prints: {shown}");
    }
}

pub(super) fn names_seeds() -> Vec<Vec<u8>> {
    let tenant = TenantId::from_parts(now(), [7; 10]).to_string();
    let intent = IntentId::from_parts(now(), [8; 10]).to_string();
    let key = ApiKey::from_entropy(&[9; 32]).expose().to_owned();
    let texts = [
        tenant,
        intent,
        key,
        ALIPAY.charge.to_owned(),
        "alipay-main".into(),
        "rail:alipay-main".into(),
        "order-1".into(),
    ];
    texts.map(String::into_bytes).to_vec()
}

/// Messages of the contract: decoded, encoded, decoded.
pub(super) fn grpc(input: &[u8]) {
    fn same<M: Message + Default + PartialEq>(input: &[u8]) {
        if let Ok(message) = M::decode(input) {
            let again = M::decode(message.encode_to_vec().as_slice());
            assert!(again.is_ok_and(|again| again == message), "written and read, another message");
        }
    }
    same::<v1::CreatePaymentIntentRequest>(input);
    same::<v1::ConfirmPaymentIntentRequest>(input);
    same::<v1::CapturePaymentIntentRequest>(input);
    same::<v1::CreateRefundRequest>(input);
    same::<v1::ListPaymentIntentsRequest>(input);
    same::<v1::ListTransfersRequest>(input);
    same::<v1::WatchEventsRequest>(input);
    same::<v1::ConsultWalletsRequest>(input);
    same::<v1::IdentifyPayerCodeRequest>(input);
    if let Ok(message) = v1::Money::decode(input)
        && let Ok(currency) = Currency::parse(&message.currency_code)
        && let Ok(money) = Money::new(message.minor_units, currency)
    {
        assert_eq!(money.minor_units(), message.minor_units);
        assert_eq!(Money::from_decimal(&money.to_decimal(), currency).ok(), Some(money));
    }
}

pub(super) fn grpc_seeds() -> Vec<Vec<u8>> {
    let amount = v1::Money { currency_code: "CNY".into(), minor_units: 10_000 };
    let create = v1::CreatePaymentIntentRequest {
        request_id: "order-1".into(),
        amount: Some(amount.clone()),
        description: "tea".into(),
        choice: Some(v1::WalletChoice { wallet: "alipay".into(), ..Default::default() }),
        ..Default::default()
    };
    let refund = v1::CreateRefundRequest {
        request_id: "refund-1".into(),
        amount: Some(amount.clone()),
        reason: "broken".into(),
        ..Default::default()
    };
    vec![amount.encode_to_vec(), create.encode_to_vec(), refund.encode_to_vec()]
}

/// Config: refused with its reasons, or taken. Nothing is read from files: the folder is not there.
pub(super) fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // A reference to a file outside would be followed.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    let lookup = Lookup::within(Path::new("no-such-folder"));
    let say = || Config::parse(text, &lookup).map(|_| ()).map_err(|problems| problems.to_string());
    assert_eq!(say(), say(), "read twice, judged otherwise");
}

pub(super) fn config_seeds() -> Vec<Vec<u8>> {
    let demo = include_str!("../../../gateway/src/demo/paifang.toml").replace("@grpc@", "127.0.0.1:1");
    let demo = demo.replace("@http@", "127.0.0.1:2").replace("@ops@", "127.0.0.1:3").replace("@dir@/", "");
    let small = "[store]\npath = \"a.db\"\n[grpc]\nlisten = \"127.0.0.1:1\"\n[http]\nlisten = \"127.0.0.1:2\"\n[limits]\n";
    vec![demo.into_bytes(), small.as_bytes().to_vec()]
}

/// Stored forms: what reads is written as something that reads the same.
pub(super) fn stored(input: &[u8]) {
    fn same<T: Stored>(text: &str) {
        let Ok(read) = form::read::<T>(T::FORM, text) else { return };
        let written = form::write(&read).expect("it was read");
        let again = form::read::<T>(T::FORM, &written).expect("it was written");
        assert_eq!(form::write(&again).ok(), Some(written));
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    same::<intent::Intent>(text);
    same::<intent::Entry>(text);
    same::<refund::Refund>(text);
    same::<refund::Entry>(text);
    same::<paifang_store::Snapshot>(text);
    same::<paifang_store::Submission>(text);
    same::<paifang_store::WorkKey>(text);
}

pub(super) fn stored_seeds() -> Vec<Vec<u8>> {
    let calls = Calls::of("alipay");
    let evidence = paifang_payment::Evidence::plain(paifang_payment::Source::Rule, "fuzz");
    let opened = refund::Refund::open(calls.refund_terms(), evidence);
    let attempt = calls.capturing();
    let mut seeds = vec![
        form::write(&opened.refund).unwrap_or_default(),
        serde_json::to_string(&attempt).unwrap_or_default(),
        r#"{"payer":"oUpF8uMuAJO","client_ip":null}"#.to_owned(),
    ];
    seeds.extend(opened.entries.iter().map(|entry| form::write(entry).unwrap_or_default()));
    seeds.into_iter().map(String::into_bytes).collect()
}
