//! The HTTP form of an answer: the header set of a real one.

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::answers::{Answer, FileKind};
use super::ids;
use super::keyring::Keyring;
use super::keys::KeyChoice;
use super::refusals::Refusal;
use super::sign::{Honesty, rail_headers};
use crate::RailReply;

/// How an answer is signed.
#[derive(Clone, Copy)]
pub(crate) struct Seal<'a> {
    pub(crate) keyring: &'a Keyring,
    pub(crate) key: KeyChoice,
    pub(crate) now: Timestamp,
    /// `None` leaves the signature out.
    pub(crate) honesty: Option<Honesty>,
}

/// The answer as HTTP. Files are never signed, refusals only where the request was the merchant's.
pub(crate) fn of(answer: Answer, seal: Seal<'_>) -> RailReply {
    match answer {
        Answer::Refused(refusal) => refused(&refusal, seal),
        Answer::File(bytes, kind) => file(bytes, kind),
        Answer::DoneEmpty => done(StatusCode::NO_CONTENT, Vec::new(), seal),
        Answer::Done(body) => done(StatusCode::OK, body, seal),
        Answer::Accepted(body) => done(StatusCode::ACCEPTED, body, seal),
    }
}

/// No body: what an unknown path and a wrong method get.
pub(crate) fn empty(status: StatusCode) -> RailReply {
    http(status, plain_headers(), Vec::new())
}

fn done(status: StatusCode, body: Vec<u8>, seal: Seal<'_>) -> RailReply {
    let mut headers = plain_headers();
    if !body.is_empty() {
        headers.push(("Content-Type", JSON.to_owned()));
    }
    headers.push((REQUEST_ID, ids::request_id(0)));
    headers.extend(signature(&body, seal));
    http(status, headers, body)
}

fn file(bytes: Bytes, kind: FileKind) -> RailReply {
    let mut headers = plain_headers();
    let content_type = match kind {
        FileKind::Text => "text/plain; charset=utf-8",
        FileKind::Gzip => "application/x-gzip",
    };
    headers.push(("Content-Type", content_type.to_owned()));
    headers.push((REQUEST_ID, ids::request_id(0)));
    http(StatusCode::OK, headers, bytes)
}

fn refused(refusal: &Refusal, seal: Seal<'_>) -> RailReply {
    let settings = seal.keyring.settings();
    let body = refusal.body(&settings);
    let mut headers = plain_headers();
    headers.push(("Content-Type", JSON.to_owned()));
    if refusal.request_id {
        headers.push((REQUEST_ID, ids::request_id(refusal.internal)));
    }
    let is_success = (200..300).contains(&refusal.status);
    if is_success || (refusal.known && !settings.refusals_unsigned) {
        headers.extend(signature(&body, seal));
    }
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    http(status, headers, body)
}

fn signature(body: &[u8], seal: Seal<'_>) -> Vec<(&'static str, String)> {
    let Some(honesty) = seal.honesty else { return Vec::new() };
    rail_headers(seal.keyring.signer(seal.key), seal.now, &ids::answer_nonce(), body, honesty)
}

fn http(status: StatusCode, headers: Vec<(&'static str, String)>, body: impl Into<Bytes>) -> RailReply {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            map.insert(name, value);
        }
    }
    RailReply::Answer { status, headers: map, body: body.into() }
}

/// What stands in every answer, besides the signature. The names are in the case that the rail uses.
fn plain_headers() -> Vec<(&'static str, String)> {
    vec![
        ("Server", "nginx".to_owned()),
        ("Keep-Alive", "timeout=8".to_owned()),
        ("Cache-Control", "no-cache, must-revalidate".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        ("Content-Language", "zh-CN".to_owned()),
    ]
}

const JSON: &str = "application/json; charset=utf-8";
const REQUEST_ID: &str = "Request-ID";
