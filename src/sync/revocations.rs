//! Sessions that ended while JWTs of theirs may still live.
//! In: ended sessions, each with the time from which it may be forgotten. Out: whether a `sid` is among them.
//! Owns: memory is bounded by the life of a JWT; verifying reads no database. The users whose accounts were deleted, which
//! ends all their sessions, go along.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use super::deletions::Deletions;
use signet_verify::clock::{Clock, Timestamp};

/// How a revoked session is handed on to other instances; it must not wait.
type Publisher = Box<dyn Fn((String, Timestamp)) + Send + Sync>;

/// The revoked sessions that this process knows.
pub struct Revocations {
    clock: Arc<dyn Clock>,
    until: RwLock<HashMap<String, Timestamp>>,
    publisher: OnceLock<Publisher>,
    deletions: Deletions,
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocations").finish_non_exhaustive()
    }
}

impl signet_verify::verifier::Revocations for Revocations {
    fn is_revoked(&self, sid: &str) -> bool {
        self.contains(sid)
    }
}

impl Revocations {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, until: RwLock::default(), publisher: OnceLock::new(), deletions: Deletions::default() }
    }

    /// Hands every session that [`Revocations::end`] is the first to bring from now on to `publisher`, for other
    /// instances.
    pub fn publish_with(&self, publisher: impl Fn((String, Timestamp)) + Send + Sync + 'static) {
        // There is one in a process; a second one would receive everything from the first.
        let _ = self.publisher.set(Box::new(publisher));
    }

    /// Refuses the JWTs of these sessions from now on, as [`Revocations::add`] does, and publishes those that are
    /// new here.
    pub fn end(&self, sessions: impl IntoIterator<Item = (String, Timestamp)>) {
        let mut fresh = Vec::new();
        {
            let mut until = self.until.write();
            for (session, forget_at) in sessions {
                if let Entry::Vacant(place) = until.entry(session.clone()) {
                    place.insert(forget_at);
                    fresh.push((session, forget_at));
                }
            }
        }
        if let Some(publisher) = self.publisher.get() {
            fresh.into_iter().for_each(publisher);
        }
    }

    /// Those whose JWTs may still live at `now`.
    pub fn living(&self, now: Timestamp) -> Vec<(String, Timestamp)> {
        let until = self.until.read();
        let living = until.iter().filter(|(_, forget_at)| **forget_at > now);
        living.map(|(session, forget_at)| (session.clone(), *forget_at)).collect()
    }

    /// Refuses the JWTs of these sessions from now on, each until its time has come. Knowing one already is no harm.
    pub fn add(&self, sessions: impl IntoIterator<Item = (String, Timestamp)>) {
        self.until.write().extend(sessions);
    }

    /// The users whose accounts were deleted.
    pub fn deletions(&self) -> &Deletions {
        &self.deletions
    }

    /// Forgets the sessions and users whose time has come; to be called now and then.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.deletions.sweep(now);
        self.until.write().retain(|_, forget_at| *forget_at > now);
    }

    /// Whether the JWTs of this session are to be refused.
    pub fn contains(&self, session_id: &str) -> bool {
        self.until.read().contains_key(session_id)
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.until.read().len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use parking_lot::Mutex;

    use super::*;
    use signet_verify::clock::ManualClock;

    #[test]
    fn sweep_forgets_a_session_once_its_tokens_are_dead_and_not_before() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1000)));
        let revocations = Revocations::new(clock.clone());
        revocations.add([("one".to_owned(), clock.now().after(Duration::from_secs(900)))]);
        assert!(revocations.contains("one"));
        assert!(!revocations.contains("two"));
        clock.advance(Duration::from_secs(901));
        revocations.sweep();
        assert!(revocations.is_empty());
    }

    #[test]
    fn end_publishes_what_is_new_here_and_never_what_others_published() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1000)));
        let revocations = Revocations::new(clock.clone());
        let (published, later) =
            (Arc::new(Mutex::new(Vec::new())), clock.now().after(Duration::from_secs(900)));
        let publisher = published.clone();
        revocations.publish_with(move |(session, _)| publisher.lock().push(session));
        revocations.add([("heard".to_owned(), later)]);
        for _ in 0..2 {
            revocations.end([("heard".to_owned(), later), ("own".to_owned(), later)]);
        }
        assert_eq!(*published.lock(), ["own"]);
        assert_eq!(revocations.living(clock.now()).len(), 2);
        assert_eq!(revocations.living(later), []);
    }
}
