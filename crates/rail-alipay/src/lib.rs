//! Alipay OpenAPI v2 and v3 as a codec.
//!
//! What it does: QR codes, payer's codes, JSAPI and mini programs, pages for desktops and phones, order strings for apps;
//! query, close, reverse, refund; holds with capture and release; Huabei instalments as a wallet of its own; form notices;
//! daily trade bills; key mode and certificate mode; AES content encryption. One instance is one application of one seller.
//!
//! - `api` says which API carries out a call. `request` (v2) and `v3` make signed bytes of its members; `envelope` (v2) and
//!   `v3` find the signed bytes of an answer, `answer` verifies and binds them. The modules named after calls say what a
//!   success means; `codes` is the one table of what a failure means (printed into `docs/codes/alipay.md`).
//! - Nothing is concluded from an unsigned success, and nothing but a refusal by the gateway from an unsigned failure.
//! - An order that nobody scanned does not exist at Alipay: query and close answer "absent", which proves nothing while
//!   the order can still be paid.
//!
//! Limits: yuan only; bodies of at most [`paifang_rail::BODY_BYTES_MAX`]; no SM2, no withholding, no profit sharing.
#![forbid(unsafe_code)]

mod answer;
mod api;
mod beijing;
mod bill;
mod body;
mod certificates;
mod charge;
mod charset;
mod close;
mod codes;
mod descriptor;
mod envelope;
mod form;
mod hold;
mod keys;
mod notification;
mod origin;
mod query;
mod refund;
mod request;
mod reverse;
mod settings;
mod trust;
mod v3;

use paifang_payment::{Doubt, Verb};
use paifang_rail::{
    Answer, Call, Context, Descriptor, Fetch, FileDigest, Finding, Genuine, HttpReply, Identity, Inquiry,
    Notification, NotificationError, OrderKind, Plan, PlanError, Rail, RawNotification, Reply,
    StatementError, StatementFile, StatementLine, StatementProof, StatementWish, Verdict, Verified,
};

use answer::Heard;
use api::Api;
use body::Body;

pub use certificates::certificate_serial;
pub use charset::Charset;
pub use settings::{GATEWAY, Huabei, KeyMode, Protocol, Settings, SettingsError, Token};

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
        descriptor::of(&self.0)
    }

    fn identity(&self) -> Identity {
        Identity { merchant: self.0.seller_id.clone(), app: Some(self.0.app_id.clone()) }
    }

    fn plan(&self, call: &Call<'_>, cx: &Context<'_>) -> Result<Plan, PlanError> {
        let settings = &self.0;
        match call {
            Call::Charge(charge) => charge::plan(settings, charge, cx),
            Call::Query(order) if order.kind == OrderKind::Hold => hold::plan_query(settings, order, cx),
            Call::Query(order) => query::plan(settings, &order.order_no, cx),
            Call::Close(order) if order.kind == OrderKind::Hold => hold::plan_cancel(settings, order, cx),
            Call::Close(order) => close::plan(settings, order, cx),
            Call::Reverse(reversal) if reversal.order.kind == OrderKind::Hold => {
                hold::plan_cancel(settings, &reversal.order, cx)
            }
            Call::Reverse(reversal) => reverse::plan(settings, reversal, cx),
            Call::QueryReverse(reversal) if reversal.order.kind == OrderKind::Hold => {
                hold::plan_query(settings, &reversal.order, cx)
            }
            Call::QueryReverse(reversal) => query::plan(settings, &reversal.order.order_no, cx),
            Call::Refund(refund) => refund::plan(settings, refund, cx),
            Call::QueryRefund(refund) => refund::plan_query(settings, refund, cx),
            Call::Capture(capture) => hold::plan_capture(settings, capture, cx),
            Call::QueryCapture(capture) => query::plan(settings, &capture.capture_no, cx),
            Call::Release(release) => hold::plan_release(settings, release, cx),
            Call::QueryRelease(release) => hold::plan_query_release(settings, release, cx),
        }
    }

    fn read(&self, call: &Call<'_>, reply: &Reply, cx: &Context<'_>) -> Answer {
        let Some(api) = Api::of(call) else {
            return answer::doubt(call.verb(), Doubt::Unreadable, "no_such_call");
        };
        match answer::hear(&self.0, call, api, reply, cx) {
            Ok(Heard::Success(body, proof)) => read_success(call, api, body, proof),
            Ok(Heard::InProcess(body, proof)) => read_in_process(call, api, &body, proof),
            Ok(Heard::Failure(body, proof)) => codes::read(call.verb(), api, &body, proof),
            Err(unclear) => unclear.answer(call.verb()),
        }
    }

    fn open_notification(
        &self,
        raw: &RawNotification<'_>,
        cx: &Context<'_>,
    ) -> Result<Verified<Notification>, NotificationError> {
        notification::open(raw, &self.0, cx)
    }

    fn acknowledge(&self, verdict: Verdict) -> HttpReply {
        notification::acknowledge(verdict)
    }

    fn plan_inquiry(&self, inquiry: &Inquiry<'_>, cx: &Context<'_>) -> Result<Fetch, PlanError> {
        match inquiry {
            Inquiry::Keys { unknown } => keys::plan(&self.0, *unknown, cx).map(Fetch::Ask),
            Inquiry::Statement(wish) => bill::plan(&self.0, wish, cx).map(Fetch::Ask),
        }
    }

    fn read_inquiry(&self, inquiry: &Inquiry<'_>, reply: &Reply, cx: &Context<'_>) -> Finding {
        match inquiry {
            Inquiry::Keys { unknown } => keys::read(&self.0, *unknown, reply, cx),
            Inquiry::Statement(_) => bill::read(&self.0, reply, cx),
        }
    }

    fn read_statement(
        &self,
        wish: &StatementWish,
        file: &mut dyn StatementFile,
        _digest: Option<&FileDigest>,
        _cx: &Context<'_>,
        line: &mut dyn FnMut(StatementLine),
    ) -> Result<StatementProof, StatementError> {
        bill::read_file(&self.0, wish, file, line)
    }
}

fn read_success(call: &Call<'_>, api: Api, body: Body, proof: Genuine) -> Answer {
    match (call, api) {
        (Call::Charge(charge), Api::Precreate) => charge::code(&charge.order, body, proof),
        (Call::Charge(_), Api::Create) => charge::created(body, proof),
        (Call::Charge(charge), Api::Voucher) => hold::voucher(&charge.order, body, proof),
        (Call::Charge(_), Api::Freeze) => hold::frozen(&body, proof),
        (Call::Charge(charge), _) => charge::paid(Verb::Charge, &charge.order, &body, proof),
        (Call::Query(_), Api::FreezeQuery) => hold::query(&body, proof),
        (Call::Query(order), _) => query::read(Verb::Query, order, &body, proof),
        (Call::Close(_), Api::FreezeCancel) => hold::cancelled(Verb::Close, &body, proof),
        (Call::Close(_), _) => close::read(&body, proof),
        (Call::Reverse(_), Api::FreezeCancel) => hold::cancelled(Verb::Reverse, &body, proof),
        (Call::Reverse(reversal), _) => reverse::read(reversal, &body, proof),
        (Call::QueryReverse(_), Api::FreezeQuery) => hold::query_reverse(&body, proof),
        (Call::QueryReverse(_), _) => reverse::read_query(&body, proof),
        (Call::Refund(refund), _) => refund::read(refund, &body, proof),
        (Call::QueryRefund(refund), _) => refund::read_query(refund, &body, proof),
        (Call::Capture(capture), _) => charge::paid(Verb::Capture, &capture.hold, &body, proof),
        (Call::QueryCapture(capture), _) => query::read(Verb::QueryCapture, &capture.hold, &body, proof),
        (Call::Release(release), _) => hold::unfrozen(release, &body, proof),
        (Call::QueryRelease(release), _) => hold::query_release(release, &body, proof),
    }
}

/// Only what takes money from a payer can wait for one; anywhere else it is the rail's "I do not know yet".
fn read_in_process(call: &Call<'_>, api: Api, body: &Body, proof: Genuine) -> Answer {
    match (call, api) {
        (Call::Charge(_) | Call::Capture(_), Api::Pay) | (Call::Charge(_), Api::Freeze) => {
            charge::waiting(call.verb(), body, proof, "in_process")
        }
        _ => codes::read(call.verb(), api, body, Some(proof)),
    }
}

#[cfg(test)]
mod tests;
