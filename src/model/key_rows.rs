//! The signing keys as they are kept: the rows of one moment, and the record of what happened.

use signet_verify::clock::Timestamp;
use signet_verify::jose::jwk::Kid;

use crate::model::sealed::Sealed;
use crate::model::signing_key::{Event, KeyRecord};

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
    /// The reason, if one was given.
    pub reason: Option<String>,
}
