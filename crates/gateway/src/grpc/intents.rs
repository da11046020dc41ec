//! `PaymentIntentService`.

use futures::stream::BoxStream;
use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_engine::{Error, Made};
use paifang_payment::{IntentId, RequestId, TenantId};
use paifang_proto::v1;
use paifang_proto::v1::payment_intent_service_server::PaymentIntentService;
use paifang_store::{IntentFilter, IntentRow, Operation, Resource, Store};
use tonic::{Request, Response, Status};

use super::call::{Call, detached, fitting};
use super::parse::{self, Fields};
use super::status::{self, intent_named};
use super::token::Scope;
use super::{Api, render};

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> PaymentIntentService for Api<S, R, T, E> {
    async fn create_payment_intent(
        &self,
        request: Request<v1::CreatePaymentIntentRequest>,
    ) -> Result<Response<v1::CreatePaymentIntentResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, wait, caller) = (call.tenant, call.wait, call.caller());
        let known = self.was_taken(tenant, &call.message).await?;
        let wanted = parse::create_intent(call.message, self.engine.now(), known)?;
        let engine = self.engine.clone();
        let work = async move { engine.create_intent(tenant, wanted).await };
        let made = detached(caller, intent_named(""), work).await?;
        let (intent, replayed) = self.awaited(tenant, made, wait).await;
        Ok(Response::new(v1::CreatePaymentIntentResponse { payment_intent: Some(intent), replayed }))
    }

    async fn confirm_payment_intent(
        &self,
        request: Request<v1::ConfirmPaymentIntentRequest>,
    ) -> Result<Response<v1::ConfirmPaymentIntentResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, wait, caller) = (call.tenant, call.wait, call.caller());
        let wanted = parse::confirm_intent(call.message)?;
        let (engine, id) = (self.engine.clone(), wanted.intent.to_string());
        let work = async move { engine.confirm_intent(tenant, wanted).await };
        let made = detached(caller, intent_named(&id), work).await?;
        let (intent, replayed) = self.awaited(tenant, made, wait).await;
        Ok(Response::new(v1::ConfirmPaymentIntentResponse { payment_intent: Some(intent), replayed }))
    }

    async fn capture_payment_intent(
        &self,
        request: Request<v1::CapturePaymentIntentRequest>,
    ) -> Result<Response<v1::CapturePaymentIntentResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, wait, caller) = (call.tenant, call.wait, call.caller());
        let wanted = parse::capture_intent(call.message)?;
        let (engine, id) = (self.engine.clone(), wanted.intent.to_string());
        let work = async move { engine.capture_intent(tenant, wanted).await };
        let made = detached(caller, intent_named(&id), work).await?;
        let (intent, replayed) = self.awaited(tenant, made, wait).await;
        Ok(Response::new(v1::CapturePaymentIntentResponse { payment_intent: Some(intent), replayed }))
    }

    async fn cancel_payment_intent(
        &self,
        request: Request<v1::CancelPaymentIntentRequest>,
    ) -> Result<Response<v1::CancelPaymentIntentResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, wait, caller) = (call.tenant, call.wait, call.caller());
        let wanted = parse::cancel_intent(call.message)?;
        let (engine, id) = (self.engine.clone(), wanted.intent.to_string());
        let work = async move { engine.cancel_intent(tenant, wanted).await };
        let made = detached(caller, intent_named(&id), work).await?;
        let (intent, replayed) = self.awaited(tenant, made, wait).await;
        Ok(Response::new(v1::CancelPaymentIntentResponse { payment_intent: Some(intent), replayed }))
    }

    async fn get_payment_intent(
        &self,
        request: Request<v1::GetPaymentIntentRequest>,
    ) -> Result<Response<v1::GetPaymentIntentResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let row = self.intent_row(call.tenant, &call.message.payment_intent_id).await?;
        Ok(Response::new(v1::GetPaymentIntentResponse { payment_intent: Some(shown(&row)) }))
    }

    async fn get_payment_intent_by_request_id(
        &self,
        request: Request<v1::GetPaymentIntentByRequestIdRequest>,
    ) -> Result<Response<v1::GetPaymentIntentByRequestIdResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, text) = (call.tenant, call.message.request_id);
        let mut fields = Fields::default();
        let request_id = fields.keep("request_id", RequestId::parse(&text));
        let request_id = fields.finish(request_id)?;
        let store = self.engine.store();
        let known = store.request(tenant, Operation::CreateIntent, &request_id).await;
        let about = intent_named(&text);
        let row = match known.map_err(|error| status::store(&error))?.map(|known| known.resource) {
            Some(Resource::Intent(id)) => store.intent(tenant, id).await,
            Some(Resource::Refund(_) | Resource::Funds(_)) | None => Ok(None),
        };
        let row = row.map_err(|error| status::store(&error))?.ok_or_else(|| status::not_found(about))?;
        Ok(Response::new(v1::GetPaymentIntentByRequestIdResponse { payment_intent: Some(shown(&row)) }))
    }

    async fn list_payment_intents(
        &self,
        request: Request<v1::ListPaymentIntentsRequest>,
    ) -> Result<Response<v1::ListPaymentIntentsResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ListPaymentIntentsRequest { page_size, page_token, state } = call.message;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, page_size);
        let state = v1::PaymentIntentState::try_from(state);
        let state = state.map_err(|_| "must be one of the states of the contract");
        let state = fields.keep("state", state).and_then(render::intent_state_name);
        let names = self.engine.names();
        let scope = Scope::new(names, call.tenant, "payment_intents", state.unwrap_or_default());
        let before = parse::page_token(&mut fields, &scope, &page_token, id_of(IntentId::parse));
        fields.check()?;
        let filter = IntentFilter { state: state.map(str::to_owned), before };
        let page = self.engine.store().intents(call.tenant, &filter, max).await;
        let page = page.map_err(|error| status::store(&error))?;
        let (payment_intents, cut) = fitting(page.rows.iter().map(shown).collect());
        let last = payment_intents.last().filter(|_| cut || page.more);
        let next_page_token = last.map(|last| scope.seal(last.payment_intent_id.as_bytes()));
        let next_page_token = next_page_token.unwrap_or_default();
        Ok(Response::new(v1::ListPaymentIntentsResponse { payment_intents, next_page_token }))
    }

    async fn report_complaint(
        &self,
        request: Request<v1::ReportComplaintRequest>,
    ) -> Result<Response<v1::ReportComplaintResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, caller) = (call.tenant, call.caller());
        let wanted = parse::report_complaint(call.message)?;
        let (engine, id) = (self.engine.clone(), wanted.intent.to_string());
        let work = async move { engine.report_complaint(tenant, wanted).await };
        let Made { resource, replayed } = detached(caller, intent_named(&id), work).await?;
        let payment_intent = Some(shown(&resource));
        Ok(Response::new(v1::ReportComplaintResponse { payment_intent, replayed }))
    }

    type WatchPaymentIntentStream = BoxStream<'static, Result<v1::WatchPaymentIntentResponse, Status>>;

    async fn watch_payment_intent(
        &self,
        request: Request<v1::WatchPaymentIntentRequest>,
    ) -> Result<Response<Self::WatchPaymentIntentStream>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let row = self.intent_row(call.tenant, &call.message.payment_intent_id).await?;
        Ok(Response::new(self.watch_intent(call.tenant, row)?))
    }

    async fn explain_payment_intent(
        &self,
        request: Request<v1::ExplainPaymentIntentRequest>,
    ) -> Result<Response<v1::ExplainPaymentIntentResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let row = self.intent_row(call.tenant, &call.message.payment_intent_id).await?;
        let story = render::Story::read(self.engine.store(), call.tenant, row.intent.terms.id).await;
        let told = story.map_err(|error| status::store(&error))?.tell();
        Ok(Response::new(v1::ExplainPaymentIntentResponse {
            payment_intent: Some(shown(&row)),
            entries: told.lines.into_iter().map(|line| line.entry).collect(),
            truncated: told.truncated,
            other_transfers: told.other_transfers,
        }))
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Api<S, R, T, E> {
    /// The intent that a caller named. What is not theirs is not there (I10).
    pub(super) async fn intent_row(&self, tenant: TenantId, text: &str) -> Result<IntentRow, Status> {
        let mut fields = Fields::default();
        let id = fields.keep("payment_intent_id", IntentId::parse(text));
        let id = fields.finish(id)?;
        let row = self.engine.store().intent(tenant, id).await.map_err(|error| status::store(&error))?;
        row.ok_or_else(|| status::not_found(intent_named(text)))
    }

    /// Whether this request id was used before, asked only where it makes a difference: for an end that is near or over.
    async fn was_taken(
        &self,
        tenant: TenantId,
        wanted: &v1::CreatePaymentIntentRequest,
    ) -> Result<bool, Status> {
        let Some(end) = wanted.expire_time else { return Ok(false) };
        let soon = end.seconds.saturating_sub(self.engine.now().as_second()) < parse::LIFE_S_MIN;
        let Some(request_id) = RequestId::parse(&wanted.request_id).ok().filter(|_| soon) else {
            return Ok(false);
        };
        let known = self.engine.store().request(tenant, Operation::CreateIntent, &request_id).await;
        Ok(known.map_err(|error| status::store(&error))?.is_some())
    }

    /// The intent when no rail's word is awaited any more, or when the time to wait is over. What was made is durable: if
    /// it cannot be read again, it is answered as it was made.
    async fn awaited(
        &self,
        tenant: TenantId,
        made: Made<IntentRow>,
        wait: jiff::SignedDuration,
    ) -> (v1::PaymentIntent, bool) {
        let row = self.engine.await_intent(tenant, made.resource.intent.terms.id, wait).await;
        let row = row.unwrap_or_else(|error: Error| {
            tracing::warn!(%error, "waiting for a rail's word ended early");
            made.resource
        });
        (shown(&row), made.replayed)
    }
}

/// Reads the id in a page token.
pub(super) fn id_of<I, X>(parse: impl Fn(&str) -> Result<I, X>) -> impl Fn(&[u8]) -> Option<I> {
    move |bytes| parse(std::str::from_utf8(bytes).ok()?).ok()
}

pub(super) fn shown(row: &IntentRow) -> v1::PaymentIntent {
    render::intent(&row.intent, &row.amounts)
}
