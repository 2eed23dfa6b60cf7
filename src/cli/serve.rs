//! `signet serve`: a server, until it is told to stop.

use signet::app::{App, Environment, Shutdown, session_bound};
use signet::config::Config;
use signet::http::server;

use super::{Error, log};

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
    if app.run(stop_signal()).await == Shutdown::TimedOut {
        tracing::warn!("some requests did not finish in time");
    }
    tracing::info!("stopped");
    log.end().await;
    Ok(())
}

/// Completes on Ctrl-C or SIGTERM.
async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
