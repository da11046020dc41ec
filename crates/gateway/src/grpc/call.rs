//! What a call brings with it: who calls, and how long they wait.

use std::future::Future;

use jiff::SignedDuration;
use paifang_engine::Error;
use paifang_payment::TenantId;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::edge::Caller;
use super::render::PAGE_BYTES_MAX;
use super::status::{self, Named};

/// What is kept of the caller's deadline for the way back.
const MARGIN: SignedDuration = SignedDuration::from_millis(500);

/// A call, taken apart.
pub(crate) struct Call<M> {
    /// Whose resources it sees.
    pub tenant: TenantId,
    /// How long it may wait for a rail's word.
    pub wait: SignedDuration,
    /// The message.
    pub message: M,
    caller: Caller,
}

impl<M> Call<M> {
    /// Takes a request apart. One without a caller did not come through the edge, which is a fault of ours.
    pub fn of(request: Request<M>, wait_ms_max: u32) -> Result<Self, Status> {
        let Some(caller) = request.extensions().get::<Caller>().cloned() else {
            tracing::error!("a call came in beside the edge");
            return Err(status::internal());
        };
        let wait = wait(request.metadata(), wait_ms_max);
        Ok(Self { tenant: caller.tenant, wait, message: request.into_inner(), caller })
    }

    /// The caller, for [`detached`].
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }
}

/// Runs work that must not hang on whether the caller is still there. It keeps the caller's place at the gate.
pub(crate) async fn detached<T: Send + 'static>(
    caller: Caller,
    about: Named<'_>,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Status> {
    let task = tokio::spawn(async move {
        let done = work.await;
        drop(caller);
        done
    });
    match task.await {
        Ok(done) => done.map_err(|error| status::of(error, about)),
        Err(error) => {
            tracing::error!(%error, "a call's task did not end");
            Err(status::internal())
        }
    }
}

/// The rows of a page that fit into one answer, and whether some were left off. At least one row always fits.
pub(crate) fn fitting<M: Message>(rows: Vec<M>) -> (Vec<M>, bool) {
    let mut bytes = 0;
    let all = rows.len();
    let fitting: Vec<M> = rows
        .into_iter()
        .enumerate()
        .take_while(|(index, row)| {
            bytes += row.encoded_len();
            *index == 0 || bytes <= PAGE_BYTES_MAX
        })
        .map(|(_, row)| row)
        .collect();
    let cut = fitting.len() < all;
    (fitting, cut)
}

/// The gateway's own limit, or what the caller's deadline leaves after the margin, whichever is less.
fn wait(metadata: &MetadataMap, wait_ms_max: u32) -> SignedDuration {
    let own = SignedDuration::from_millis(wait_ms_max.into());
    let deadline = metadata.get("grpc-timeout").and_then(|value| timeout(value.to_str().ok()?));
    match deadline {
        Some(deadline) => own.min(deadline.saturating_sub(MARGIN)).max(SignedDuration::ZERO),
        None => own,
    }
}

/// Reads `grpc-timeout`: 1 to 8 digits and a unit. An unreadable one counts as none, as for tonic itself.
fn timeout(text: &str) -> Option<SignedDuration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: i64 = digits.parse().ok()?;
    match unit {
        "H" => Some(SignedDuration::from_hours(count)),
        "M" => Some(SignedDuration::from_mins(count)),
        "S" => Some(SignedDuration::from_secs(count)),
        "m" => Some(SignedDuration::from_millis(count)),
        "u" => Some(SignedDuration::from_micros(count)),
        "n" => Some(SignedDuration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited(timeout: &str) -> i128 {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", timeout.parse().unwrap());
        wait(&metadata, 8000).as_millis()
    }

    #[test]
    fn the_shorter_limit_counts_and_leaves_time_for_the_way_back() {
        assert_eq!(waited("3S"), 2500);
        assert_eq!(waited("3000m"), 2500);
        assert_eq!(waited("99999999H"), 8000);
        assert_eq!(waited("1000000u"), 500);
        assert_eq!(waited("100m"), 0);
        for odd in ["", "S", "1", "-1S", "1X", "123456789S", "1 S"] {
            assert_eq!(waited(odd), 8000, "{odd:?}");
        }
    }
}
