//! Key rows whose every change is published to the other instances.
//! In: rows as the rotation writes them. Out: the same rows, and a message that they have changed.
//! Owns: nothing is published that was not written; what cannot be sent is found by the others' own reading.

use std::sync::Arc;

use crate::keys::repository;
use crate::keys::repository::KeyRepository;
use crate::model::key_rows::KeyEvent;
use crate::model::key_rows::KeyRow;
use crate::model::key_rows::Snapshot;
use crate::model::key_rows::Version;
use crate::model::signing_key::KeyRecord;
use crate::sync::redis::Redis;

/// Key rows of a deployment.
#[derive(Debug)]
pub struct Notifying<R> {
    rows: R,
    redis: Option<Arc<Redis>>,
}

impl<R> Notifying<R> {
    /// The rows, whose changes are published through `redis` where there is one.
    pub fn new(rows: R, redis: Option<Arc<Redis>>) -> Self {
        Self { rows, redis }
    }
}

impl<R: KeyRepository> KeyRepository for Notifying<R> {
    async fn live(&self) -> Result<Snapshot, repository::Error> {
        self.rows.live().await
    }

    async fn history(&self) -> Result<Vec<KeyRecord>, repository::Error> {
        self.rows.history().await
    }

    async fn events(&self) -> Result<Vec<KeyEvent>, repository::Error> {
        self.rows.events().await
    }

    async fn write(
        &self,
        expected: Version,
        rows: &[KeyRow],
        events: &[KeyEvent],
    ) -> Result<(), repository::Error> {
        self.rows.write(expected, rows, events).await?;
        if let Some(redis) = &self.redis {
            redis.publish_keys_changed().await;
        }
        Ok(())
    }
}
