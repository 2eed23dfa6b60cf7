//! The `signet` binary: reads the command line and hands over to the library.

use std::process::ExitCode;

use cli::{Command, ConfigCommand, Document, KeysCommand, TokenCommand};
use signet::app::{Ambient, App, StartError, session_bound};
use signet::config::{Config, Settings};
use signet::http::docs;

mod cli;

fn main() -> ExitCode {
    // What we write (secrets, a database of password hashes) is nobody else's business on this machine.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    match cli::parse(std::env::args_os()) {
        Command::Serve(settings) => with_config(&settings, serve),
        Command::Migrate(settings) => with_config(&settings, cli::migrate::migrate),
        Command::Keys(command) => keys(command),
        Command::Config(ConfigCommand::Check(settings)) => cli::check_config(&settings),
        Command::Token(TokenCommand::Inspect { token }) => cli::inspect::run(token),
        Command::Openapi { document: Document::Identity } => cli::print(&docs::identity_document()),
        Command::Openapi { document: Document::Tasks } => cli::print(&docs::tasks_document()),
    }
}

/// `signet keys …`.
fn keys(command: KeysCommand) -> ExitCode {
    match command {
        KeysCommand::List { events, settings } => {
            with_config(&settings, |config| cli::keys::list(config, events))
        }
        KeysCommand::Rotate { now, reason, settings } => {
            with_config(&settings, |config| cli::keys::rotate(config, now, reason))
        }
        KeysCommand::Revoke { kid, reason, abandon, settings } => {
            with_config(&settings, |config| cli::keys::revoke(config, kid, reason, abandon))
        }
        KeysCommand::Export { kid, sealed, settings } => {
            with_config(&settings, |config| cli::keys::export(config, kid, sealed))
        }
        KeysCommand::Import { file, kid, verify_only, keep_for, reason, settings } => {
            let import = cli::keys::Import { file, kid, verify_only, keep_for, reason };
            with_config(&settings, |config| cli::keys::import(config, import))
        }
        KeysCommand::Rewrap { dry_run, settings } => {
            with_config(&settings, |config| cli::keys::rewrap(config, dry_run))
        }
    }
}

/// Judges the settings, starts the runtime, and turns a failure into one sentence and an exit code.
fn with_config<F>(settings: &Settings, verb: impl FnOnce(Config) -> F) -> ExitCode
where
    F: Future<Output = Result<(), StartError>>,
{
    let config = match Config::resolve(settings) {
        Ok(config) => config,
        Err(faults) => return cli::report_faults(&faults),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => {
            eprintln!("signet: the runtime does not start: {fault}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(verb(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("signet: {fault}");
            if fault.is_usage() { ExitCode::from(cli::EXIT_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// `signet serve`.
async fn serve(config: Config) -> Result<(), StartError> {
    let log = cli::log::start(config.server.otlp_endpoint.as_deref())?;
    let role = config.server.role;
    let bound = session_bound(&config);
    let app = App::bind(config, Ambient::system()).await?;
    for note in app.notes() {
        tracing::warn!("{note}");
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
    if !app.run(stop_signal()).await {
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
