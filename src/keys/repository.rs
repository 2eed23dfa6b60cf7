//! What the rotation needs from a database.
//! In: the rows as they should be. Out: the rows as they are, with the version to which that applies.
//! Owns: who writes on top of a version that has passed is told so and changes nothing.

use std::future::Future;

use crate::model::key_rows::{KeyEvent, KeyRow, Snapshot, Version};
use crate::model::signing_key::KeyRecord;
use crate::store;
use crate::store::keys::Keys;

/// Why rows could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has written since the version was read; read again.
    #[error("another process has changed the keys meanwhile")]
    Stale,
    /// The database failed.
    #[error("the key rows cannot be reached: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The rows of the signing keys.
pub trait KeyRepository: Send + Sync + 'static {
    /// The keys that matter now, all of the same moment.
    ///
    /// # Errors
    /// [`Error::Database`].
    fn live(&self) -> impl Future<Output = Result<Snapshot, Error>> + Send;

    /// Every key that there ever was, newest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    fn history(&self) -> impl Future<Output = Result<Vec<KeyRecord>, Error>> + Send;

    /// What happened to the keys, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    fn events(&self) -> impl Future<Output = Result<Vec<KeyEvent>, Error>> + Send;

    /// Writes `rows` and `events` on top of the version `expected`: all of it, or nothing.
    ///
    /// # Errors
    /// [`Error::Stale`] when another write came first, or [`Error::Database`].
    fn write(
        &self,
        expected: Version,
        rows: &[KeyRow],
        events: &[KeyEvent],
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl KeyRepository for Keys {
    async fn live(&self) -> Result<Snapshot, Error> {
        Ok(self.snapshot().await?)
    }

    async fn history(&self) -> Result<Vec<KeyRecord>, Error> {
        Ok(self.records().await?)
    }

    async fn events(&self) -> Result<Vec<KeyEvent>, Error> {
        Ok(self.past().await?)
    }

    async fn write(&self, expected: Version, rows: &[KeyRow], events: &[KeyEvent]) -> Result<(), Error> {
        if self.put(expected, rows, events).await? { Ok(()) } else { Err(Error::Stale) }
    }
}
