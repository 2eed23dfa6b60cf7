//! `signet serve`: a server, until it is told to stop.

use signet::app::{App, Environment, Shutdown, session_bound};
use signet::config::Config;
use signet::http::server;

use super::error::Error;
use super::log;

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// [`Error::App`] when it does not start; [`Error::Log`].
pub async fn run(config: Config) -> Result<(), Error> {
    let log = log::start(config.server.otlp_endpoint.as_deref())?;
    if let Err(error) = server::raise_descriptor_limit() {
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

/// Completes on Ctrl-C or SIGTERM, also on those that come before it is polled.
#[cfg(unix)]
fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        let [interrupt, terminate] = signals.map(|signal| async move {
            match signal {
                Ok(mut signal) => signal.recv().await,
                Err(_) => std::future::pending().await,
            }
        });
        tokio::select! {
            _ = interrupt => {}
            _ = terminate => {}
        }
    }
}

/// Completes on Ctrl-C.
#[cfg(not(unix))]
async fn stop_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
