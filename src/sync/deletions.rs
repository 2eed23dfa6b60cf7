//! Users whose accounts were deleted while JWTs of theirs may still live.
//! In: users that were deleted here, or that others say were, each with the time from which they may be forgotten. Out:
//! those whose rows are still to be deleted from the database of this process.
//! Owns: each is published once; one that others named is handed out until its rows are gone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::OnceLock;

use parking_lot::Mutex;
use signet_verify::clock::Timestamp;
use tokio::sync::Notify;

/// How a deleted user is handed on to other instances; it must not wait.
type Publisher = Box<dyn Fn((String, Timestamp)) + Send + Sync>;

/// The deleted users that this process knows.
#[derive(Default)]
pub struct Deletions {
    known: Mutex<HashMap<String, Deletion>>,
    publisher: OnceLock<Publisher>,
    heard: Notify,
}

#[derive(Clone, Copy)]
struct Deletion {
    forget_at: Timestamp,
    state: State,
}

/// What has become of a deletion in the database of this process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The rows may still be there.
    Heard,
    /// The rows are gone.
    Done,
}

impl std::fmt::Debug for Deletions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deletions").finish_non_exhaustive()
    }
}

impl Deletions {
    /// Hands every user that [`Deletions::done`] is the first to bring from now on to `publisher`, for other instances.
    pub fn publish_with(&self, publisher: impl Fn((String, Timestamp)) + Send + Sync + 'static) {
        // There is one in a process; a second one would hear of everything from the first.
        let _ = self.publisher.set(Box::new(publisher));
    }

    /// Notes users whose rows are gone from the database of this process, and publishes those that are new here.
    pub fn done(&self, users: impl IntoIterator<Item = (String, Timestamp)>) {
        let mut fresh = Vec::new();
        {
            let mut known = self.known.lock();
            for (user, forget_at) in users {
                match known.entry(user) {
                    Entry::Occupied(mut known) => known.get_mut().state = State::Done,
                    Entry::Vacant(place) => {
                        fresh.push((place.key().clone(), forget_at));
                        place.insert(Deletion { forget_at, state: State::Done });
                    }
                }
            }
        }
        if let Some(publisher) = self.publisher.get() {
            fresh.into_iter().for_each(publisher);
        }
    }

    /// Notes users that other instances have deleted; those that are new here are still to be deleted.
    pub fn hear(&self, users: impl IntoIterator<Item = (String, Timestamp)>) {
        let mut known = self.known.lock();
        for (user, forget_at) in users {
            known.entry(user).or_insert(Deletion { forget_at, state: State::Heard });
        }
        self.heard.notify_one();
    }

    /// Waits until something may have been heard since the last time.
    pub async fn heard(&self) {
        self.heard.notified().await;
    }

    /// The users whose rows are still to be deleted.
    pub fn pending(&self) -> Vec<(String, Timestamp)> {
        self.collect(|deletion| deletion.state == State::Heard)
    }

    /// The users whose JWTs may still live at `now`.
    pub fn living(&self, now: Timestamp) -> Vec<(String, Timestamp)> {
        self.collect(|deletion| deletion.forget_at > now)
    }

    /// Forgets the users whose time has come; to be called now and then.
    pub fn sweep(&self, now: Timestamp) {
        self.known.lock().retain(|_, deletion| deletion.forget_at > now || deletion.state == State::Heard);
    }

    fn collect(&self, which: impl Fn(&Deletion) -> bool) -> Vec<(String, Timestamp)> {
        let known = self.known.lock();
        let chosen = known.iter().filter(|(_, deletion)| which(deletion));
        chosen.map(|(user, deletion)| (user.clone(), deletion.forget_at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const LATER: Timestamp = Timestamp::from_seconds(900);
    const NOW: Timestamp = Timestamp::from_seconds(0);

    #[test]
    fn done_publishes_what_is_new_here_and_never_what_others_said() {
        let deletions = Deletions::default();
        let published = Arc::new(Mutex::new(Vec::new()));
        let publisher = published.clone();
        deletions.publish_with(move |(user, _)| publisher.lock().push(user));
        deletions.hear([("heard".to_owned(), LATER)]);
        for _ in 0..2 {
            deletions.done([("heard".to_owned(), LATER), ("own".to_owned(), LATER)]);
        }
        assert_eq!(*published.lock(), ["own"]);
        assert_eq!(deletions.living(NOW).len(), 2);
    }

    #[test]
    fn pending_hands_out_what_was_heard_until_it_is_done_even_after_its_time() {
        let deletions = Deletions::default();
        deletions.done([("own".to_owned(), LATER)]);
        deletions.hear([("heard".to_owned(), LATER), ("own".to_owned(), LATER)]);
        deletions.sweep(LATER);
        assert_eq!(deletions.pending(), [("heard".to_owned(), LATER)]);
        assert!(deletions.living(LATER).is_empty());
        deletions.done(deletions.pending());
        deletions.sweep(LATER);
        assert!(deletions.pending().is_empty() && deletions.living(NOW).is_empty());
    }
}
