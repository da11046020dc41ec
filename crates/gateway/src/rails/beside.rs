//! What adapters do beside the engine's calls: questions about the account itself, bills, and refunds that go elsewhere.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use jiff::Timestamp;
use paifang_boundary::Fields;
use paifang_engine::statement::DayClosing;
use paifang_payment::{AccountId, Doubt};
use paifang_rail::{
    Answer, Exchange, Fetch, FileDigest, Finding, Outcome, PlanError, RedirectedRefund, RefundOrder, Reply,
    StatementError, StatementProof, StatementSpec, StatementWish,
};
use tokio_util::sync::CancellationToken;

use super::{LocalRails, fresh_nonce};
use crate::inquiries::Question;

const REDIRECTS: &str = "sending a refund elsewhere";

/// A bill that was fetched.
pub(crate) struct Bill {
    /// What was asked for.
    pub wish: StatementWish,
    /// From its first byte.
    pub file: std::fs::File,
    /// What the rail's signed answer says about it.
    pub digest: Option<FileDigest>,
}

/// A bill that cannot be read any more once the gateway stops.
struct Stoppable {
    file: std::fs::File,
    stop: CancellationToken,
}

impl Read for Stoppable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            self.file.read(buffer)
        }
    }
}

impl Seek for Stoppable {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl LocalRails {
    /// What to send for a question about the account. `None` where the adapter panicked.
    pub(crate) async fn plan_inquiry(
        &self,
        account: &AccountId,
        question: Question,
        now: Timestamp,
    ) -> Option<Result<Fetch, PlanError>> {
        self.compute(account, move |local| {
            let ring = local.rings.get();
            let nonce = fresh_nonce();
            let cx = local.context(now, &nonce, &local.return_url, &ring);
            local.adapter.plan_inquiry(&question.as_inquiry(), &cx)
        })
        .await
    }

    /// What the answer to it means. `None` where the adapter panicked.
    pub(crate) async fn read_inquiry(
        &self,
        account: &AccountId,
        question: Question,
        reply: Reply,
        now: Timestamp,
    ) -> Option<Finding> {
        self.compute(account, move |local| {
            let ring = local.rings.get();
            // What it leads on to may be signed, too.
            let nonce = fresh_nonce();
            let cx = local.context(now, &nonce, &local.return_url, &ring);
            local.adapter.read_inquiry(&question.as_inquiry(), &reply, &cx)
        })
        .await
    }

    /// Reads a bill into the closing of its day, until `stop`. An error makes the closing void. `None` for an unknown
    /// account and where the adapter panicked.
    pub(crate) async fn read_statement(
        &self,
        account: &AccountId,
        bill: Bill,
        mut closing: DayClosing,
        now: Timestamp,
        stop: CancellationToken,
    ) -> Option<Result<(DayClosing, StatementProof), StatementError>> {
        let local = Arc::clone(self.inner.accounts.get(account)?);
        let place = Arc::clone(&self.inner.reading).acquire_owned().await.ok()?;
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            let Bill { wish, file, digest } = bill;
            let mut file = Stoppable { file, stop: stop.clone() };
            let ring = local.rings.get();
            let cx = local.context(now, "", &local.return_url, &ring);
            let mut line = |line| {
                // The reader stops at its next look at the file.
                if !stop.is_cancelled() {
                    closing.line(line);
                }
            };
            let proof = local.adapter.read_statement(&wish, &mut file, digest.as_ref(), &cx, &mut line)?;
            Ok((closing, proof))
        });
        done.await.inspect_err(|_| tracing::error!(%account, "an adapter ended in a panic")).ok()
    }

    /// What to send so that a refund's money goes elsewhere, and the fields that cross with it. The decision is dropped, and what is secret in it wiped, as
    /// soon as that is known.
    pub(crate) async fn plan_redirect(
        &self,
        account: &AccountId,
        decision: RedirectedRefund,
        nonce: &str,
        now: Timestamp,
    ) -> Result<(Exchange, Fields), PlanError> {
        let nonce = nonce.to_owned();
        let planned = self.compute(account, move |local| {
            let ring = local.rings.get();
            let cx = local.context(now, &nonce, &local.return_url, &ring);
            let rail = local.adapter.redirects().ok_or(PlanError::Unsupported(REDIRECTS))?;
            rail.plan_redirect(&decision, &cx).map(|exchange| (exchange, decision.crossed()))
        });
        planned.await.unwrap_or(Err(PlanError::Unsupported(REDIRECTS)))
    }

    /// What the answer to it means.
    pub(crate) async fn read_redirect(
        &self,
        account: &AccountId,
        of: RefundOrder,
        nonce: &str,
        reply: Reply,
        now: Timestamp,
    ) -> Answer {
        let nonce = nonce.to_owned();
        let read = self.compute(account, move |local| {
            let ring = local.rings.get();
            let cx = local.context(now, &nonce, &local.return_url, &ring);
            Some(local.adapter.redirects()?.read_redirect(&of, &reply, &cx))
        });
        let failed = || Answer::is(Outcome::unknown(Doubt::Unreadable), "gateway.adapter_failed");
        read.await.flatten().unwrap_or_else(failed)
    }

    /// Which bills the rail of this account has.
    pub(crate) fn statements(&self, account: &AccountId) -> Option<&'static [StatementSpec]> {
        self.inner.accounts.get(account).map(|local| local.adapter.descriptor().statements)
    }
}
