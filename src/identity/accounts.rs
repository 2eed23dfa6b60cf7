//! What the use cases of accounts work with: signing up and in, and changing what one signs in with.
//! Owns: everything that they share; each has a file of its own.

use std::sync::Arc;

use super::devices::Devices;
use super::email::Email;
use super::error::Error;
use super::mailing::Mailing;
use super::proofs::Proofs;
use super::sessions::{Device, Sessions};
use crate::model::credential::Credential;
use crate::password::Passwords;
use crate::store::Database;
use crate::sync::limiter::Limiter;
use signet_verify::clock::{Clock, Entropy};

/// The use cases of accounts.
pub struct Accounts {
    pub(super) database: Database,
    pub(super) sessions: Arc<Sessions>,
    pub(super) proofs: Proofs,
    /// Where mail is on.
    pub(super) mailing: Option<Arc<Mailing>>,
    devices: Arc<Devices>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Accounts {
    /// The accounts that `database` keeps, without mail.
    pub fn new(
        database: Database,
        sessions: Arc<Sessions>,
        passwords: Arc<Passwords>,
        limiter: Arc<Limiter>,
        devices: Arc<Devices>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let proofs = Proofs::new(database.clone(), passwords, limiter, devices.clone(), clock.clone());
        Self { database, sessions, proofs, mailing: None, devices, clock, entropy }
    }

    /// How a user can sign in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credentials_of(&self, user_id: &str) -> Result<Vec<Credential>, Error> {
        Ok(self.database.credentials().of_user(user_id).await?)
    }

    /// What a device keeps that has just signed in to the account with this address, so that attackers who try passwords
    /// for it do not keep it out.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn remember_device(&self, email: &Email, device: &Device) -> Result<String, Error> {
        Ok(self.devices.remember(email, &device.tokens)?)
    }
}
