//! The share of a database's connections that one kind of work may have, so that others never wait behind it.
//! In: reads and writes that want a connection. Out: a place for each, in the order in which they came; or no, at once,
//! when the queue could not be served in time.
//! Owns: no more of this work holds or awaits a connection than there are places; no wait is longer than [`MAX_WAIT`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use signet_verify::clock::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::Error;

/// How long to wait for a place at most, which comes before the time limit of the work itself. It is long enough for as many
/// writes as one user may have under way on a disk that takes 60 ms for each; a longer queue is of no use, since those at
/// its end would have gone.
pub const MAX_WAIT: Duration = Duration::from_secs(4);
/// How many wait at most, however fast it goes: their requests are in memory.
pub const MAX_WAITING: usize = 512;

/// The places of a kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Reads that run at once.
    pub reads: usize,
    /// Writes that run at once.
    pub writes: usize,
}

/// What work wants of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// To read.
    Read,
    /// To write.
    Write,
}

/// A share of the connections: places for reads, and others for writes.
#[derive(Clone, Debug)]
pub struct Lane {
    reads: Arc<Queue>,
    writes: Arc<Queue>,
}

/// How it looks at one kind of access, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLoad {
    /// Those that wait for a place now.
    pub waiting: usize,
    /// Those that were told to come back later since the start.
    pub turned_away: u64,
}

impl Lane {
    /// A share with these places.
    pub fn new(places: Places, clock: &Arc<dyn Clock>) -> Self {
        let queue = |places| Arc::new(Queue::new(places, clock.clone()));
        Self { reads: queue(places.reads), writes: queue(places.writes) }
    }

    /// How reads and writes fare, in this order.
    pub fn load(&self) -> [LaneLoad; 2] {
        [self.reads.load(), self.writes.load()]
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`Error::Busy`], at once when the wait would be too long.
    pub(super) async fn enter(&self, access: Access) -> Result<Place, Error> {
        match access {
            Access::Read => self.reads.clone(),
            Access::Write => self.writes.clone(),
        }
        .enter()
        .await
    }
}

/// Those who want the same kind of place.
#[derive(Debug)]
struct Queue {
    clock: Arc<dyn Clock>,
    places: usize,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// How long a place was kept lately, in nanoseconds: each weighs an eighth of the average.
    kept: AtomicU64,
    turned_away: AtomicU64,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    queue: Arc<Queue>,
    since: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Queue {
    fn new(places: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            places,
            free: Arc::new(Semaphore::new(places)),
            waiting: AtomicUsize::new(0),
            kept: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        }
    }

    async fn enter(self: Arc<Self>) -> Result<Place, Error> {
        let permit = match self.free.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        Ok(Place { since: self.clock.monotonic(), queue: self, _permit: permit })
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, Error> {
        let waiting = Waiting::join(&self.waiting);
        if waiting.number > MAX_WAITING || self.expected_wait(waiting.number) > MAX_WAIT {
            return Err(self.turn_away());
        }
        match timeout(MAX_WAIT, self.free.clone().acquire_owned()).await {
            // It is never closed.
            Ok(permit) => permit.map_err(|_| self.turn_away()),
            Err(_) => {
                // Whoever keeps the places keeps them at least this long.
                self.kept.fetch_max(nanos(MAX_WAIT), Ordering::Relaxed);
                Err(self.turn_away())
            }
        }
    }

    /// How long the last of `waiting` would wait if everybody kept their place as long as others did lately.
    fn expected_wait(&self, waiting: usize) -> Duration {
        let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        let places = u64::try_from(self.places).unwrap_or(u64::MAX).max(1);
        Duration::from_nanos(self.kept.load(Ordering::Relaxed).saturating_mul(waiting) / places)
    }

    fn turn_away(&self) -> Error {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        Error::Busy(MAX_WAIT)
    }

    fn load(&self) -> LaneLoad {
        LaneLoad {
            waiting: self.waiting.load(Ordering::Relaxed),
            turned_away: self.turned_away.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let kept = nanos(self.queue.clock.monotonic().saturating_sub(self.since));
        // Two who leave at once may lose one of their figures; an average does not mind.
        let before = self.queue.kept.load(Ordering::Relaxed);
        self.queue.kept.store(before - before / 8 + kept / 8, Ordering::Relaxed);
    }
}

/// A wait for a place, counted until it ends.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    /// How many wait, this one included.
    number: usize,
}

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize) -> Self {
        Self { count, number: count.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use futures_util::poll;
    use signet_verify::clock::{ManualClock, Timestamp};

    use super::*;

    fn lane(places: Places) -> (Arc<ManualClock>, Lane) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(0)));
        let shared: Arc<dyn Clock> = clock.clone();
        (clock, Lane::new(places, &shared))
    }

    #[tokio::test]
    async fn enter_serves_in_order_and_keeps_reads_and_writes_apart() {
        let (_, lane) = lane(Places { reads: 1, writes: 1 });
        let write = lane.enter(Access::Write).await.unwrap();
        let (mut second, mut third) = (pin!(lane.enter(Access::Write)), pin!(lane.enter(Access::Write)));
        assert!(poll!(second.as_mut()).is_pending() && poll!(third.as_mut()).is_pending());
        drop(lane.enter(Access::Read).await.unwrap());
        assert_eq!(lane.load().map(|load| load.waiting), [0, 2]);
        drop(write);
        let Poll::Ready(Ok(second)) = poll!(second.as_mut()) else { panic!("the second waits on") };
        assert!(poll!(third.as_mut()).is_pending());
        drop(second);
        assert!(matches!(poll!(third.as_mut()), Poll::Ready(Ok(_))));
    }

    #[tokio::test]
    async fn enter_turns_away_at_once_whoever_could_not_be_served_in_time() {
        let (clock, lane) = lane(Places { reads: 1, writes: 2 });
        // Each of the last ones kept its place for 2.4 s.
        for _ in 0..100 {
            let place = lane.enter(Access::Write).await.unwrap();
            clock.advance(Duration::from_millis(2400));
            drop(place);
        }
        let _both = (lane.enter(Access::Write).await.unwrap(), lane.enter(Access::Write).await.unwrap());
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(lane.enter(Access::Write))).collect();
        for wait in &mut waiting {
            assert!(poll!(wait.as_mut()).is_pending());
        }
        assert!(matches!(poll!(pin!(lane.enter(Access::Write))), Poll::Ready(Err(Error::Busy(_)))));
        waiting.pop();
        assert!(poll!(pin!(lane.enter(Access::Write))).is_pending());
        assert_eq!(lane.load()[1], LaneLoad { waiting: 2, turned_away: 1 });
    }

    #[tokio::test]
    async fn enter_bounds_how_many_wait_and_counts_those_who_leave() {
        let (_, lane) = lane(Places { reads: 1, writes: 1 });
        let _reading = lane.enter(Access::Read).await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(lane.enter(Access::Read))).collect();
        for wait in &mut waiting {
            assert!(poll!(wait.as_mut()).is_pending());
        }
        assert!(matches!(poll!(pin!(lane.enter(Access::Read))), Poll::Ready(Err(Error::Busy(_)))));
        drop(waiting);
        assert_eq!(lane.load()[0], LaneLoad { waiting: 0, turned_away: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn enter_gives_up_after_its_time_and_then_turns_others_away_at_once_until_a_place_is_free() {
        let (_, lane) = lane(Places { reads: 1, writes: 1 });
        let kept = lane.enter(Access::Write).await.unwrap();
        // The paused clock of the runtime goes on by itself when everybody waits.
        assert!(matches!(lane.enter(Access::Write).await, Err(Error::Busy(_))));
        let mut second = pin!(lane.enter(Access::Write));
        assert!(poll!(second.as_mut()).is_pending());
        assert!(matches!(poll!(pin!(lane.enter(Access::Write))), Poll::Ready(Err(Error::Busy(_)))));
        drop(kept);
        assert!(matches!(poll!(second.as_mut()), Poll::Ready(Ok(_))));
    }
}
