//! What the rotation needs from a database.
//! In: the rows as they should be. Out: the rows as they are, with the version to which that applies.
//! Owns: who writes on top of a version that has passed is told so and changes nothing.

use std::error::Error;
use std::future::Future;

use crate::keys::lifecycle::{Event, KeyRecord};
use crate::vault::Sealed;
use signet_verify::clock::Timestamp;
use signet_verify::jose::jwk::Kid;

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// What is known of it.
    pub record: KeyRecord,
    /// Its private half; dropped as soon as it signs no more.
    pub sealed: Option<Sealed>,
}

/// Counts the writes to the key rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(pub i64);

/// The keys that are pending, active or retiring, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// What a write has to name.
    pub version: Version,
    /// The keys, in no particular order.
    pub keys: Vec<KeyRow>,
}

/// An entry of the record of what happened to the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// When.
    pub at: Timestamp,
    /// To which key.
    pub kid: Kid,
    /// What.
    pub event: Event,
    /// By whom: a person, or `rotation`.
    pub actor: String,
    /// Why, if somebody said so.
    pub reason: Option<String>,
}

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
