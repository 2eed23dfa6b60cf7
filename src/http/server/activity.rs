//! What happens on one connection, as far as its life depends on it.
//! In: requests that begin, bytes that come and go. Out: whether it is idle, and whether others need its place.
//! Owns: no request is forgotten while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::idle::Snapshot;

/// Requests and bytes of one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    running: AtomicUsize,
    receiving: AtomicUsize,
    read: AtomicU64,
    /// Bytes that requests without an answer hold.
    pub(super) received: AtomicU64,
    /// Bytes of answers that are waiting to be sent.
    pub(super) unsent: AtomicU64,
    /// Bytes of answers that were sent.
    pub(super) sent: AtomicU64,
    idle_checks: AtomicU32,
    displaced: Notify,
    refused: AtomicU64,
    is_refused: Notify,
}

impl Activity {
    /// Whether an answer is being worked on whose request is here as a whole.
    pub fn is_working(&self) -> bool {
        self.running.load(Ordering::Relaxed) > self.receiving.load(Ordering::Relaxed)
    }

    /// Whether its connection does nothing for anybody but one request.
    pub fn has_one_request(&self) -> bool {
        self.running.load(Ordering::Relaxed) <= 1 && self.unsent.load(Ordering::Relaxed) == 0
    }

    /// Whether a request is being received or worked on.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed) > 0
    }

    /// What an idle timeout is judged by.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            begun: self.begun.load(Ordering::Relaxed),
            is_running: self.is_running(),
            read: self.read.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            unsent: self.unsent.load(Ordering::Relaxed),
        }
    }

    /// Bytes came.
    pub fn note_read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many checks in a row have found it idle.
    pub fn idle_checks(&self) -> u32 {
        self.idle_checks.load(Ordering::Relaxed)
    }

    /// A check has found so.
    pub fn set_idle_checks(&self, checks: u32) {
        self.idle_checks.store(checks, Ordering::Relaxed);
    }

    /// Others need its place.
    pub fn displace(&self) {
        self.displaced.notify_one();
    }

    /// A request of its client was refused, as there are too many.
    pub fn note_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.is_refused.notify_one();
    }

    /// Completes when requests were refused, and says how many.
    pub async fn refused(&self) -> u64 {
        self.is_refused.notified().await;
        self.refused.swap(0, Ordering::Relaxed)
    }

    /// Completes when others need its place.
    pub async fn displaced(&self) {
        self.displaced.notified().await;
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

    /// Counts its body as being received.
    pub fn receive(&self) -> Receiving {
        self.0.receiving.fetch_add(1, Ordering::Relaxed);
        Receiving(self.0.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts a body until it has ended, or is not read any more.
pub(super) struct Receiving(Arc<Activity>);

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.receiving.fetch_sub(1, Ordering::Relaxed);
    }
}
