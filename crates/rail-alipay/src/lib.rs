//! Alipay OpenAPI v2, key mode, as a codec.
//!
//! What it does: QR codes (`alipay.trade.precreate`), desktop pages (`alipay.trade.page.pay`, a signed URL without a
//! round trip), query, close, refund, refund query, and the form notices. One instance is one application of one seller.
//!
//! - `request` makes signed bytes of parameters, `envelope` cuts the signed bytes out of an answer, `answer` verifies
//!   and binds them. The modules named after calls say what a success means; `codes` is the one table of what a failure
//!   means.
//! - Nothing is concluded from an unsigned success, and nothing but a refusal by the gateway from an unsigned failure.
//! - An order that nobody scanned does not exist at Alipay: query and close answer "absent", which proves nothing while
//!   the order can still be paid.
//!
//! Limits: yuan only; bodies of at most [`paifang_rail::BODY_BYTES_MAX`]; no certificate mode, no AES, no v3, no
//! payer's codes, no app or mobile pages in this issue.
#![forbid(unsafe_code)]

mod answer;
mod beijing;
mod charge;
mod charset;
mod close;
mod codes;
mod descriptor;
mod envelope;
mod form;
mod notification;
mod query;
mod refund;
mod request;
mod settings;

use paifang_payment::{Doubt, Presentation};
use paifang_rail::{
    Answer, Call, Context, Descriptor, Fetch, FileDigest, Finding, HttpReply, Identity, Inquiry,
    Notification, NotificationError, Plan, PlanError, Rail, RawNotification, Reply, StatementError,
    StatementFile, StatementLine, StatementProof, StatementWish, Verdict, Verified,
};

pub use charset::Charset;
pub use settings::{GATEWAY, Settings, SettingsError};

/// One Alipay application of one seller.
#[derive(Debug, Clone)]
pub struct Alipay(Settings);

impl Alipay {
    /// Takes an account's settings, or says which field is wrong and what would be right.
    pub fn configure(settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self(settings))
    }
}

impl Rail for Alipay {
    fn descriptor(&self) -> &'static Descriptor {
        &descriptor::DESCRIPTOR
    }

    fn identity(&self) -> Identity {
        Identity { merchant: self.0.seller_id.clone(), app: Some(self.0.app_id.clone()) }
    }

    fn plan(&self, call: &Call<'_>, cx: &Context<'_>) -> Result<Plan, PlanError> {
        match call {
            Call::Charge(charge) => charge::plan(&self.0, charge, cx),
            Call::Query(order) => query::plan(&self.0, order, cx),
            Call::Close(order) => close::plan(&self.0, order, cx),
            Call::Refund(refund) => refund::plan(&self.0, refund, cx),
            Call::QueryRefund(refund) => refund::plan_query(&self.0, refund, cx),
            Call::Reverse(_) | Call::QueryReverse(_) => Err(PlanError::Unsupported("reverse")),
            Call::Capture(_) | Call::QueryCapture(_) | Call::Release(_) | Call::QueryRelease(_) => {
                Err(PlanError::Unsupported("hold"))
            }
        }
    }

    fn read(&self, call: &Call<'_>, reply: &Reply, cx: &Context<'_>) -> Answer {
        let Some(method) = method(call) else {
            return answer::doubt(call.verb(), Doubt::Unreadable, "no_such_call");
        };
        let heard = match answer::hear(call, method, reply, self.0.charset, cx.keys) {
            Ok(heard) => heard,
            Err(answer::Unclear(doubt, case)) => return answer::doubt(call.verb(), doubt, case),
        };
        let (body, proof) = match heard {
            answer::Heard::Success(body, proof) => (body, proof),
            answer::Heard::Failure(body, proof) => return codes::read(call.verb(), &body, proof),
        };
        match call {
            Call::Charge(charge) => charge::read(&charge.order, body, proof),
            Call::Query(order) => query::read(order, &body, proof),
            Call::Close(_) => close::read(&body, proof),
            Call::Refund(refund) => refund::read(refund, &body, proof),
            Call::QueryRefund(refund) => refund::read_query(refund, &body, proof),
            Call::Reverse(_)
            | Call::QueryReverse(_)
            | Call::Capture(_)
            | Call::QueryCapture(_)
            | Call::Release(_)
            | Call::QueryRelease(_) => answer::doubt(call.verb(), Doubt::Unreadable, "no_such_call"),
        }
    }

    fn open_notification(
        &self,
        raw: &RawNotification<'_>,
        cx: &Context<'_>,
    ) -> Result<Verified<Notification>, NotificationError> {
        notification::open(raw, self.0.charset, cx)
    }

    fn acknowledge(&self, verdict: Verdict) -> HttpReply {
        notification::acknowledge(verdict)
    }

    fn plan_inquiry(&self, _inquiry: &Inquiry<'_>, _cx: &Context<'_>) -> Result<Fetch, PlanError> {
        Err(PlanError::Unsupported("inquiry"))
    }

    fn read_inquiry(&self, _inquiry: &Inquiry<'_>, _reply: &Reply, _cx: &Context<'_>) -> Finding {
        Finding::Unknown(Doubt::Unreadable)
    }

    fn read_statement(
        &self,
        _wish: &StatementWish,
        _file: &mut dyn StatementFile,
        _digest: Option<&FileDigest>,
        _cx: &Context<'_>,
        _line: &mut dyn FnMut(StatementLine),
    ) -> Result<StatementProof, StatementError> {
        Err(StatementError::Unsupported)
    }
}

/// The API method of a call that makes a round trip.
fn method(call: &Call<'_>) -> Option<&'static str> {
    match call {
        Call::Charge(charge) if charge.order.presentation == Presentation::QrShown => {
            Some(charge::METHOD_PRECREATE)
        }
        Call::Query(_) => Some(query::METHOD),
        Call::Close(_) => Some(close::METHOD),
        Call::Refund(_) => Some(refund::METHOD),
        Call::QueryRefund(_) => Some(refund::METHOD_QUERY),
        Call::Charge(_)
        | Call::Reverse(_)
        | Call::QueryReverse(_)
        | Call::Capture(_)
        | Call::QueryCapture(_)
        | Call::Release(_)
        | Call::QueryRelease(_) => None,
    }
}

#[cfg(test)]
mod tests;
