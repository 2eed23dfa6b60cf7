//! Sessions that ended while JWTs of theirs may still live.
//! In: ended sessions, each with the time from which it may be forgotten. Out: whether a `sid` is among them.
//! Owns: memory is bounded by the life of a JWT; verifying reads no database.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::clock::{Clock, Timestamp};

/// The revoked sessions that this process knows.
pub struct Revocations {
    clock: Arc<dyn Clock>,
    until: RwLock<HashMap<String, Timestamp>>,
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocations").finish_non_exhaustive()
    }
}

impl Revocations {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, until: RwLock::default() }
    }

    /// Refuses the JWTs of these sessions from now on, each until its time has come. Knowing one already is no harm.
    pub fn add(&self, sessions: impl IntoIterator<Item = (String, Timestamp)>) {
        self.until.write().unwrap_or_else(PoisonError::into_inner).extend(sessions);
    }

    /// Forgets the sessions whose time has come; to be called now and then.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.until.write().unwrap_or_else(PoisonError::into_inner).retain(|_, forget_at| *forget_at > now);
    }

    /// Whether the JWTs of this session are to be refused.
    pub fn contains(&self, session_id: &str) -> bool {
        self.until.read().unwrap_or_else(PoisonError::into_inner).contains_key(session_id)
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.until.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn an_ended_session_is_remembered_until_its_tokens_are_dead_and_then_forgotten() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1000)));
        let revocations = Revocations::new(clock.clone());
        revocations.add([("one".to_owned(), clock.now().after(Duration::from_secs(900)))]);
        assert!(revocations.contains("one"));
        assert!(!revocations.contains("two"));
        clock.advance(Duration::from_secs(901));
        revocations.sweep();
        assert!(revocations.is_empty());
    }
}
