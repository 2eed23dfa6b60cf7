//! The body of a request, as far as it has come.
//! In: a body from the network. Out: the same, or an error once nothing more comes of it.
//! Owns: a body that makes no progress ends by the idle timeout, whatever else its connection does.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::activity::Receiving;

/// A body that is being received.
pub(super) struct Received {
    pub body: BoxBody<Bytes, Error>,
    pub receiving: Option<Receiving>,
    pub idle_timeout: Duration,
    /// Runs while a reader waits.
    pub timeout: Option<Pin<Box<Sleep>>>,
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.timeout = None;
            if frame.is_none() {
                self.receiving = None;
            }
            return Poll::Ready(frame);
        }
        let idle_timeout = self.idle_timeout;
        let timeout = self.timeout.get_or_insert_with(|| Box::pin(sleep(idle_timeout)));
        timeout.as_mut().poll(context).map(|()| Some(Err(ErrorKind::TimedOut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
