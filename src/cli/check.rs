//! `signet config check`: what the settings amount to, without a server.

use signet::app::{contract, session_bound};
use signet::config::{Config, Settings};
use signet::keys::timeline;

use super::error::Error;

/// Prints every setting as it takes effect, and what they promise; creates nothing.
///
/// # Errors
/// [`Error::Settings`], [`Error::App`].
pub fn run(settings: &Settings) -> Result<(), Error> {
    let (config, report) = Config::check(settings)?;
    let contract = config.server.role.serves_identity().then(|| contract(&config)).transpose()?;
    for warning in &report.warnings {
        eprintln!("signet: warning: {warning}");
    }
    print!("{report}");
    if let Some(contract) = contract {
        print!("\n{}", timeline::render(&contract));
    }
    println!("\nSessions: {}", session_bound(&config));
    Ok(())
}
