//! Signing up.
//! In: an address, a name, a password. Out: a new user, who is signed in.
//! Owns: a user never exists without a credential and a first session; the unique index judges who was first.

use super::accounts::Accounts;
use super::email::Email;
use super::error::Error;
use super::proofs::check_length;
use super::sessions::{Device, SignedIn, new_id};
use crate::audit::{self, Event};
use crate::model::credential::Credential;
use crate::model::session::Remember;
use crate::model::user::User;
use crate::password::Requester;
use crate::secret::Password;
use crate::store;

/// What a user gives to sign up.
#[derive(Debug)]
pub struct NewAccount {
    /// What to call them; may be empty.
    pub name: String,
    /// Their address.
    pub email: Email,
    /// Their password.
    pub password: Password,
    /// Where a picture of them is.
    pub image: Option<String>,
    /// Whether the session outlives the browser.
    pub remember: Remember,
}

impl Accounts {
    /// Makes a user, a password and a first session, all or nothing.
    ///
    /// # Errors
    /// [`Error::PasswordTooShort`] and its kin before [`Error::EmailTaken`].
    pub async fn sign_up(&self, new: NewAccount, device: &Device) -> Result<SignedIn, Error> {
        check_length(&new.password)?;
        let permit = self.proofs.enter(Requester::Unknown)?;
        if self.proofs.by_email(&new.email).await?.is_some() {
            return Err(Error::EmailTaken);
        }
        let hash = self.proofs.hash(permit, &new.password).await?;
        let now = self.clock.now();
        let user = User {
            id: new_id(&*self.entropy)?,
            email: new.email.as_str().to_owned(),
            email_verified: false,
            name: new.name,
            image: new.image,
            created_at: now,
            updated_at: now,
        };
        let credential = Credential::password(new_id(&*self.entropy)?, &user);
        let signed_in = self.sessions.prepare(user, new.remember, device)?;
        let (user, session, token_hash) = (&signed_in.user, &signed_in.session, &signed_in.token.hash());
        let (credential, hash) = (&credential, hash.as_str());
        let kept = self.database.write(|unit| async move {
            unit.users().insert(user).await?;
            unit.credentials().insert(credential, hash).await?;
            unit.sessions().insert(session, token_hash).await
        });
        match kept.await {
            Ok(()) => {}
            Err(store::Error::Conflict) => return Err(Error::EmailTaken),
            Err(error) => return Err(error.into()),
        }
        audit::record(Event::SignedUp { user: &user.id, session: &session.id });
        Ok(signed_in)
    }
}
