//! Invitations, for `signet users invite`.
//! In: the settings. Out: what makes accounts and promises mail; a running server delivers it.

use std::sync::Arc;

use super::environment::Environment;
use super::error::Error;
use super::keys::KeysHalf;
use super::mailing::mailing;
use crate::config::Config;
use crate::identity::Invitations;
use crate::mail::Outbox;
use crate::store::Database;
use crate::sync::limiter::Limiter;

/// What a verb that invites people works with.
#[derive(Debug)]
pub struct InvitationsHalf {
    /// What invites.
    pub invitations: Invitations,
    pub(super) database: Database,
}

impl InvitationsHalf {
    /// Opens the database with connections of its own, and what seals mail.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(config: &Config, environment: &Environment) -> Result<Self, Error> {
        let keys = KeysHalf::open(config, environment).await?;
        let Environment { clock, entropy } = environment.clone();
        let base_url = config.server.base_url_for(config.server.listen);
        let outbox = Outbox::open(&config.mail, &base_url, keys.vault, entropy.clone(), clock.clone())?;
        // The operator may invite as many as they like.
        let limiter = Arc::new(Limiter::off(clock.clone()));
        let mailing = mailing(config, &base_url, Arc::new(outbox), limiter);
        let invitations = Invitations::new(keys.database.clone(), mailing, clock, entropy);
        Ok(Self { invitations, database: keys.database })
    }

    /// Closes every connection.
    pub async fn close(self) {
        self.database.close().await;
    }
}
