//! The parameters that a merchant's front end hands to the wallet, and the merchant's signature over them.
//!
//! A payer's act may name a `prepay_id` alone, or the whole set of parameters as a JSON object, as `WeixinJSBridge`,
//! `wx.requestPayment` or the app SDK would get it. The signature is checked then, as the wallet does.

use serde::Deserialize;
use serde_json::Value;

use super::keyring::Keyring;
use super::keys::MerchantChoice;
use super::trades::Product;

/// What a wallet is given, JSAPI and mini program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Jsapi {
    /// Mini programs do not pass it: the wallet knows it.
    #[serde(rename = "appId")]
    appid: Option<String>,
    #[serde(rename = "timeStamp")]
    timestamp: String,
    #[serde(rename = "nonceStr")]
    nonce: String,
    package: String,
    #[serde(rename = "signType")]
    sign_type: String,
    #[serde(rename = "paySign")]
    signature: String,
}

/// What a wallet is given, app.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    appid: String,
    partnerid: String,
    prepayid: String,
    package: String,
    noncestr: String,
    timestamp: String,
    sign: String,
}

/// A front end's call of the wallet, with a good signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) prepay_id: String,
    pub(crate) product: Product,
}

/// Why the wallet does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotInvoked {
    /// Parameters are missing, unknown, or not as they must be.
    #[error("the front end's parameters are not those of JSAPI, a mini program or an app")]
    Malformed,
    /// The signature is not the merchant's over these parameters.
    #[error("支付验证签名失败: the front end's signature does not verify")]
    Signature,
}

/// The call that `text` is, if it is one at all: a JSON object, not a bare `prepay_id`.
pub(crate) fn read(keyring: &Keyring, text: &str) -> Option<Result<Invocation, NotInvoked>> {
    let value: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
    let is_app = value.get("prepayid").is_some();
    Some(if is_app { app(keyring, value) } else { jsapi(keyring, value) })
}

fn jsapi(keyring: &Keyring, value: Value) -> Result<Invocation, NotInvoked> {
    let call: Jsapi = serde_json::from_value(value).map_err(|_| NotInvoked::Malformed)?;
    let appid = call.appid.unwrap_or_else(|| keyring.keys.account.appid.clone());
    let prepay_id = call.package.strip_prefix("prepay_id=").ok_or(NotInvoked::Malformed)?;
    if call.sign_type != "RSA" || appid != keyring.keys.account.appid {
        return Err(NotInvoked::Malformed);
    }
    verify(keyring, [&appid, &call.timestamp, &call.nonce, &call.package], &call.signature)?;
    Ok(Invocation { prepay_id: prepay_id.to_owned(), product: Product::Jsapi })
}

fn app(keyring: &Keyring, value: Value) -> Result<Invocation, NotInvoked> {
    let call: App = serde_json::from_value(value).map_err(|_| NotInvoked::Malformed)?;
    let ours = call.appid == keyring.keys.account.appid && call.partnerid == keyring.keys.account.mchid;
    if !ours || call.package != "Sign=WXPay" {
        return Err(NotInvoked::Malformed);
    }
    verify(keyring, [&call.appid, &call.timestamp, &call.noncestr, &call.prepayid], &call.sign)?;
    Ok(Invocation { prepay_id: call.prepayid, product: Product::App })
}

/// Four lines, each ended by a line feed, under any certificate of the merchant's that is accepted now: the front end
/// names none.
fn verify(keyring: &Keyring, lines: [&str; 4], signature: &str) -> Result<(), NotInvoked> {
    let message = lines.map(|line| format!("{line}\n")).concat();
    let accepted = |choice: &MerchantChoice| {
        let serial = keyring.keys.merchant_serial(*choice);
        serial.is_some_and(|serial| keyring.merchant_certificate(serial) == Some(*choice))
    };
    let verifies = [MerchantChoice::Present, MerchantChoice::Next]
        .into_iter()
        .filter(accepted)
        .any(|choice| keyring.keys.merchant_signed(choice, message.as_bytes(), signature));
    if verifies { Ok(()) } else { Err(NotInvoked::Signature) }
}
