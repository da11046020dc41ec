//! From parameters to signed bytes.
//!
//! The string to sign is every parameter except `sign`, without empty ones, sorted by name, joined raw as `name=value`
//! with `&`, in the account's charset; only for transport is everything percent-encoded (v2 signing documentation).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paifang_rail::{Context, Exchange, Method, PlanError};
use serde::Serialize;

use crate::{Charset, Settings, beijing, descriptor};

/// Documented maximum of `notify_url` and `return_url`.
const URL_BYTES_MAX: usize = 256;

/// Named values in the order in which they are sent.
pub(crate) struct Parameters {
    charset: Charset,
    list: Vec<(&'static str, Vec<u8>)>,
}

impl Parameters {
    /// The common parameters of one call.
    pub fn common(settings: &Settings, method: &'static str, cx: &Context<'_>) -> Result<Self, PlanError> {
        let mut parameters = Self::empty(settings.charset);
        parameters.push("app_id", &settings.app_id)?;
        parameters.push("method", method)?;
        parameters.push("format", "JSON")?;
        parameters.push("charset", settings.charset.name())?;
        parameters.push("sign_type", "RSA2")?;
        parameters.push("timestamp", &beijing::text(cx.now))?;
        parameters.push("version", "1.0")?;
        Ok(parameters)
    }

    pub fn empty(charset: Charset) -> Self {
        Self { charset, list: Vec::new() }
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
        if url.len() > URL_BYTES_MAX {
            return Err(PlanError::BadValue { field: name, rule: "at most 256 bytes" });
        }
        if url.is_empty() { Ok(()) } else { self.push(name, url) }
    }

    /// What is signed.
    pub fn string_to_sign(&self) -> Vec<u8> {
        let pairs = self.list.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        signed_string(pairs.filter(|(_, value)| !value.is_empty()))
    }

    /// The official layout: common parameters and the signature in the URL, the content in the body.
    pub fn post(mut self, gateway: &str, content: &str, cx: &Context<'_>) -> Result<Exchange, PlanError> {
        self.push("biz_content", content)?;
        let sign = self.sign(cx)?;
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
        self.push("biz_content", content)?;
        let sign = self.sign(cx)?;
        Ok(format!("{gateway}?{}", encoded(self.list.iter().chain([&("sign", sign.into_bytes())]))))
    }

    fn sign(&self, cx: &Context<'_>) -> Result<String, PlanError> {
        let signature = cx.keys.sign(&self.string_to_sign());
        signature
            .map(|bytes| STANDARD.encode(bytes))
            .map_err(|_| PlanError::MissingKey(descriptor::SIGNING_KEY))
    }
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
