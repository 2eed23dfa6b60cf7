//! What time makes due: hearing of sessions that other processes ended, deleting rows that have expired, and those of users
//! that were deleted elsewhere.
//! In: the connections for upkeep. Out: workers.

use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use super::peers::Peers;
use super::storage::Storage;
use super::workers::{Next, Worker};
use crate::store::{self, Database, grants, sessions, tasks};
use signet_verify::clock::{Clock, Timestamp};

/// How soon a session that was ended by another process is refused here, by way of the database alone.
pub const RECALL_EVERY: Duration = Duration::from_secs(5);
/// How often expired rows are deleted.
const CLEANUP_EVERY: Duration = Duration::from_secs(60);

/// The worker that every process has.
pub(super) fn recall(peers: &Peers, storage: &Storage, environment: &Environment) -> Worker {
    let (rows, outcome) = (peers.upkeep_sessions.clone(), Outcome::of(storage, environment));
    Worker::every("recall of ended sessions", RECALL_EVERY, move || {
        let (rows, outcome) = (rows.clone(), outcome.clone());
        async move {
            outcome.note(rows.recall_revocations().await);
            Next::AfterInterval
        }
    })
}

/// Forgets ended sessions and ended owners whose tokens are dead: what every process keeps.
pub(super) fn forget(peers: &Peers, storage: &Storage, environment: &Environment) -> Worker {
    let (revocations, database) = (peers.revocations.clone(), storage.upkeep.clone());
    let (outcome, clock) = (Outcome::of(storage, environment), environment.clock.clone());
    Worker::every("cleanup of what has ended", CLEANUP_EVERY, move || {
        let (revocations, database) = (revocations.clone(), database.clone());
        let (outcome, now) = (outcome.clone(), clock.now());
        async move {
            revocations.sweep();
            match outcome.note(database.tasks().sweep(now).await) {
                Some(deleted) if deleted >= tasks::SWEPT_AT_ONCE => Next::AtOnce,
                _ => Next::AfterInterval,
            }
        }
    })
}

/// The worker of a process that signs people in: the others need no right to touch sessions.
pub(super) fn cleanup(peers: &Peers, storage: &Storage, environment: &Environment) -> Worker {
    let (rows, outcome) = (peers.upkeep_sessions.clone(), Outcome::of(storage, environment));
    Worker::every("cleanup of expired sessions", CLEANUP_EVERY, move || {
        let (rows, outcome) = (rows.clone(), outcome.clone());
        async move {
            match outcome.note(rows.sweep().await) {
                Some(deleted) if deleted >= sessions::SWEPT_AT_ONCE => Next::AtOnce,
                _ => Next::AfterInterval,
            }
        }
    })
}

/// Deletes codes, grants, assertions, requests for authorization and devices that have expired.
pub(super) fn cleanup_of_oauth(storage: &Storage, environment: &Environment) -> Worker {
    let (database, clock) = (storage.upkeep.clone(), environment.clock.clone());
    let outcome = Outcome::of(storage, environment);
    Worker::every("cleanup of what clients were given", CLEANUP_EVERY, move || {
        let (database, outcome, now) = (database.clone(), outcome.clone(), clock.now());
        async move {
            let swept = [
                outcome.note(database.authorization_codes().sweep(now).await),
                outcome.note(database.grants().sweep(now).await),
                outcome.note(database.client_assertions().sweep(now).await),
                outcome.note(database.authorization_requests().sweep(now).await),
                outcome.note(database.logout_requests().sweep(now).await),
                outcome.note(database.devices().sweep(now).await),
            ];
            match swept.into_iter().flatten().max() {
                Some(deleted) if deleted >= grants::SWEPT_AT_ONCE => Next::AtOnce,
                _ => Next::AfterInterval,
            }
        }
    })
}

/// Deletes what this database keeps of users whose accounts were deleted in another one; what fails is done again.
pub(super) fn follow_deletions(peers: &Peers, storage: &Storage) -> Worker {
    let (revocations, database) = (peers.revocations.clone(), storage.upkeep.clone());
    Worker::cancelled_at_stop("deletion of users of other instances", async move {
        loop {
            // Whether something was heard or something has failed before does not matter.
            let _ = tokio::time::timeout(RECALL_EVERY, revocations.deletions().heard()).await;
            for (user, forget_at) in revocations.deletions().pending() {
                match end_owner(&database, &user, forget_at).await {
                    Ok(()) => revocations.deletions().done([(user, forget_at)]),
                    Err(error) => {
                        tracing::warn!(%error, "the tasks of a deleted user wait for the database");
                        break;
                    }
                }
            }
        }
    })
}

async fn end_owner(database: &Database, user: &str, forget_at: Timestamp) -> Result<(), store::Error> {
    // Where it is the database that the account was in, it is done.
    if database.tasks().has_ended(user).await? {
        return Ok(());
    }
    database.write(|unit| async move { unit.tasks().end_owner(user, forget_at).await }).await
}

/// What becomes of an answer of the database.
#[derive(Clone)]
struct Outcome {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl Outcome {
    fn of(storage: &Storage, environment: &Environment) -> Self {
        Self { database: storage.requests.clone(), clock: environment.clock.clone() }
    }

    fn note<T>(&self, outcome: Result<T, store::Error>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.database.record_success(self.clock.monotonic());
                Some(value)
            }
            Err(error) => {
                tracing::warn!(%error, "housekeeping waits for the database");
                None
            }
        }
    }
}
