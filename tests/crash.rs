//! SIGKILL at every named point of create, notify, refund, switch, capture and release, then a restart: nothing acknowledged is lost,
//! nothing is charged twice, and no doubt is left once the rails answer (F19, I1, I2, I3).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::future::Future;
use std::time::Duration;

use paifang_gateway::demo::{Shop, Stage};
use paifang_mock_rails::faults::Fault;
use paifang_mock_rails::{CodeOutcome, PayerAct, PayerTarget};
use paifang_proto::v1;
use support::{ALIPAY, UNIONPAY_CODE, WECHAT, Way, World, choice, money};
use tonic::{Code, Status};
use v1::PaymentIntentState as State;

/// A storefront that retries with the same request id, and somebody who starts the gateway again.
struct Survivor {
    stage: Stage,
    shop: Shop,
    key: String,
    deaths: u32,
}

const PATIENCE: Duration = Duration::from_secs(40);

impl Survivor {
    async fn start(point: &str) -> Self {
        let mut stage = World::stage().await;
        let key = stage.new_tenant("test").await.unwrap();
        stage.set_env("PAIFANG_CRASH_AT", Some(point));
        stage.start_gateway().await.unwrap();
        let shop = Shop::connect(stage.grpc, &key).unwrap();
        Self { stage, shop, key, deaths: 0 }
    }

    async fn revive(&mut self) {
        if self.stage.gateway_ended(Duration::from_millis(30)).await.is_ok() {
            self.deaths += 1;
            self.stage.set_env("PAIFANG_CRASH_AT", None);
            self.stage.start_gateway().await.unwrap();
            self.shop = Shop::connect(self.stage.grpc, &self.key).unwrap();
        }
    }

    /// Calls until an answer comes; only the same request is ever repeated.
    async fn call<T, F: Future<Output = Result<T, Status>>>(&mut self, mut call: impl FnMut(Shop) -> F) -> T {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match call(self.shop.clone()).await {
                Ok(answer) => return answer,
                Err(status) => {
                    let again = matches!(
                        status.code(),
                        Code::Unavailable
                            | Code::Unknown
                            | Code::Cancelled
                            | Code::DeadlineExceeded
                            | Code::Internal
                    );
                    assert!(
                        again && tokio::time::Instant::now() < deadline,
                        "{status:?}\n{}",
                        self.stage.log()
                    );
                }
            }
            self.revive().await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn create(&mut self, request_id: &str) -> String {
        let request = v1::CreatePaymentIntentRequest {
            request_id: request_id.into(),
            amount: Some(money(10_000)),
            description: "tea".into(),
            ..Default::default()
        };
        let made = self.call(|mut shop| {
            let request = request.clone();
            async move { shop.intents.create_payment_intent(request).await }
        });
        made.await.into_inner().payment_intent.unwrap().payment_intent_id
    }

    /// An intent whose money is held with Alipay.
    async fn hold(&mut self, request_id: &str) -> String {
        let request = v1::CreatePaymentIntentRequest {
            request_id: request_id.into(),
            amount: Some(money(10_000)),
            description: "a room".into(),
            choice: Some(choice(ALIPAY, "")),
            capture_method: v1::CaptureMethod::Manual.into(),
            ..Default::default()
        };
        let made = self.call(|mut shop| {
            let request = request.clone();
            async move { shop.intents.create_payment_intent(request).await }
        });
        let id = made.await.into_inner().payment_intent.unwrap().payment_intent_id;
        let intent = self.intent_in(&id, &[State::AwaitingPayer]).await;
        self.scan(ALIPAY, &intent);
        self.pay(ALIPAY, &intent);
        self.intent_in(&id, &[State::Authorized]).await;
        id
    }

    async fn confirm(&mut self, request_id: &str, id: &str, way: Way, code: &str) -> v1::PaymentIntent {
        let request = v1::ConfirmPaymentIntentRequest {
            request_id: request_id.into(),
            payment_intent_id: id.into(),
            choice: Some(choice(way, code)),
            etag: String::new(),
        };
        let made = self.call(|mut shop| {
            let request = request.clone();
            async move { shop.intents.confirm_payment_intent(request).await }
        });
        made.await.into_inner().payment_intent.unwrap()
    }

    async fn intent_in(&mut self, id: &str, states: &[State]) -> v1::PaymentIntent {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let request = v1::GetPaymentIntentRequest { payment_intent_id: id.into() };
            let answer = self.call(|mut shop| {
                let request = request.clone();
                async move { shop.intents.get_payment_intent(request).await }
            });
            let intent = answer.await.into_inner().payment_intent.unwrap();
            if states.contains(&intent.state()) {
                return intent;
            }
            assert!(tokio::time::Instant::now() < deadline, "{intent:#?}\n{}", self.stage.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn refund(&mut self, request_id: &str, id: &str, fen: i64) {
        let request = v1::CreateRefundRequest {
            request_id: request_id.into(),
            payment_intent_id: id.into(),
            amount: Some(money(fen)),
            reason: String::new(),
            refund_case: None,
        };
        let made = self.call(|mut shop| {
            let request = request.clone();
            async move { shop.refunds.create_refund(request).await }
        });
        let refund_id = made.await.into_inner().refund.unwrap().refund_id;
        let mut waited = false;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let request = v1::GetRefundRequest { refund_id: refund_id.clone() };
            let answer = self.call(|mut shop| {
                let request = request.clone();
                async move { shop.refunds.get_refund(request).await }
            });
            let refund = answer.await.into_inner().refund.unwrap();
            if refund.state() == v1::RefundState::Succeeded {
                return;
            }
            // What may have been sent before the death is sent again a minute later: so much time WeChat Pay wants between
            // two requests for refunds of one order.
            if refund.state() == v1::RefundState::InDoubt && !waited {
                waited = true;
                self.stage.step_clock(jiff::SignedDuration::from_secs(60)).unwrap();
            }
            assert!(tokio::time::Instant::now() < deadline, "{refund:#?}\n{}", self.stage.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn pay(&self, way: Way, intent: &v1::PaymentIntent) {
        let order = intent.attempts.last().unwrap().order_number.clone();
        let pays = PayerAct::Pay { target: PayerTarget::OrderNo(order), force: false };
        self.stage.mocks.rail(way.rail).payer(pays).unwrap();
    }

    fn scan(&self, way: Way, intent: &v1::PaymentIntent) {
        let Some(v1::next_action::Kind::ShowQrCode(code)) =
            intent.next_action.clone().and_then(|action| action.kind)
        else {
            panic!("no code: {intent:#?}")
        };
        self.stage.mocks.rail(way.rail).payer(PayerAct::Scan(PayerTarget::Qr(code.content))).unwrap();
    }

    async fn end(mut self, point: &str) {
        self.revive().await;
        assert_eq!(self.deaths, 1, "{point} was not reached\n{}", self.stage.log());
        let world = World::of(self.stage, self.shop, self.key);
        world.end().await;
    }
}

/// Create, choose, pay, refund.
async fn sale(point: &str) {
    let mut survivor = Survivor::start(point).await;
    let id = survivor.create("sale").await;
    survivor.confirm("sale-wechat", &id, WECHAT, "").await;
    let intent = survivor.intent_in(&id, &[State::AwaitingPayer]).await;
    survivor.pay(WECHAT, &intent);
    survivor.intent_in(&id, &[State::Succeeded]).await;
    survivor.refund("sale-refund", &id, 4_000).await;
    survivor.end(point).await;
}

/// Alipay is scanned, the payer changes to WeChat Pay and pays.
async fn switch(point: &str) {
    let mut survivor = Survivor::start(point).await;
    let id = survivor.create("switch").await;
    survivor.confirm("switch-alipay", &id, ALIPAY, "").await;
    let intent = survivor.intent_in(&id, &[State::AwaitingPayer]).await;
    survivor.scan(ALIPAY, &intent);
    survivor.confirm("switch-wechat", &id, WECHAT, "").await;
    let intent = survivor.intent_in(&id, &[State::AwaitingPayer]).await;
    survivor.pay(WECHAT, &intent);
    survivor.intent_in(&id, &[State::Succeeded]).await;
    survivor.end(point).await;
}

/// A payer's code whose answer is lost, then refunded with a lost answer.
async fn code(point: &str) {
    let mut survivor = Survivor::start(point).await;
    let faults = survivor.stage.mocks.bench("unionpay").faults.clone();
    faults.arm(Some("charge"), Fault::AnswerLost, 1);
    faults.arm(Some("charge"), Fault::NoNotification, 1);
    faults.arm(Some("refund"), Fault::NoNotification, 1);
    let issued = survivor.stage.mocks.rail("unionpay").payer(PayerAct::IssueCode(CodeOutcome::Pays)).unwrap();
    let code = issued["code"].as_str().unwrap().to_owned();
    let id = survivor.create("code").await;
    survivor.confirm("code-pay", &id, UNIONPAY_CODE, &code).await;
    survivor.intent_in(&id, &[State::Succeeded]).await;
    faults.arm(Some("refund"), Fault::AnswerLost, 1);
    survivor.refund("code-refund", &id, 4_000).await;
    survivor.end(point).await;
}

/// A creation whose answer is lost and that is sent again.
async fn lost_creation(point: &str) {
    let mut survivor = Survivor::start(point).await;
    survivor.stage.mocks.bench("wechatpay").faults.arm(Some("charge"), Fault::AnswerLost, 1);
    let id = survivor.create("lost").await;
    survivor.confirm("lost-pay", &id, WECHAT, "").await;
    let intent = survivor.intent_in(&id, &[State::AwaitingPayer]).await;
    survivor.pay(WECHAT, &intent);
    survivor.intent_in(&id, &[State::Succeeded]).await;
    survivor.end(point).await;
}

/// Held, taken in part and refunded.
async fn stay(point: &str) {
    let mut survivor = Survivor::start(point).await;
    let id = survivor.hold("stay").await;
    let request = v1::CapturePaymentIntentRequest {
        request_id: "stay-capture".into(),
        payment_intent_id: id.clone(),
        amount: Some(money(4_000)),
        etag: String::new(),
    };
    let made = survivor.call(|mut shop| {
        let request = request.clone();
        async move { shop.intents.capture_payment_intent(request).await }
    });
    made.await;
    survivor.intent_in(&id, &[State::Succeeded]).await;
    survivor.refund("stay-refund", &id, 1_000).await;
    survivor.end(point).await;
}

/// Held, and given back.
async fn no_show(point: &str) {
    let mut survivor = Survivor::start(point).await;
    let id = survivor.hold("no-show").await;
    let request = v1::CancelPaymentIntentRequest {
        request_id: "no-show-cancel".into(),
        payment_intent_id: id.clone(),
        etag: String::new(),
    };
    let made = survivor.call(|mut shop| {
        let request = request.clone();
        async move { shop.intents.cancel_payment_intent(request).await }
    });
    made.await;
    survivor.intent_in(&id, &[State::Canceled]).await;
    survivor.end(point).await;
}

#[tokio::test]
async fn killed_while_capturing() {
    for point in [
        "capture.deciding",
        "capture.committed",
        "hold.written_ahead",
        "capture.sending",
        "capture.answered",
        "hold.observed",
    ] {
        stay(point).await;
    }
}

#[tokio::test]
async fn killed_while_releasing() {
    for point in ["cancel.committed", "hold.written_ahead", "release.sending", "release.answered"] {
        no_show(point).await;
    }
}

#[tokio::test]
async fn killed_while_creating() {
    for point in ["create.deciding", "create.committed", "confirm.deciding", "confirm.committed"] {
        sale(point).await;
    }
}

#[tokio::test]
async fn killed_around_the_rails_answer() {
    for point in
        ["charge.written_ahead", "charge.sending", "charge.answered", "observe.committed", "charge.observed"]
    {
        sale(point).await;
    }
}

#[tokio::test]
async fn killed_around_a_notification() {
    for point in ["notify.verified", "observe.committed:2", "notify.committed"] {
        sale(point).await;
    }
}

#[tokio::test]
async fn killed_while_refunding() {
    for point in [
        "refund.deciding",
        "refund.committed",
        "refund.written_ahead",
        "refund.sending",
        "refund.answered",
        "observe_refund.committed",
        "refund.observed",
    ] {
        sale(point).await;
    }
}

#[tokio::test]
async fn killed_while_switching() {
    for point in
        ["confirm.committed:2", "close.sending", "close.answered", "charge.sending:2", "charge.answered:2"]
    {
        switch(point).await;
    }
}

#[tokio::test]
async fn killed_while_asking() {
    for point in [
        "charge.answered",
        "query.sending",
        "query.answered",
        "query_refund.sending",
        "query_refund.answered",
    ] {
        code(point).await;
    }
}

#[tokio::test]
async fn killed_while_sending_again() {
    for point in ["resend.written_ahead", "charge.sending:2", "charge.answered:2"] {
        lost_creation(point).await;
    }
}
