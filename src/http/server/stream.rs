//! Streams of HTTP/2, each a task of its own.
//! In: what hyper runs for a stream. Out: the same, ended when its answer makes no progress.
//! Owns: a stream that its client does not read ends by the idle timeout, whatever else its connection does.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::idle::{IDLE_CHECKS, ProgressWatch};

tokio::task_local! {
    /// Hyper shows a service nothing of the task that it runs in; the answer is made within it, so it is found there.
    static PROGRESS: Arc<Progress>;
}

/// How much of an answer was sent.
#[derive(Debug, Default)]
pub(super) struct Progress {
    unsent: AtomicU64,
    sent: AtomicU64,
}

impl Progress {
    /// That of the stream that runs here; of a connection of HTTP/1.1, whose only answer is watched with it, a new one.
    pub fn here() -> Arc<Self> {
        PROGRESS.try_with(Arc::clone).unwrap_or_default()
    }

    /// An answer begins that has as many bytes.
    pub fn begin(&self, bytes: u64) {
        self.unsent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes were sent.
    pub fn note(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        let less = |unsent: u64| Some(unsent.saturating_sub(bytes));
        let _ = self.unsent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// Runs streams.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub idle_timeout: Duration,
    /// How many ended since they made no progress.
    pub stalled: Arc<AtomicU64>,
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let progress = Arc::<Progress>::default();
        let watched = watch(stream, progress.clone(), self.clone());
        tokio::spawn(PROGRESS.scope(progress, watched));
    }
}

/// Runs `stream` until it ends, or its answer makes no progress. To drop it is to reset it (RFC 9113 section 5.4.2).
async fn watch(stream: impl Future<Output = ()>, progress: Arc<Progress>, streams: Streams) {
    let mut stream = pin!(stream);
    let mut watch = ProgressWatch::default();
    loop {
        tokio::select! {
            biased;
            () = &mut stream => return,
            () = tokio::time::sleep(streams.idle_timeout / IDLE_CHECKS) => {
                let (sent, unsent) =
                    (progress.sent.load(Ordering::Relaxed), progress.unsent.load(Ordering::Relaxed));
                if watch.check(sent, unsent) >= IDLE_CHECKS {
                    streams.stalled.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
        }
    }
}
