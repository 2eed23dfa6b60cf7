//! The database, opened and migrated.
//! In: its URL. Out: one pool for requests and one for upkeep, or a small one for a verb.

use super::error::Error;
use crate::config;
use crate::store::Database;

/// Connections for requests.
const REQUEST_CONNECTIONS: u32 = 16;
/// Connections for what must go on whatever requests do: rotation, revocations of other instances, cleanup.
const UPKEEP_CONNECTIONS: u32 = 3;
/// Connections of a verb of the command line.
const VERB_CONNECTIONS: u32 = 2;

/// Two pools of one database, so that requests cannot keep upkeep from its work.
#[derive(Clone, Debug)]
pub struct Storage {
    /// For requests.
    pub requests: Database,
    /// For what goes on in the background.
    pub upkeep: Database,
}

impl Storage {
    /// Opens the database for a server, and brings it to the schema of this version.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Store`].
    pub async fn open(config: &config::Storage) -> Result<Self, Error> {
        let url = config.database_url.expose();
        let requests = Database::open(url, REQUEST_CONNECTIONS).await?;
        requests.migrate().await?;
        let upkeep = requests.with_own_pool(url, UPKEEP_CONNECTIONS).await?;
        Ok(Self { requests, upkeep })
    }

    /// Opens the database for a verb of the command line, and brings it to the schema of this version.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Store`].
    pub async fn open_for_verb(config: &config::Storage) -> Result<Database, Error> {
        let database = Database::open(config.database_url.expose(), VERB_CONNECTIONS).await?;
        database.migrate().await?;
        Ok(database)
    }

    /// Closes every connection.
    pub async fn close(self) {
        self.requests.close().await;
        self.upkeep.close().await;
    }
}
