//! Waiting for something that happens in the background.

use std::time::Duration;

use signet_verify::clock::{Clock, SystemClock};

/// How long anything may take on a machine that is busy with other things. Nothing waits that long on an idle one.
pub const LONGEST: Duration = Duration::from_secs(60);

/// Looks until `holds`.
///
/// # Panics
/// When it never does.
#[track_caller]
pub fn until(what: &str, holds: impl AsyncFn() -> bool) -> impl Future<Output = ()> {
    until_for(LONGEST, what, holds)
}

/// The same, for what takes a minute and longer by itself.
///
/// # Panics
/// When it does not hold within `longest`.
#[track_caller]
pub fn until_for(longest: Duration, what: &str, holds: impl AsyncFn() -> bool) -> impl Future<Output = ()> {
    let asked_at = std::panic::Location::caller();
    async move {
        let clock = SystemClock::new();
        while !holds().await {
            assert!(clock.monotonic() < longest, "never: {what} ({asked_at})");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The same, on the thread that asks.
///
/// # Panics
/// When it never holds.
#[track_caller]
pub fn until_blocking(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !holds() {
        assert!(clock.monotonic() < LONGEST, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
