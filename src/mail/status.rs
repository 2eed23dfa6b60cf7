//! What the delivery of mail counts, for metrics.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use signet_verify::clock::Timestamp;

use crate::model::message::{Load, State};

/// What this process has done, and what it last saw of the outbox.
#[derive(Debug, Default)]
pub struct Status {
    sent: AtomicU64,
    postponed: AtomicU64,
    parked: AtomicU64,
    messages_waiting: AtomicU64,
    messages_parked: AtomicU64,
    /// When the oldest waiting message was written; 0 when none waits.
    oldest_waiting: AtomicI64,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Messages that this process has sent.
    pub sent: u64,
    /// Attempts of this process after which a message waits on.
    pub postponed: u64,
    /// Messages that this process has parked.
    pub parked: u64,
    /// Messages that wait, of all instances.
    pub messages_waiting: u64,
    /// Messages that are parked, of all instances.
    pub messages_parked: u64,
    /// When the oldest waiting message was written.
    pub oldest_waiting: Option<Timestamp>,
}

impl Status {
    /// How it stands.
    pub fn counts(&self) -> Counts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let oldest = self.oldest_waiting.load(Ordering::Relaxed);
        Counts {
            sent: of(&self.sent),
            postponed: of(&self.postponed),
            parked: of(&self.parked),
            messages_waiting: of(&self.messages_waiting),
            messages_parked: of(&self.messages_parked),
            oldest_waiting: (oldest != 0).then(|| Timestamp::from_millis(oldest)),
        }
    }

    pub(super) fn note_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_postponed(&self) {
        self.postponed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_parked(&self) {
        self.parked.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_load(&self, loads: &[Load]) {
        let of = |state| loads.iter().find(|load| load.state == state);
        let count = |state| of(state).map_or(0, |load| load.count);
        self.messages_waiting.store(count(State::Waiting), Ordering::Relaxed);
        self.messages_parked.store(count(State::Parked), Ordering::Relaxed);
        let oldest = of(State::Waiting).map_or(0, |load| load.oldest.millis());
        self.oldest_waiting.store(oldest, Ordering::Relaxed);
    }
}
