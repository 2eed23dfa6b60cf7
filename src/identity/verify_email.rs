//! Proving an address.
//! In: an address, or a token that was mailed to it. Out: word that mail is on its way; or a user whose address is proved.
//! Owns: a token proves the address that it was mailed to, as long as that is the one which counts, and once.

use super::accounts::Accounts;
use super::email::Email;
use super::error::Error;
use super::mailing::MailOptions;
use super::sessions::SignedIn;
use crate::audit::{self, Event};
use crate::mail::{Content, Language};
use crate::model::mailed_token::{MailedToken, Purpose, RequestKind, TokenUse};
use crate::model::user::User;
use crate::secret::OpaqueToken;
use crate::store::{self, Unit};
use signet_verify::clock::Timestamp;

/// What a token has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proved {
    /// The address that the user has.
    Address(User),
    /// The same, and it was known already.
    Nothing(User),
    /// An address that the user has from now on; this is how they are then.
    NewAddress(User),
}

impl Accounts {
    /// Asks for a link to prove `email`. Whether there is such a user, and an unproved address, is looked up after the answer;
    /// one who is signed in is told.
    ///
    /// # Errors
    /// [`Error::VerificationMailOff`]; of a user who is signed in [`Error::EmailMismatch`], [`Error::EmailAlreadyVerified`];
    /// [`Error::Throttled`], [`Error::MailBusy`].
    pub async fn send_verification(
        &self,
        email: &Email,
        current: Option<&SignedIn>,
        options: &MailOptions,
    ) -> Result<(), Error> {
        let mailing = self.mailing().ok_or(Error::VerificationMailOff)?;
        if let Some(SignedIn { user, .. }) = current {
            if !email.is_of(user) {
                return Err(Error::EmailMismatch);
            }
            if user.email_verified {
                return Err(Error::EmailAlreadyVerified);
            }
        }
        mailing.count(email.as_str()).await?;
        let request = self.request(RequestKind::VerifyEmail, None, email.as_str(), options)?;
        self.ask(mailing, request).await
    }

    /// Proves an address with a token that was mailed to it.
    ///
    /// # Errors
    /// [`Error::TokenExpired`], [`Error::InvalidToken`]; and [`Error::InvalidUser`] for a token that changes the address of
    /// another user than the one who is signed in.
    pub async fn verify_email(
        &self,
        token: &OpaqueToken,
        current: Option<&SignedIn>,
        language: Language,
    ) -> Result<Proved, Error> {
        let (hash, now) = (&token.hash(), self.clock.now());
        let proved = self.database.write(|unit| async move {
            let tokens = unit.mailed_tokens();
            match tokens.consume(hash, TokenUse::ProveAddress, now).await? {
                None => Err(self.why_not(&unit, hash, now).await?),
                Some(token) if token.purpose == Purpose::ChangeEmail => {
                    if current.is_some_and(|current| current.user.id != token.user_id) {
                        return Err(Error::InvalidUser);
                    }
                    self.change_email(&unit, token, now, language).await
                }
                Some(token) => verify(&unit, token, now).await,
            }
        });
        let proved = match proved.await {
            // The new address was taken in between.
            Err(Error::Store(store::Error::Conflict)) => Err(Error::InvalidToken(TokenUse::ProveAddress)),
            proved => proved,
        }?;
        match &proved {
            Proved::Nothing(_) => {}
            Proved::Address(user) => audit::record(Event::EmailVerified { user: &user.id }),
            Proved::NewAddress(user) => {
                self.wake_outbox();
                audit::record(Event::EmailChanged { user: &user.id });
            }
        }
        Ok(proved)
    }

    /// Gives the user of a token the address that it was mailed to, and tells the old one. Nothing else that was mailed to
    /// them works any more.
    async fn change_email(
        &self,
        unit: &Unit,
        token: MailedToken,
        now: Timestamp,
        language: Language,
    ) -> Result<Proved, Error> {
        let gone = || Error::InvalidToken(TokenUse::ProveAddress);
        let old = unit.users().by_id(&token.user_id).await?.ok_or_else(gone)?;
        let told = self.notice(&old, language, Content::AddressChanged { new: &token.address });
        unit.mailed_tokens().delete_of(&old.id).await?;
        if !unit.users().change_email(&old.id, &old.email, &token.address, now).await? {
            return Err(gone());
        }
        if let Some(told) = &told {
            unit.outbox().insert(told).await?;
        }
        Ok(Proved::NewAddress(User { email: token.address, email_verified: true, updated_at: now, ..old }))
    }

    /// Why a token proves nothing.
    async fn why_not(&self, unit: &Unit, hash: &[u8; 32], now: Timestamp) -> Result<Error, store::Error> {
        let found = unit.mailed_tokens().find(hash, TokenUse::ProveAddress).await?;
        Ok(match found {
            Some(token) if token.expires_at <= now => Error::TokenExpired,
            _ => Error::InvalidToken(TokenUse::ProveAddress),
        })
    }
}

/// Notes that the address of the user of a token is proved, if it is still the one that it was mailed to.
async fn verify(unit: &Unit, token: MailedToken, now: Timestamp) -> Result<Proved, Error> {
    let gone = || Error::InvalidToken(TokenUse::ProveAddress);
    let user = unit.users().by_id(&token.user_id).await?.ok_or_else(gone)?;
    if user.email != token.address {
        return Err(gone());
    }
    if user.email_verified {
        return Ok(Proved::Nothing(user));
    }
    if !unit.users().mark_verified(&user.id, &token.address, now).await? {
        return Err(gone());
    }
    Ok(Proved::Address(User { email_verified: true, updated_at: now, ..user }))
}
