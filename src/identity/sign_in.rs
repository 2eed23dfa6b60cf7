//! Signing in.
//! In: an address and a password. Out: a new session.
//! Owns: what was proved is still true when the session is kept.

use super::accounts::{Accounts, PASSWORD_LENGTH};
use super::email::Email;
use super::error::Error;
use super::sessions::{Device, SignedIn};
use crate::audit::{self, Event, Refusal};
use crate::model::session::Remember;
use crate::model::user::User;
use crate::password::Comparison;
use crate::secret::Password;

/// How often a password is proved at most: once more when its hash has changed since, as it does when it is upgraded by
/// another sign-in at the same time.
const PROOFS: usize = 2;

impl Accounts {
    /// Proves a password and opens a session.
    ///
    /// # Errors
    /// [`Error::InvalidEmailOrPassword`] for an unknown address and for a wrong password alike, after the same work.
    pub async fn sign_in(
        &self,
        email: &Email,
        password: &Password,
        remember: Remember,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        if password.utf16_length() > *PASSWORD_LENGTH.end() {
            return Err(Error::PasswordTooLong);
        }
        self.count_attempt(email.as_str()).await.map_err(|wait| {
            // Whose address it is has not been looked up yet.
            audit::record(Event::SignInRefused { refusal: Refusal::Limited, user: None });
            Error::Throttled(wait)
        })?;
        for _ in 0..PROOFS {
            let (user, hash) = self.prove_by_email(email, password).await?;
            let signed_in = self.sessions.prepare(user, remember, device)?;
            if self.sessions.keep_proved(&signed_in, &hash).await? {
                let SignedIn { user, session, .. } = &signed_in;
                audit::record(Event::SignedIn { user: &user.id, session: &session.id });
                return Ok(signed_in);
            }
        }
        // The password has been changed, or the user deleted, since it was looked up.
        Err(Error::InvalidEmailOrPassword)
    }

    /// The user with this address and the hash of their password as it is now, once the password has been proved.
    async fn prove_by_email(&self, email: &Email, password: &Password) -> Result<(User, String), Error> {
        let permit = self.passwords.enter()?;
        let found = self.by_email(email).await?;
        let stored = found.as_ref().and_then(|(_, hash)| hash.as_deref());
        let comparison = self.passwords.compare(permit, password, stored).await?;
        match (found, comparison) {
            (Some((user, Some(hash))), Comparison::Fits) => Ok((user, hash)),
            (Some((user, Some(hash))), Comparison::FitsOutdated) => {
                let hash = self.upgrade(&user.id, hash, password).await;
                Ok((user, hash))
            }
            (found, _) => {
                let user = found.as_ref().map(|(user, _)| user.id.as_str());
                audit::record(Event::SignInRefused { refusal: Refusal::WrongCredentials, user });
                Err(Error::InvalidEmailOrPassword)
            }
        }
    }

    /// Hashes a proved password anew with today's parameters, and answers the hash that is stored from now on. A failure
    /// only means that the next sign-in tries again.
    async fn upgrade(&self, user_id: &str, old: String, password: &Password) -> String {
        let upgraded = async {
            let new = self.passwords.hash(self.passwords.enter()?, password).await?;
            let now = self.clock.now();
            self.database.credentials().replace_password(user_id, &old, &new, now).await?;
            Ok::<_, Error>(new)
        };
        match upgraded.await {
            Ok(new) => {
                tracing::info!("a password hash was upgraded to today's parameters");
                new
            }
            Err(error) => {
                tracing::warn!(%error, "a password hash was not upgraded");
                old
            }
        }
    }
}
