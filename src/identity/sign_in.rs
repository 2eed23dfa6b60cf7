//! Signing in.
//! In: an address and a password. Out: a new session.
//! Owns: what was proved is still true when the session is kept.

use super::accounts::Accounts;
use super::email::Email;
use super::error::Error;
use super::mailing::Unverified;
use super::proofs::PASSWORD_LENGTH;
use super::sessions::{Device, SignedIn};
use crate::audit::{self, Event, Refusal};
use crate::model::session::Remember;
use crate::secret::Password;

impl Accounts {
    /// Proves a password and opens a session.
    ///
    /// # Errors
    /// [`Error::InvalidEmailOrPassword`] for an unknown address and for a wrong password alike, after the same work;
    /// [`Error::EmailNotVerified`] only when the password was right.
    pub async fn sign_in(
        &self,
        email: &Email,
        password: &Password,
        remember: Remember,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        if password.length() > *PASSWORD_LENGTH.end() {
            return Err(Error::PasswordTooLong);
        }
        let unverified = self.unverified();
        let signed_in = self.proofs.by_address(email, password, device, |proof| async move {
            if unverified == Unverified::Refused && !proof.user.email_verified {
                let user = Some(proof.user.id.as_str());
                audit::record(Event::SignInRefused { refusal: Refusal::Unverified, user });
                return Err(Error::EmailNotVerified);
            }
            let signed_in = self.sessions.prepare(proof.user, remember, device)?;
            Ok(self.sessions.keep_proved(&signed_in, &proof.hash).await?.then_some(signed_in))
        });
        let signed_in = signed_in.await?;
        audit::record(Event::SignedIn { user: &signed_in.user.id, session: &signed_in.session.id });
        Ok(signed_in)
    }
}
