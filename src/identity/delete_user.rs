//! Deleting oneself.
//! In: a user who is signed in. Out: nothing; they are gone, with everything that was theirs. Where mail is on, word that a
//! link is on its way comes first.
//! Owns: the JWTs of a deleted user are refused; of several deletions at once one says that it has happened.

use std::time::Duration;

use super::accounts::Accounts;
use super::endings::{Ended, Grants, end};
use super::error::Error;
use super::mailing::MailOptions;
use super::proofs::{PASSWORD_LENGTH, still_proved};
use super::sessions::SignedIn;
use crate::audit::{self, Event};
use crate::mail::{Content, Language};
use crate::model::mailed_token::{RequestKind, TokenUse};
use crate::secret::{OpaqueToken, Password};
use crate::store::sessions::Ending;
use crate::store::{SessionFilter, Unit};
use signet_verify::clock::Timestamp;

/// How much longer than their sessions deleted users are remembered. Whoever verifies elsewhere has a clock and a leeway of
/// their own, of 300 s at most, and an instance that is cut off for less than this hears of them afterwards.
pub(super) const LONGER_THAN_SESSIONS: Duration = Duration::from_secs(3600);

/// What users show who want to delete their account.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeletionProof<'a> {
    /// Their password.
    pub password: Option<&'a Password>,
    /// A token that was mailed to them.
    pub token: Option<&'a OpaqueToken>,
}

/// What became of a wish to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The account is gone.
    Deleted,
    /// It is gone when the link is followed that is on its way.
    Mailed,
}

/// What has to be unchanged for a deletion to happen.
#[derive(Clone, Copy)]
enum Grounds<'a> {
    /// Nothing but the session.
    Session,
    /// The hash of the password.
    Password(&'a str),
    /// A token of this hash.
    Token(&'a [u8; 32]),
}

impl Accounts {
    /// Deletes the user who is signed in, with a token that was mailed to them or where mail is off; else mails one. A password
    /// that is given is proved in any case.
    ///
    /// # Errors
    /// Those of [`Accounts::delete_user`]; [`Error::PasswordTooLong`], [`Error::InvalidToken`], [`Error::Throttled`],
    /// [`Error::MailBusy`].
    pub async fn request_deletion(
        &self,
        current: &SignedIn,
        shown: DeletionProof<'_>,
        options: &MailOptions,
    ) -> Result<Deletion, Error> {
        if shown.password.is_some_and(|password| password.length() > *PASSWORD_LENGTH.end()) {
            return Err(Error::PasswordTooLong);
        }
        let mailing = self.mailing();
        if shown.token.is_none() && mailing.is_none() {
            return self.delete_user(current, shown.password).await.map(|()| Deletion::Deleted);
        }
        if let Some(password) = shown.password {
            self.proofs.by_session(current, password, |_| async { Ok(Some(())) }).await?;
        }
        match (shown.token, mailing) {
            (Some(token), _) => {
                self.delete(current, Grounds::Token(&token.hash()), options.language).await?;
                audit::record(Event::UserDeleted { user: &current.user.id, session: &current.session.id });
                Ok(Deletion::Deleted)
            }
            (None, Some(mailing)) => {
                let user = &current.user;
                mailing.count(&user.email).await?;
                let request = self.request(RequestKind::DeleteUser, Some(&user.id), &user.email, options)?;
                self.ask(mailing, request).await?;
                Ok(Deletion::Mailed)
            }
            (None, None) => Err(Error::InvalidToken(TokenUse::DeleteUser)),
        }
    }

    /// Deletes the user who is signed in, with everything that is theirs. A password is proved where one is given;
    /// without one, signing in has to have been recent.
    ///
    /// Tasks that this database keeps go along, and whatever is on its way to add some finds their owner ended. Instances
    /// that keep tasks elsewhere are told.
    ///
    /// # Errors
    /// [`Error::InvalidPassword`], [`Error::PasswordRequired`], and [`Error::SessionEnded`] when the session that asks has
    /// ended since it was looked up, as it has for all but one who delete at once; then nothing has happened.
    pub async fn delete_user(&self, current: &SignedIn, password: Option<&Password>) -> Result<(), Error> {
        let language = Language::default();
        match password {
            Some(password) => {
                let deleted = self.proofs.by_session(current, password, |proof| async move {
                    still_proved(self.delete(current, Grounds::Password(&proof.hash), language).await)
                });
                deleted.await?;
            }
            None if current.session.is_fresh(self.clock.now()) => {
                self.delete(current, Grounds::Session, language).await?;
            }
            None => return Err(Error::PasswordRequired),
        }
        audit::record(Event::UserDeleted { user: &current.user.id, session: &current.session.id });
        Ok(())
    }

    /// Deletes a user whose session still lives, as long as its grounds do.
    async fn delete(
        &self,
        current: &SignedIn,
        grounds: Grounds<'_>,
        language: Language,
    ) -> Result<(), Error> {
        let (user_id, ending) = (&current.user.id, self.sessions.ending());
        let ended = self.database.write(|unit| async move {
            match grounds {
                Grounds::Session => {}
                Grounds::Password(hash) => {
                    // Before the credential: see the order of statements.
                    unit.mailed_tokens().delete_of(user_id).await?;
                    unit.credentials().delete_proved(user_id, hash).await?;
                }
                Grounds::Token(hash) => {
                    let tokens = unit.mailed_tokens();
                    let token = tokens.consume(hash, TokenUse::DeleteUser, ending.at).await?;
                    if token.is_none_or(|token| token.user_id != *user_id) {
                        // Of another user, it is spent all the same: it was shown where it does not belong.
                        return Ok(None);
                    }
                }
            }
            self.delete_all(&unit, current, ending, language).await.map(Some)
        });
        let ended = ended.await?.ok_or(Error::InvalidToken(TokenUse::DeleteUser))?;
        self.sessions.revoke(ended);
        self.sessions.publish_deletion(user_id, kept_until(ending));
        self.wake_outbox();
        Ok(())
    }

    /// Deletes everything that is a user's, and tells them.
    async fn delete_all(
        &self,
        unit: &Unit,
        current: &SignedIn,
        ending: Ending,
        language: Language,
    ) -> Result<Ended, Error> {
        let user_id = &current.user.id;
        unit.mailed_tokens().delete_of(user_id).await?;
        // No sign-in succeeds from here on, so that the sessions which end are all that there are.
        unit.credentials().delete_of(user_id).await?;
        let ended = end(unit, user_id, SessionFilter::All, Grants::All, ending).await?;
        if !current.is_among(&ended) {
            return Err(Error::SessionEnded);
        }
        unit.tasks().end_owner(user_id, kept_until(ending)).await?;
        unit.users().delete(user_id).await?;
        if let Some(told) = self.notice(&current.user, language, Content::AccountDeleted) {
            unit.outbox().insert(&told).await?;
        }
        Ok(ended)
    }
}

/// Until when it is remembered that a user was deleted whose sessions end so.
fn kept_until(ending: Ending) -> Timestamp {
    ending.forget_at.after(LONGER_THAN_SESSIONS)
}
