//! Where messages are handed over: a mail server, or a folder.
//! In: whole messages. Out: that the next one has it, or why not, and whether trying again may help.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;

use super::attempt::Failure;
pub use super::attempt::Limits;
use super::compose::Posting;
use super::error::StartError;
use super::file;
use super::smtp::{Ready, Smtp};
use crate::config::{MailUrl, Sender};
use signet_verify::clock::Timestamp;

/// Where messages go, and how long that may take.
#[derive(Debug)]
pub struct Transport {
    way: Way,
    limits: Limits,
}

#[derive(Debug)]
enum Way {
    /// To a server.
    Smtp(Box<Smtp>),
    /// Into files.
    Folder(PathBuf),
}

/// A message that can be handed over now.
pub struct Prepared {
    place: Place,
    limit: Duration,
}

enum Place {
    /// To a server that waits for it.
    Smtp(Box<Ready>),
    /// Into a file.
    Folder(PathBuf),
}

impl Transport {
    /// The way that the setting names; none for `off`. The name in the address of the sender is what we call ourselves.
    ///
    /// # Errors
    /// [`StartError::Tls`].
    pub fn new(url: &MailUrl, sender: &Sender, limits: Limits) -> Result<Option<Self>, StartError> {
        let way = match url {
            MailUrl::Off => return Ok(None),
            MailUrl::Folder(folder) => Way::Folder(folder.clone()),
            MailUrl::Smtp(server) => Way::Smtp(Box::new(Smtp::new(server.clone(), sender, limits)?)),
        };
        Ok(Some(Self { way, limits }))
    }

    /// After how long a delivery holds up no other any more.
    pub(super) fn patience(&self) -> Duration {
        self.limits.patience
    }

    /// Does everything up to the point where the message itself is handed over; may be left off at any time.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn prepare(&self, posting: &Posting) -> Result<Prepared, Failure> {
        let place = match &self.way {
            Way::Folder(folder) => Place::Folder(folder.clone()),
            Way::Smtp(smtp) => {
                let ready = timeout(self.limits.prepared, smtp.prepare(posting)).await;
                Place::Smtp(Box::new(
                    ready.map_err(|_| Failure::temporary("the mail server took too long"))??,
                ))
            }
        };
        Ok(Prepared { place, limit: self.limits.handed_over })
    }
}

impl Prepared {
    /// Hands the message over. Left off, it may or may not have been taken.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn hand_over(self, id: &str, created_at: Timestamp, posting: Posting) -> Result<(), Failure> {
        match self.place {
            Place::Smtp(ready) => {
                let taken = timeout(self.limit, ready.hand_over(&posting.text)).await;
                let silent = || Failure::temporary("the mail server did not say whether it took the message");
                taken.map_err(|_| silent())?
            }
            Place::Folder(folder) => {
                let id = id.to_owned();
                let write = move || file::write(&folder, &id, created_at, &posting.text);
                let written = tokio::task::spawn_blocking(write).await.map_err(|error| unwritten(&error))?;
                let path = written.map_err(|error| unwritten(&error))?;
                tracing::info!(file = %path.display(), "mail was written to a file");
                Ok(())
            }
        }
    }
}

fn unwritten(why: &dyn std::fmt::Display) -> Failure {
    Failure::temporary(format!("no file was written: {why}"))
}
