//! What a storefront does with held money, and how it waits for something.

use futures::future::BoxFuture;
use paifang_engine::{CaptureIntent, Error};
use paifang_mock_rails::faults::Fault;
use paifang_payment::{IntentId, Verb};
use paifang_store::IntentRow;

use super::{Customer, money, row};
use crate::checks::Acked;
use crate::exec::locked;
use crate::net::refusing_code;
use crate::universe::Core;

impl Customer {
    /// Takes all or a part of what is held, or gives it back, or forgets about it.
    pub(super) async fn end_hold(&mut self, intent: IntentId, fen: i64) {
        if self.universe.exec.happens(self.habits().give_back) {
            let request = self.request_id("cancel");
            return self.cancel(request, intent).await;
        }
        if self.universe.exec.happens(self.habits().forget) {
            return;
        }
        self.perhaps_spoil_capture(intent).await;
        let part = self.draw(1, fen);
        let amount = self.universe.exec.happens(500).then(|| money(part));
        let wanted = CaptureIntent { request_id: self.request_id("capture"), intent, amount, etag: None };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.capture_intent(tenant, wanted).await })
        };
        let first: Option<Result<_, Error>> = self.until_answered("capture", call).await;
        if first.is_some_and(|taken| taken.is_ok()) {
            locked(&self.acked).push(Acked::Capture(intent, amount.map(|amount| amount.minor_units())));
        }
        // Right after it, a cancel or a second capture: one of them has to lose.
        if self.universe.exec.happens(200) {
            let request = self.request_id("cancel");
            self.cancel(request, intent).await;
        }
    }

    /// Now and then the rail refuses a capture once, for a reason of its own.
    async fn perhaps_spoil_capture(&self, intent: IntentId) {
        if !self.universe.chaos() || !self.universe.exec.happens(self.habits().spoil) {
            return;
        }
        let row = row(&self.universe, intent).await;
        let account = row.and_then(|row| row.intent.attempts.last().map(|last| last.terms.account.clone()));
        let rail = self.universe.accounts.iter().find(|known| Some(&known.id) == account.as_ref());
        let code = rail.and_then(|rail| refusing_code(rail.mock.name(), Verb::Capture));
        if let (Some(rail), Some(code)) = (rail, code) {
            rail.bench.faults.arm(Some("capture"), Fault::BusinessCode(code.to_owned()), 1);
        }
    }

    /// For ten minutes at most.
    pub(super) async fn wait_for(&self, id: IntentId, comes: impl Fn(&IntentRow) -> bool) {
        for _ in 0..40 {
            if row(&self.universe, id).await.is_some_and(|row| comes(&row)) {
                return;
            }
            self.rest(15_000, 15_000).await;
        }
    }
}
