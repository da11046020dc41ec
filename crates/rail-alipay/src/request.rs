//! From parameters to signed bytes, v2.
//!
//! The string to sign is every parameter except `sign`, without empty ones, sorted by name, joined raw as `name=value`
//! with `&`, in the account's charset; only for transport is everything percent-encoded (v2 signing documentation).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paifang_rail::{Context, Exchange, Method, PlanError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde::Serialize;

use crate::api::Api;
use crate::settings::{KeyMode, Protocol, Token};
use crate::{Charset, Settings, beijing, certificates, descriptor, v3};

/// Documented maximum of `notify_url` and `return_url`.
const URL_BYTES_MAX: usize = 256;

/// What percent-encoding leaves alone in an order string.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A call with its business content, over the account's protocol.
pub(crate) fn exchange(
    settings: &Settings,
    api: Api,
    members: &impl Serialize,
    cx: &Context<'_>,
) -> Result<Exchange, PlanError> {
    let notify_url = if api.is_notified() { checked_url("notify_url", cx.notify_url)? } else { "" };
    match settings.protocol {
        Protocol::V2 => {
            let mut parameters = Parameters::common(settings, api.method(), cx)?;
            parameters.push_url("notify_url", notify_url)?;
            parameters.post(&settings.gateway, &content(members)?, cx)
        }
        Protocol::V3 => v3::exchange(settings, api, members, notify_url, cx),
    }
}

/// Named values in the order in which they are sent.
pub(crate) struct Parameters {
    charset: Charset,
    list: Vec<(&'static str, Vec<u8>)>,
    /// What the account adds to every call, sent after the addresses.
    account: Vec<(&'static str, Vec<u8>)>,
}

impl Parameters {
    /// The common parameters of one call.
    pub fn common(settings: &Settings, method: &'static str, cx: &Context<'_>) -> Result<Self, PlanError> {
        let mut parameters = Self { charset: settings.charset, list: Vec::new(), account: Vec::new() };
        parameters.push("app_id", &settings.app_id)?;
        parameters.push("method", method)?;
        parameters.push("format", "JSON")?;
        parameters.push("charset", settings.charset.name())?;
        parameters.push("sign_type", "RSA2")?;
        parameters.push("timestamp", &beijing::text(cx.now))?;
        parameters.push("version", "1.0")?;
        let mut own = |name, value: &str| parameters.account.push((name, value.as_bytes().to_vec()));
        if settings.key_mode == KeyMode::Certificate {
            let serials = certificates::own(cx.keys)?;
            own("app_cert_sn", &serials.app);
            own("alipay_root_cert_sn", &serials.root);
        }
        if let Some(token) = settings.app_auth_token.as_ref().map(Token::expose) {
            own("app_auth_token", token);
        }
        if cx.keys.has_content_key() {
            own("encrypt_type", "AES");
        }
        Ok(parameters)
    }

    /// Adds a value; it must exist in the charset.
    pub fn push(&mut self, name: &'static str, value: &str) -> Result<(), PlanError> {
        let rule = "every character must exist in the account's charset";
        let value = self.charset.encode(value).ok_or(PlanError::BadValue { field: name, rule })?;
        self.list.push((name, value));
        Ok(())
    }

    /// Adds one of our own URLs, unless it is empty.
    pub fn push_url(&mut self, name: &'static str, url: &str) -> Result<(), PlanError> {
        checked_url(name, url)?;
        if url.is_empty() { Ok(()) } else { self.push(name, url) }
    }

    /// Adds what the account adds and then the business content, encrypted where the account's messages are.
    pub fn push_content(&mut self, content: &str, cx: &Context<'_>) -> Result<(), PlanError> {
        self.list.append(&mut self.account);
        if !cx.keys.has_content_key() {
            return self.push("biz_content", content);
        }
        let rule = "every character must exist in the account's charset";
        let plain = self.charset.encode(content).ok_or(PlanError::BadValue { field: "biz_content", rule })?;
        self.push("biz_content", &sealed(&plain, cx)?)
    }

    /// What is signed.
    pub fn string_to_sign(&self) -> Vec<u8> {
        let pairs = self.list.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        signed_string(pairs.filter(|(_, value)| !value.is_empty()))
    }

    /// The official layout: common parameters and the signature in the URL, the content in the body.
    pub fn post(mut self, gateway: &str, content: &str, cx: &Context<'_>) -> Result<Exchange, PlanError> {
        self.push_content(content, cx)?;
        let sign = signature(&self.string_to_sign(), cx)?;
        let (content, common): (Vec<_>, Vec<_>) =
            self.list.into_iter().partition(|(name, _)| *name == "biz_content");
        let charset = self.charset.name();
        Ok(Exchange {
            method: Method::Post,
            url: format!("{gateway}?{}", encoded(common.iter().chain([&("sign", sign.into_bytes())]))),
            headers: vec![("Content-Type", format!("application/x-www-form-urlencoded;charset={charset}"))],
            body: encoded(content.iter()).into_bytes(),
        })
    }

    /// Everything in one URL, for the payer's browser.
    pub fn link(mut self, gateway: &str, content: &str, cx: &Context<'_>) -> Result<String, PlanError> {
        self.push_content(content, cx)?;
        let sign = signature(&self.string_to_sign(), cx)?;
        Ok(format!("{gateway}?{}", encoded(self.list.iter().chain([&("sign", sign.into_bytes())]))))
    }

    /// Everything in one text for the app's SDK, sorted by name, blanks as `%20`.
    pub fn order_string(mut self, content: &str, cx: &Context<'_>) -> Result<String, PlanError> {
        self.push_content(content, cx)?;
        let sign = signature(&self.string_to_sign(), cx)?;
        self.list.push(("sign", sign.into_bytes()));
        self.list.sort_unstable_by_key(|(name, _)| *name);
        let pairs =
            self.list.iter().map(|(name, value)| format!("{name}={}", percent_encode(value, UNRESERVED)));
        Ok(pairs.collect::<Vec<_>>().join("&"))
    }
}

/// RSA2 over these bytes, as base64.
pub(crate) fn signature(message: &[u8], cx: &Context<'_>) -> Result<String, PlanError> {
    let signature = cx.keys.sign(message);
    signature.map(|bytes| STANDARD.encode(bytes)).map_err(|_| PlanError::MissingKey(descriptor::SIGNING_KEY))
}

/// Encrypted content, as base64.
pub(crate) fn sealed(plain: &[u8], cx: &Context<'_>) -> Result<String, PlanError> {
    let sealed = cx.keys.seal_content(plain).map_err(|_| PlanError::MissingKey(descriptor::CONTENT_KEY))?;
    Ok(STANDARD.encode(sealed))
}

/// Sorts by name and joins `name=value` with `&`, raw.
pub(crate) fn signed_string<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    let mut text = Vec::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push(b'&');
        }
        text.extend_from_slice(name);
        text.push(b'=');
        text.extend_from_slice(value);
    }
    text
}

/// The business content as JSON text, members in the order of the struct.
pub(crate) fn content(members: &impl Serialize) -> Result<String, PlanError> {
    let rule = "must be representable as JSON";
    serde_json::to_string(members).map_err(|_| PlanError::BadValue { field: "biz_content", rule })
}

fn checked_url<'a>(field: &'static str, url: &'a str) -> Result<&'a str, PlanError> {
    if url.len() > URL_BYTES_MAX {
        return Err(PlanError::BadValue { field, rule: "at most 256 bytes" });
    }
    Ok(url)
}

fn encoded<'a>(list: impl Iterator<Item = &'a (&'static str, Vec<u8>)>) -> String {
    let mut text = String::new();
    for (name, value) in list {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.extend(form_urlencoded::byte_serialize(value));
    }
    text
}
