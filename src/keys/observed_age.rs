//! For how long this process has seen a key wait or retire, by the monotonic clock, which cannot be set.
//! In: the keys, whenever they are read. Out: the time that a key has spent in its state, by the slower of two clocks.
//! Owns: wall time that leaps ahead makes no key older: none signs before the caches of others have learnt it, and none
//! goes while tokens of it live.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::signing_key::{KeyRecord, KeyState};
use signet_verify::clock::Reading;
use signet_verify::clock::Timestamp;
use signet_verify::jose::jwk::Kid;

struct Observation {
    state: KeyState,
    age: Duration,
    monotonic: Duration,
}

/// When each pending or retiring key was first seen as that, and how long it had been so by then.
#[derive(Default)]
pub(super) struct ObservedAges {
    seen: HashMap<Kid, Observation>,
    /// Whether the keys have been looked at before.
    began: bool,
}

impl ObservedAges {
    /// Notes the keys that have begun to wait or to retire, and forgets the ones that have ceased to.
    pub(super) fn observe(&mut self, keys: &[KeyRecord], now: Reading) {
        self.seen.retain(|kid, first| keys.iter().any(|key| key.kid == *kid && key.state == first.state));
        for key in keys {
            let Some(since) = since(key) else { continue };
            self.seen.entry(key.kid.clone()).or_insert_with(|| Observation {
                state: key.state,
                // What was not there before has come just now, whatever moment stands beside it. Of what was there when this
                // process began, there is only wall time to go by.
                age: if self.began { Duration::ZERO } else { now.wall.since(since) },
                monotonic: now.monotonic,
            });
        }
        self.began = true;
    }

    /// How long the key has been pending or retiring at least; zero if it is neither, or has not been noted.
    pub(super) fn age(&self, key: &KeyRecord, now: Reading) -> Duration {
        let first = self.seen.get(&key.kid).filter(|first| first.state == key.state);
        let Some((first, since)) = first.zip(since(key)) else { return Duration::ZERO };
        let seen = now.monotonic.saturating_sub(first.monotonic);
        now.wall.since(since).min(first.age.saturating_add(seen))
    }

    /// For how long this process itself has seen the key pending or retiring.
    pub(super) fn observed_for(&self, key: &KeyRecord, now: Reading) -> Duration {
        let first = self.seen.get(&key.kid).filter(|first| first.state == key.state);
        first.map_or(Duration::ZERO, |first| now.monotonic.saturating_sub(first.monotonic))
    }

    /// Whether the time of a retiring key is up.
    pub(super) fn retention_elapsed(&self, key: &KeyRecord, now: Reading) -> bool {
        self.age(key, now) >= key.retain
    }
}

/// Since when a key has been pending or retiring.
fn since(key: &KeyRecord) -> Option<Timestamp> {
    match key.state {
        KeyState::Pending => Some(key.announced_at),
        KeyState::Retiring => Some(key.retired_at.unwrap_or(key.announced_at)),
        KeyState::Active | KeyState::Removed | KeyState::Revoked => None,
    }
}
