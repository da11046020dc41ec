//! Logs: one line per fact on standard error, as text or JSON. Never a body, a key or a payer (S20).

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// Logs cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("must be a filter such as \"info\" or \"info,paifang_engine=debug\"")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Somebody else has set logs up in this process.
    #[error("logs are set up already")]
    SetAlready(#[source] tracing_subscriber::util::TryInitError),
}

/// Reads the filter of the config.
pub(crate) fn filter(log: &Log) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(&log.filter.0).map_err(LogError::Filter)
}

/// Sets logs up for the whole process; the binary does this once.
///
/// # Errors
/// When the filter is wrong, or logs were set up before.
pub fn start(log: &Log) -> Result<(), LogError> {
    let lines = tracing_subscriber::fmt().with_env_filter(filter(log)?).with_writer(std::io::stderr);
    let set = match log.format {
        LogFormat::Text => lines.finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    set.map_err(LogError::SetAlready)
}
