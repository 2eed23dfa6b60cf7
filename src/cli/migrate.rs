//! `signet migrate`: the schema, without a server.

use signet::app::Storage;
use signet::config::Config;

use super::error::Error;
use super::standard_output::StandardOutput;

/// Brings the database to the schema of this version.
///
/// # Errors
/// [`Error::App`], [`Error::Output`].
pub async fn run(config: Config) -> Result<(), Error> {
    Storage::open_for_verb(&config.storage).await?.close().await;
    let mut output = StandardOutput::new();
    output.line(format_args!(
        "The database {} has the schema of signet {}.",
        config.storage.database_url.redacted(),
        env!("CARGO_PKG_VERSION")
    ));
    output.end().map_err(Error::Output)
}
