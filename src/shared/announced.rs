//! Key rows whose every change is told to the other instances.
//! In: rows as the rotation writes them. Out: the same rows, and the word that they have changed.
//! Owns: nothing is told that was not written; what cannot be told is found by the others' own reading.

use std::sync::Arc;

use super::link::Link;
use crate::keys::lifecycle::KeyRecord;
use crate::keys::repository::{KeyEvent, KeyRepository, KeyRow, RepositoryError, Snapshot, Version};

/// Key rows of a deployment.
#[derive(Debug)]
pub struct Announced<R> {
    rows: R,
    link: Option<Arc<Link>>,
}

impl<R> Announced<R> {
    /// The rows, whose changes are told through `link` where there are others to tell.
    pub fn new(rows: R, link: Option<Arc<Link>>) -> Self {
        Self { rows, link }
    }
}

impl<R: KeyRepository> KeyRepository for Announced<R> {
    async fn live(&self) -> Result<Snapshot, RepositoryError> {
        self.rows.live().await
    }

    async fn history(&self) -> Result<Vec<KeyRecord>, RepositoryError> {
        self.rows.history().await
    }

    async fn events(&self) -> Result<Vec<KeyEvent>, RepositoryError> {
        self.rows.events().await
    }

    async fn write(
        &self,
        expected: Version,
        rows: &[KeyRow],
        events: &[KeyEvent],
    ) -> Result<(), RepositoryError> {
        self.rows.write(expected, rows, events).await?;
        if let Some(link) = &self.link {
            link.tell_of_keys(None).await;
        }
        Ok(())
    }
}
