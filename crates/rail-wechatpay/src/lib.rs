//! WeChat Pay API v3, direct merchants, as a codec.
//!
//! What it does: QR codes (Native), JSAPI inside WeChat, query, close, refund, refund query, and the notifications of
//! payments and refunds. One instance is one app (`appid`) of one merchant (`mchid`).
//!
//! - `request` makes signed bytes, `signature` believes or disbelieves what comes in, `answer` sorts a reply into
//!   success, refusal and doubt. The modules named after calls say what a success means; `codes` is the one table of
//!   what an error code means; `wire` holds the two objects that replies and notifications share.
//! - WeChat Pay signs its 2xx answers and its notifications. Whether it signs errors is not documented, so a signature on
//!   an error must be right where there is one, and where there is none a refusal rests on the channel.
//! - Now and then it sends a wrong signature on purpose, to see whether merchants verify. That is a wrong signature like
//!   any other here.
//!
//! Limits: yuan only; bodies of at most [`paifang_rail::BODY_BYTES_MAX`]; keys are configured, not downloaded; no payer's
//! codes, mini programs, app or mobile pages, no service-provider mode, no combined orders in this issue.
#![forbid(unsafe_code)]

mod answer;
mod bill;
mod charge;
mod close;
mod codes;
mod descriptor;
mod inquiry;
mod notification;
mod query;
mod refund;
mod request;
mod settings;
mod signature;
mod wire;

use paifang_rail::{
    Answer, Call, Context, Descriptor, Fetch, FileDigest, Finding, HttpReply, Identity, Inquiry,
    Notification, NotificationError, Plan, PlanError, Rail, RawNotification, Reply, StatementError,
    StatementFile, StatementLine, StatementProof, StatementWish, Verdict, Verified,
};

pub use settings::{ENDPOINT, Settings, SettingsError};

/// One app of one merchant of WeChat Pay.
#[derive(Debug, Clone)]
pub struct WeChatPay(Settings);

impl WeChatPay {
    /// Takes an account's settings, or says which field is wrong and what would be right.
    pub fn configure(settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self(settings))
    }
}

impl Rail for WeChatPay {
    fn descriptor(&self) -> &'static Descriptor {
        &descriptor::DESCRIPTOR
    }

    fn identity(&self) -> Identity {
        Identity { merchant: self.0.mchid.clone(), app: Some(self.0.appid.clone()) }
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
        let heard = match answer::hear(call.verb(), reply, cx) {
            Ok(heard) => heard,
            Err((doubt, case)) => {
                let answer = answer::doubt(call.verb(), doubt, case);
                return match signature::serial(&reply.headers).filter(|_| case == "unknown_key") {
                    Some(id) => answer.with_unknown_key(id),
                    None => answer,
                };
            }
        };
        let (body, proof) = match heard {
            answer::Heard::Success(body, proof) => (body, proof),
            answer::Heard::Error(error, proof) => return codes::read(call.verb(), &error, proof),
        };
        match call {
            Call::Charge(charge) => charge::read(&self.0, charge, body, proof, cx),
            Call::Query(order) => query::read(&self.0, order, body, proof),
            Call::Close(_) => close::read(proof),
            Call::Refund(refund) | Call::QueryRefund(refund) => {
                refund::read(call.verb(), refund, body, proof)
            }
            Call::Reverse(_)
            | Call::QueryReverse(_)
            | Call::Capture(_)
            | Call::QueryCapture(_)
            | Call::Release(_)
            | Call::QueryRelease(_) => answer::no_such_call(call.verb()),
        }
    }

    fn open_notification(
        &self,
        raw: &RawNotification<'_>,
        cx: &Context<'_>,
    ) -> Result<Verified<Notification>, NotificationError> {
        notification::open(raw, cx)
    }

    fn acknowledge(&self, verdict: Verdict) -> HttpReply {
        notification::acknowledge(verdict)
    }

    fn plan_inquiry(&self, inquiry: &Inquiry<'_>, cx: &Context<'_>) -> Result<Fetch, PlanError> {
        inquiry::plan(&self.0, inquiry, cx)
    }

    fn read_inquiry(&self, inquiry: &Inquiry<'_>, reply: &Reply, cx: &Context<'_>) -> Finding {
        inquiry::read(&self.0, inquiry, reply, cx)
    }

    fn read_statement(
        &self,
        wish: &StatementWish,
        file: &mut dyn StatementFile,
        digest: Option<&FileDigest>,
        _cx: &Context<'_>,
        line: &mut dyn FnMut(StatementLine),
    ) -> Result<StatementProof, StatementError> {
        match wish.kind {
            inquiry::TRADE => bill::read(&self.0, wish, file, digest, line),
            _ => Err(StatementError::Unsupported),
        }
    }
}

#[cfg(test)]
mod tests;
