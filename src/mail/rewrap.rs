//! Seals messages anew, so that no old master key is needed for them.
//! In: messages that lie sealed under another master key. Out: how many there were, and which do not open.
//! Owns: a message that is sent meanwhile stays without its text.

use super::error::Error;
use super::outbox::{open, seal};
use crate::keys::commands::Rewrap;
use crate::store::{Database, Error as StoreError};
use crate::vault::Vault;

/// How many messages are read at once.
const AT_ONCE: u32 = 100;

/// What it came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewrappedMessages {
    /// How many are sealed under the current master key now; with a dry run, that would be.
    pub rewrapped: u64,
    /// Those that no master key of ours opens, with the reason.
    pub unreadable: Vec<(String, String)>,
}

/// Why messages cannot be sealed anew.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sealing.
    #[error(transparent)]
    Seal(#[from] Error),
}

/// Seals every message that waits or is parked under the current master key of `vault`. A dry run opens everything and
/// writes nothing.
///
/// # Errors
/// [`RewrapError`]; messages that cannot be opened are part of the answer.
pub async fn rewrap(
    database: &Database,
    vault: &Vault,
    mode: Rewrap,
) -> Result<RewrappedMessages, RewrapError> {
    let (rows, mut outcome, mut after) = (database.outbox(), RewrappedMessages::default(), String::new());
    loop {
        let messages = rows.sealed_otherwise(vault.master_key(), &after, AT_ONCE).await?;
        let Some(last) = messages.last() else { return Ok(outcome) };
        after.clone_from(&last.id);
        for message in &messages {
            match open(vault, &message.id, message.created_at, &message.sealed) {
                Err(why) => outcome.unreadable.push((message.id.clone(), why.to_string())),
                Ok(_) if mode == Rewrap::DryRun => outcome.rewrapped += 1,
                Ok(posting) => {
                    let sealed = seal(vault, &message.id, message.created_at, &posting)?;
                    outcome.rewrapped += u64::from(rows.reseal(message, &sealed).await?);
                }
            }
        }
    }
}
