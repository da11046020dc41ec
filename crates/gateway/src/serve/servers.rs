//! The tasks that run from the start to the drain: lanes, figures, and the three servers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::FutureExt;
use paifang_store::Store;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic::transport::Server;

use super::Phases;
use crate::core::Over;
use crate::listen::{Allowed, Connection, Listen, accept};
use crate::metrics::{CountRpcs, Metrics};
use crate::{config, http};

/// Streams per connection (reliability 3.9; F39).
const STREAMS_MAX: u32 = 128;
/// Streams that the peer has reset and we have not seen yet, and such that we reset: beyond it the connection ends.
const RESETS_MAX: usize = 20;
/// Headers of a call, in bytes.
const HEADERS_BYTES_MAX: u32 = 16 * 1024;
/// A peer that is silent is asked whether it is there, and left when it does not answer.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
const KEEPALIVE_PATIENCE: Duration = Duration::from_secs(10);
/// Connections end by themselves, so that load spreads and a new certificate reaches everybody.
const CONNECTION_AGE: Duration = Duration::from_secs(600);
const CONNECTION_GRACE: Duration = Duration::from_secs(30);
/// Connections of storefronts, of rails and browsers, and of operators.
const GRPC_CONNECTIONS_MAX: usize = 4096;
const HTTP_CONNECTIONS_MAX: usize = 1024;
/// What a client of HTTP/2 sends before anything else (RFC 9113, 3.4). From then on it is asked now and then whether it is
/// still there.
const PREFACE_BYTES: usize = 24;
/// Pause between two looks at the store's soundness.
const SOUND_EVERY: Duration = Duration::from_secs(1);
/// Pause before the lanes start again after a panic.
const LANES_PAUSE: Duration = Duration::from_secs(1);

/// Runs the lanes. A panic in one piece of work ends them all, so they start again: each claim was durable before the
/// work began, so the piece waits for its lease to end while the others go on (F30).
pub(super) fn lanes<S: Store>(engine: Over<S>, phases: &Phases) {
    let stop = phases.stop_claims.clone();
    phases.tasks.spawn(async move {
        while !stop.is_cancelled() {
            let (worker, stopping) = (engine.clone(), stop.clone().cancelled_owned().shared());
            let lanes = tokio::spawn(async move { worker.work(stopping).await });
            if let Err(error) = lanes.await {
                tracing::error!(%error, "the lanes ended in a panic and start again");
                stop.run_until_cancelled(tokio::time::sleep(LANES_PAUSE)).await;
            }
        }
    });
}

/// Drives bulk refunds. After a panic it starts again: what was begun is written down, and its lease ends (F30).
pub(super) fn bulks<S: Store>(engine: Over<S>, phases: &Phases) {
    let stop = phases.stop_claims.clone();
    phases.tasks.spawn(async move {
        while !stop.is_cancelled() {
            let (driver, stopping) = (engine.clone(), stop.clone().cancelled_owned().shared());
            let driving = tokio::spawn(async move { driver.drive_bulks(stopping).await });
            if let Err(error) = driving.await {
                tracing::error!(%error, "bulk refunds ended in a panic and start again");
                stop.run_until_cancelled(tokio::time::sleep(LANES_PAUSE)).await;
            }
        }
    });
}

/// Watches a store that has lost its footing (F22): only a new start, with its recovery, makes it sound again.
pub(super) fn watch(is_sound: impl Fn() -> bool + Send + 'static, phases: &Phases) {
    let (stop, failed) = (phases.stop_claims.clone(), phases.failed.clone());
    phases.tasks.spawn(async move {
        while stop.run_until_cancelled(tokio::time::sleep(SOUND_EVERY)).await.is_some() {
            if !is_sound() {
                tracing::error!("the store takes no more writes: the gateway must start anew");
                failed.cancel();
                return;
            }
        }
    });
}

pub(super) fn grpc<L: Listen>(
    listener: L,
    config: &config::Listener,
    routes: Routes,
    metrics: Arc<Metrics>,
    phases: &Phases,
) {
    let stop = phases.stop_listening.clone();
    let allowed = Allowed { connections: GRPC_CONNECTIONS_MAX, preface_bytes: PREFACE_BYTES };
    let incoming = accept(listener, config.tls.clone(), allowed, stop.clone(), &phases.tasks);
    let incoming = ReceiverStream::new(incoming).map(Ok::<Connection<L::Stream>, std::convert::Infallible>);
    let server = Server::builder()
        .max_concurrent_streams(STREAMS_MAX)
        .http2_max_pending_accept_reset_streams(Some(RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(RESETS_MAX))
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEPALIVE_PATIENCE))
        .max_connection_age(CONNECTION_AGE)
        .max_connection_age_grace(CONNECTION_GRACE)
        .layer(CountRpcs::new(metrics))
        .add_routes(routes);
    let serving = server.serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    let failed = phases.failed.clone();
    phases.tasks.spawn(async move {
        let ended = serving.await;
        if !stop.is_cancelled() {
            tracing::error!(?ended, "the gRPC server ended");
            failed.cancel();
        }
    });
}

pub(super) fn web<L: Listen>(listener: L, config: &config::Listener, router: Router, phases: &Phases) {
    let stop = phases.stop_listening.clone();
    let allowed = Allowed { connections: HTTP_CONNECTIONS_MAX, preface_bytes: 0 };
    let connections = accept(listener, config.tls.clone(), allowed, stop.clone(), &phases.tasks);
    phases.tasks.spawn(http::serve(connections, router, stop, phases.tasks.clone()));
}
