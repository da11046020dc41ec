//! Verifies an answer, binds it to its call, and says whether it is a success or a failure. Never what either means.

use paifang_payment::{Doubt, Verb};
use paifang_rail::{Answer, Call, Context, Genuine, Outcome, Reply};

use crate::api::{self, Api};
use crate::body::Body;
use crate::settings::Protocol;
use crate::trust::{self, Untrusted};
use crate::{Settings, envelope, v3};

/// The `code` of every success.
pub(crate) const SUCCESS: &str = "10000";

/// The `code` of a payer's code that waits for its payer; in v3 the status 202 is read so.
pub(crate) const IN_PROCESS: &str = "10003";

/// Why nothing can be concluded from an answer.
pub(crate) struct Unclear {
    /// The doubt.
    pub doubt: Doubt,
    /// The last word of the rule that says so.
    pub case: &'static str,
    /// The certificate that the answer names and the ring lacks.
    pub unknown_key: Option<String>,
}

pub(crate) const UNREADABLE: Unclear = Unclear::new(Doubt::Unreadable, "unreadable");
pub(crate) const UNSIGNED: Unclear = Unclear::new(Doubt::BadSignature, "bad_signature");

/// An answer whose signature, if it has one, is verified.
pub(crate) struct Opened {
    /// Its members.
    pub body: Body,
    /// Its proof; the gateway signs once it knows the application.
    pub proof: Option<Genuine>,
}

/// An answer that names the call's own order.
pub(crate) enum Heard {
    /// Code 10000, signed.
    Success(Body, Genuine),
    /// Code 10003, signed: under way.
    InProcess(Body, Genuine),
    /// Any other code.
    Failure(Body, Option<Genuine>),
}

impl Unclear {
    pub const fn new(doubt: Doubt, case: &'static str) -> Self {
        Self { doubt, case, unknown_key: None }
    }

    /// The answer that it is.
    pub fn answer(self, verb: Verb) -> Answer {
        let answer = doubt(verb, self.doubt, self.case);
        match self.unknown_key {
            Some(id) => answer.with_unknown_key(id),
            None => answer,
        }
    }
}

/// An outcome of doubt, with its rule.
pub(crate) fn doubt(verb: Verb, doubt: Doubt, case: &str) -> Answer {
    Answer::is(Outcome::unknown(doubt), rule(verb, case))
}

/// `alipay.query.trade_success`.
pub(crate) fn rule(verb: Verb, case: &str) -> String {
    format!("alipay.{}.{case}", verb.as_str())
}

/// Opens the reply to `call`.
pub(crate) fn hear(
    settings: &Settings,
    call: &Call<'_>,
    api: Api,
    reply: &Reply,
    cx: &Context<'_>,
) -> Result<Heard, Unclear> {
    let heard = sorted(open(settings, api, reply, cx)?)?;
    bind(call, heard)
}

/// Opens the reply to a call, over the account's protocol.
pub(crate) fn open(
    settings: &Settings,
    api: Api,
    reply: &Reply,
    cx: &Context<'_>,
) -> Result<Opened, Unclear> {
    match settings.protocol {
        Protocol::V2 => open_v2(settings, api, reply, cx),
        Protocol::V3 => v3::open(settings, reply, cx),
    }
}

/// Success or failure; a success that nobody signed is neither.
pub(crate) fn sorted(opened: Opened) -> Result<Heard, Unclear> {
    let Opened { body, proof } = opened;
    match (body.code.as_deref(), proof) {
        (None, _) => Err(UNREADABLE),
        (Some(SUCCESS), None) => Err(UNSIGNED),
        (Some(SUCCESS), Some(proof)) => Ok(Heard::Success(body, proof)),
        (Some(IN_PROCESS), Some(proof)) if body.sub_code.is_none() => Ok(Heard::InProcess(body, proof)),
        (Some(_), proof) => Ok(Heard::Failure(body, proof)),
    }
}

fn open_v2(settings: &Settings, api: Api, reply: &Reply, cx: &Context<'_>) -> Result<Opened, Unclear> {
    // API answers are always 200, whatever they say; everything else comes from something before the gateway.
    if reply.status != 200 {
        return Err(Unclear::new(Doubt::HttpStatus(reply.status), "http_status"));
    }
    let envelope = envelope::cut(&reply.body, api.method(), settings.charset).ok_or(UNREADABLE)?;
    let proof = match &envelope.sign {
        Some(sign) => {
            let serial = envelope.certificate.as_deref();
            let verified = trust::verify(settings.key_mode, cx.keys, serial, envelope.content, sign);
            Some(verified.map_err(Untrusted::unclear)?)
        }
        None => None,
    };
    let decrypted = match envelope.content.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
        // Only what is signed is decrypted: encryption alone proves nothing.
        Some(_) if proof.is_none() => return Err(UNSIGNED),
        Some(_) => {
            let sealed: String = serde_json::from_slice(envelope.content).map_err(|_| UNREADABLE)?;
            Some(trust::opened(sealed.as_bytes(), cx.keys).ok_or(UNREADABLE)?)
        }
        None => None,
    };
    let text = settings.charset.decode(decrypted.as_deref().unwrap_or(envelope.content)).ok_or(UNREADABLE)?;
    let body: Body = serde_json::from_str(&text).map_err(|_| UNREADABLE)?;
    if envelope.is_error && body.code.as_deref() == Some(SUCCESS) {
        return Err(UNREADABLE);
    }
    Ok(Opened { body, proof })
}

/// A reply must speak of the call's own order and refund. A success always names the order, except that of a refund
/// query that found nothing; a failure may leave it out.
fn bind(call: &Call<'_>, heard: Heard) -> Result<Heard, Unclear> {
    let named = api::named(call);
    let (body, success) = match &heard {
        Heard::Success(body, _) | Heard::InProcess(body, _) => (body, true),
        Heard::Failure(body, _) => (body, false),
    };
    let of_hold = Api::of(call).is_some_and(Api::is_of_hold);
    let (number, field) = match of_hold {
        true => (&body.out_order_no, "out_order_no"),
        false => (&body.out_trade_no, "out_trade_no"),
    };
    let refund_query = matches!(call, Call::QueryRefund(_));
    let must_name = success && (!refund_query || body.tells_of_a_refund());
    let other = |said: &Option<String>, own: &str, required: bool| match said {
        Some(said) => said != own,
        None => required,
    };
    let mismatch = |field: &str| Err(Unclear::new(Doubt::Mismatch(field.to_owned()), "mismatch"));
    if other(number, named.number, must_name) {
        return mismatch(field);
    }
    if let Some(request) = named.request
        && other(&body.out_request_no, request, false)
    {
        return mismatch("out_request_no");
    }
    Ok(heard)
}
