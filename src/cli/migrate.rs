//! `signet migrate`: the schema, without a server.

use signet::app::Storage;
use signet::config::Config;

use super::error::Error;

/// Brings the database to the schema of this version.
///
/// # Errors
/// [`Error::App`].
pub async fn run(config: Config) -> Result<(), Error> {
    Storage::open_for_verb(&config.storage).await?.close().await;
    println!(
        "The database {} has the schema of signet {}.",
        config.storage.database_url.redacted(),
        env!("CARGO_PKG_VERSION")
    );
    Ok(())
}
