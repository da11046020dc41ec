//! WeChat Pay API v3, direct merchants, as a codec.
//!
//! What it does: QR codes (Native), JSAPI, mini programs, apps, pages for phones (H5), payers' codes with their reverse;
//! query, close, refund, refund query, where an abnormal refund goes; the notifications of payments and refunds; the
//! platform's certificates; the trade bill and the fund-flow bill. One instance is one app (`appid`) of one merchant
//! (`mchid`).
//!
//! - `request` makes signed bytes, `signature` believes or disbelieves what comes in, `answer` sorts a reply into
//!   success, refusal and doubt. The modules named after calls say what a success means; `codes` is the one table of
//!   what an error code means; `wire` holds the two objects that replies and notifications share.
//! - WeChat Pay signs its 2xx answers and its notifications. Whether it signs errors is not documented, so a signature on
//!   an error must be right where there is one, and where there is none a refusal rests on the channel.
//! - Now and then it sends a wrong signature on purpose, to see whether merchants verify. That is a wrong signature like
//!   any other here.
//!
//! Limits: yuan only; bodies of at most [`paifang_rail::BODY_BYTES_MAX`]; no service-provider mode, no combined orders, no
//! sharing of profit.
#![forbid(unsafe_code)]

mod abnormal;
mod answer;
mod bill;
mod charge;
mod close;
mod codepay;
mod codes;
mod descriptor;
mod inquiry;
mod invoke;
mod notification;
mod query;
mod refund;
mod request;
mod reverse;
mod settings;
mod signature;
mod wire;

use paifang_rail::{
    Answer, Call, Context, Descriptor, Fetch, FileDigest, Finding, HttpReply, Identity, Inquiry,
    Notification, NotificationError, Plan, PlanError, Rail, RawNotification, Redirects, Reply,
    StatementError, StatementFile, StatementLine, StatementProof, StatementWish, Verdict, Verified,
};

pub use abnormal::{AbnormalRefund, Destination, SealedAccount};
use answer::Api;
pub use settings::{ENDPOINT, FundsAccount, RefundFrom, Settings, SettingsError};

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
        descriptor::of(&self.0)
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
            Call::Reverse(_) | Call::QueryReverse(_) if !self.descriptor().reverses => {
                Err(PlanError::Unsupported("a reverse without payers' codes"))
            }
            Call::Reverse(reversal) => reverse::plan(&self.0, reversal, cx),
            Call::QueryReverse(reversal) => reverse::plan_query(&self.0, reversal, cx),
            Call::Capture(_) | Call::QueryCapture(_) | Call::Release(_) | Call::QueryRelease(_) => {
                Err(PlanError::Unsupported("hold"))
            }
        }
    }

    fn read(&self, call: &Call<'_>, reply: &Reply, cx: &Context<'_>) -> Answer {
        let verb = call.verb();
        let Some(api) = Api::of(call) else { return answer::no_such_call(verb) };
        let (body, proof) = match answer::hear(api, reply, cx) {
            Ok(answer::Heard::Success(body, proof)) => (body, proof),
            Ok(answer::Heard::Error(error, proof)) => return codes::read(verb, api, &error, proof),
            Err(why) => return answer::disbelieved(verb, reply, why),
        };
        match call {
            Call::Charge(charge) => charge::read(&self.0, charge, body, proof, cx),
            Call::Query(order) => query::read(verb, &self.0, order, body, proof),
            Call::Close(_) => close::read(proof),
            Call::Refund(refund) | Call::QueryRefund(refund) => refund::read(verb, refund, body, proof),
            Call::Reverse(reversal) => reverse::read(&self.0, reversal, body, proof),
            Call::QueryReverse(reversal) => reverse::read_query(&self.0, reversal, body, proof),
            Call::Capture(_) | Call::QueryCapture(_) | Call::Release(_) | Call::QueryRelease(_) => {
                answer::no_such_call(verb)
            }
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

    fn redirects(&self) -> Option<&dyn Redirects> {
        Some(self)
    }

    fn read_statement(
        &self,
        wish: &StatementWish,
        file: &mut dyn StatementFile,
        digest: Option<&FileDigest>,
        _cx: &Context<'_>,
        line: &mut dyn FnMut(StatementLine),
    ) -> Result<StatementProof, StatementError> {
        bill::read(&self.0, wish, file, digest, line)
    }
}

#[cfg(test)]
mod tests;
