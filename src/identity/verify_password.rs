//! Proving a password once more.
//! In: a user who is signed in, and the password. Out: nothing, or why not.

use super::accounts::Accounts;
use super::error::Error;
use super::sessions::SignedIn;
use crate::secret::Password;

impl Accounts {
    /// Proves the password of a user who is signed in.
    ///
    /// # Errors
    /// [`Error::InvalidPassword`].
    pub async fn verify_password(&self, current: &SignedIn, password: &Password) -> Result<(), Error> {
        match self.proofs.by_session(current, password, |_| async { Ok(Some(())) }).await {
            // Better Auth does not tell a user without a password from a wrong password here.
            Err(Error::NoPassword) => Err(Error::InvalidPassword),
            outcome => outcome,
        }
    }
}
