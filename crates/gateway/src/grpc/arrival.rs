//! How long a call's message may take to arrive. A storefront that begins a message and never ends it would keep its place at
//! the gate as long as its connection lives.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::body::Body;

/// For the whole message, from the arrival of its headers on: a message has at most 64 KiB.
pub const ARRIVAL_TIME: Duration = Duration::from_secs(10);

/// A request body whose time runs out.
pub(crate) struct Arriving {
    body: Body,
    time: Pin<Box<Sleep>>,
}

impl Arriving {
    pub fn new(body: Body) -> Self {
        Self { body, time: Box::pin(sleep(ARRIVAL_TIME)) }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let read = Pin::new(&mut self.body).poll_frame(cx);
        if read.is_pending() && self.time.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Status::unavailable("the message did not arrive in time"))));
        }
        read
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
