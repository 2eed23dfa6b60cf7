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

/// An invitation whose id and token are drawn.
#[derive(Debug)]
pub struct Prepared {
    email: Email,
    new: User,
    token: OpaqueToken,
    language: Language,
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
        let prepared = self.prepare(email, name, language)?;
        let prepared = &prepared;
        let invited = self.database.write(|unit| async move {
            let user = invitee(&unit, prepared).await?;
            self.promise(&unit, &user, prepared).await?;
            Ok(user)
        });
        let user = match invited.await {
            Err(Error::Store(store::Error::Conflict)) => return Err(Error::EmailTaken),
            invited => invited?,
        };
        self.invited(&user);
        Ok(user)
    }

    /// Draws what an invitation consists of, so that a unit of work can be done twice.
    ///
    /// # Errors
    /// [`Error::VerificationMailOff`] where mail is off.
    pub fn prepare(&self, email: &Email, name: &str, language: Language) -> Result<Prepared, Error> {
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
        Ok(Prepared { email: email.clone(), new, token, language })
    }

    /// Invites a user in a unit of work of the caller, unless there is one with the address in whichever spelling; says
    /// whom. [`Invitations::invited`] belongs after the unit.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invite_new(&self, unit: &Unit, prepared: &Prepared) -> Result<Option<User>, Error> {
        for spelling in prepared.email.spellings() {
            if unit.credentials().by_email(spelling).await?.is_some() {
                return Ok(None);
            }
        }
        unit.users().insert(&prepared.new).await?;
        self.promise(unit, &prepared.new, prepared).await?;
        Ok(Some(prepared.new.clone()))
    }

    /// Lets the mail go that a committed unit of work promised, and writes the line of the audit log.
    pub fn invited(&self, user: &User) {
        self.mailing.outbox.wake();
        audit::record(Event::UserInvited { user: &user.id });
    }

    /// Writes the token and the mail.
    async fn promise(
        &self,
        unit: &Unit,
        user: &User,
        Prepared { token, language, .. }: &Prepared,
    ) -> Result<(), Error> {
        let kept = MailedToken {
            purpose: Purpose::Invitation,
            user_id: user.id.clone(),
            address: user.email.clone(),
            expires_at: self.clock.now().after(Purpose::Invitation.lifetime()),
        };
        unit.mailed_tokens().replace(&kept, &token.hash()).await?;
        let link = self.mailing.links.with_token(Purpose::Invitation, token, None);
        let letter = self.mailing.letter(user, *language, Content::Invitation { link: &link })?;
        unit.outbox().insert(&letter).await?;
        Ok(())
    }
}

/// The user with this address, who must not be able to sign in yet; the new one if there is none.
async fn invitee(unit: &Unit, Prepared { email, new, .. }: &Prepared) -> Result<User, Error> {
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
