//! `signet migrate`: the schema, without a server.

use signet::app::StartError;
use signet::config::Config;
use signet::store::Database;

/// `signet migrate`.
pub async fn migrate(config: Config) -> Result<(), StartError> {
    let database = Database::open(config.database_url.expose(), 2).await?;
    database.migrate().await?;
    println!(
        "The database {} has the schema of signet {}.",
        config.database_url.redacted(),
        env!("CARGO_PKG_VERSION")
    );
    database.close().await;
    Ok(())
}
