//! Runs operations step by step, in an order that a schedule names.
//! In: futures, and whose turn it is for how many steps. Out: what each came to.
//! Owns: a step is what lies between two places where an operation waits; nobody else moves meanwhile.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// How long an operation may wait before it counts as one that waits for another. It is no promise about time: a slow
/// machine only lets the others go on sooner.
const WAITS_FOR_ANOTHER: Duration = Duration::from_millis(100);
/// How long all of them may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Whose turn it is, for how many steps.
pub type Turn = (usize, usize);

struct Signal {
    woken: AtomicBool,
    notify: Notify,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.notify.notify_one();
    }
}

/// An operation that is under way.
pub struct Running<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    signal: Arc<Signal>,
    done: Option<T>,
    /// How many steps it has made.
    pub steps: usize,
}

impl<T> Running<T> {
    pub fn new(future: impl Future<Output = T> + 'static) -> Self {
        let signal = Arc::new(Signal { woken: AtomicBool::new(true), notify: Notify::new() });
        Self { future: Box::pin(future), signal, done: None, steps: 0 }
    }

    /// Makes one step; says no if it is done, or waits for another.
    async fn step(&mut self) -> bool {
        if self.done.is_some() {
            return false;
        }
        // Whoever holds a lock of the runtime's, or its budget, comes first.
        tokio::task::yield_now().await;
        let woken = async {
            while !self.signal.woken.swap(false, Ordering::SeqCst) {
                self.signal.notify.notified().await;
            }
        };
        if timeout(WAITS_FOR_ANOTHER, woken).await.is_err() {
            return false;
        }
        self.steps += 1;
        let waker = Waker::from(self.signal.clone());
        if let Poll::Ready(outcome) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.done = Some(outcome);
        }
        true
    }
}

/// Runs all of them to their end: first as `turns` say, then one after the other. `after_each` runs between steps.
/// Answers what each came to, and how many steps it took.
pub async fn run<T>(mut all: Vec<Running<T>>, turns: &[Turn], after_each: impl Fn()) -> Vec<(T, usize)> {
    for (which, steps) in turns {
        for _ in 0..*steps {
            if !all[*which].step().await {
                break;
            }
            after_each();
        }
    }
    let to_the_end = async {
        while all.iter().any(|one| one.done.is_none()) {
            for one in &mut all {
                while one.step().await {
                    after_each();
                }
            }
        }
    };
    timeout(LONGEST, to_the_end).await.expect("they wait for each other");
    all.into_iter().map(|one| (one.done.expect("it is done"), one.steps)).collect()
}
