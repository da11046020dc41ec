//! Protocol v3: JSON to `/v3/...`, and signatures that travel in headers.
//!
//! A request signs its Authorization text, method, target and body; an answer signs its time, a nonce and the body.
//! Neither the status nor the call is signed in an answer, so a success must not look like an error and the other way
//! round, and each call says what its own answer looks like.

use jiff::{SignedDuration, Timestamp};
use paifang_payment::Doubt;
use paifang_rail::{Context, Exchange, Method, PlanError, Reply};
use serde::Serialize;
use serde_json::Value;

use crate::answer::{self, Opened, Unclear};
use crate::api::Api;
use crate::body::Body;
use crate::settings::{KeyMode, Token};
use crate::trust::{self, Untrusted};
use crate::{Settings, certificates, origin, request};

/// How far the time of an answer may be from ours. Documented for requests ("ten minutes"); the same is taken for answers.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Signs and lays out a call.
pub(crate) fn exchange(
    settings: &Settings,
    api: Api,
    members: &impl Serialize,
    notify_url: &str,
    cx: &Context<'_>,
) -> Result<Exchange, PlanError> {
    let body = with_notify_url(request::content(members)?, notify_url);
    Draft { settings, method: Method::Post, target: path(api), body: Some(body) }.sign(&nonce(cx), cx)
}

/// Signs and lays out a question by GET; form encoding, as the official SDK writes it.
pub(crate) fn get(
    settings: &Settings,
    api: Api,
    members: &[(&str, &str)],
    cx: &Context<'_>,
) -> Result<Exchange, PlanError> {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
    let target = format!("{}?{query}", path(api));
    Draft { settings, method: Method::Get, target, body: None }.sign(&nonce(cx), cx)
}

fn path(api: Api) -> String {
    format!("/v3/{}", api.method().replace('.', "/"))
}

/// A request that is not signed yet.
pub(crate) struct Draft<'a> {
    pub settings: &'a Settings,
    pub method: Method,
    pub target: String,
    pub body: Option<String>,
}

impl Draft<'_> {
    /// The finished request under this nonce.
    pub fn sign(self, nonce: &str, cx: &Context<'_>) -> Result<Exchange, PlanError> {
        let serials = match self.settings.key_mode {
            KeyMode::Certificate => Some(certificates::own(cx.keys)?),
            KeyMode::PublicKey => None,
        };
        let encrypted = self.body.is_some() && cx.keys.has_content_key();
        let body = match self.body {
            Some(plain) if encrypted => request::sealed(plain.as_bytes(), cx)?,
            Some(plain) => plain,
            None => String::new(),
        };
        let certificate = serials.as_ref().map(|serials| format!(",app_cert_sn={}", serials.app));
        let auth = format!(
            "app_id={}{},nonce={nonce},timestamp={}",
            self.settings.app_id,
            certificate.unwrap_or_default(),
            cx.now.as_millisecond(),
        );
        let token = self.settings.app_auth_token.as_ref().map(Token::expose);
        let mut text = format!("{auth}\n{}\n{}\n{body}\n", self.method.as_str(), self.target);
        if let Some(token) = token {
            text.push_str(token);
            text.push('\n');
        }
        let sign = request::signature(text.as_bytes(), cx)?;

        let mut headers = vec![("Authorization", format!("ALIPAY-SHA256withRSA {auth},sign={sign}"))];
        if self.method == Method::Post {
            let kind = if encrypted { "text/plain" } else { "application/json" };
            headers.push(("Content-Type", kind.to_owned()));
        }
        headers.push(("Accept", "application/json".to_owned()));
        headers.push(("Alipay-Request-Id", cx.nonce.to_owned()));
        headers.extend(token.map(|token| ("Alipay-App-Auth-Token", token.to_owned())));
        headers.extend(serials.map(|serials| ("Alipay-Root-Cert-Sn", serials.root)));
        headers.extend(encrypted.then(|| ("Alipay-Encrypt-Type", "AES".to_owned())));
        let url = format!("{}{}", origin::origin(&self.settings.gateway), self.target);
        Ok(Exchange { method: self.method, url, headers, body: body.into_bytes() })
    }
}

/// Verifies an answer and says which kind it is.
///
/// Errors take the form of v2, by which the code table is keyed: 40004 for business codes, 40002 for the gateway's own
/// (kebab case), 20000 where the status says that nobody knows.
pub(crate) fn open(settings: &Settings, reply: &Reply, cx: &Context<'_>) -> Result<Opened, Unclear> {
    let proof = match reply.header("alipay-signature") {
        Some(sign) => Some(verify(settings, reply, sign, cx)?),
        None => None,
    };
    let status = reply.status;
    let unclear = || Unclear::new(Doubt::HttpStatus(status), "http_status");
    if status == 200 || status == 202 {
        let proof = proof.ok_or(answer::UNSIGNED)?;
        let mut body = parse(&plain(reply, cx)?)?;
        // An error that came with the status of a success: the status is not signed.
        if body.code.is_some() && body.message.is_some() {
            return Err(Unclear::new(Doubt::Mismatch("status".to_owned()), "mismatch"));
        }
        let code = if status == 200 { answer::SUCCESS } else { answer::IN_PROCESS };
        body.code = Some(code.to_owned());
        return Ok(Opened { body, proof: Some(proof) });
    }
    let unsure = status == 429 || (500..600).contains(&status);
    if !unsure && !matches!(status, 400 | 401 | 403 | 404) {
        return Err(unclear());
    }
    let mut body = plain(reply, cx).and_then(|plain| parse(&plain)).map_err(|_| unclear())?;
    let name = body.code.take().ok_or_else(unclear)?;
    body.code = Some(if unsure { "20000" } else { class(&name) }.to_owned());
    body.sub_code = Some(name);
    body.sub_msg = body.message.take();
    Ok(Opened { body, proof })
}

fn class(name: &str) -> &'static str {
    let kebab = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.bytes().all(kebab) { "40002" } else { "40004" }
}

fn parse(text: &[u8]) -> Result<Body, Unclear> {
    serde_json::from_slice(text).map_err(|_| answer::UNREADABLE)
}

/// The body, decrypted where it is not JSON by itself. Errors may come plain.
pub(crate) fn plain(reply: &Reply, cx: &Context<'_>) -> Result<Vec<u8>, Unclear> {
    if reply.body.trim_ascii_start().starts_with(b"{") || !cx.keys.has_content_key() {
        return Ok(reply.body.clone());
    }
    trust::opened(&reply.body, cx.keys).ok_or(answer::UNREADABLE)
}

fn verify(
    settings: &Settings,
    reply: &Reply,
    sign: &str,
    cx: &Context<'_>,
) -> Result<paifang_rail::Genuine, Unclear> {
    // Visible ASCII only: a line feed inside would move the border between nonce and body.
    let visible = |value: &&str| value.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
    let part = |name| reply.header(name).filter(visible);
    let (Some(time), Some(nonce)) = (part("alipay-timestamp"), part("alipay-nonce")) else {
        return Err(answer::UNSIGNED);
    };
    let message = [time.as_bytes(), b"\n", nonce.as_bytes(), b"\n", &reply.body, b"\n"].concat();
    let serial = reply.header("alipay-sn");
    let proof =
        trust::verify(settings.key_mode, cx.keys, serial, &message, sign).map_err(Untrusted::unclear)?;
    let sent = time.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let fresh = sent.is_some_and(|sent| cx.now.duration_since(sent).abs() <= SKEW_MAX);
    if fresh { Ok(proof) } else { Err(Unclear::new(Doubt::BadSignature, "stale")) }
}

/// An attempt's nonce is the same at each call of it, and a repeated one may be refused: the time makes it another.
fn nonce(cx: &Context<'_>) -> String {
    let seed: String = cx.nonce.chars().take(20).collect();
    format!("{seed}{:012x}", cx.now.as_millisecond())
}

/// The address of notices is a member in v3. Contents are never empty objects.
fn with_notify_url(content: String, notify_url: &str) -> String {
    match content.strip_suffix('}') {
        Some(members) if !notify_url.is_empty() => {
            format!("{members},\"notify_url\":{}}}", Value::from(notify_url))
        }
        Some(_) | None => content,
    }
}
