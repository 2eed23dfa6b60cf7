//! Inviting people.
//! In: an address and a name, from an operator. Out: a user without a password, and mail with a link to set one.
//! Owns: a user, the token and the message are there together or not at all; an account that has a password is left alone.

use std::fmt;
use std::sync::Arc;

use signet_verify::clock::{Clock, Entropy, random_alphanumeric};

use super::email::Email;
use super::error::Error;
use super::mailing::Mailing;
use super::sessions::{ID_LENGTH, new_id};
use crate::audit::{self, Event};
use crate::mail::{Content, Language};
use crate::model::mailed_token::{MailedToken, Purpose};
use crate::model::user::User;
use crate::secret::OpaqueToken;
use crate::store::{self, Database, Unit};

/// Invites people.
pub struct Invitations {
    database: Database,
    mailing: Arc<Mailing>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Invitations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitations").finish_non_exhaustive()
    }
}

impl Invitations {
    /// Invitations to what `database` keeps, sent by `mailing`.
    pub fn new(
        database: Database,
        mailing: Arc<Mailing>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { database, mailing, clock, entropy }
    }

    /// Makes a user who has no password yet, and mails them a link to set one. A user who has none is sent another link,
    /// which takes the place of the one before.
    ///
    /// # Errors
    /// [`Error::VerificationMailOff`] where mail is off; [`Error::EmailTaken`] when the user has a way to sign in already.
    pub async fn invite(&self, email: &Email, name: &str, language: Language) -> Result<User, Error> {
        if !self.mailing.outbox.is_on() {
            return Err(Error::VerificationMailOff);
        }
        let now = self.clock.now();
        let new = User {
            id: new_id(&*self.entropy)?,
            email: email.as_str().to_owned(),
            email_verified: false,
            name: name.to_owned(),
            image: None,
            created_at: now,
            updated_at: now,
        };
        let token = OpaqueToken::new(random_alphanumeric(&*self.entropy, ID_LENGTH)?);
        let (new, token) = (&new, &token);
        let invited = self.database.write(|unit| async move {
            let user = invitee(&unit, email, new).await?;
            let kept = MailedToken {
                purpose: Purpose::Invitation,
                user_id: user.id.clone(),
                address: user.email.clone(),
                expires_at: now.after(Purpose::Invitation.lifetime()),
            };
            unit.mailed_tokens().replace(&kept, &token.hash()).await?;
            let link = self.mailing.links.with_token(Purpose::Invitation, token, None);
            let letter = self.mailing.letter(&user, language, Content::Invitation { link: &link })?;
            unit.outbox().insert(&letter).await?;
            Ok(user)
        });
        let user = match invited.await {
            Err(Error::Store(store::Error::Conflict)) => return Err(Error::EmailTaken),
            invited => invited?,
        };
        self.mailing.outbox.wake();
        audit::record(Event::UserInvited { user: &user.id });
        Ok(user)
    }
}

/// The user with this address, who must not be able to sign in yet; `new` if there is none.
async fn invitee(unit: &Unit, email: &Email, new: &User) -> Result<User, Error> {
    for spelling in email.spellings() {
        let Some((user, _)) = unit.credentials().by_email(spelling).await? else { continue };
        return match unit.credentials().of_user(&user.id).await?.is_empty() {
            true => Ok(user),
            false => Err(Error::EmailTaken),
        };
    }
    unit.users().insert(new).await?;
    Ok(new.clone())
}
