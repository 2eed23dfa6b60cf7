//! `signet config check`: what the settings amount to, without a server.

use signet::app::{contract, session_bound};
use signet::config::{Config, Settings};
use signet::keys::timeline;

use super::error::Error;
use super::output::Output;
use super::shapes;

/// Prints every setting as it takes effect, and what they promise; creates nothing.
///
/// # Errors
/// [`Error::Settings`], [`Error::App`].
pub fn run(settings: &Settings, output: Output) -> Result<(), Error> {
    let (config, report) = Config::check(settings)?;
    let contract = config.server.role.serves_identity().then(|| contract(&config)).transpose()?;
    for warning in &report.warnings {
        eprintln!("signet: warning: {warning}");
    }
    let text = || {
        let calendar =
            contract.as_ref().map(|contract| format!("\n{}", timeline::render(contract))).unwrap_or_default();
        format!("{report}{calendar}\nSessions: {}\n", session_bound(&config))
    };
    output.print(text, || shapes::config(&report, contract.as_ref()));
    Ok(())
}
