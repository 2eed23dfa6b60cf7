//! The rows of the signing keys.
//! In: rows as the rotation wants them, with the version it has seen. Out: rows as they are.
//! Owns: a write is one transaction on top of the version it names; unique indexes judge that one key signs and one waits.

use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::Database;
use super::Error as StoreError;
use super::Unit;
use super::rows::moment;
use super::rows::moment_or_none;
use super::scope::Scope;
use crate::model::key_rows::{KeyEvent, KeyRow, Snapshot, Version};
use crate::model::sealed::Sealed;
use crate::model::signing_key::{Event, KeyRecord, KeyState};
use signet_verify::clock::Timestamp;
use signet_verify::crypto::{Algorithm, PublicKey};
use signet_verify::jose::jwk::Kid;

/// The repository of the signing keys.
#[derive(Clone, Debug)]
pub struct Keys {
    database: Database,
}

impl Keys {
    /// The signing keys of `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The keys that are pending, active or retiring, all of the same moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        // One statement, so that version and keys are of the same moment on every database. Keys of algorithms that a
        // later version may add are none of ours.
        let statement = sqlx::query(
            "SELECT r.version, k.kid, k.algorithm, k.public_key, k.sealed_seed, k.master_key, k.state, k.announced_at, \
             k.lead, k.retain, k.requested_at, k.activated_at, k.retired_at, k.removed_at, k.revoked_at, k.reason \
             FROM keyring r LEFT JOIN signing_keys k \
             ON k.algorithm IN ('EdDSA', 'ES256', 'RS256') AND k.state IN ('pending', 'active', 'retiring') WHERE r.id = 1",
        );
        let rows = self.database.fetch_all(statement).await?;
        let first =
            rows.first().ok_or_else(|| StoreError::Corrupt("the table keyring is empty".to_owned()))?;
        let version = Version(first.try_get("version")?);
        let mut keys = Vec::new();
        for row in &rows {
            // Without a live key the join gives one row that has no kid.
            if row.try_get::<Option<String>, _>("kid")?.is_some() {
                keys.push(key_row(row)?);
            }
        }
        Ok(Snapshot { version, keys })
    }

    /// Every key that there ever was, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn records(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let statement = sqlx::query(
            "SELECT kid, algorithm, public_key, state, announced_at, lead, retain, requested_at, activated_at, retired_at, removed_at, \
             revoked_at, reason FROM signing_keys WHERE algorithm IN ('EdDSA', 'ES256', 'RS256') ORDER BY announced_at DESC, kid",
        );
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(record).collect()
    }

    /// What happened to the keys, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn past(&self) -> Result<Vec<KeyEvent>, StoreError> {
        let statement =
            sqlx::query("SELECT kid, event, at, actor, reason FROM key_events ORDER BY version, kid, event");
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(key_event).collect()
    }

    /// Writes `rows` and `events` on top of the version `expected`: all of it, or nothing and false if that has passed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put(
        &self,
        expected: Version,
        rows: &[KeyRow],
        events: &[KeyEvent],
    ) -> Result<bool, StoreError> {
        // Who leaves a state makes room for who enters it: the unique indexes are asked row by row.
        let mut rows: Vec<&KeyRow> = rows.iter().collect();
        rows.sort_by_key(|row| match row.record.state {
            KeyState::Retiring | KeyState::Removed | KeyState::Revoked => 0,
            KeyState::Active => 1,
            KeyState::Pending => 2,
        });
        let rows = &rows;
        self.database.write(|unit| async move { put_all(&unit, expected, rows, events).await }).await
    }
}

/// Writes rows and events on top of the version `expected`; false, with nothing written, if that has passed.
async fn put_all(
    unit: &Unit,
    expected: Version,
    rows: &[&KeyRow],
    events: &[KeyEvent],
) -> Result<bool, StoreError> {
    let next = expected.0.saturating_add(1);
    let raise = sqlx::query("UPDATE keyring SET version = $1 WHERE id = 1 AND version = $2");
    if unit.execute(raise.bind(next).bind(expected.0)).await? != 1 {
        return Ok(false);
    }
    for row in rows {
        put_row(unit, row).await?;
    }
    for event in events {
        let statement = sqlx::query(
            "INSERT INTO key_events (version, kid, event, at, actor, reason) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(next)
        .bind(event.kid.as_ref())
        .bind(event.event.name())
        .bind(event.at.millis())
        .bind(&event.actor)
        .bind(event.reason.as_ref());
        unit.execute(statement).await?;
    }
    Ok(true)
}

/// Writes a key as it should be. What it was made with (public half, algorithm, announcement) never changes.
async fn put_row(unit: &Unit, row: &KeyRow) -> Result<(), StoreError> {
    let KeyRow { record, sealed } = row;
    let millis = |moment: Option<Timestamp>| moment.map(Timestamp::millis);
    let put = sqlx::query(
        "INSERT INTO signing_keys (kid, algorithm, public_key, sealed_seed, master_key, state, announced_at, \
         lead, retain, requested_at, activated_at, retired_at, removed_at, revoked_at, reason) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
         ON CONFLICT (kid) DO UPDATE SET sealed_seed = excluded.sealed_seed, master_key = excluded.master_key, \
         state = excluded.state, lead = excluded.lead, retain = excluded.retain, requested_at = excluded.requested_at, activated_at = excluded.activated_at, \
         retired_at = excluded.retired_at, removed_at = excluded.removed_at, revoked_at = excluded.revoked_at, \
         reason = excluded.reason WHERE signing_keys.state NOT IN ('removed', 'revoked')",
    )
    .bind(record.kid.as_ref())
    .bind(record.algorithm().name())
    .bind(record.public.as_bytes())
    .bind(sealed.as_ref().map(|sealed| sealed.bytes.clone()))
    .bind(sealed.as_ref().map(|sealed| sealed.master_key.clone()))
    .bind(record.state.name())
    .bind(record.announced_at.millis())
    .bind(span_millis(record.lead))
    .bind(span_millis(record.retain))
    .bind(millis(record.requested_at))
    .bind(millis(record.activated_at))
    .bind(millis(record.retired_at))
    .bind(millis(record.removed_at))
    .bind(millis(record.revoked_at))
    .bind(record.reason.clone());
    // What is removed or revoked never comes back.
    if unit.execute(put).await? == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

fn key_row(row: &AnyRow) -> Result<KeyRow, StoreError> {
    let bytes: Option<Vec<u8>> = row.try_get("sealed_seed")?;
    let master_key: Option<String> = row.try_get("master_key")?;
    let sealed = bytes.zip(master_key).map(|(bytes, master_key)| Sealed { bytes, master_key });
    Ok(KeyRow { record: record(row)?, sealed })
}

fn record(row: &AnyRow) -> Result<KeyRecord, StoreError> {
    let kid = kid(row)?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of signing key {kid}"));
    let algorithm: String = row.try_get("algorithm")?;
    let algorithm: Algorithm = algorithm.parse().map_err(|_| corrupt("the algorithm"))?;
    let public: Vec<u8> = row.try_get("public_key")?;
    let state: String = row.try_get("state")?;
    Ok(KeyRecord {
        public: PublicKey::from_bytes(algorithm, &public).map_err(|_| corrupt("the public half"))?,
        state: KeyState::parse(&state).ok_or_else(|| corrupt("the state"))?,
        announced_at: moment(row, "announced_at")?,
        lead: span(row, "lead")?,
        retain: span(row, "retain")?,
        requested_at: moment_or_none(row, "requested_at")?,
        activated_at: moment_or_none(row, "activated_at")?,
        retired_at: moment_or_none(row, "retired_at")?,
        removed_at: moment_or_none(row, "removed_at")?,
        revoked_at: moment_or_none(row, "revoked_at")?,
        reason: row.try_get("reason")?,
        kid,
    })
}

fn key_event(row: &AnyRow) -> Result<KeyEvent, StoreError> {
    let event: String = row.try_get("event")?;
    Ok(KeyEvent {
        at: moment(row, "at")?,
        kid: kid(row)?,
        event: Event::parse(&event)
            .ok_or_else(|| StoreError::Corrupt("an event of the signing keys".to_owned()))?,
        actor: row.try_get("actor")?,
        reason: row.try_get("reason")?,
    })
}

fn span_millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// A span out of a BIGINT column of milliseconds.
fn span(row: &AnyRow, column: &'static str) -> Result<Duration, StoreError> {
    let millis = u64::try_from(row.try_get::<i64, _>(column)?);
    millis.map(Duration::from_millis).map_err(|_| StoreError::Corrupt(format!("{column} of a signing key")))
}

fn kid(row: &AnyRow) -> Result<Kid, StoreError> {
    let text: String = row.try_get("kid")?;
    Kid::parse(&text).ok_or_else(|| StoreError::Corrupt("the name of a signing key".to_owned()))
}
