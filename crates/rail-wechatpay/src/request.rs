//! Signed requests: the five-line message, the `Authorization` header, and everything else that a call carries.
//!
//! The body is made once; the bytes that are signed are the bytes that are sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paifang_money::{Currency, PositiveMoney};
use paifang_rail::{Context, Exchange, KeyError, Keyring, Method, Plan, PlanError};
use serde::Serialize;

use crate::Settings;
use crate::descriptor::{AMOUNT_MAX_FEN, SIGNING_CERTIFICATE, SIGNING_KEY};

/// The one signature scheme of this adapter; the vendor's other one uses SM2 and SM3.
pub(crate) const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// Refunds are refused without a `User-Agent`; its content is free.
const USER_AGENT: &str = concat!("paifang/", env!("CARGO_PKG_VERSION"));

/// Documented maximum of `notify_url`, bytes.
const NOTIFY_URL_BYTES_MAX: usize = 255;

/// A signed GET of `target` (path and query).
pub(crate) fn get(settings: &Settings, target: &str, cx: &Context<'_>) -> Result<Plan, PlanError> {
    send(settings, Method::Get, target, Vec::new(), settings.public_key_id.as_deref(), cx)
}

/// A signed POST of `content` as JSON.
pub(crate) fn post(
    settings: &Settings,
    target: &str,
    content: &impl Serialize,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    post_sealed(settings, target, content, None, cx)
}

/// The same with fields that are sealed for the holder of this key, which is then named.
pub(crate) fn post_sealed(
    settings: &Settings,
    target: &str,
    content: &impl Serialize,
    sealed_for: Option<&str>,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let body = serde_json::to_vec(content).expect("structs of texts and integers always become JSON");
    let serial = sealed_for.or(settings.public_key_id.as_deref());
    send(settings, Method::Post, target, body, serial, cx)
}

fn send(
    settings: &Settings,
    method: Method,
    target: &str,
    body: Vec<u8>,
    serial: Option<&str>,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let mut headers = vec![
        ("Authorization", authorization(settings, method, target, &body, cx)?),
        ("Accept", "application/json".to_owned()),
        ("User-Agent", USER_AGENT.to_owned()),
    ];
    if !body.is_empty() {
        headers.push(("Content-Type", "application/json".to_owned()));
    }
    if let Some(id) = serial {
        headers.push(("Wechatpay-Serial", id.to_owned()));
    }
    let url = format!("{}{target}", settings.endpoint);
    Ok(Plan::Send(Exchange { method, url, headers, body }))
}

/// The members in the order of the vendor's examples; servers read them by name.
pub(crate) fn authorization(
    settings: &Settings,
    method: Method,
    target: &str,
    body: &[u8],
    cx: &Context<'_>,
) -> Result<String, PlanError> {
    let serial = settings.merchant_serial.as_deref().or_else(|| cx.keys.signer_serial_hex());
    let serial = serial.ok_or(PlanError::MissingKey(SIGNING_CERTIFICATE))?;
    let timestamp = cx.now.as_second();
    let mut message = format!("{}\n{target}\n{timestamp}\n{}\n", method.as_str(), cx.nonce).into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    let signature = sign(cx.keys, &message).map_err(|_| PlanError::MissingKey(SIGNING_KEY))?;
    Ok(format!(
        "{SCHEME} mchid=\"{}\",nonce_str=\"{}\",signature=\"{signature}\",timestamp=\"{timestamp}\",serial_no=\"{serial}\"",
        settings.mchid, cx.nonce,
    ))
}

/// Our signature in the form of the wire.
pub(crate) fn sign(keys: &Keyring, message: &[u8]) -> Result<String, KeyError> {
    Ok(STANDARD.encode(keys.sign(message)?))
}

/// Fen, the only unit of this rail, up to the amount that the descriptor lists.
pub(crate) fn fen(field: &'static str, amount: PositiveMoney) -> Result<i64, PlanError> {
    if amount.currency() != Currency::CNY {
        return Err(PlanError::BadValue { field, rule: "an amount in CNY" });
    }
    if amount.minor_units() > AMOUNT_MAX_FEN {
        return Err(PlanError::BadValue { field, rule: "at most 21474836.47 CNY" });
    }
    Ok(amount.minor_units())
}

/// A text that WeChat Pay takes: characters of at most three bytes (no emoji), or the call is refused as a whole.
pub(crate) fn plain_text<'a>(field: &'static str, text: &'a str) -> Result<&'a str, PlanError> {
    if text.chars().all(|character| character.len_utf8() <= 3) {
        Ok(text)
    } else {
        Err(PlanError::BadValue {
            field,
            rule: "text without characters beyond the basic plane, such as emoji",
        })
    }
}

/// The longest beginning of a text that fits into so many bytes: WeChat Pay counts bytes where its pages say characters,
/// and a long description is no reason to refuse a payment.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let fits = |(at, character): &(usize, char)| at + character.len_utf8() <= bytes_max;
    let end =
        text.char_indices().take_while(fits).last().map_or(0, |(at, character)| at + character.len_utf8());
    text.get(..end).unwrap_or_default()
}

/// Our notification address, which must be without a query.
pub(crate) fn notify_url<'a>(cx: &Context<'a>) -> Result<&'a str, PlanError> {
    let allowed = |byte: u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'?' | b'#');
    if cx.notify_url.len() <= NOTIFY_URL_BYTES_MAX && cx.notify_url.bytes().all(allowed) {
        Ok(cx.notify_url)
    } else {
        Err(PlanError::BadValue { field: "notify_url", rule: "a URL of at most 255 bytes without a query" })
    }
}
