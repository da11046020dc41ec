//! What the storefront does with a created order: a code, parameters that the merchant signs for the wallet, or a page.
//!
//! The time in signed parameters is that of the order, so that reading the same answer again gives the same parameters.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use paifang_payment::NextAction;
use paifang_rail::{Context, Order};
use serde::Deserialize;

use crate::descriptor::CODE_LIFE_S;
use crate::request::sign;
use crate::{Settings, wire};

/// Longest `code_url` or `h5_url` that is handed on, bytes; a QR code holds little more. Seen are about 60 and 120.
const URL_BYTES_MAX: usize = 2048;

/// Documented maximum of `prepay_id`, bytes.
const PREPAY_ID_BYTES_MAX: usize = 64;

#[derive(Deserialize)]
struct Native {
    code_url: String,
}

#[derive(Deserialize)]
struct Prepaid {
    prepay_id: String,
}

#[derive(Deserialize)]
struct H5 {
    h5_url: String,
}

/// Native: a code for the payer to scan.
pub(crate) fn show_code(order: &Order, body: &[u8]) -> Option<NextAction> {
    let Native { code_url } = wire::parse(body)?;
    if !visible(&code_url, URL_BYTES_MAX) {
        return None;
    }
    // Counted from our opening of the order, so never longer than the code's real life.
    let life_ends = order.opened_at.checked_add(SignedDuration::from_secs(i64::from(CODE_LIFE_S)));
    let expires_at = order.expires_at.min(life_ends.unwrap_or(Timestamp::MAX));
    Some(NextAction::ShowQr { content: code_url, expires_at })
}

/// JSAPI: the parameters of the bridge. Signed are app, time, nonce and package, a line each.
pub(crate) fn bridge(
    settings: &Settings,
    order: &Order,
    body: &[u8],
    cx: &Context<'_>,
) -> Option<NextAction> {
    let package = format!("prepay_id={}", prepay_id(body)?);
    let signed = Signed::of(settings, order, &package, cx)?;
    Some(invoke(&[
        ("appId", &settings.appid),
        ("timeStamp", &signed.timestamp),
        ("nonceStr", cx.nonce),
        ("package", &package),
        ("signType", "RSA"),
        ("paySign", &signed.signature),
    ]))
}

/// A mini program takes the bridge's parameters without the app, which it is itself; the signature has it all the same.
pub(crate) fn mini_program(
    settings: &Settings,
    order: &Order,
    body: &[u8],
    cx: &Context<'_>,
) -> Option<NextAction> {
    match bridge(settings, order, body, cx)? {
        NextAction::InvokeWallet { mut parameters } => {
            parameters.remove("appId");
            Some(NextAction::InvokeWallet { parameters })
        }
        NextAction::ShowQr { .. }
        | NextAction::Redirect { .. }
        | NextAction::PostForm { .. }
        | NextAction::WaitForPayer => None,
    }
}

/// An app takes names of its own, and its fourth signed line is the bare `prepay_id`.
pub(crate) fn app(settings: &Settings, order: &Order, body: &[u8], cx: &Context<'_>) -> Option<NextAction> {
    let prepay_id = prepay_id(body)?;
    let signed = Signed::of(settings, order, &prepay_id, cx)?;
    Some(invoke(&[
        ("appid", &settings.appid),
        ("partnerid", &settings.mchid),
        ("prepayid", &prepay_id),
        ("package", "Sign=WXPay"),
        ("noncestr", cx.nonce),
        ("timestamp", &signed.timestamp),
        ("sign", &signed.signature),
    ]))
}

/// H5: a page for the phone's browser, which opens WeChat. Anything but `https`, or the account's own
/// endpoint (a mock), is not handed to a browser.
pub(crate) fn page(settings: &Settings, body: &[u8], cx: &Context<'_>) -> Option<NextAction> {
    let H5 { h5_url } = wire::parse(body)?;
    let own = h5_url.strip_prefix(&settings.endpoint).is_some_and(|rest| rest.starts_with('/'));
    if !visible(&h5_url, URL_BYTES_MAX) || !(h5_url.starts_with("https://") || own) {
        return None;
    }
    let url = match settings.h5_returns {
        true => {
            let mark = if h5_url.contains('?') { '&' } else { '?' };
            format!("{h5_url}{mark}redirect_url={}", escaped(cx.return_url))
        }
        false => h5_url,
    };
    Some(NextAction::Redirect { url })
}

struct Signed {
    timestamp: String,
    signature: String,
}

impl Signed {
    fn of(settings: &Settings, order: &Order, last: &str, cx: &Context<'_>) -> Option<Self> {
        let timestamp = order.opened_at.as_second().to_string();
        let message = format!("{}\n{timestamp}\n{}\n{last}\n", settings.appid, cx.nonce);
        let signature = sign(cx.keys, message.as_bytes()).ok()?;
        Some(Self { timestamp, signature })
    }
}

fn prepay_id(body: &[u8]) -> Option<String> {
    let Prepaid { prepay_id } = wire::parse(body)?;
    visible(&prepay_id, PREPAY_ID_BYTES_MAX).then_some(prepay_id)
}

fn invoke(parameters: &[(&str, &str)]) -> NextAction {
    let parameters: BTreeMap<_, _> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    NextAction::InvokeWallet { parameters }
}

/// A text as the value of a query's parameter: everything but the unreserved characters is escaped.
fn escaped(text: &str) -> String {
    use std::fmt::Write;

    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            // Writing into a String never fails.
            _ => drop(write!(out, "%{byte:02X}")),
        }
        out
    })
}

fn visible(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, 0x21..=0x7e))
}
