//! Mail of the identity half.
//! In: the settings, and what seals. Out: where mail is promised, and workers that deliver it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use super::error::Error;
use super::storage::Storage;
use super::workers::{Next, Worker};
use crate::config::{Config, MailUrl};
use crate::mail::transport::{Limits, Transport};
use crate::mail::{self, Outbox, Status};
use crate::store::{Database, outbox};
use crate::vault::Vault;

/// How often rows that are not needed any more are deleted.
const CLEANUP_EVERY: Duration = Duration::from_secs(60);

/// What a process that promises mail works with.
#[derive(Debug)]
pub(super) struct MailHalf {
    /// Where it is promised.
    pub(super) outbox: Arc<Outbox>,
    /// What metrics read.
    pub(super) status: Arc<Status>,
    worker: Option<mail::worker::Worker>,
    folder: Option<PathBuf>,
    database: Database,
    environment: Environment,
}

impl MailHalf {
    /// Looks at the templates and at the way to the mail server; connects to nothing.
    ///
    /// # Errors
    /// [`Error::Mail`].
    pub(super) fn open(
        config: &Config,
        base_url: &str,
        vault: Arc<Vault>,
        storage: &Storage,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let Environment { clock, entropy } = environment.clone();
        let outbox = Outbox::open(&config.mail, base_url, vault, entropy.clone(), clock.clone())?;
        let transport = Transport::new(&config.mail.url, outbox.sender(), Limits::USUAL)?;
        let (outbox, status) = (Arc::new(outbox), Arc::new(Status::default()));
        let database = storage.upkeep.clone();
        let deliver = |transport| {
            let (outbox, status) = (outbox.clone(), status.clone());
            mail::worker::Worker::new(outbox, transport, database.clone(), status, entropy, clock)
        };
        let folder = match &config.mail.url {
            MailUrl::Folder(folder) => Some(folder.clone()),
            MailUrl::Smtp(_) | MailUrl::Off => None,
        };
        let worker = transport.map(deliver);
        Ok(Self { outbox, status, worker, folder, database, environment: environment.clone() })
    }

    /// What the operator should know about where mail goes.
    pub(super) fn startup_notice(&self) -> Option<String> {
        if !self.outbox.is_on() {
            return Some("no mail is sent: SIGNET_MAIL is off".to_owned());
        }
        let folder = self.folder.as_ref()?.display();
        Some(format!("mail goes into files in {folder} and to no one; SIGNET_MAIL names a mail server"))
    }

    /// What delivers mail and deletes what is not needed any more.
    pub(super) fn workers(&self) -> Vec<Worker> {
        let (database, clock) = (self.database.clone(), self.environment.clock.clone());
        let cleanup = Worker::every("cleanup of the outbox", CLEANUP_EVERY, move || {
            let (database, now) = (database.clone(), clock.now());
            async move {
                match database.outbox().sweep(now).await {
                    Ok(deleted) if deleted >= outbox::SWEPT_AT_ONCE => Next::AtOnce,
                    Ok(_) => Next::AfterInterval,
                    Err(error) => {
                        tracing::warn!(%error, "the cleanup of the outbox waits for the database");
                        Next::AfterInterval
                    }
                }
            }
        });
        let deliver = self.worker.clone().map(|worker| Worker::new("mail", move |stop| worker.run(stop)));
        std::iter::once(cleanup).chain(deliver).collect()
    }
}
