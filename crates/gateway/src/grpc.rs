//! The storefront contract over gRPC: tonic services over the engine and its store.
//!
//! A call goes `edge` (gate, key, tenant) → service → `parse` (one command, or everything that is wrong) → engine →
//! `render`. A call that moves money is durable before anything is waited for, and runs in a task of its own: tonic drops a
//! handler when its caller goes away, and the work must not hang on that (F34). Then the answer is awaited for as long as
//! the caller's deadline allows, and whatever stands by then is answered.
//!
//! Limits are those of [`GrpcOptions`] and of the contract: 64 KiB per request, which has [`ARRIVAL_TIME`] to arrive, at most
//! 200 rows and 1 MiB per page.

mod access;
mod arrival;
mod audit;
mod bulk;
mod call;
mod edge;
mod events;
mod funds;
mod gate;
mod intents;
mod ledger;
mod parse;
mod policy;
mod refunds;
mod render;
mod statement;
mod status;
mod token;
mod wallets;
mod watch;

use std::sync::Arc;

use futures::FutureExt;
use paifang_engine::Engine;
use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_proto::v1;
use paifang_store::Store;
use tokio::sync::watch::Receiver;
use tonic::service::Routes;
use tonic_health::ServingStatus;

pub(crate) use self::audit::AUDITED_MAX;
pub(crate) use self::parse::BUNDLE_BYTES_MAX;
pub(crate) use self::render::{Line, Story, Told, funder};

pub use self::arrival::ARRIVAL_TIME;
use self::edge::Edge;
use self::gate::Gate;

/// The largest request, in bytes: a limit of the contract.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Bounds of the gRPC side, from the config.
#[derive(Debug, Clone)]
pub struct GrpcOptions {
    /// How long a call waits for a rail's word at most, in milliseconds.
    pub wait_ms_max: u32,
    /// Calls under way at once; reads may be four fifths of them. What is more is turned away.
    pub calls_max: usize,
    /// Calls of one tenant under way at once.
    pub tenant_calls_max: usize,
    /// Watch streams open at once.
    pub streams_max: usize,
    /// Watch streams of one tenant open at once.
    pub tenant_streams_max: usize,
    /// How long an event stream stays silent at most, in milliseconds. The contract allows 15,000.
    pub heartbeat_ms: u32,
    /// Becomes `true` when the gateway goes down: health turns to not serving, and streams end. A sender that is gone
    /// counts as going down too.
    pub drain: Receiver<bool>,
}

impl GrpcOptions {
    /// The defaults, with this drain signal.
    pub fn new(drain: Receiver<bool>) -> Self {
        Self {
            wait_ms_max: 8000,
            calls_max: 1024,
            tenant_calls_max: 512,
            streams_max: 1024,
            tenant_streams_max: 256,
            heartbeat_ms: 10_000,
            drain,
        }
    }
}

/// The services could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    /// The contract's own descriptors cannot be read; a fault of the build.
    #[error("the contract's descriptors cannot be read")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// What every service holds.
pub(crate) struct Api<S, R, T, E> {
    engine: Engine<S, R, T, E>,
    options: Arc<GrpcOptions>,
    streams: Gate,
    /// Statements that are being folded: each holds its entries.
    statements: Gate,
}

impl<S, R, T, E> Clone for Api<S, R, T, E> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            options: Arc::clone(&self.options),
            streams: self.streams.clone(),
            statements: self.statements.clone(),
        }
    }
}

/// Every service of the contract with health and reflection, behind one gate. Needs a tokio runtime: a task turns health
/// to not serving when the drain begins.
pub fn router<S: Store, R: Rails, T: Transport, E: Environment>(
    engine: Engine<S, R, T, E>,
    options: GrpcOptions,
) -> Result<Routes, RouterError> {
    let gate = Gate::new(options.calls_max, options.tenant_calls_max);
    let streams = Gate::new(options.streams_max, options.tenant_streams_max);
    let drain = options.drain.clone();
    let statements = Gate::new(statement::FOLDS_MAX, 1);
    let api = Api { engine: engine.clone(), options: Arc::new(options), streams, statements };
    let services = with_reflection(with_health(services(api), drain))?;
    let lookup = move |hash| {
        let engine = engine.clone();
        async move { Ok(engine.store().tenant_by_key(hash).await?.map(|tenant| tenant.id)) }.boxed()
    };
    let edge = Edge::new(services.prepare(), gate, Arc::new(lookup));
    Ok(Routes::from(axum::Router::new().fallback_service(edge)))
}

fn services<S: Store, R: Rails, T: Transport, E: Environment>(api: Api<S, R, T, E>) -> Routes {
    use v1::bulk_refund_service_server::BulkRefundServiceServer;
    use v1::event_service_server::EventServiceServer;
    use v1::funds_service_server::FundsServiceServer;
    use v1::ledger_service_server::LedgerServiceServer;
    use v1::payment_intent_service_server::PaymentIntentServiceServer;
    use v1::policy_service_server::PolicyServiceServer;
    use v1::refund_service_server::RefundServiceServer;
    use v1::statement_service_server::StatementServiceServer;
    use v1::wallet_service_server::WalletServiceServer;
    let max = MESSAGE_BYTES_MAX;
    Routes::new(PaymentIntentServiceServer::new(api.clone()).max_decoding_message_size(max))
        .add_service(RefundServiceServer::new(api.clone()).max_decoding_message_size(max))
        .add_service(BulkRefundServiceServer::new(api.clone()).max_decoding_message_size(max))
        .add_service(WalletServiceServer::new(api.clone()).max_decoding_message_size(max))
        .add_service(PolicyServiceServer::new(api.clone()).max_decoding_message_size(max))
        .add_service(FundsServiceServer::new(api.clone()).max_decoding_message_size(max))
        .add_service(EventServiceServer::new(api.clone()).max_decoding_message_size(max))
        .add_service(StatementServiceServer::new(api.clone()).max_decoding_message_size(max))
        .add_service(LedgerServiceServer::new(api).max_decoding_message_size(max))
}

/// The services that health speaks of, besides the whole (the empty name).
const SERVICES: &[&str] = &[
    v1::payment_intent_service_server::SERVICE_NAME,
    v1::refund_service_server::SERVICE_NAME,
    v1::bulk_refund_service_server::SERVICE_NAME,
    v1::wallet_service_server::SERVICE_NAME,
    v1::policy_service_server::SERVICE_NAME,
    v1::funds_service_server::SERVICE_NAME,
    v1::event_service_server::SERVICE_NAME,
    v1::ledger_service_server::SERVICE_NAME,
    v1::statement_service_server::SERVICE_NAME,
];

/// Serving from the start; not serving from the begin of the drain on, before anything is turned away (F42).
fn with_health(services: Routes, mut drain: Receiver<bool>) -> Routes {
    let (reporter, health) = tonic_health::server::health_reporter();
    tokio::spawn(async move {
        for service in SERVICES {
            reporter.set_service_status(*service, ServingStatus::Serving).await;
        }
        // An error says that the sender is gone, and with it whoever serves.
        let _ = drain.wait_for(|draining| *draining).await;
        for service in SERVICES.iter().chain(&[""]) {
            reporter.set_service_status(*service, ServingStatus::NotServing).await;
        }
    });
    services.add_service(health.max_decoding_message_size(MESSAGE_BYTES_MAX))
}

/// A stock client needs nothing but the port.
fn with_reflection(services: Routes) -> Result<Routes, RouterError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(paifang_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let max = MESSAGE_BYTES_MAX;
    let services = services.add_service(builder().build_v1()?.max_decoding_message_size(max));
    Ok(services.add_service(builder().build_v1alpha()?.max_decoding_message_size(max)))
}
