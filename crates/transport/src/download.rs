//! One file: a bill is fetched once, under a deadline and a bound of its own, and written as it comes.

use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use paifang_rail::Exchange;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::exchange::{HttpTransport, TransportError, chain, is_chosen};
use crate::request;

/// Why there is no file. What was written of it is to be thrown away.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// As for every exchange.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The other side answers with this status instead of a file.
    #[error("HTTP status {0} instead of a file")]
    Status(u16),
    /// It is larger than so many bytes.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// It cannot be written.
    #[error("the file cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

impl HttpTransport {
    /// Sends the request once and writes the body of the answer to `file`; answers how many bytes those were.
    ///
    /// # Errors
    /// See [`DownloadError`].
    pub async fn download(
        &self,
        account: &str,
        exchange: Exchange,
        file: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<u64, DownloadError> {
        let (mut request, witness) = request::build(exchange)?;
        let _place = self.place(account).await?;
        let chosen = capture_connection(&mut request);
        let whole = timeout(self.inner.options.file_time, async {
            let response = self.send(request, &chosen, &witness).await?;
            keep(response, file, self.inner.options.file_bytes_max).await
        });
        match whole.await {
            Ok(result) => result,
            Err(_) if is_chosen(&chosen) => Err(TransportError::TimedOut.into()),
            Err(_) => Err(TransportError::NotConnected.into()),
        }
    }
}

async fn keep(
    response: Response<Incoming>,
    file: &mut (impl AsyncWrite + Unpin),
    max: u64,
) -> Result<u64, DownloadError> {
    let (head, mut body) = response.into_parts();
    if head.status != http::StatusCode::OK {
        return Err(DownloadError::Status(head.status.as_u16()));
    }
    let mut written: u64 = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::info!(error = chain(&error), "a file of a rail was cut");
            TransportError::Lost
        })?;
        let Ok(data) = frame.into_data() else { continue };
        written = written.saturating_add(data.len() as u64);
        if written > max {
            return Err(DownloadError::TooLarge(max));
        }
        file.write_all(&data).await?;
    }
    file.flush().await?;
    Ok(written)
}
