//! Signing up.
//! In: an address, a name, a password. Out: a new user, who is signed in; or who has to verify their address first.
//! Owns: a user who signs up never exists without a credential; the unique index judges who was first. Where addresses have
//! to be verified, nobody learns from the answer, or from its time, whether one was taken: the same statements run.

use super::accounts::Accounts;
use super::email::Email;
use super::error::Error;
use super::mailing::{MailOptions, Unverified};
use super::proofs::check_length;
use super::sessions::{Device, SignedIn, new_id};
use crate::audit::{self, Event};
use crate::model::credential::Credential;
use crate::model::mailed_token::{MailRequest, RequestKind};
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
    /// What the mail with a link to verify the address is like.
    pub mail: MailOptions,
}

impl Accounts {
    /// Makes a user, a password and a first session, all or nothing.
    ///
    /// # Errors
    /// [`Error::PasswordTooShort`] and its kin before [`Error::EmailTaken`]; [`Error::EmailNotVerified`] where
    /// [`Accounts::sign_up_unverified`] is the way.
    pub async fn sign_up(&self, new: NewAccount, device: &Device) -> Result<SignedIn, Error> {
        check_length(&new.password)?;
        if self.unverified() == Unverified::Refused {
            return Err(Error::EmailNotVerified);
        }
        let permit = self.proofs.enter(Requester::Unknown)?;
        if self.proofs.by_email(&new.email).await?.is_some() {
            return Err(Error::EmailTaken);
        }
        let hash = self.proofs.hash(permit, &new.password).await?;
        let user = self.new_user(&new)?;
        let credential = Credential::password(new_id(&*self.entropy)?, &user);
        let request = match self.request_after_sign_up(&user, &new.mail).await {
            // Their mailbox has had enough for now; they can ask for it later.
            Err(Error::Throttled(_)) => None,
            request => request?,
        };
        let signed_in = self.sessions.prepare(user, new.remember, device)?;
        let (user, session, token_hash) = (&signed_in.user, &signed_in.session, &signed_in.token.hash());
        let (credential, hash, request) = (&credential, hash.as_str(), request.as_ref());
        let kept = self.database.write(|unit| async move {
            unit.users().insert(user).await?;
            unit.credentials().insert(credential, hash).await?;
            unit.sessions().insert(session, token_hash).await?;
            if let Some(request) = request {
                // Where too much mail waits, the user can ask for it later.
                unit.mail_requests().insert(request).await?;
            }
            Ok(())
        });
        match kept.await {
            Ok(()) => {}
            Err(store::Error::Conflict) => return Err(Error::EmailTaken),
            Err(error) => return Err(error.into()),
        }
        self.wake_requests();
        audit::record(Event::SignedUp { user: &user.id, session: Some(&session.id) });
        Ok(signed_in)
    }

    /// Makes a user and a password where the address has to be verified before they may sign in, and has mail sent. Where the
    /// address is taken, its owner is told and nothing else happens; the answer is the same, with an id that was made up.
    ///
    /// # Errors
    /// Those of the length of the password; [`Error::Throttled`] when the mailbox has had too much of this.
    pub async fn sign_up_unverified(&self, new: NewAccount) -> Result<User, Error> {
        check_length(&new.password)?;
        let permit = self.proofs.enter(Requester::Unknown)?;
        let taken = self.proofs.by_email(&new.email).await?;
        let hash = self.proofs.hash(permit, &new.password).await?;
        let user = self.new_user(&new)?;
        let credential = Credential::password(new_id(&*self.entropy)?, &user);
        let request = self.request_after_sign_up(&user, &new.mail).await?;
        // In the spelling in which it is kept, so that the index is the judge whatever the spelling.
        let email = taken.map_or_else(|| user.email.clone(), |(owner, _)| owner.email);
        let kept = User { email, ..user.clone() };
        let (kept, credential, hash, request) = (&kept, &credential, hash.as_str(), request.as_ref());
        let made = self.database.write(|unit| async move {
            if let Some(request) = request {
                unit.mail_requests().insert(request).await?;
            }
            let made = unit.users().insert_if_free(kept).await?;
            unit.credentials().insert_if_user(credential, hash).await?;
            Ok::<_, store::Error>(made)
        });
        let made = made.await?;
        self.wake_requests();
        if made {
            audit::record(Event::SignedUp { user: &user.id, session: None });
        }
        Ok(user)
    }

    fn new_user(&self, new: &NewAccount) -> Result<User, Error> {
        let now = self.clock.now();
        Ok(User {
            id: new_id(&*self.entropy)?,
            email: new.email.as_str().to_owned(),
            email_verified: false,
            name: new.name.clone(),
            image: new.image.clone(),
            created_at: now,
            updated_at: now,
        })
    }

    /// The request for the mail that follows a sign-up, where mail is on.
    async fn request_after_sign_up(
        &self,
        user: &User,
        options: &MailOptions,
    ) -> Result<Option<MailRequest>, Error> {
        let Some(mailing) = self.mailing() else { return Ok(None) };
        mailing.count(&user.email).await?;
        self.request(RequestKind::SignUp, Some(&user.id), &user.email, options).map(Some)
    }
}
