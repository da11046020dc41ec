//! HTTP: where rails notify us, where payers' browsers come back, and what operators look at.
//!
//! Two routers: [`public`] is what a proxy forwards to, [`operators`] is for the inside. Every connection has a bound on
//! the time and size of a request's head; every route has its own for the body (F65).

mod audit;
mod back;
mod bulks;
mod days;
mod explain;
mod notify;
mod quarantine;
mod redirects;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use paifang_store::Store;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::bills::Bills;
use crate::core::Over;
use crate::listen::Connection;
use crate::metrics::{Freshness, Metrics};
use crate::rails::LocalRails;
use crate::redirects::Redirecting;

/// How long a head may take to arrive, and how long a connection may be idle between two requests.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What the public routes need.
pub(crate) struct Desk<S> {
    pub engine: Over<S>,
    pub rails: LocalRails,
    pub metrics: Arc<Metrics>,
    pub tasks: TaskTracker,
    pub places: Arc<Semaphore>,
}

impl<S> Clone for Desk<S> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            rails: self.rails.clone(),
            metrics: Arc::clone(&self.metrics),
            tasks: self.tasks.clone(),
            places: Arc::clone(&self.places),
        }
    }
}

/// What the inside may look at.
#[derive(Clone)]
pub(crate) struct Look {
    pub metrics: Arc<Metrics>,
    pub freshness: Freshness,
    pub draining: watch::Receiver<bool>,
}

/// Notifications and returns. Whatever is not there is always told in the same words.
pub(crate) fn public<S: Store>(desk: Desk<S>) -> Router {
    Router::new()
        .route("/notify/{account}/{token}", any(notify::notify::<S>))
        .route("/return/{account}/{order_no}", any(back::back::<S>))
        .fallback(nothing)
        .with_state(desk)
}

/// Figures, health, the closing of days, where refunds go that could not arrive, the quarantine, bulk refunds, why an intent
/// stands where it stands, and who could pay with what on a past day.
pub(crate) fn operators<S: Store>(
    look: Look,
    bills: Arc<Bills<S>>,
    redirecting: Arc<Redirecting<S>>,
    engine: Over<S>,
) -> Router {
    let days = Router::new().route("/days/{account}/{date}", post(days::close::<S>)).with_state(bills);
    let refunds = post(redirects::redirect::<S>);
    let refunds = Router::new().route("/refunds/{refund_id}/abnormal", refunds).with_state(redirecting);
    let work = Router::new()
        .route("/quarantine", get(quarantine::list::<S>))
        .route("/quarantine/{key}/redrive", post(quarantine::redrive::<S>))
        .route("/bulk-refunds", get(bulks::list::<S>))
        .route("/bulk-refunds/{tenant}/{id}", get(bulks::show::<S>))
        .route("/intents/{payment_intent_id}/explain", get(explain::explain::<S>))
        .route("/policy/{tenant}/{begin}/{end}", get(audit::audit::<S>))
        .with_state(engine);
    Router::new()
        .route("/metrics", get(figures))
        .route("/healthz", get(health))
        .fallback(nothing)
        .with_state(look)
        .merge(days)
        .merge(refunds)
        .merge(work)
}

async fn figures(State(look): State<Look>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], look.metrics.render()).into_response()
}

/// 200 while this process takes new work, else 503.
async fn health(State(look): State<Look>) -> (StatusCode, &'static str) {
    if *look.draining.borrow() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else if !look.freshness.store_answers() {
        (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

/// The one answer for everything that is not there: a wrong token looks like a wrong path (S15).
async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

/// Serves connections until they end; from `stop` on, each ends after the request that it is in.
pub(crate) async fn serve<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    mut connections: mpsc::Receiver<Connection<T>>,
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    while let Some(connection) = connections.recv().await {
        tasks.spawn(converse(connection, router.clone(), stop.clone()));
    }
}

async fn converse<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    connection: Connection<T>,
    router: Router,
    stop: CancellationToken,
) {
    let service = router.map_request(|request: Request<Incoming>| request.map(Body::new));
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(connection), TowerToHyperService::new(service));
    let mut conversation = std::pin::pin!(conversation);
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        () = stop.cancelled() => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
