//! Delivers what the outbox holds, beside the workers of other instances.
//! In: rows that wait. Out: messages handed over, postponed or parked.
//! Owns: a message is handed over only by whoever holds its claim at that moment, so that it goes out once while nothing
//! crashes; one that hangs keeps its place for some seconds only, and so holds up others for as long at most.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use signet_verify::clock::{Clock, Entropy, random_alphanumeric};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::{Failure, Limits, Prospect};
use super::compose::Posting;
use super::outbox::Outbox;
use super::status::Status;
use super::transport::{Prepared, Transport};
use crate::model::message::{Claimed, Next};
use crate::store::{Database, Error as StoreError};
use crate::vault;

/// How many deliveries are under way side by side that have not taken long yet.
const PLACES: usize = 16;
/// How long a claim holds. It is renewed before a message is handed over, and so outlasts that by half a minute, which is
/// how far the clocks of two instances may differ. Whatever an instance that was killed had claimed is claimed again then.
const LEASE: Duration = Duration::from_secs(60);
/// How often the rows are looked at if no call comes.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long to wait at least: rows that are due may be in the hands of another instance at this moment.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// How long to wait before it is noted once more that a message is sent, where the database did not answer.
const NOTE_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How many messages that hang another may find before it.
const BEFORE_IT: u64 = 300;
/// How long it may wait for them.
const LONGEST_WAIT: Duration = Duration::from_secs(90);

const _: () =
    assert!(BEFORE_IT.div_ceil(PLACES as u64) * Limits::USUAL.patience.as_secs() <= LONGEST_WAIT.as_secs());
const _: () = assert!(Limits::USUAL.prepared.as_secs() < LEASE.as_secs());
const _: () = assert!(Limits::USUAL.handed_over.as_secs() + 30 <= LEASE.as_secs());

/// The worker of one instance.
#[derive(Clone)]
pub struct Worker {
    shared: Arc<Shared>,
}

struct Shared {
    outbox: Arc<Outbox>,
    transport: Transport,
    database: Database,
    status: Arc<Status>,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
}

/// What became of an attempt.
enum Outcome {
    /// The next server has the message.
    Sent,
    /// It does not.
    Failed(Failure),
    /// This instance stops before the message was handed over.
    Interrupted,
    /// Another instance has claimed the message meanwhile, or the database does not say.
    Lost,
}

impl Worker {
    /// A worker that hands messages over by way of `transport`.
    pub fn new(
        outbox: Arc<Outbox>,
        transport: Transport,
        database: Database,
        status: Arc<Status>,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { shared: Arc::new(Shared { outbox, transport, database, status, entropy, clock }) }
    }

    /// Delivers until `stop`. Messages that are being handed over then are, the others are given back.
    pub async fn run(self, stop: CancellationToken) {
        let (places, deliveries) = (Arc::new(Semaphore::new(PLACES)), TaskTracker::new());
        while let Some(Ok(place)) = stop.run_until_cancelled(places.clone().acquire_owned()).await {
            let mut taken = vec![place];
            taken.extend(std::iter::from_fn(|| places.clone().try_acquire_owned().ok()));
            match self.shared.claim(taken.len()).await {
                Ok((_, claimed)) if claimed.is_empty() => {
                    drop(taken);
                    stop.run_until_cancelled(self.shared.wait()).await;
                }
                Ok((lease, claimed)) => {
                    for (message, place) in claimed.into_iter().zip(taken) {
                        deliveries.spawn(self.clone().deliver(message, lease.clone(), place, stop.clone()));
                    }
                }
                Err(error) => {
                    drop(taken);
                    tracing::warn!(%error, "mail waits for the database");
                    stop.run_until_cancelled(sleep(LOOK_EVERY)).await;
                }
            }
        }
        deliveries.close();
        deliveries.wait().await;
    }

    async fn deliver(
        self,
        message: Claimed,
        lease: Arc<str>,
        place: OwnedSemaphorePermit,
        stop: CancellationToken,
    ) {
        let mut attempt = Box::pin(self.shared.attempt(&message, &lease, &stop));
        let mut place = Some(place);
        let outcome = match timeout(self.shared.transport.patience(), &mut attempt).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // Perhaps it hangs. It may go on until its limits, and another begins in its place.
                place = None;
                attempt.await
            }
        };
        if let Err(error) = self.shared.note(&message, &lease, outcome).await {
            tracing::warn!(message = message.id, %error, "what became of a message could not be noted; it is tried again");
        }
        drop(place);
    }
}

impl Shared {
    /// Claims messages that are due, `limit` at most.
    async fn claim(&self, limit: usize) -> Result<(Arc<str>, Vec<Claimed>), StoreError> {
        let rows = self.database.outbox();
        self.status.note_load(&rows.load().await?);
        // A look costs no write; most of the time there is nothing.
        if rows.next_due().await?.is_none_or(|due| due > self.clock.now()) {
            return Ok(("".into(), Vec::new()));
        }
        let Ok(lease) = random_alphanumeric(&*self.entropy, 32) else { return Ok(("".into(), Vec::new())) };
        let now = self.clock.now();
        let claimed = rows.claim(&lease, limit, now, now.after(LEASE)).await?;
        Ok((lease.into(), claimed))
    }

    /// Waits until there may be something to do.
    async fn wait(&self) {
        let due = self.database.outbox().next_due().await.ok().flatten();
        let pause =
            due.map_or(LOOK_EVERY, |due| due.since(self.clock.now()).clamp(SHORTEST_WAIT, LOOK_EVERY));
        let mut woken = pin!(self.outbox.woken());
        let _ = timeout(pause, &mut woken).await;
    }

    async fn attempt(&self, message: &Claimed, lease: &str, stop: &CancellationToken) -> Outcome {
        let posting = match self.outbox.open_sealed(&message.id, message.created_at, &message.sealed) {
            Ok(posting) => posting,
            Err(why) => return Outcome::Failed(unreadable(&why)),
        };
        let prepared = match stop.run_until_cancelled(Box::pin(self.transport.prepare(&posting))).await {
            None => return Outcome::Interrupted,
            Some(Err(failure)) => return Outcome::Failed(failure),
            Some(Ok(prepared)) => prepared,
        };
        if stop.is_cancelled() {
            return Outcome::Interrupted;
        }
        self.hand_over(message, lease, prepared, posting).await
    }

    /// Hands a message over, if its claim still holds.
    async fn hand_over(
        &self,
        message: &Claimed,
        lease: &str,
        prepared: Prepared,
        posting: Posting,
    ) -> Outcome {
        let until = self.clock.now().after(LEASE);
        match self.database.outbox().renew(&message.id, lease, until).await {
            Ok(true) => {}
            Ok(false) => return Outcome::Lost,
            Err(error) => {
                tracing::warn!(message = message.id, %error, "a message waits for the database");
                return Outcome::Lost;
            }
        }
        match prepared.hand_over(&message.id, message.created_at, posting).await {
            Ok(()) => Outcome::Sent,
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// Notes in the row what became of an attempt.
    async fn note(&self, message: &Claimed, lease: &str, outcome: Outcome) -> Result<(), StoreError> {
        let (rows, id) = (self.database.outbox(), message.id.as_str());
        match outcome {
            Outcome::Lost => Ok(()),
            Outcome::Interrupted => rows.release(id, lease, self.clock.now()).await.map(drop),
            Outcome::Sent => {
                self.status.note_sent();
                tracing::debug!(message = id, attempts = message.attempts, "mail was sent");
                self.note_sent(id, lease).await
            }
            Outcome::Failed(Failure { prospect, problem }) => {
                let mut jitter = [0];
                // Without randomness there is none: better all at once than not at all.
                let _ = self.entropy.fill(&mut jitter);
                let now = self.clock.now();
                let attempts = message.attempts;
                let next = match prospect {
                    Prospect::Temporary => message.after_failure(jitter[0], now),
                    Prospect::Permanent => Next::Park,
                };
                match next {
                    Next::Retry(due) => {
                        tracing::warn!(
                            message = id,
                            attempts,
                            problem,
                            "mail could not be sent; it is tried again"
                        );
                        self.status.note_postponed();
                        rows.postpone(id, lease, due, &problem).await.map(drop)
                    }
                    Next::Park => {
                        tracing::error!(
                            message = id,
                            attempts,
                            problem,
                            "mail was not sent and is parked: see `signet mail list`"
                        );
                        self.status.note_parked();
                        rows.park(id, lease, now, &problem).await.map(drop)
                    }
                }
            }
        }
    }

    /// Notes that a message is sent, as often as the claim holds: what is not noted is sent again.
    async fn note_sent(&self, id: &str, lease: &str) -> Result<(), StoreError> {
        let began = self.clock.monotonic();
        loop {
            let noted = self.database.outbox().sent(id, lease, self.clock.now()).await;
            let passed = self.clock.monotonic().saturating_sub(began);
            if noted.is_ok() || passed + Limits::USUAL.handed_over >= LEASE {
                return noted.map(drop);
            }
            sleep(NOTE_AGAIN_AFTER).await;
        }
    }
}

/// A message whose seal does not open. Another instance may have the master key that sealed it.
fn unreadable(why: &vault::Error) -> Failure {
    let prospect = match why {
        vault::Error::Damaged => Prospect::Permanent,
        _ => Prospect::Temporary,
    };
    Failure { prospect, problem: format!("its text cannot be opened: {why}") }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("transport", &self.shared.transport).finish_non_exhaustive()
    }
}
