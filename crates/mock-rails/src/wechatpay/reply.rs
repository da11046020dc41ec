//! The HTTP form of an answer: the header set of a real one.

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::answers::{Answer, Refusal};
use super::ids;
use super::keys::Signer;
use super::sign::{Honesty, rail_headers};
use crate::RailReply;
use crate::faults::Twist;

/// The answer as HTTP, signed unless it is a refusal or the fault forbids it.
///
/// A refusal goes out unsigned. Whether the real ones of an authenticated call are signed is unconfirmed.
pub(crate) fn of(answer: Answer, signer: &Signer, now: Timestamp, twist: &Twist) -> RailReply {
    let (status, body) = match answer {
        Answer::Refused(refusal) => return refused(&refusal),
        Answer::File(bytes) => return file(bytes),
        Answer::DoneEmpty => (StatusCode::NO_CONTENT, Vec::new()),
        Answer::Accepted(body) => (StatusCode::ACCEPTED, body),
        Answer::Done(body) => (StatusCode::OK, body),
    };
    let honesty = match twist {
        Twist::Plain | Twist::BusinessCode(_) => Some(Honesty::True),
        Twist::WrongSignature => Some(Honesty::Probe),
        Twist::Unsigned => None,
    };
    let mut headers = plain_headers();
    if !body.is_empty() {
        headers.push(("Content-Type", JSON.to_owned()));
    }
    headers.push((REQUEST_ID, ids::request_id(0)));
    if let Some(honesty) = honesty {
        headers.extend(rail_headers(signer, now, &ids::answer_nonce(), &body, honesty));
    }
    http(status, headers, body)
}

/// A bill file is not signed: the digest of the signed answer before it vouches for it.
fn file(bytes: Vec<u8>) -> RailReply {
    let mut headers = plain_headers();
    headers.push(("Content-Type", "application/octet-stream".to_owned()));
    http(StatusCode::OK, headers, bytes)
}

/// No body: what an unknown path and a wrong method get.
pub(crate) fn empty(status: StatusCode) -> RailReply {
    http(status, plain_headers(), Vec::new())
}

fn refused(refusal: &Refusal) -> RailReply {
    let mut headers = plain_headers();
    headers.push(("Content-Type", JSON.to_owned()));
    if refusal.request_id {
        headers.push((REQUEST_ID, ids::request_id(refusal.internal)));
    }
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    http(status, headers, refusal.body())
}

fn http(status: StatusCode, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> RailReply {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            map.insert(name, value);
        }
    }
    RailReply::Answer { status, headers: map, body: Bytes::from(body) }
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
