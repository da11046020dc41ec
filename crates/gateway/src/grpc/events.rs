//! `EventService`.

use futures::stream::BoxStream;
use paifang_boundary::Fields as Names;
use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_payment::TenantId;
use paifang_proto::v1::event_service_server::EventService;
use paifang_proto::{Bounded, v1};
use paifang_store::Store;
use tonic::{Request, Response, Status};

use super::call::{Call, fitting};
use super::parse::{self, Fields};
use super::token::Scope;
use super::{Api, render, status};

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> EventService for Api<S, R, T, E> {
    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ListEventsRequest { after_cursor, page_size } = call.message;
        let scope = self.event_scope(call.tenant);
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, page_size);
        let after = parse::cursor(&mut fields, &scope, &after_cursor);
        fields.check()?;
        let rows = self.engine.store().events_after(Some(call.tenant), after, max).await;
        let rows = rows.map_err(|error| status::store(&error))?;
        let shown = rows.iter().map(|row| render::event(row, scope.seal(&row.cursor.to_be_bytes())));
        let (events, _) = fitting(shown.collect());
        self.note_events(call.tenant, &events);
        let next_cursor = events.last().map_or(after_cursor, |last| last.cursor.clone());
        Ok(Response::new(v1::ListEventsResponse { events, next_cursor }))
    }

    type WatchEventsStream = BoxStream<'static, Result<v1::WatchEventsResponse, Status>>;

    async fn watch_events(
        &self,
        request: Request<v1::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let mut fields = Fields::default();
        let after = parse::cursor(&mut fields, &self.event_scope(call.tenant), &call.message.after_cursor);
        fields.check()?;
        Ok(Response::new(self.watch_tenant(call.tenant, after)?))
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Api<S, R, T, E> {
    /// Notes which fields leave with these events, by name: in the count, and in one line of the log for all of them.
    pub(super) fn note_events(&self, tenant: TenantId, events: &[v1::Event]) {
        if events.is_empty() {
            return;
        }
        let mut all = Names::NONE;
        for event in events {
            let mut fields = Names::NONE;
            event.each(&mut |field| fields.insert(field));
            self.engine.egress().to_events(fields);
            all = all.or(fields);
        }
        tracing::info!(%tenant, events = events.len(), fields = %all, "told a reader of events");
    }

    /// What cursors of this tenant's events are bound to.
    pub(super) fn event_scope(&self, tenant: TenantId) -> Scope<'_> {
        Scope::new(self.engine.names(), tenant, "events", "")
    }
}
