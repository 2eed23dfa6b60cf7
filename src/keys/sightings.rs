//! For how long this process has known the pending keys, by a clock that nobody can set.
//! In: the keys, whenever they are read. Out: the age of a key, by the slower of two clocks.
//! Owns: wall time that leaps ahead makes no key older, so none signs before the caches of others have learnt it.

use std::collections::HashMap;
use std::time::Duration;

use crate::keys::keyring::Moment;
use crate::keys::lifecycle::{KeyRecord, KeyState};
use crate::token::jwk::Kid;

struct Sighting {
    age: Duration,
    monotonic: Duration,
}

/// When each pending key was first seen, and how old it was then.
#[derive(Default)]
pub(super) struct Sightings(HashMap<Kid, Sighting>);

impl Sightings {
    /// Notes the pending keys that are new, and forgets the ones that are gone.
    pub(super) fn note(&mut self, keys: &[KeyRecord], now: Moment) {
        let pending = |kid: &Kid| keys.iter().any(|key| key.state == KeyState::Pending && key.kid == *kid);
        self.0.retain(|kid, _| pending(kid));
        for key in keys.iter().filter(|key| key.state == KeyState::Pending) {
            self.0.entry(key.kid.clone()).or_insert_with(|| Sighting {
                // Before the first sight there is only wall time to go by.
                age: now.wall.since(key.announced_at),
                monotonic: now.monotonic,
            });
        }
    }

    /// How long the pending key has been public at least.
    pub(super) fn age(&self, key: &KeyRecord, now: Moment) -> Duration {
        let by_wall = now.wall.since(key.announced_at);
        self.0.get(&key.kid).map_or(Duration::ZERO, |first| {
            by_wall.min(first.age.saturating_add(now.monotonic.saturating_sub(first.monotonic)))
        })
    }
}
