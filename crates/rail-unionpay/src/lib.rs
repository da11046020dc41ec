//! UnionPay's online gateway, ACP 5.1.0 with certificates (signMethod 01), as a codec for the wallet Cloud QuickPass.
//!
//! What it does: QR codes that the shop shows (01/07), codes scanned from the payer's phone (01/06), the pages for desktops
//! and phones (a signed form that the payer's browser posts) and the wallet's app (`tn`), which charge (01/01) or hold
//! (02/01) the money; completions (03/00) and undos (32/00) of holds; queries (00/00), the undo of a scanned code's charge
//! (31/00) and of a completion (33/00), refunds (04/00), back notifications, and the reconciliation file (76/01).
//!
//! - `fields` reads messages, `sign` signs and verifies them, `request` makes the bytes of calls, `answer` verifies and
//!   binds replies. The modules named after calls say what a code means there; `codes` is the one table of codes.
//! - A transaction is named by merchant, `orderId` and `txnTime`; the last is the opening time of its order, undo or
//!   refund, so it never changes.
//! - 00 on a charge, undo or refund means "accepted": only a query or a notification says "done".
//! - The time of a settlement is `traceTime`, the moment at which UnionPay traced the transaction (Beijing, a year is added
//!   by rule). It lies between the order's opening and the payer's payment; UnionPay names no other time of day.
//! - The encryption certificate (95/00) can be asked for and is used for nothing: it seals card numbers, PINs and the like,
//!   and no card data ever enters the gateway.
//! - There is no close: an unpaid order ends with its `payTimeout`, which is the order's own expiry.
//!
//! Limits: yuan only, amounts of at most 12 digits of fen, UTF-8 only, bodies of at most
//! [`paifang_rail::BODY_BYTES_MAX`], reconciliation files of at most a GiB unpacked; no shared-key signatures (signMethod
//! 11 and 12), and no 5.0.0, whose signatures rest on SHA-1.
#![forbid(unsafe_code)]

mod answer;
mod beijing;
mod bill;
mod certificate;
mod charge;
mod codes;
mod descriptor;
mod fields;
mod file;
mod hold;
mod notification;
mod query;
mod refund;
mod request;
mod reverse;
mod settings;
mod sign;
mod unzip;

use paifang_payment::Doubt;
use paifang_rail::{
    Answer, Call, CertificateRule, Context, Descriptor, Fetch, FileDigest, Finding, HttpReply, Identity,
    Inquiry, Notification, NotificationError, Plan, PlanError, Rail, RawNotification, Reply, StatementError,
    StatementFile, StatementLine, StatementProof, StatementWish, Verdict, Verified,
};

pub use settings::{GATEWAY, Settings, SettingsError, TEST_GATEWAY};

/// One merchant number at UnionPay.
#[derive(Debug, Clone)]
pub struct UnionPay(Settings);

impl UnionPay {
    /// Takes an account's settings, or says which field is wrong and what would be right.
    pub fn configure(settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self(settings))
    }

    /// Whose certificates the account's key ring takes out of messages; for [`paifang_rail::KeyringBuilder::certificate_rule`].
    pub fn certificate_rule(&self) -> CertificateRule {
        sign::certificate_rule(self.0.accept_test_signer)
    }
}

impl Rail for UnionPay {
    fn descriptor(&self) -> &'static Descriptor {
        descriptor::of(&self.0)
    }

    fn identity(&self) -> Identity {
        Identity { merchant: self.0.merchant_id.clone(), app: None }
    }

    fn plan(&self, call: &Call<'_>, cx: &Context<'_>) -> Result<Plan, PlanError> {
        match call {
            Call::Charge(charge) => charge::plan(&self.0, charge, cx),
            Call::Query(order) => query::plan(&self.0, order, cx),
            Call::Close(_) => Err(PlanError::Unsupported("close")),
            Call::Reverse(reversal) => reverse::plan(&self.0, reversal, cx),
            Call::QueryReverse(reversal) => reverse::plan_query(&self.0, reversal, cx),
            Call::Refund(refund) => refund::plan(&self.0, refund, cx),
            Call::QueryRefund(refund) => refund::plan_query(&self.0, refund, cx),
            Call::Capture(capture) => hold::plan_capture(&self.0, capture, cx),
            Call::QueryCapture(capture) => hold::plan_query_capture(&self.0, capture, cx),
            Call::Release(release) => hold::plan_release(&self.0, release, cx),
            Call::QueryRelease(release) => hold::plan_query_release(&self.0, release, cx),
        }
    }

    fn read(&self, call: &Call<'_>, reply: &Reply, cx: &Context<'_>) -> Answer {
        match call {
            Call::Charge(charge) => charge::read(&self.0, charge, reply, cx),
            Call::Query(order) => query::read(&self.0, order, reply, cx),
            Call::Close(_) => answer::doubt(call.verb(), Doubt::Unreadable, "no_such_call"),
            Call::Reverse(reversal) => reverse::read(&self.0, reversal, reply, cx),
            Call::QueryReverse(reversal) => reverse::read_query(&self.0, reversal, reply, cx),
            Call::Refund(refund) => refund::read(&self.0, refund, reply, cx),
            Call::QueryRefund(refund) => refund::read_query(&self.0, refund, reply, cx),
            Call::Capture(capture) => hold::read_capture(&self.0, capture, reply, cx),
            Call::QueryCapture(capture) => hold::read_query_capture(&self.0, capture, reply, cx),
            Call::Release(release) => hold::read_release(&self.0, release, reply, cx),
            Call::QueryRelease(release) => hold::read_query_release(&self.0, release, reply, cx),
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
        match inquiry {
            Inquiry::Statement(wish) => file::plan(&self.0, wish, cx).map(Fetch::Download),
            Inquiry::Keys { .. } => certificate::plan(&self.0, cx).map(Fetch::Ask),
        }
    }

    fn read_inquiry(&self, inquiry: &Inquiry<'_>, reply: &Reply, cx: &Context<'_>) -> Finding {
        match inquiry {
            // Its whole answer is the bill, kept in a file.
            Inquiry::Statement(_) => Finding::Unknown(Doubt::Unreadable),
            Inquiry::Keys { .. } => certificate::read(&self.0, reply, cx),
        }
    }

    fn read_statement(
        &self,
        wish: &StatementWish,
        file: &mut dyn StatementFile,
        _digest: Option<&FileDigest>,
        cx: &Context<'_>,
        line: &mut dyn FnMut(StatementLine),
    ) -> Result<StatementProof, StatementError> {
        file::read(&self.0, wish, file, cx, line)
    }
}

#[cfg(test)]
mod tests;
