//! Alipay's own certificates: `alipay.open.app.alipaycert.download` hands out one by its serial number.
//!
//! Its answer may be signed by the very certificate that it brings, so that certificate is admitted by its chain to the
//! account's roots first, and then the answer must be signed by it or by a key that was known before.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paifang_payment::Doubt;
use paifang_rail::{Context, Exchange, Finding, FreshKey, PlanError, Reply};
use serde::Serialize;

use crate::answer::{self, Heard};
use crate::api::Api;
use crate::body::Body;
use crate::settings::{KeyMode, Protocol};
use crate::{Settings, codes, envelope, request, trust, v3};

#[derive(Serialize)]
struct Content<'a> {
    alipay_cert_sn: &'a str,
}

/// Asks for the certificate that a message named, or else again for the newest one that is known: there is no list.
pub(crate) fn plan(
    settings: &Settings,
    unknown: Option<&str>,
    cx: &Context<'_>,
) -> Result<Exchange, PlanError> {
    if settings.key_mode != KeyMode::Certificate {
        return Err(PlanError::Unsupported("certificates in key mode"));
    }
    let newest = || cx.keys.verifier_ids().filter(|id| trust::is_serial(id)).last();
    let rule = "must be the serial number of a certificate: hex digits";
    let serial = unknown.or_else(newest).filter(|serial| trust::is_serial(serial));
    let alipay_cert_sn = serial.ok_or(PlanError::BadValue { field: "unknown", rule })?;
    request::exchange(settings, Api::Certificate, &Content { alipay_cert_sn }, cx)
}

/// A certificate that leads up to a root and signed, or was signed for by a known key.
pub(crate) fn read(settings: &Settings, unknown: Option<&str>, reply: &Reply, cx: &Context<'_>) -> Finding {
    let fresh =
        brought(settings, reply, cx).filter(|key| unknown.is_none_or(|id| id.eq_ignore_ascii_case(&key.id)));
    let ring = fresh.as_ref().and_then(|key| cx.keys.with_fresh(std::slice::from_ref(key), cx.now).ok());
    let cx = Context { keys: ring.as_ref().unwrap_or(cx.keys), ..*cx };
    let heard = answer::open(settings, Api::Certificate, reply, &cx).and_then(answer::sorted);
    match (heard, fresh) {
        (Ok(Heard::Success(..)), Some(key)) => Finding::Keys(vec![key]),
        // It brought nothing, another one, or one that leads nowhere.
        (Ok(Heard::Success(..)), None) => Finding::Unknown(Doubt::BadSignature),
        (Ok(Heard::InProcess(body, _)), _) => codes::finding(Api::Certificate, &body),
        (Ok(Heard::Failure(body, _)), _) => codes::finding(Api::Certificate, &body),
        (Err(unclear), _) => Finding::Unknown(unclear.doubt),
    }
}

/// The certificate in an answer whose signature is not verified yet, admitted by its chain.
fn brought(settings: &Settings, reply: &Reply, cx: &Context<'_>) -> Option<FreshKey> {
    let body: Body = match settings.protocol {
        Protocol::V2 => {
            let envelope = envelope::cut(&reply.body, Api::Certificate.method(), settings.charset)?;
            let opened = match envelope.content.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""))
            {
                Some(sealed) => trust::opened(sealed, cx.keys)?,
                None => envelope.content.to_vec(),
            };
            serde_json::from_str(&settings.charset.decode(&opened)?).ok()?
        }
        Protocol::V3 => serde_json::from_slice(&v3::plain(reply, cx).ok()?).ok()?,
    };
    let text = body.alipay_cert_content?;
    let compact: String = text.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    let pem = String::from_utf8(STANDARD.decode(compact).ok()?).ok()?;
    cx.keys.admit_certificate(&pem, cx.now).ok()
}
