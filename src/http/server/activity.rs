//! What happens on one connection, as far as its life depends on it.
//! In: requests that begin, bodies that arrive, answers that are ready. Out: whether the connection is idle.
//! Owns: a connection is idle unless a whole request is being answered; a body that still arrives does not count.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};

/// Requests of one connection.
#[derive(Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    running: AtomicUsize,
    receiving: AtomicUsize,
}

impl Activity {
    /// How many requests ever began.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether an answer is being worked on whose request is here as a whole.
    pub fn is_working(&self) -> bool {
        self.running.load(Ordering::Relaxed) > self.receiving.load(Ordering::Relaxed)
    }
}

/// Counts a request until it is answered or given up.
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    /// A request that begins now.
    pub fn begin(activity: &Arc<Activity>) -> Self {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.running.fetch_add(1, Ordering::Relaxed);
        Self(activity.clone())
    }

    /// The same body, counted as being received until it has ended or is dropped.
    pub fn receive(&self, body: poem::Body) -> poem::Body {
        let body = BoxBody::from(body);
        if body.is_end_stream() {
            return body.into();
        }
        self.0.receiving.fetch_add(1, Ordering::Relaxed);
        Received { body, receiving: Some(Receiving(self.0.clone())) }.boxed().into()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Receiving(Arc<Activity>);

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.receiving.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Received {
    body: BoxBody<Bytes, std::io::Error>,
    receiving: Option<Receiving>,
}

impl Body for Received {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() {
            self.receiving = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
