//! The body of an answer, counted until it is sent.
//! In: a body, and the account of whoever asked. Out: the same bytes, each of them counted until the socket has it.
//! Owns: a body ends only when all of it is sent, so that a stream can be ended as long as bytes of it are left.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};

use super::activity::Activity;
use super::stream::Progress;
use crate::http::framework::shares::{Account, Full, Held, Kind};

/// What a body counts for whose length is not known.
const UNKNOWN_LENGTH: u64 = 64 * 1024;

/// A body on its way to whoever asked.
pub(super) struct AnswerBody {
    body: BoxBody<Bytes, std::io::Error>,
    unsent: Arc<Unsent>,
    /// How many bytes were handed out.
    handed_out: u64,
    _request: Option<Held>,
}

/// A part of a body: counted as unsent until it has been read out, or is dropped.
pub(super) struct Part {
    bytes: Bytes,
    unsent: Arc<Unsent>,
}

/// What of one answer is not sent.
struct Unsent {
    activity: Arc<Activity>,
    progress: Arc<Progress>,
    held: Option<Held>,
    /// How much of it still counts for the connection.
    counted: AtomicU64,
    sent: AtomicU64,
    all_sent: AtomicWaker,
}

impl AnswerBody {
    /// The same body, counted; it holds `request` until it is sent.
    ///
    /// # Errors
    /// [`Full`], when its client holds too much already; `most` is what the connection may hold.
    pub fn new(
        body: BoxBody<Bytes, std::io::Error>,
        account: &Account,
        most: u64,
        activity: &Arc<Activity>,
        progress: Arc<Progress>,
        request: Held,
    ) -> Result<Self, Full> {
        let bytes = if body.is_end_stream() { 0 } else { body.size_hint().exact().unwrap_or(UNKNOWN_LENGTH) };
        // A proxy's connection is shared by its clients.
        if account.holder().is_some() && activity.unsent.load(Ordering::Relaxed) + bytes > most {
            account.shares().count_refusal(Kind::Unsent);
            return Err(Full::Share);
        }
        let held = account.take(Kind::Unsent, bytes)?;
        Ok(Self::counting(body, bytes, Some(held), activity, progress, Some(request)))
    }

    /// A short body that counts for no share: that of a refusal, or of a probe.
    pub fn short(
        body: BoxBody<Bytes, std::io::Error>,
        activity: &Arc<Activity>,
        progress: Arc<Progress>,
    ) -> Self {
        let bytes = body.size_hint().exact().unwrap_or_default();
        Self::counting(body, bytes, None, activity, progress, None)
    }

    fn counting(
        body: BoxBody<Bytes, std::io::Error>,
        bytes: u64,
        held: Option<Held>,
        activity: &Arc<Activity>,
        progress: Arc<Progress>,
        request: Option<Held>,
    ) -> Self {
        activity.unsent.fetch_add(bytes, Ordering::Relaxed);
        progress.begin(bytes);
        let unsent = Unsent {
            activity: activity.clone(),
            progress,
            held,
            counted: AtomicU64::new(bytes),
            sent: AtomicU64::new(0),
            all_sent: AtomicWaker::new(),
        };
        Self { body, unsent: Arc::new(unsent), handed_out: 0, _request: request }
    }
}

impl Body for AnswerBody {
    type Data = Part;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Part>, std::io::Error>>> {
        // A body that is over is asked for nothing more.
        let is_over = self.body.is_end_stream();
        let frame = if is_over { None } else { ready!(Pin::new(&mut self.body).poll_frame(context)) };
        let Some(frame) = frame else {
            self.unsent.all_sent.register(context.waker());
            let is_sent = self.unsent.sent.load(Ordering::Acquire) >= self.handed_out;
            return if is_sent { Poll::Ready(None) } else { Poll::Pending };
        };
        let frame = frame.map(|frame| {
            frame.map_data(|bytes| {
                self.handed_out += bytes.len() as u64;
                Part { bytes, unsent: self.unsent.clone() }
            })
        });
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.handed_out == 0 && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Buf for Part {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.unsent.note_sent(count as u64);
    }
}

impl Unsent {
    fn note_sent(&self, bytes: u64) {
        let counted = |left: u64| Some(left.saturating_sub(bytes));
        let before =
            self.counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted).unwrap_or_default();
        self.activity.unsent.fetch_sub(bytes.min(before), Ordering::Relaxed);
        self.activity.sent.fetch_add(bytes, Ordering::Relaxed);
        self.progress.note(bytes);
        if let Some(held) = &self.held {
            held.give_back(bytes);
        }
        self.sent.fetch_add(bytes, Ordering::Release);
        self.all_sent.wake();
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.activity.unsent.fetch_sub(self.counted.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
