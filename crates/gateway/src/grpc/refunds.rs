//! `RefundService`.

use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_payment::{IntentId, RefundId};
use paifang_proto::v1;
use paifang_proto::v1::refund_service_server::RefundService;
use paifang_store::Store;
use tonic::{Request, Response, Status};

use super::call::{Call, detached, fitting};
use super::intents::id_of;
use super::parse::{self, Fields};
use super::status::{self, Named, intent_named};
use super::token::Scope;
use super::{Api, render};

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> RefundService for Api<S, R, T, E> {
    async fn create_refund(
        &self,
        request: Request<v1::CreateRefundRequest>,
    ) -> Result<Response<v1::CreateRefundResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, wait, caller) = (call.tenant, call.wait, call.caller());
        let wanted = parse::create_refund(call.message)?;
        let (engine, id) = (self.engine.clone(), wanted.intent.to_string());
        let work = async move { engine.create_refund(tenant, wanted).await };
        let made = detached(caller, intent_named(&id), work).await?;
        // What was made is durable: if it cannot be read again, it is answered as it was made.
        let refund = match self.engine.await_refund(made.resource.clone(), wait).await {
            Ok(refund) => refund,
            Err(error) => {
                tracing::warn!(%error, "waiting for a rail's word ended early");
                made.resource
            }
        };
        let (refund, replayed) = (Some(render::refund(&refund)), made.replayed);
        Ok(Response::new(v1::CreateRefundResponse { refund, replayed }))
    }

    async fn cancel_refund(
        &self,
        request: Request<v1::CancelRefundRequest>,
    ) -> Result<Response<v1::CancelRefundResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, caller) = (call.tenant, call.caller());
        let wanted = parse::cancel_refund(call.message)?;
        let (engine, id) = (self.engine.clone(), wanted.refund.to_string());
        let work = async move { engine.cancel_refund(tenant, wanted).await };
        let made = detached(caller, refund_named(&id), work).await?;
        let (refund, replayed) = (Some(render::refund(&made.resource)), made.replayed);
        Ok(Response::new(v1::CancelRefundResponse { refund, replayed }))
    }

    async fn reverse_refund_decision(
        &self,
        request: Request<v1::ReverseRefundDecisionRequest>,
    ) -> Result<Response<v1::ReverseRefundDecisionResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, caller) = (call.tenant, call.caller());
        let wanted = parse::reverse_refund(call.message)?;
        let (engine, id) = (self.engine.clone(), wanted.refund.to_string());
        let work = async move { engine.reverse_refund(tenant, wanted).await };
        let made = detached(caller, refund_named(&id), work).await?;
        let (refund, replayed) = (Some(render::refund(&made.resource)), made.replayed);
        Ok(Response::new(v1::ReverseRefundDecisionResponse { refund, replayed }))
    }

    async fn get_refund(
        &self,
        request: Request<v1::GetRefundRequest>,
    ) -> Result<Response<v1::GetRefundResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let text = call.message.refund_id;
        let mut fields = Fields::default();
        let id = fields.keep("refund_id", RefundId::parse(&text));
        let id = fields.finish(id)?;
        let row = self.engine.store().refund(call.tenant, id).await.map_err(|error| status::store(&error))?;
        let row = row.ok_or_else(|| status::not_found(refund_named(&text)))?;
        Ok(Response::new(v1::GetRefundResponse { refund: Some(render::refund(&row)) }))
    }

    async fn list_refunds(
        &self,
        request: Request<v1::ListRefundsRequest>,
    ) -> Result<Response<v1::ListRefundsResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ListRefundsRequest { page_size, page_token, payment_intent_id } = call.message;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, page_size);
        let intent = match payment_intent_id.as_str() {
            "" => None,
            text => fields.keep("payment_intent_id", IntentId::parse(text)),
        };
        let scope = Scope::new(self.engine.names(), call.tenant, "refunds", &payment_intent_id);
        let before = parse::page_token(&mut fields, &scope, &page_token, id_of(RefundId::parse));
        fields.check()?;
        if intent.is_some() {
            self.intent_row(call.tenant, &payment_intent_id).await?;
        }
        let page = self.engine.store().refunds(call.tenant, intent, before, max).await;
        let page = page.map_err(|error| status::store(&error))?;
        let (refunds, cut) = fitting(page.rows.iter().map(render::refund).collect());
        let last = refunds.last().filter(|_| cut || page.more);
        let next_page_token = last.map(|last| scope.seal(last.refund_id.as_bytes())).unwrap_or_default();
        Ok(Response::new(v1::ListRefundsResponse { refunds, next_page_token }))
    }
}

fn refund_named(id: &str) -> Named<'_> {
    Named { kind: "paifang.v1.Refund", id }
}
