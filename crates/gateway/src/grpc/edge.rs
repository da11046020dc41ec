//! The outermost layer of the contract: who may come in, how many at once, and how transport errors read.
//!
//! The tenant comes from the credential only (S6): it is put beside the request here, and no message has a field for it.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use paifang_payment::{Digest, TenantId};
use paifang_store::StoreError;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service;

use super::access::{self, Access};
use super::arrival::Arriving;
use super::gate::{Gate, Place};
use super::status;
use crate::apikey::ApiKey;

/// Whoever calls, with a place at the gate that lasts as long as anything is done for them.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Whose resources they see.
    pub tenant: TenantId,
    /// Kept by whatever works for this call, so that work of callers who went away still counts.
    pub _place: Arc<Place>,
}

/// Finds the tenant of a key.
type Lookup = Arc<dyn Fn(Digest) -> BoxFuture<'static, Result<Option<TenantId>, StoreError>> + Send + Sync>;

/// The services behind their gate.
#[derive(Clone)]
pub(crate) struct Edge {
    services: Routes,
    gate: Gate,
    lookup: Lookup,
}

impl Edge {
    pub fn new(services: Routes, gate: Gate, lookup: Lookup) -> Self {
        Self { services, gate, lookup }
    }

    async fn answer(
        mut self,
        access: Option<Access>,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        let place = match access {
            Some(Access::Open) => None,
            Some(Access::Read) | None => Some(self.gate.enter(true)),
            Some(Access::Move) => Some(self.gate.enter(false)),
        };
        // Held to the end of the call; whatever works on beyond that holds the other end.
        let mut _held = None;
        if let Some(place) = place {
            let place = place.ok_or_else(status::overloaded)?;
            let tenant = self.authenticate(request.headers()).await?;
            if access.is_none() {
                return Err(status::method_unknown());
            }
            let place = self.gate.admit(place, tenant).ok_or_else(status::overloaded)?;
            let place = Arc::new(place);
            _held = Some(Arc::clone(&place));
            request.extensions_mut().insert(Caller { tenant, _place: place });
            request = request.map(|body| Body::new(Arriving::new(body)));
        }
        let response = match self.services.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        // Health and reflection have error words of their own, which their clients know.
        match bare_error(response.headers()) {
            Some(code) if access != Some(Access::Open) => Err(status::of_transport(code)),
            Some(_) | None => Ok(response),
        }
    }

    async fn authenticate(&self, headers: &HeaderMap) -> Result<TenantId, Status> {
        let key = bearer(headers).ok_or_else(status::unauthenticated)?;
        let tenant = (self.lookup)(key.hash()).await.map_err(|error| status::store(&error))?;
        tenant.ok_or_else(status::unauthenticated)
    }
}

impl Service<Request<axum::body::Body>> for Edge {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A clone of the services answers each call, and routes are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<axum::body::Body>) -> Self::Future {
        let row = access::row(request.uri().path());
        let (method, access) = row.map_or(("unknown", None), |(method, access)| (method, Some(access)));
        let begun = Instant::now();
        let answer = self.clone().answer(access, request.map(Body::new));
        answer
            .map(move |answered| {
                let response = answered.unwrap_or_else(Status::into_http);
                count(method, response.headers(), begun);
                Ok(response)
            })
            .boxed()
    }
}

/// One call in the figures. Methods come from the table and codes from a closed set, so that nobody can grow the figures.
/// A stream counts when it begins.
fn count(method: &'static str, headers: &HeaderMap, begun: Instant) {
    let code = headers.get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
    let code = i32::from(code).to_string();
    metrics::counter!("paifang_grpc_calls_total", "method" => method, "code" => code).increment(1);
    metrics::histogram!("paifang_grpc_seconds", "method" => method).record(begun.elapsed());
}

/// The key of `authorization: Bearer ...`; a doubled header is ambiguous and counts as none.
fn bearer(headers: &HeaderMap) -> Option<ApiKey> {
    let mut found = headers.get_all(header::AUTHORIZATION).iter();
    let (only, None) = (found.next()?, found.next()) else { return None };
    let (scheme, key) = only.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    ApiKey::parse(key).ok()
}

/// The code of an error that carries no details: tonic made it, not a service of ours.
fn bare_error(headers: &HeaderMap) -> Option<Code> {
    let code = Code::from_bytes(headers.get("grpc-status")?.as_bytes());
    let bare = code != Code::Ok && !headers.contains_key("grpc-status-details-bin");
    bare.then_some(code)
}
