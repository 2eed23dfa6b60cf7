//! A future that stops at one of its awaits until it is told to go on.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Stops where it has waited for the last time that it may.
pub struct Paused<F: Future> {
    inner: Pin<Box<F>>,
    /// How often it may wait before it stops.
    left: u32,
    paused: bool,
    output: Option<F::Output>,
}

impl<F: Future> Paused<F> {
    /// Lets `inner` go on over so many awaits, and stops it at the next one.
    pub fn after(awaits: u32, inner: F) -> Self {
        Self { inner: Box::pin(inner), left: awaits, paused: false, output: None }
    }

    /// Whether it stands still at an await.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Lets it go on to its end.
    pub fn resume(&mut self) {
        (self.paused, self.left) = (false, u32::MAX);
    }

    /// Runs it until it stops or ends.
    pub async fn until_paused(mut self: Pin<&mut Self>) {
        poll_fn(|context| match self.as_mut().advance(context) {
            Poll::Pending if !self.is_paused() => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
    }

    fn advance(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.output.is_some() {
            return Poll::Ready(());
        }
        if this.paused {
            return Poll::Pending;
        }
        match this.inner.as_mut().poll(context) {
            Poll::Ready(output) => {
                this.output = Some(output);
                Poll::Ready(())
            }
            Poll::Pending => {
                match this.left {
                    0 => this.paused = true,
                    _ => this.left -= 1,
                }
                Poll::Pending
            }
        }
    }
}

impl<F: Future> Unpin for Paused<F> {}

impl<F: Future> Future for Paused<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.as_mut().advance(context) {
            Poll::Ready(()) => Poll::Ready(self.output.take().unwrap()),
            Poll::Pending => Poll::Pending,
        }
    }
}
