//! Writing mail: a letter becomes a sealed message, to be kept in the transaction that promises it.
//! In: letters. Out: messages for `unit.outbox().insert`, and a call that wakes the workers after the commit.
//! Owns: what a row of the outbox says can be read with the master key alone, and in its own row alone.

use std::fmt;
use std::sync::Arc;

use signet_verify::clock::{Clock, Entropy, Timestamp, random_alphanumeric};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::compose::{Posting, compose, is_sender};
use super::error::{Error, StartError};
use super::letter::Letter;
use super::templates::Templates;
use crate::config::{Mail, MailUrl, Sender};
use crate::model::message::Message;
use crate::vault::{self, Purpose, Sealed, Vault};

/// Letters and digits of the id of a message.
const ID_LENGTH: usize = 32;
/// The longest message, in bytes: templates and links are far shorter.
const LONGEST: usize = 256 * 1024;

/// Where letters become messages. Shared by everything that promises mail.
pub struct Outbox {
    url: MailUrl,
    sender: Sender,
    templates: Templates,
    vault: Arc<Vault>,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
    woken: Notify,
}

impl Outbox {
    /// An outbox whose messages are sealed by `vault`; `base_url` is the public base URL.
    ///
    /// # Errors
    /// [`StartError`] for templates that cannot be used, and for a sender that no mail can be from.
    pub fn open(
        settings: &Mail,
        base_url: &str,
        vault: Arc<Vault>,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let templates = Templates::load(&settings.app_name, settings.templates.as_deref())?;
        let sender = settings.sender(base_url);
        if !is_sender(&sender) {
            return Err(StartError::Sender(sender.address));
        }
        let url = settings.url.clone();
        Ok(Self { url, sender, templates, vault, entropy, clock, woken: Notify::new() })
    }

    /// Whether mail goes anywhere; false for `SIGNET_MAIL=off`, and then nothing may be promised.
    pub fn is_on(&self) -> bool {
        !matches!(self.url, MailUrl::Off)
    }

    /// Who mail is from.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Writes a letter as a message, ready to be kept. Does no input or output.
    ///
    /// # Errors
    /// [`Error::Address`] for an address that mail cannot be sent to, and when it can be neither written nor sealed.
    pub fn write(&self, letter: &Letter<'_>) -> Result<Message, Error> {
        let id = random_alphanumeric(&*self.entropy, ID_LENGTH)?;
        let created_at = self.clock.now();
        let rendered = self.templates.render(letter)?;
        let posting = compose(&self.sender, letter.to, rendered, &id, created_at)?;
        if posting.text.len() > LONGEST {
            return Err(Error::Rendering(format!("it has more than {LONGEST} bytes")));
        }
        let sealed = seal(&self.vault, &id, created_at, &posting)?;
        Ok(Message { id, kind: letter.content.kind(), sealed, created_at })
    }

    /// Tells the workers of this instance that a message was committed.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Completes when a message was committed since it was last asked.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Opens a message that was sealed in this row.
    pub(super) fn open_sealed(
        &self,
        id: &str,
        created_at: Timestamp,
        sealed: &Sealed,
    ) -> Result<Posting, vault::Error> {
        open(&self.vault, id, created_at, sealed)
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Seals a message in its row.
///
/// # Errors
/// When it cannot be sealed.
pub(super) fn seal(
    vault: &Vault,
    id: &str,
    created_at: Timestamp,
    posting: &Posting,
) -> Result<Sealed, Error> {
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
