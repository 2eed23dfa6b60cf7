//! `signet serve`: a server, until it is told to stop.

use signet::app::{App, Environment, Shutdown, session_bound};
use signet::config::Config;
use signet::http::server;

use super::error::Error;
use super::log;

/// Serves until a signal tells it to stop: SIGTERM, SIGINT (Ctrl-C), SIGQUIT, or SIGHUP (the terminal is gone).
///
/// # Errors
/// [`Error::App`] when it does not start; [`Error::Log`].
pub async fn run(config: Config) -> Result<(), Error> {
    let log = log::start(config.server.otlp_endpoint.as_deref())?;
    if let Err(error) = server::raise_descriptor_limit(config.limits.connections) {
        tracing::warn!(%error, "the limit of open files stays");
    }
    let role = config.server.role;
    let bound = session_bound(&config);
    let app = App::bind(config, Environment::system()).await?;
    // Before the log says that we serve; until then a signal ends the process at once.
    let stop = stop_signal();
    for notice in app.startup_notices() {
        tracing::warn!("{notice}");
    }
    tracing::info!(
        address = %app.address(),
        issuer = app.base_url(),
        docs = format!("http://{}/docs", app.address()),
        ?role,
        "signet {} serves",
        env!("CARGO_PKG_VERSION"),
    );
    tracing::info!("{}", app.trusted_pages());
    if let Some(address) = app.metrics_address() {
        tracing::info!(%address, "metrics have an address of their own");
    }
    if let Some(contract) = app.contract() {
        tracing::info!(
            revocation_bound = ?contract.revocation_bound(),
            lead = ?contract.lead(),
            retain = ?contract.retain(),
            "a revoked key is refused everywhere within the bound; a new key is public for `lead` before it signs"
        );
    }
    tracing::info!("{bound}");
    if app.run(stop).await == Shutdown::TimedOut {
        tracing::warn!("some requests did not finish in time");
    }
    tracing::info!("stopped");
    log.end().await;
    Ok(())
}

/// Completes on the first signal that tells a server to stop, also on one that comes before it is waited for.
/// From then on no other one of them does anything, nor do those that mean nothing here: what is running may end.
///
/// SIGHUP is left alone where whoever started the process had it ignored, as `nohup` does.
#[cfg(unix)]
fn stop_signal() -> impl Future<Output = ()> {
    use futures_util::stream::{FuturesUnordered, StreamExt};
    use tokio::signal::unix::{SignalKind, signal};
    let hangup = (!ignores_hangup()).then(SignalKind::hangup);
    let stops =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()].into_iter().chain(hangup);
    // A handler once installed stays; without one, the system would end the process.
    for meaningless in [SignalKind::user_defined1(), SignalKind::user_defined2()] {
        let _never_waited_for = signal(meaningless);
    }
    let signals: Vec<_> = stops.filter_map(|kind| signal(kind).ok()).collect();
    async move {
        let waiting = signals.into_iter().map(|mut signal| async move { signal.recv().await });
        let mut waiting: FuturesUnordered<_> = waiting.collect();
        if waiting.next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether SIGHUP was ignored when the process began, where the system says so (proc(5)).
#[cfg(unix)]
fn ignores_hangup() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & HANGUP != 0)
}

/// Completes on Ctrl-C.
#[cfg(not(unix))]
async fn stop_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
