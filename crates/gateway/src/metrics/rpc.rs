//! Counts calls of storefronts by method and code, at the outermost layer of the gRPC server, where also those are seen
//! that were turned away. The code stands in the headers of an answer without a body, else in the trailers behind it; a
//! caller that goes away before is counted as `cancelled`.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Request, Response};
use hyper::body::{Body, Frame, SizeHint};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;
use tower::{Layer, Service};

use super::Metrics;

/// The layer.
#[derive(Clone)]
pub struct CountRpcs(Arc<Metrics>);

/// The service that it makes.
#[derive(Clone)]
pub struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

/// A body that tells the figures when it has ended.
pub struct CountedBody<B> {
    inner: B,
    call: Call,
}

/// One call that has not been counted yet.
struct Call {
    metrics: Arc<Metrics>,
    method: &'static str,
    counted: bool,
}

/// Every method of the contract; all else counts as `other`, because a path is the caller's to choose.
static METHODS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let set = FileDescriptorSet::decode(paifang_proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let methods = set.file.iter().flat_map(|file| {
        let service = |service: &prost_types::ServiceDescriptorProto| {
            let name = format!("/{}.{}/", file.package(), service.name());
            service.method.iter().map(|method| format!("{name}{}", method.name())).collect::<Vec<_>>()
        };
        file.service.iter().flat_map(service)
    });
    methods.map(|method| &*method.leak()).collect()
});

impl CountRpcs {
    /// Counts into these figures.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self(metrics)
    }
}

impl<S> Layer<S> for CountRpcs {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: Arc::clone(&self.0) }
    }
}

impl<S, A, B> Service<Request<A>> for Counted<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let method = METHODS.get(request.uri().path()).copied().unwrap_or("other");
        let mut call = Call { metrics: Arc::clone(&self.metrics), method, counted: false };
        let answering = self.inner.call(request);
        Box::pin(async move {
            let response = answering.await?;
            call.seen(response.headers());
            Ok(response.map(|inner| CountedBody { inner, call }))
        })
    }
}

impl Call {
    fn seen(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.count(Code::from_bytes(status.as_bytes()));
        }
    }

    fn count(&mut self, code: Code) {
        if !std::mem::replace(&mut self.counted, true) {
            self.metrics.rpc(self.method, word(code));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.count(Code::Cancelled);
    }
}

impl<B: Body + Unpin> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.seen(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}
