//! What time makes due: hearing of sessions that other processes ended, deleting rows that have expired, and those of users
//! that were deleted elsewhere.
//! In: the connections for upkeep. Out: three workers.

use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use super::peers::Peers;
use super::storage::Storage;
use super::workers::{Next, Worker};
use crate::store::sessions::SWEPT_AT_ONCE;
use crate::store::{self, Database};
use signet_verify::clock::{Clock, Timestamp};

/// How soon a session that was ended by another process is refused here, by way of the database alone.
pub const RECALL_EVERY: Duration = Duration::from_secs(5);
/// How often expired rows are deleted.
const CLEANUP_EVERY: Duration = Duration::from_secs(60);

/// The workers that do so.
pub(super) fn workers(peers: &Peers, storage: &Storage, environment: &Environment) -> Vec<Worker> {
    let outcome = Outcome { database: storage.requests.clone(), clock: environment.clock.clone() };
    let recall = {
        let (sessions, outcome) = (peers.upkeep_sessions.clone(), outcome.clone());
        Worker::every("recall of ended sessions", RECALL_EVERY, move || {
            let (sessions, outcome) = (sessions.clone(), outcome.clone());
            async move {
                outcome.note(sessions.recall_revocations().await);
                Next::AfterInterval
            }
        })
    };
    let sessions = peers.upkeep_sessions.clone();
    let cleanup = Worker::every("cleanup of expired rows", CLEANUP_EVERY, move || {
        let (sessions, outcome) = (sessions.clone(), outcome.clone());
        async move {
            match outcome.note(sessions.sweep().await) {
                Some(deleted) if deleted >= SWEPT_AT_ONCE => Next::AtOnce,
                _ => Next::AfterInterval,
            }
        }
    });
    vec![recall, cleanup, follow_deletions(peers, storage)]
}

/// Deletes what this database keeps of users whose accounts were deleted in another one; what fails is done again.
fn follow_deletions(peers: &Peers, storage: &Storage) -> Worker {
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
