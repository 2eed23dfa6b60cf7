//! `signet migrate`: the schema, without a server.

use serde_json::json;
use signet::app::Storage;
use signet::config::Config;

use super::error::Error;
use super::output::Output;

/// Brings the database to the schema of this version.
///
/// # Errors
/// [`Error::App`].
pub async fn run(config: Config, output: Output) -> Result<(), Error> {
    Storage::open_for_verb(&config.storage).await?.close().await;
    let (database, version) = (config.storage.database_url.redacted(), env!("CARGO_PKG_VERSION"));
    output.print(
        || format!("The database {database} has the schema of signet {version}.\n"),
        || json!({ "database": database, "version": version }),
    );
    Ok(())
}
