//! The two streams. Both are driven by their reader alone: no task, no queue, at most one page in memory, so that a slow
//! reader costs nothing but its place at the gate. Both end when the gateway goes down.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, FusedFuture, select};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use jiff::SignedDuration;
use paifang_engine::Engine;
use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_payment::TenantId;
use paifang_proto::v1;
use paifang_store::{IntentRow, PAGE_MAX, Store};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;
use tonic::Status;

use super::gate::Place;
use super::intents::shown;
use super::status::{self, intent_named};
use super::{Api, render};

/// How long a stream sleeps before it looks by itself: another replica may have been at work.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(500);

/// The least time between two reads of one event stream: a busy gateway commits more often than anybody needs to hear.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// Events per read.
const BATCH: usize = PAGE_MAX / 4;

impl<S: Store, R: Rails, T: Transport, E: Environment> Api<S, R, T, E> {
    /// The intent now, and after every change until it is final.
    pub(super) fn watch_intent(
        &self,
        tenant: TenantId,
        row: IntentRow,
    ) -> Result<BoxStream<'static, Result<v1::WatchPaymentIntentResponse, Status>>, Status> {
        let watch = IntentWatch {
            engine: self.engine.clone(),
            tenant,
            next: Some(row),
            told: None,
            drain: self.options.drain.clone(),
            _place: self.place(tenant)?,
        };
        Ok(stream::unfold(Some(watch), IntentWatch::step).boxed())
    }

    /// The tenant's events after a cursor, for ever.
    pub(super) fn watch_tenant(
        &self,
        tenant: TenantId,
        after: u64,
    ) -> Result<BoxStream<'static, Result<v1::WatchEventsResponse, Status>>, Status> {
        let watch = EventWatch {
            api: self.clone(),
            tenant,
            cursor: after,
            ready: VecDeque::new(),
            read_at: None,
            silence: Duration::from_millis(self.options.heartbeat_ms.into()),
            drain: self.options.drain.clone(),
            _place: self.place(tenant)?,
        };
        Ok(stream::unfold(Some(watch), EventWatch::step).boxed())
    }

    fn place(&self, tenant: TenantId) -> Result<Place, Status> {
        let place = self.streams.enter(false).and_then(|place| self.streams.admit(place, tenant));
        place.ok_or_else(status::overloaded)
    }
}

/// Somebody who watches one intent.
struct IntentWatch<S, R, T, E> {
    engine: Engine<S, R, T, E>,
    tenant: TenantId,
    next: Option<IntentRow>,
    told: Option<IntentRow>,
    drain: Receiver<bool>,
    _place: Place,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> IntentWatch<S, R, T, E> {
    async fn step(
        watch: Option<Self>,
    ) -> Option<(Result<v1::WatchPaymentIntentResponse, Status>, Option<Self>)> {
        let mut watch = watch?;
        if watch.told.as_ref().is_some_and(|row| row.intent.is_final()) {
            return None;
        }
        match watch.news().await {
            Ok(row) => {
                let payment_intent = Some(shown(&row));
                watch.told = Some(row);
                Some((Ok(v1::WatchPaymentIntentResponse { payment_intent }), Some(watch)))
            }
            Err(end) => Some((Err(end), None)),
        }
    }

    /// The next row that differs from the one that was told.
    async fn news(&mut self) -> Result<IntentRow, Status> {
        if let Some(row) = self.next.take() {
            return Ok(row);
        }
        let Some(told) = self.told.clone() else { return Err(status::internal()) };
        let id = told.intent.terms.id;
        loop {
            let changed = |row: &IntentRow| *row != told;
            let change = self.engine.await_change(self.tenant, id, LOOK_AGAIN, changed);
            let (change, drain) = (pin!(change), pin!(draining(&mut self.drain)));
            let row = match select(change, drain).await {
                Either::Left((row, _)) => {
                    row.map_err(|error| status::of(error, intent_named(&id.to_string())))?
                }
                Either::Right(_) => return Err(status::shutting_down()),
            };
            if row != told {
                return Ok(row);
            }
        }
    }
}

/// Somebody who watches all events of a tenant.
struct EventWatch<S, R, T, E> {
    api: Api<S, R, T, E>,
    tenant: TenantId,
    cursor: u64,
    /// With their places in the order of commits.
    ready: VecDeque<(u64, v1::Event)>,
    read_at: Option<Instant>,
    silence: Duration,
    drain: Receiver<bool>,
    _place: Place,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> EventWatch<S, R, T, E> {
    async fn step(watch: Option<Self>) -> Option<(Result<v1::WatchEventsResponse, Status>, Option<Self>)> {
        let mut watch = watch?;
        if watch.ready.is_empty()
            && let Err(end) = watch.read().await
        {
            return Some((Err(end), None));
        }
        let message = match watch.ready.pop_front() {
            Some((cursor, event)) => {
                watch.cursor = cursor;
                watch.api.note_events(watch.tenant, std::slice::from_ref(&event));
                v1::watch_events_response::Message::Event(event)
            }
            None => v1::watch_events_response::Message::Heartbeat(v1::Heartbeat {
                cursor: watch.sealed(watch.cursor),
                send_time: Some(render::time(watch.api.engine.now())),
            }),
        };
        Some((Ok(v1::WatchEventsResponse { message: Some(message) }), Some(watch)))
    }

    fn sealed(&self, cursor: u64) -> String {
        self.api.event_scope(self.tenant).seal(&cursor.to_be_bytes())
    }

    /// Returns with events, or with none when it was silent for long enough to say so.
    async fn read(&mut self) -> Result<(), Status> {
        let mut silence = pin!(tokio::time::sleep(self.silence).fuse());
        loop {
            if let Some(read_at) = self.read_at {
                tokio::time::sleep_until(read_at + LEAST_PAUSE).await;
            }
            self.read_at = Some(Instant::now());
            // Listened for before it is read, so that nothing falls between.
            let mut news = pin!(self.api.engine.anything_committed(LOOK_AGAIN).fuse());
            let _ = futures::poll!(&mut news);
            let store = self.api.engine.store();
            let rows = store.events_after(Some(self.tenant), self.cursor, BATCH).await;
            let rows = rows.map_err(|error| status::store(&error))?;
            let rendered = rows.iter().map(|row| (row.cursor, render::event(row, self.sealed(row.cursor))));
            self.ready = rendered.collect();
            if !self.ready.is_empty() {
                return Ok(());
            }
            if news.is_terminated() {
                continue;
            }
            let mut drain = pin!(draining(&mut self.drain).fuse());
            futures::select_biased! {
                () = drain => return Err(status::shutting_down()),
                () = silence => return Ok(()),
                () = news => {}
            }
        }
    }
}

/// Resolves when the gateway goes down. A sender that is gone says so too.
async fn draining(drain: &mut Receiver<bool>) {
    let _ = drain.wait_for(|draining| *draining).await;
}
