//! Setting a password that was forgotten, or a first one.
//! In: an address; then the token that was mailed to it, and a password. Out: nothing; the new password signs in.
//! Owns: a token sets one password; every session ends with it, and so does whatever else was mailed to its user.

use super::accounts::Accounts;
use super::email::Email;
use super::endings::{Ended, Grants, end};
use super::error::Error;
use super::mailing::MailOptions;
use super::proofs::check_length;
use super::sessions::new_id;
use crate::audit::{self, Event};
use crate::mail::{Content, Language};
use crate::model::credential::Credential;
use crate::model::mailed_token::{RequestKind, TokenUse};
use crate::model::user::User;
use crate::password::Requester;
use crate::secret::{OpaqueToken, Password};
use crate::store::{SessionFilter, Unit};

impl Accounts {
    /// Asks for a link to set a new password. Whether there is such a user is looked up after the answer.
    ///
    /// # Errors
    /// [`Error::ResetMailOff`], [`Error::Throttled`], [`Error::MailBusy`].
    pub async fn request_password_reset(&self, email: &Email, options: &MailOptions) -> Result<(), Error> {
        let mailing = self.mailing().ok_or(Error::ResetMailOff)?;
        mailing.count(email.as_str()).await?;
        let request = self.request(RequestKind::ResetPassword, None, email.as_str(), options)?;
        self.ask(mailing, request).await
    }

    /// Whether a token would set a password now. It still would afterwards.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn can_reset_password(&self, token: &OpaqueToken) -> Result<bool, Error> {
        let found = self.database.mailed_tokens().find(&token.hash(), TokenUse::SetPassword).await?;
        Ok(found.is_some_and(|token| token.expires_at > self.clock.now()))
    }

    /// Sets a password with a token that was mailed. Every session of the user ends, their address is proved, and they are
    /// told; nobody is signed in.
    ///
    /// # Errors
    /// The length of the password is judged first, and then the token is not spent. [`Error::InvalidToken`].
    pub async fn reset_password(
        &self,
        token: &OpaqueToken,
        new: &Password,
        language: Language,
    ) -> Result<(), Error> {
        check_length(new)?;
        // A token that nobody was given costs no hash.
        if !self.can_reset_password(token).await? {
            return Err(Error::InvalidToken(TokenUse::SetPassword));
        }
        let hash = self.proofs.hash(self.proofs.enter(Requester::Known)?, new).await?;
        let (token, hash, credential_id) = (&token.hash(), hash.as_str(), new_id(&*self.entropy)?);
        let credential_id = credential_id.as_str();
        let reset = self
            .database
            .write(|unit| async move { self.reset(&unit, token, (credential_id, hash), language).await });
        let (user, ended) = reset.await?;
        self.sessions.revoke(ended);
        self.wake_outbox();
        audit::record(Event::PasswordReset { user: &user.id });
        Ok(())
    }

    async fn reset(
        &self,
        unit: &Unit,
        token_hash: &[u8; 32],
        (credential_id, password_hash): (&str, &str),
        language: Language,
    ) -> Result<(User, Ended), Error> {
        let gone = || Error::InvalidToken(TokenUse::SetPassword);
        let ending = self.sessions.ending();
        let tokens = unit.mailed_tokens();
        let token = tokens.consume(token_hash, TokenUse::SetPassword, ending.at).await?.ok_or_else(gone)?;
        tokens.delete_powerful_of(&token.user_id).await?;
        let user = unit.users().by_id(&token.user_id).await?.filter(|user| user.email == token.address);
        let user = user.ok_or_else(gone)?;
        let first = Credential::password(credential_id.to_owned(), &user);
        let credential = Credential { created_at: ending.at, updated_at: ending.at, ..first };
        unit.credentials().put_password(&credential, password_hash).await?;
        let ended = end(unit, &user.id, SessionFilter::All, Grants::All, ending).await?;
        if !user.email_verified {
            unit.users().mark_verified(&user.id, &token.address, ending.at).await?;
        }
        if let Some(told) = self.notice(&user, language, Content::PasswordWasReset) {
            unit.outbox().insert(&told).await?;
        }
        Ok((user, ended))
    }
}
