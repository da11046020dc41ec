//! The v3 protocol: which checks a request to `/v3/…` meets, and how answers are signed.
//!
//! The string to sign takes the authorization text, the request line and the body exactly as received. Refusals before
//! the application is known are unsigned; later ones are signed here, which no capture tells of gateway errors.

use std::collections::{HashSet, VecDeque};

use http::{Method as Verb, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::answer::Inner;
use super::api::{Call, Method};
use super::biz::Biz;
use super::gateway::{self, Refusal, URL_BYTES_MAX};
use super::keys::Keys;
use super::material::Material;
use super::wire::{Charset, Params, boundary, multipart};
use crate::{RailReply, RailRequest};

/// How old a request may be.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// How many nonces are remembered; the oldest gives way.
const NONCES_MAX: usize = 100_000;
const NONCE_BYTES_MAX: usize = 128;
const SCHEME: &str = "ALIPAY-SHA256withRSA";

/// The nonces of the last ten minutes.
#[derive(Debug, Default)]
pub(super) struct Nonces {
    known: HashSet<String>,
    order: VecDeque<(Timestamp, String)>,
}

impl Nonces {
    /// Whether a nonce is seen for the first time.
    pub(super) fn is_new(&mut self, nonce: &str, now: Timestamp) -> bool {
        // A request may be ten minutes old or as much ahead, so after twenty it is refused by its time alone.
        while self.order.len() >= NONCES_MAX
            || self.order.front().is_some_and(|(at, _)| *at + WINDOW + WINDOW < now)
        {
            if let Some((_, old)) = self.order.pop_front() {
                self.known.remove(&old);
            }
        }
        let new = self.known.insert(nonce.to_owned());
        if new {
            self.order.push_back((now, nonce.to_owned()));
        }
        new
    }
}

/// The header `Authorization`, cut.
#[derive(Debug, Default)]
struct Authorization<'a> {
    scheme: &'a str,
    /// What is signed of it: everything up to `,sign=`.
    text: &'a str,
    sign: Option<&'a str>,
}

impl<'a> Authorization<'a> {
    fn read(header: &'a str) -> Self {
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        match rest.rsplit_once(",sign=") {
            Some((text, sign)) => Self { scheme, text, sign: Some(sign) },
            None => Self { scheme, text: rest, sign: None },
        }
    }

    fn member(&self, name: &str) -> Option<&'a str> {
        let pairs = self.text.split(',').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }
}

/// The API that a request means; a POST may stand for another verb.
pub(super) fn method_of(request: &RailRequest) -> Option<Method> {
    let named = request.header("x-http-method-override").filter(|_| request.method == Verb::POST);
    let verb = named.and_then(|name| Verb::from_bytes(name.as_bytes()).ok());
    Method::of_path(verb.as_ref().unwrap_or(&request.method), request.path())
}

/// Whether a request names a certificate, so that its answer does.
pub(super) fn by_certificate(request: &RailRequest) -> bool {
    request
        .header("authorization")
        .is_some_and(|header| Authorization::read(header).member("app_cert_sn").is_some())
}

/// Whether a request is this application's, by its own word.
pub(super) fn names_app(request: &RailRequest, app_id: &str) -> bool {
    request
        .header("authorization")
        .is_some_and(|header| Authorization::read(header).member("app_id") == Some(app_id))
}

/// What time it is in the rails' world, and on the wall. Clients sign by their own clock; when the rails' world has been
/// moved to another day, theirs is still the wall's. So a request may be fresh by either.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) now: Timestamp,
    pub(super) wall: Timestamp,
}

/// Checks a request, or says how it is turned away.
pub(super) fn check(
    request: &RailRequest,
    material: &Material,
    nonces: &mut Nonces,
    times: Times,
) -> Result<Call, Box<Refusal>> {
    let now = times.now;
    let unknown =
        |code, text| Box::new(Refusal { inner: Inner::coded(code, text), signed: false, expected: None });
    let Some(method) = method_of(request) else {
        return Err(unknown("isv.invalid-method", "不存在的方法名"));
    };
    let Some(header) = request.header("authorization") else {
        return Err(unknown("isv.missing-timestamp", "缺少时间戳参数"));
    };
    let authorization = Authorization::read(header);
    match authorization.member("app_id") {
        None => return Err(unknown("isv.missing-app-id", "缺少AppID参数")),
        Some(app_id) if app_id == material.account.app_id => {}
        Some(_) => return Err(unknown("isv.invalid-app-id", "无效的AppID参数")),
    }
    let early = |inner| Box::new(Refusal { inner, signed: true, expected: None });
    common(&authorization, times).map_err(early)?;
    let app_cert_sn = authorization.member("app_cert_sn");
    if let Some(sn) = app_cert_sn {
        let root = request.header("alipay-root-cert-sn");
        gateway::certificates(sn, root, material, now).map_err(early)?;
    }
    let string = string_to_sign(&authorization, request);
    let expected = String::from_utf8_lossy(&string).into_owned();
    let refuse = |inner| Box::new(Refusal { inner, signed: true, expected: Some(expected.clone()) });
    verify(&authorization, app_cert_sn, &string, &material.keys).map_err(refuse)?;
    let nonce = authorization.member("nonce").unwrap_or_default();
    if !nonces.is_new(nonce, now) {
        // Documented as "may be refused", without a code.
        return Err(refuse(Inner::coded("isv.suspected-attack", "疑似重放请求")));
    }
    let (biz, encrypted) = members(request, material).map_err(refuse)?;
    let notify_url = biz.text("notify_url");
    if notify_url.as_ref().is_some_and(|url| url.len() > URL_BYTES_MAX) {
        return Err(refuse(Inner::coded("isv.invalid-parameter", "参数无效")));
    }
    let (by_certificate, charset) = (app_cert_sn.is_some(), Charset::Utf8);
    Ok(Call { method, charset, biz, notify_url, return_url: None, by_certificate, encrypted, expected })
}

fn common(authorization: &Authorization<'_>, times: Times) -> Result<(), Inner> {
    if authorization.scheme != SCHEME {
        return Err(Inner::coded("isv.invalid-signature-type", "无效的签名类型"));
    }
    let Some(written) = authorization.member("timestamp") else {
        return Err(Inner::coded("isv.missing-timestamp", "缺少时间戳参数"));
    };
    let at = written.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let at = at.ok_or_else(|| Inner::coded("isv.invalid-timestamp", "非法的时间戳参数"))?;
    // A request may shorten its own life; what else expired_seconds could mean is documented nowhere.
    let asked = authorization.member("expired_seconds").and_then(|seconds| seconds.parse::<u32>().ok());
    let life = asked.map_or(WINDOW, |seconds| SignedDuration::from_secs(i64::from(seconds)).min(WINDOW));
    let fresh = |now: Timestamp| (-WINDOW..=life).contains(&now.duration_since(at));
    if !fresh(times.now) && !fresh(times.wall) {
        return Err(Inner::coded("isv.illegal-timestamp", "时间戳不在允许的范围内"));
    }
    match authorization.member("nonce") {
        Some(nonce) if nonce.len() <= NONCE_BYTES_MAX => Ok(()),
        Some(_) | None => Err(Inner::coded("isv.invalid-parameter", "参数无效，nonce")),
    }
}

/// Five lines at most, each closed by a line feed.
fn string_to_sign(authorization: &Authorization<'_>, request: &RailRequest) -> Vec<u8> {
    let (verb, target) = (request.method.as_str(), request.path_and_query());
    let mut string = format!("{}\n{verb}\n{target}\n", authorization.text).into_bytes();
    string.extend(body(request));
    string.push(b'\n');
    if let Some(token) = request.header("alipay-app-auth-token") {
        string.extend(format!("{token}\n").into_bytes());
    }
    string
}

/// What counts as the body: of an upload only the part `data`.
fn body(request: &RailRequest) -> Vec<u8> {
    match boundary(request.header("content-type").unwrap_or("")) {
        Some(boundary) => {
            let parts = multipart(&request.body, boundary).into_iter();
            parts.into_iter().find(|(name, _)| name == b"data").map(|(_, value)| value).unwrap_or_default()
        }
        None => request.body.to_vec(),
    }
}

fn verify(
    authorization: &Authorization<'_>,
    app_cert_sn: Option<&str>,
    string: &[u8],
    keys: &Keys,
) -> Result<(), Inner> {
    let Some(sign) = authorization.sign else {
        return Err(Inner::coded("isv.missing-signature", "缺少签名参数"));
    };
    let right = match app_cert_sn {
        Some(sn) => keys.cert_signed(sn, string, sign),
        None => keys.app_signed(string, sign),
    };
    if right {
        return Ok(());
    }
    let hint = "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为：";
    Err(Inner::coded("isv.invalid-signature", &format!("{hint}{}", String::from_utf8_lossy(string))))
}

/// The business members: the body, or the query when there is none.
pub(super) fn members(request: &RailRequest, material: &Material) -> Result<(Biz, bool), Inner> {
    let raw = body(request);
    let text = String::from_utf8(raw).map_err(|_| Inner::coded("isv.invalid-encoding", "字符集错误"))?;
    let kind = request.header("alipay-encrypt-type");
    let text = match kind {
        // A GET has nothing to decrypt, but its answer is encrypted all the same.
        Some(kind) if !text.is_empty() => gateway::decrypted(kind, &text, material)?,
        Some(_) | None if text.trim().is_empty() => Params::object_of_query(request.query()),
        Some(_) | None => text,
    };
    let biz = Biz::parse(&text).ok_or_else(|| Inner::coded("isv.illegal-json", "JSON格式错误"))?;
    Ok((biz, kind.is_some()))
}

/// What a signature is made over.
pub(super) fn signed_answer(timestamp: &str, nonce: &str, body: &str) -> String {
    format!("{timestamp}\n{nonce}\n{body}\n")
}

/// How to answer.
pub(super) struct Signing<'a> {
    pub(super) keys: &'a Keys,
    /// Over other bytes, on demand.
    pub(super) wrong: bool,
    pub(super) by_certificate: bool,
}

const CONTENT_TYPE: &str = "application/json;charset=UTF-8";

/// An answer with its headers; unsigned without `signing`.
pub(super) fn reply(
    status: StatusCode,
    body: String,
    trace_id: &str,
    signing: Option<Signing<'_>>,
    now: Timestamp,
) -> RailReply {
    let headers = signing.map(|signing| {
        let mut nonce = [0; 16];
        // Only there to make strings differ; the signature does not depend on its being random.
        let _ = crate::chance::fill(&mut nonce);
        let (timestamp, nonce) = (now.as_millisecond().to_string(), hex::encode(nonce));
        let mut string = signed_answer(&timestamp, &nonce, &body);
        if signing.wrong {
            string.push('!');
        }
        let sign = signing.keys.sign(string.as_bytes());
        let sn = signing.keys.alipay_cert_sn().filter(|_| signing.by_certificate).map(str::to_owned);
        (timestamp, nonce, sign, sn)
    });
    let mut reply = RailReply::new(status, CONTENT_TYPE, body).with_header("alipay-trace-id", trace_id);
    if let Some((timestamp, nonce, sign, sn)) = headers {
        reply = reply
            .with_header("alipay-timestamp", &timestamp)
            .with_header("alipay-nonce", &nonce)
            .with_header("alipay-signature", &sign);
        if let Some(sn) = sn {
            reply = reply.with_header("alipay-sn", &sn);
        }
    }
    reply
}
