//! `signet config check`: what the settings amount to, without a server.

use signet::app::{contract, session_bound};
use signet::config::{Config, Settings};
use signet::keys::timeline;

use super::error::Error;
use super::standard_output::{StandardOutput, tell};

/// Prints every setting as it takes effect, and what they promise; creates nothing.
///
/// # Errors
/// [`Error::Settings`], [`Error::App`], [`Error::Output`].
pub fn run(settings: &Settings) -> Result<(), Error> {
    let (config, report) = Config::check(settings)?;
    let contract = config.server.role.serves_identity().then(|| contract(&config)).transpose()?;
    for warning in &report.warnings {
        tell(format_args!("warning: {warning}"));
    }
    let mut output = StandardOutput::new();
    output.print(&report);
    if let Some(contract) = contract {
        output.print(format_args!("\n{}", timeline::render(&contract)));
    }
    output.line(format_args!("\nSessions: {}", session_bound(&config)));
    output.end().map_err(Error::Output)
}
