//! What goes on in the background of a running server.
//! In: workers, each with a name. Out: tasks that end when the server does.
//! Owns: none outlives the server, and one that panics is in the log.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A task to be started.
pub(super) struct Worker {
    name: &'static str,
    run: Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>,
}

/// When a worker that does its work again and again does so next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// When the interval is over.
    AfterInterval,
    /// Now: there was more than could be done at once.
    AtOnce,
}

impl Worker {
    /// One that ends by itself soon after it is told to stop.
    pub(super) fn new<F>(
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { name, run: Box::new(move |stop| run(stop).boxed()) }
    }

    /// One that can be left off at any time.
    pub(super) fn cancelled_at_stop(
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self::new(name, move |stop| async move {
            stop.run_until_cancelled_owned(work).await;
        })
    }

    /// One that works at once and then at every `interval`; what it has begun it finishes.
    pub(super) fn every<F>(
        name: &'static str,
        interval: Duration,
        mut work: impl FnMut() -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Next> + Send + 'static,
    {
        Self::new(name, move |stop| async move {
            let mut interval = tokio::time::interval(interval);
            while stop.run_until_cancelled(interval.tick()).await.is_some() {
                if work().await == Next::AtOnce {
                    interval.reset_immediately();
                }
            }
        })
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Worker").field(&self.name).finish()
    }
}

/// Workers that run; dropped, they are told to stop.
pub(super) struct Workers {
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Workers {
    /// Starts them all.
    pub(super) fn start(workers: Vec<Worker>) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        for Worker { name, run } in workers {
            let work = AssertUnwindSafe(run(stop.clone())).catch_unwind();
            tasks.spawn(async move {
                if work.await.is_err() {
                    tracing::error!(worker = name, "a background worker has panicked and is gone");
                }
            });
        }
        Self { tasks, stop: stop.drop_guard() }
    }

    /// Tells them to stop, and waits until they have.
    pub(super) async fn stop(self) {
        drop(self.stop);
        self.tasks.close();
        self.tasks.wait().await;
    }
}
