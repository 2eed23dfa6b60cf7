//! What the rotation needs from a database.
//! In: the rows as they should be. Out: the rows as they are, with the version to which that applies.
//! Owns: who writes on top of a version that has passed is told so and changes nothing.

use std::error::Error;
use std::future::Future;

use crate::model::key_rows::{KeyEvent, KeyRow, Snapshot, Version};
use crate::model::signing_key::KeyRecord;
use crate::store;
use crate::store::keys::Keys;

/// Why rows could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Somebody else has written since the version was read; read again.
    #[error("another process has changed the keys meanwhile")]
    Stale,
    /// The database failed.
    #[error("the key rows cannot be reached: {0}")]
    Database(#[source] Box<dyn Error + Send + Sync>),
}

/// The rows of the signing keys.
pub trait KeyRepository: Send + Sync + 'static {
    /// The keys that matter now, all of the same moment.
    ///
    /// # Errors
    /// [`RepositoryError::Database`].
    fn live(&self) -> impl Future<Output = Result<Snapshot, RepositoryError>> + Send;

    /// Every key that there ever was, newest first.
    ///
    /// # Errors
    /// [`RepositoryError::Database`].
    fn history(&self) -> impl Future<Output = Result<Vec<KeyRecord>, RepositoryError>> + Send;

    /// What happened to the keys, oldest first.
    ///
    /// # Errors
    /// [`RepositoryError::Database`].
    fn events(&self) -> impl Future<Output = Result<Vec<KeyEvent>, RepositoryError>> + Send;

    /// Writes `rows` and `events` on top of the version `expected`: all of it, or nothing.
    ///
    /// # Errors
    /// [`RepositoryError::Stale`] when another write came first, or [`RepositoryError::Database`].
    fn write(
        &self,
        expected: Version,
        rows: &[KeyRow],
        events: &[KeyEvent],
    ) -> impl Future<Output = Result<(), RepositoryError>> + Send;
}

impl From<store::Error> for RepositoryError {
    fn from(error: store::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl KeyRepository for Keys {
    async fn live(&self) -> Result<Snapshot, RepositoryError> {
        Ok(self.snapshot().await?)
    }

    async fn history(&self) -> Result<Vec<KeyRecord>, RepositoryError> {
        Ok(self.records().await?)
    }

    async fn events(&self) -> Result<Vec<KeyEvent>, RepositoryError> {
        Ok(self.past().await?)
    }

    async fn write(
        &self,
        expected: Version,
        rows: &[KeyRow],
        events: &[KeyEvent],
    ) -> Result<(), RepositoryError> {
        if self.put(expected, rows, events).await? { Ok(()) } else { Err(RepositoryError::Stale) }
    }
}
