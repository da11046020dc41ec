//! The same one layer further out: the gRPC services with their whole stack (gate, key, tenant, limits), called as tonic calls
//! them, and dropped at each point at which they wait, as tonic drops them when the caller goes away (F34).

use paifang_gateway::grpc::{self, GrpcOptions};
use paifang_payment::intent::State;
use paifang_payment::{IntentId, RefundId};
use paifang_proto::v1;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Status};
use v1::payment_intent_service_client::PaymentIntentServiceClient;
use v1::refund_service_client::RefundServiceClient;

use crate::cancelled::{Bench, account, cut, inside, is_paid};

/// Adds the key.
type Keyed<F> = InterceptedService<Routes, F>;

/// The services over the running engine; they drain when the sender is dropped.
fn services(bench: &Bench) -> (Routes, watch::Sender<bool>) {
    let (drain, draining) = watch::channel(false);
    (grpc::router(bench.core.clone(), GrpcOptions::new(draining)).expect("they fit"), drain)
}

fn keyed(bench: &Bench) -> impl FnMut(Request<()>) -> Result<Request<()>, Status> + Clone + use<> {
    let key = format!("Bearer {}", bench.world.key.expose());
    move |mut request| {
        request.metadata_mut().insert("authorization", key.parse().expect("ASCII"));
        Ok(request)
    }
}

fn wanted(request_id: &str) -> v1::CreatePaymentIntentRequest {
    let mut context = v1::ClientContext::default();
    context.set_kind(v1::ClientKind::PointOfSale);
    let mut choice =
        v1::WalletChoice { wallet: "alipay".into(), client_context: Some(context), ..Default::default() };
    choice.set_presentation(v1::Presentation::QrShown);
    v1::CreatePaymentIntentRequest {
        request_id: request_id.into(),
        amount: Some(v1::Money { currency_code: "CNY".into(), minor_units: 10_000 }),
        description: "tea".into(),
        choice: Some(choice),
        ..Default::default()
    }
}

/// A call that has to be answered.
async fn created<F>(
    client: &PaymentIntentServiceClient<Keyed<F>>,
    name: &str,
) -> v1::CreatePaymentIntentResponse
where
    F: FnMut(Request<()>) -> Result<Request<()>, Status> + Clone,
{
    client.clone().create_payment_intent(wanted(name)).await.expect("created").into_inner()
}

#[test]
fn f34_a_served_create_is_dropped_at_each_point() {
    inside(async |bench| {
        let (routes, _drain) = services(bench);
        let client = PaymentIntentServiceClient::with_interceptor(routes, keyed(bench));
        let points = bench
            .each_point("CreatePaymentIntent", async |waits| {
                let name = format!("create-{waits}");
                let first = cut(waits, client.clone().create_payment_intent(wanted(&name))).await;
                bench.stands("CreatePaymentIntent", waits).await;
                let again = created(&client, &name).await.payment_intent.expect("an intent");
                let third = created(&client, &name).await;
                let id = again.payment_intent_id;
                assert!(third.replayed, "{name} is forgotten");
                assert_eq!(third.payment_intent.expect("an intent").payment_intent_id, id, "I1: two");
                let id: IntentId = id.parse().expect("our own id");
                let row = bench.until(id, |state| *state == State::AwaitingPayer).await;
                // Nobody waited for a claim to end: the call went on without its caller.
                assert_eq!(row.intent.attempts.len(), 1, "{row:#?}");
                let news = bench.paid_news(&row);
                bench.core.notified(&account(), &news).await;
                bench.until(id, is_paid).await;
                first.is_some()
            })
            .await;
        bench.owns(i128::from(points + 1) * 10_000).await;
    });
}

#[test]
fn f34_a_served_refund_is_dropped_at_each_point() {
    inside(async |bench| {
        let (routes, _drain) = services(bench);
        let client = RefundServiceClient::with_interceptor(routes, keyed(bench));
        let paid = bench.paid("order").await.intent.terms.id.to_string();
        let points = bench
            .each_point("CreateRefund", async |waits| {
                let wanted = v1::CreateRefundRequest {
                    request_id: format!("refund-{waits}"),
                    payment_intent_id: paid.clone(),
                    amount: Some(v1::Money { currency_code: "CNY".into(), minor_units: 10 }),
                    reason: String::new(),
                    refund_case: None,
                };
                let call = async || client.clone().create_refund(wanted.clone()).await;
                let first = cut(waits, call()).await;
                bench.stands("CreateRefund", waits).await;
                let again = call().await.expect("taken").into_inner().refund.expect("a refund").refund_id;
                let third = call().await.expect("taken").into_inner();
                assert!(third.replayed, "refund-{waits} is forgotten");
                assert_eq!(third.refund.expect("a refund").refund_id, again, "I1: two refunds");
                let again: RefundId = again.parse().expect("our own id");
                bench.until_refunded(again).await;
                first.is_some()
            })
            .await;
        bench.owns(10_000 - i128::from(points + 1) * 10).await;
    });
}

#[test]
fn f34_a_served_cancel_is_dropped_at_each_point() {
    inside(async |bench| {
        let (routes, _drain) = services(bench);
        let client = PaymentIntentServiceClient::with_interceptor(routes, keyed(bench));
        bench
            .each_point("CancelPaymentIntent", async |waits| {
                let id = bench.shown(&format!("order-{waits}")).await.intent.terms.id;
                let wanted = v1::CancelPaymentIntentRequest {
                    request_id: format!("cancel-{waits}"),
                    payment_intent_id: id.to_string(),
                    etag: String::new(),
                };
                let call = async || client.clone().cancel_payment_intent(wanted.clone()).await;
                let first = cut(waits, call()).await;
                bench.stands("CancelPaymentIntent", waits).await;
                call().await.expect("taken");
                assert!(call().await.expect("taken").into_inner().replayed, "cancel-{waits} is forgotten");
                bench.until(id, |state| *state == State::Canceled).await;
                first.is_some()
            })
            .await;
        bench.owns(0).await;
    });
}
