//! The witness of the send phase: a request body that notices when hyper takes the request up.
//!
//! A connection asks the body whether it has ended before it writes the first byte of the head, so as long as nobody has
//! asked this body anything, no byte of the request was written. This needs no trust in an error's kind, and if a later
//! hyper asks earlier, the verdict only becomes more careful. `F01` of the tests pins both sides.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Says whether a request was taken up.
#[derive(Clone, Default)]
pub(crate) struct Witness(Arc<AtomicBool>);

/// A whole body in one piece that tells its witness.
pub(crate) struct WitnessedBody {
    content: Bytes,
    witness: Witness,
}

impl Witness {
    /// Whether bytes of the request may have been written.
    pub fn saw_it_taken(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn taken(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl WitnessedBody {
    pub fn new(content: Vec<u8>) -> (Self, Witness) {
        let witness = Witness::default();
        (Self { content: content.into(), witness: witness.clone() }, witness)
    }
}

impl Body for WitnessedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.witness.taken();
        let content = std::mem::take(&mut self.content);
        Poll::Ready((!content.is_empty()).then(|| Ok(Frame::data(content))))
    }

    fn is_end_stream(&self) -> bool {
        self.witness.taken();
        self.content.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.witness.taken();
        SizeHint::with_exact(u64::try_from(self.content.len()).unwrap_or(u64::MAX))
    }
}
