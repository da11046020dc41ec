//! The engine's transport port over the HTTP transport, with its figures.

use std::sync::Arc;

use paifang_engine::ports::{Transport, TransportError as PortError};
use paifang_payment::{AccountId, NotSent};
use paifang_rail::{Exchange, Reply};
use paifang_transport::{DownloadError, HttpTransport, TransportError};
use tokio::io::AsyncWrite;
use tokio::time::Instant;

use crate::metrics::Metrics;

/// Carries exchanges to rails and counts them.
#[derive(Debug, Clone)]
pub struct RailTransport {
    http: HttpTransport,
    metrics: Arc<Metrics>,
}

impl RailTransport {
    /// Over this transport.
    pub fn new(http: HttpTransport, metrics: Arc<Metrics>) -> Self {
        Self { http, metrics }
    }
}

impl RailTransport {
    /// Fetches a file, counted like an exchange.
    pub(crate) async fn download(
        &self,
        account: &AccountId,
        exchange: Exchange,
        file: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<u64, DownloadError> {
        let started = Instant::now();
        let result = self.http.download(account.as_str(), exchange, file).await;
        let told = match &result {
            Ok(_) => "file",
            Err(DownloadError::Transport(error)) => trouble(error),
            Err(DownloadError::Status(_)) => "other_status",
            Err(DownloadError::TooLarge(_)) => "too_large",
            Err(DownloadError::Write(_)) => "unwritten",
        };
        self.metrics.exchanged(account, told, started.elapsed());
        result
    }
}

impl Transport for RailTransport {
    async fn exchange(&self, account: &AccountId, exchange: Exchange) -> Result<Reply, PortError> {
        let started = Instant::now();
        let result = self.http.exchange(account.as_str(), exchange).await;
        self.metrics.exchanged(account, word(&result), started.elapsed());
        result.map_err(port_error)
    }
}

fn port_error(error: TransportError) -> PortError {
    match error {
        TransportError::NotConnected => PortError::NotSent(NotSent::NotConnected),
        TransportError::HeldBack => PortError::NotSent(NotSent::HeldBack),
        TransportError::Unsendable(why) => PortError::NotSent(NotSent::NotPlanned(why.to_owned())),
        TransportError::TimedOut => PortError::TimedOut,
        TransportError::Lost => PortError::Lost,
    }
}

/// One word for figures: the class of the status, or how it failed.
fn word(result: &Result<Reply, TransportError>) -> &'static str {
    match result {
        Ok(reply) => match reply.status / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other_status",
        },
        Err(error) => trouble(error),
    }
}

fn trouble(error: &TransportError) -> &'static str {
    match error {
        TransportError::NotConnected => "not_connected",
        TransportError::HeldBack => "held_back",
        TransportError::Unsendable(_) => "unsendable",
        TransportError::TimedOut => "timed_out",
        TransportError::Lost => "lost",
    }
}
