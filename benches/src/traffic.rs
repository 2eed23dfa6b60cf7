//! Load on a server: as fast as it goes, or at a given rate whatever the server does.
//! In: requests. Out: how many were answered, and how long each took.
//! Owns: at a given rate a request is timed from when it was due, so that a server that stalls cannot hide whom it kept waiting.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use signet_verify::clock::{Clock, SystemClock};
use tokio::sync::{Mutex, mpsc};

use crate::client::Connection;

/// What is asked for, again and again.
#[derive(Debug)]
pub struct Course {
    /// What it is called in the table.
    pub name: &'static str,
    /// Who is asked.
    pub address: SocketAddr,
    /// The requests, in turn.
    pub requests: Vec<Vec<u8>>,
    /// The status that every answer has.
    pub status: u16,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How long each answer took, in nanoseconds; in no order.
    pub nanos: Vec<u64>,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Outcome {
    /// Answers per second.
    pub fn rate(&self) -> f64 {
        self.nanos.len() as f64 / self.took.as_secs_f64()
    }

    /// The time that all but `share` of the answers kept within.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.nanos.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        Duration::from_nanos(sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default())
    }

    /// This outcome and another.
    pub fn extend(&mut self, other: Self) {
        self.nanos.extend(other.nanos);
        self.took += other.took;
    }
}

/// Asks on `connections` connections for `length`, each as soon as it has its last answer.
pub async fn as_fast_as_it_goes(course: &Arc<Course>, connections: usize, length: Duration) -> Outcome {
    let clock = Arc::new(SystemClock::new());
    let over = Arc::new(AtomicBool::new(false));
    let runners: Vec<_> = (0..connections)
        .map(|number| {
            let (course, clock, over) = (course.clone(), clock.clone(), over.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(course.address).await.unwrap();
                let mut nanos = Vec::with_capacity(8192);
                let mut next = number * course.requests.len() / connections;
                while !over.load(Ordering::Relaxed) {
                    next = (next + 1) % course.requests.len();
                    let asked = clock.monotonic();
                    let status = connection.ask(&course.requests[next]).await.unwrap().status;
                    assert_eq!(status, course.status, "{}", course.name);
                    nanos.push((clock.monotonic() - asked).as_nanos() as u64);
                }
                nanos
            })
        })
        .collect();
    tokio::time::sleep(length).await;
    over.store(true, Ordering::Relaxed);
    let mut nanos = Vec::new();
    for runner in runners {
        nanos.extend(runner.await.unwrap());
    }
    Outcome { nanos, took: clock.monotonic() }
}

/// Asks `rate` times a second for `length`, on up to `connections` connections.
pub async fn at_a_rate(course: &Arc<Course>, connections: usize, rate: f64, length: Duration) -> Outcome {
    let clock = Arc::new(SystemClock::new());
    let (due, queue) = mpsc::unbounded_channel::<Duration>();
    let (queue, next) = (Arc::new(Mutex::new(queue)), Arc::new(AtomicUsize::new(0)));
    let mut runners = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(course.address).await.unwrap();
        let (course, clock) = (course.clone(), clock.clone());
        let (queue, next) = (queue.clone(), next.clone());
        runners.push(tokio::spawn(async move {
            let mut nanos = Vec::with_capacity(8192);
            loop {
                let Some(due) = queue.lock().await.recv().await else { return nanos };
                let number = next.fetch_add(1, Ordering::Relaxed) % course.requests.len();
                let status = connection.ask(&course.requests[number]).await.unwrap().status;
                assert_eq!(status, course.status, "{}", course.name);
                nanos.push((clock.monotonic().saturating_sub(due)).as_nanos() as u64);
            }
        }));
    }
    // A thread of its own: the runtime's timers know milliseconds only.
    let pace = clock.clone();
    let pacer = std::thread::spawn(move || {
        let begin = pace.monotonic();
        for number in 0..(rate * length.as_secs_f64()) as u64 {
            let moment = begin + Duration::from_secs_f64(number as f64 / rate);
            let early = moment.saturating_sub(pace.monotonic());
            if !early.is_zero() {
                std::thread::sleep(early);
            }
            if due.send(moment).is_err() {
                return begin;
            }
        }
        begin
    });
    let mut nanos = Vec::new();
    for runner in runners {
        nanos.extend(runner.await.unwrap());
    }
    let begin = pacer.join().unwrap();
    Outcome { nanos, took: clock.monotonic() - begin }
}
