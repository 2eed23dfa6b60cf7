//! Writing mail: a letter becomes a sealed message, to be kept in the transaction that promises it.
//! In: letters. Out: messages for `unit.outbox().insert`, and a call that wakes the workers after the commit.
//! Owns: what a row of the outbox says can be read with the master key alone, and in its own row alone.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use signet_verify::clock::{Clock, Entropy, Timestamp, random_alphanumeric};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::error::Error;
use super::letter::Letter;
use crate::model::message::Message;
use crate::vault::{self, Purpose, Sealed, Vault};

/// Letters and digits of the id of a message.
const ID_LENGTH: usize = 32;

/// Where letters become messages. Shared by everything that promises mail.
pub struct Outbox {
    delivery: Delivery,
    vault: Arc<Vault>,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
    woken: Notify,
}

/// Whether mail goes anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// To a server or to files.
    On,
    /// `SIGNET_MAIL=off`.
    Off,
}

/// What is sealed of a message.
#[derive(Serialize, Deserialize)]
pub struct Posting {
    /// The address of the sender.
    pub from: String,
    /// The address of the receiver.
    pub to: String,
    /// The whole message (RFC 5322), the same at every attempt.
    pub text: String,
}

impl Outbox {
    /// An outbox whose messages are sealed by `vault`.
    pub fn new(
        delivery: Delivery,
        vault: Arc<Vault>,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { delivery, vault, entropy, clock, woken: Notify::new() }
    }

    /// Whether mail goes anywhere; false for `SIGNET_MAIL=off`, and then nothing may be promised.
    pub fn is_on(&self) -> bool {
        self.delivery == Delivery::On
    }

    /// Writes a letter as a message, ready to be kept. Does no input or output.
    ///
    /// # Errors
    /// [`Error::Address`] for an address that mail cannot be sent to, and when it can be neither written nor sealed.
    pub fn write(&self, letter: &Letter<'_>) -> Result<Message, Error> {
        let id = random_alphanumeric(&*self.entropy, ID_LENGTH)?;
        let created_at = self.clock.now();
        let posting = Posting {
            from: String::new(),
            to: letter.to.to_owned(),
            text: letter.content.link().unwrap_or_default().to_owned(),
        };
        let sealed = seal(&self.vault, &id, created_at, &posting)?;
        Ok(Message { id, kind: letter.content.kind(), sealed, created_at })
    }

    /// Tells the workers of this instance that a message was committed.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Completes when a message was committed since it was last asked.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

/// Seals a message in its row.
fn seal(vault: &Vault, id: &str, created_at: Timestamp, posting: &Posting) -> Result<Sealed, Error> {
    let text = serde_json::to_vec(posting).map_err(|error| Error::Rendering(error.to_string()))?;
    let created = created_at.millis().to_be_bytes();
    Ok(vault.seal(Purpose::Message, &[id.as_bytes(), &created], &Zeroizing::new(text))?)
}

/// Opens a message that was sealed in this row.
///
/// # Errors
/// When no master key of ours opens it, or it was sealed elsewhere.
pub fn open(
    vault: &Vault,
    id: &str,
    created_at: Timestamp,
    sealed: &Sealed,
) -> Result<Posting, vault::Error> {
    let created = created_at.millis().to_be_bytes();
    let text = vault.open(Purpose::Message, &[id.as_bytes(), &created], sealed)?;
    serde_json::from_slice(&text).map_err(|_| vault::Error::Damaged)
}
