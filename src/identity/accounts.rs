//! What the use cases of accounts work with: signing up and in, and changing what one signs in with.
//! Owns: passwords are limited per account, whatever addresses the attempts come from.

use std::sync::Arc;
use std::time::Duration;

use super::email::Email;
use super::error::Error;
use super::sessions::{Sessions, SignedIn};
use crate::audit::{self, Event, Refusal};
use crate::model::credential::Credential;
use crate::model::user::User;
use crate::password::{Comparison, Passwords};
use crate::secret::Password;
use crate::store::{self, Database};
use crate::sync::{
    limiter::Limiter,
    rule::{RetryAfter, Rule},
};
use signet_verify::clock::{Clock, Entropy};

/// The shortest and the longest new password, in UTF-16 code units.
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// How often the password of one account may be tried, from all addresses together.
const PASSWORD_TRIES: Rule = Rule { name: "password", burst: 3, window: Duration::from_secs(10) };

/// The use cases of accounts; each has a file of its own.
pub struct Accounts {
    pub(super) database: Database,
    pub(super) sessions: Arc<Sessions>,
    pub(super) passwords: Arc<Passwords>,
    limiter: Arc<Limiter>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Accounts {
    /// The accounts that `database` keeps.
    pub fn new(
        database: Database,
        sessions: Arc<Sessions>,
        passwords: Arc<Passwords>,
        limiter: Arc<Limiter>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { database, sessions, passwords, limiter, clock, entropy }
    }

    /// How a user can sign in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credentials_of(&self, user_id: &str) -> Result<Vec<Credential>, Error> {
        Ok(self.database.credentials().of_user(user_id).await?)
    }

    /// Who has this address, in whichever spelling it is kept, and the hash of their password.
    pub(super) async fn by_email(
        &self,
        email: &Email,
    ) -> Result<Option<(User, Option<String>)>, store::Error> {
        let credentials = self.database.credentials();
        let mut found = None;
        for spelling in email.spellings() {
            // All of them, so that a known address takes no less work than an unknown one.
            found = found.or(credentials.by_email(spelling).await?);
        }
        Ok(found)
    }

    /// Counts an attempt at the password of the account with this address.
    pub(super) async fn count_attempt(&self, email: &str) -> Result<(), RetryAfter> {
        self.limiter.attempt(&PASSWORD_TRIES, email).await
    }

    /// The stored hash, once the password of a user who is signed in has been proved against it.
    pub(super) async fn prove(&self, current: &SignedIn, password: &Password) -> Result<String, Error> {
        let refused = |refusal| {
            audit::record(Event::ProofRefused {
                refusal,
                user: &current.user.id,
                session: &current.session.id,
            });
        };
        self.count_attempt(&current.user.email).await.map_err(|wait| {
            refused(Refusal::Limited);
            Error::Throttled(wait)
        })?;
        let permit = self.passwords.enter()?;
        let stored = self.database.credentials().password_hash(&current.user.id).await?;
        let stored = stored.ok_or(Error::NoPassword)?;
        // Longer than any password can be: not worth the work.
        if password.utf16_length() > *PASSWORD_LENGTH.end() {
            return Err(Error::InvalidPassword);
        }
        match self.passwords.compare(permit, password, Some(&stored)).await? {
            Comparison::Fits | Comparison::FitsOutdated => Ok(stored),
            Comparison::Wrong => {
                refused(Refusal::WrongCredentials);
                Err(Error::InvalidPassword)
            }
        }
    }
}

/// Judges the length of a new password.
pub(super) fn check_length(password: &Password) -> Result<(), Error> {
    match password.utf16_length() {
        length if length < *PASSWORD_LENGTH.start() => Err(Error::PasswordTooShort),
        length if length > *PASSWORD_LENGTH.end() => Err(Error::PasswordTooLong),
        _ => Ok(()),
    }
}
