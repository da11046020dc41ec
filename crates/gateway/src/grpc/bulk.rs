//! `BulkRefundService`.

use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_payment::{BulkId, TenantId};
use paifang_proto::v1;
use paifang_proto::v1::bulk_refund_service_server::BulkRefundService;
use paifang_store::{BulkEntry, BulkStep, Store};
use tonic::{Request, Response, Status};

use super::call::{Call, detached, fitting};
use super::edge::Caller;
use super::intents::id_of;
use super::parse::{self, Fields};
use super::status::{self, Named};
use super::token::{self, Scope};
use super::{Api, render};

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> BulkRefundService for Api<S, R, T, E> {
    async fn create_bulk_refund(
        &self,
        request: Request<v1::CreateBulkRefundRequest>,
    ) -> Result<Response<v1::CreateBulkRefundResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, caller) = (call.tenant, call.caller());
        let wanted = parse::create_bulk(call.message)?;
        let engine = self.engine.clone();
        let work = async move { engine.create_bulk(tenant, wanted).await };
        let made = detached(caller, named("new"), work).await?;
        let bulk_refund = Some(render::bulk(&made.resource.row, &made.resource.totals));
        Ok(Response::new(v1::CreateBulkRefundResponse { bulk_refund, replayed: made.replayed }))
    }

    async fn add_bulk_refund_entries(
        &self,
        request: Request<v1::AddBulkRefundEntriesRequest>,
    ) -> Result<Response<v1::AddBulkRefundEntriesResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, caller) = (call.tenant, call.caller());
        let (bulk, entries) = parse::bulk_entries(call.message)?;
        let (engine, id) = (self.engine.clone(), bulk.to_string());
        let work = async move { engine.add_bulk_entries(tenant, bulk, entries).await };
        let (row, added) = detached(caller, named(&id), work).await?;
        let bulk_refund = Some(render::bulk(&row, &[]));
        let added = i32::try_from(added).unwrap_or(i32::MAX);
        Ok(Response::new(v1::AddBulkRefundEntriesResponse { bulk_refund, added }))
    }

    async fn start_bulk_refund(
        &self,
        request: Request<v1::StartBulkRefundRequest>,
    ) -> Result<Response<v1::StartBulkRefundResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::StartBulkRefundRequest { request_id, bulk_refund_id } = &call.message;
        let who = (call.tenant, call.caller());
        let (bulk_refund, replayed) = self.steer(who, request_id, bulk_refund_id, BulkStep::Start).await?;
        Ok(Response::new(v1::StartBulkRefundResponse { bulk_refund, replayed }))
    }

    async fn pause_bulk_refund(
        &self,
        request: Request<v1::PauseBulkRefundRequest>,
    ) -> Result<Response<v1::PauseBulkRefundResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::PauseBulkRefundRequest { request_id, bulk_refund_id } = &call.message;
        let who = (call.tenant, call.caller());
        let (bulk_refund, replayed) = self.steer(who, request_id, bulk_refund_id, BulkStep::Pause).await?;
        Ok(Response::new(v1::PauseBulkRefundResponse { bulk_refund, replayed }))
    }

    async fn resume_bulk_refund(
        &self,
        request: Request<v1::ResumeBulkRefundRequest>,
    ) -> Result<Response<v1::ResumeBulkRefundResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ResumeBulkRefundRequest { request_id, bulk_refund_id } = &call.message;
        let who = (call.tenant, call.caller());
        let (bulk_refund, replayed) = self.steer(who, request_id, bulk_refund_id, BulkStep::Resume).await?;
        Ok(Response::new(v1::ResumeBulkRefundResponse { bulk_refund, replayed }))
    }

    async fn cancel_bulk_refund(
        &self,
        request: Request<v1::CancelBulkRefundRequest>,
    ) -> Result<Response<v1::CancelBulkRefundResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::CancelBulkRefundRequest { request_id, bulk_refund_id } = &call.message;
        let who = (call.tenant, call.caller());
        let (bulk_refund, replayed) = self.steer(who, request_id, bulk_refund_id, BulkStep::Cancel).await?;
        Ok(Response::new(v1::CancelBulkRefundResponse { bulk_refund, replayed }))
    }

    async fn get_bulk_refund(
        &self,
        request: Request<v1::GetBulkRefundRequest>,
    ) -> Result<Response<v1::GetBulkRefundResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let text = call.message.bulk_refund_id;
        let mut fields = Fields::default();
        let id = fields.keep("bulk_refund_id", BulkId::parse(&text));
        let id = fields.finish(id)?;
        let seen = self.engine.bulk(call.tenant, id).await;
        let seen = seen.map_err(|error| status::of(error, named(&text)))?;
        let bulk_refund = Some(render::bulk(&seen.row, &seen.totals));
        Ok(Response::new(v1::GetBulkRefundResponse { bulk_refund }))
    }

    async fn list_bulk_refunds(
        &self,
        request: Request<v1::ListBulkRefundsRequest>,
    ) -> Result<Response<v1::ListBulkRefundsResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ListBulkRefundsRequest { page_size, page_token } = call.message;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, page_size);
        let scope = Scope::new(self.engine.names(), call.tenant, "bulk_refunds", "");
        let before = parse::page_token(&mut fields, &scope, &page_token, id_of(BulkId::parse));
        fields.check()?;
        let page = self.engine.store().bulks(call.tenant, before, max).await;
        let page = page.map_err(|error| status::store(&error))?;
        let (bulk_refunds, cut) = fitting(page.rows.iter().map(|row| render::bulk(row, &[])).collect());
        let last = bulk_refunds.last().filter(|_| cut || page.more);
        let next_page_token = last.map(|last| scope.seal(last.bulk_refund_id.as_bytes())).unwrap_or_default();
        Ok(Response::new(v1::ListBulkRefundsResponse { bulk_refunds, next_page_token }))
    }

    async fn list_bulk_refund_entries(
        &self,
        request: Request<v1::ListBulkRefundEntriesRequest>,
    ) -> Result<Response<v1::ListBulkRefundEntriesResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ListBulkRefundEntriesRequest { page_size, page_token, bulk_refund_id, state } = call.message;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, page_size);
        let id = fields.keep("bulk_refund_id", BulkId::parse(&bulk_refund_id));
        let stage = parse::entry_stage(&mut fields, state);
        let filter = format!("{bulk_refund_id} {state}");
        let scope = Scope::new(self.engine.names(), call.tenant, "bulk_refund_entries", &filter);
        let after = parse::page_token(&mut fields, &scope, &page_token, token::position).unwrap_or(0);
        let id = fields.finish(id)?;
        let store = self.engine.store();
        let bulk = store.bulk(call.tenant, id).await.map_err(|error| status::store(&error))?;
        bulk.ok_or_else(|| status::not_found(named(&bulk_refund_id)))?;
        let rows = store.bulk_entries(call.tenant, id, stage, after, max).await;
        let rows: Vec<BulkEntry> = rows.map_err(|error| status::store(&error))?;
        let (entries, cut) = fitting(rows.iter().map(render::bulk_entry).collect());
        // A full page may be the last one; then the next is empty.
        let last = entries.len().checked_sub(1).and_then(|last| rows.get(last));
        let last = last.filter(|_| cut || rows.len() == max);
        let next_page_token = last.map(|last| scope.seal(&last.position.to_be_bytes())).unwrap_or_default();
        Ok(Response::new(v1::ListBulkRefundEntriesResponse { entries, next_page_token }))
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Api<S, R, T, E> {
    async fn steer(
        &self,
        (tenant, caller): (TenantId, Caller),
        request_id: &str,
        bulk: &str,
        step: BulkStep,
    ) -> Result<(Option<v1::BulkRefund>, bool), Status> {
        let wanted = parse::steer_bulk(request_id, bulk, step)?;
        let engine = self.engine.clone();
        let work = async move { engine.steer_bulk(tenant, wanted).await };
        let made = detached(caller, named(bulk), work).await?;
        Ok((Some(render::bulk(&made.resource.row, &made.resource.totals)), made.replayed))
    }
}

fn named(id: &str) -> Named<'_> {
    Named { kind: "paifang.v1.BulkRefund", id }
}
