//! Replacing a password.
//! In: a user who is signed in, the old password and the new one. Out: a new session, if the others are to end.
//! Owns: of two changes at once one wins.

use super::accounts::{Accounts, check_length};
use super::error::Error;
use super::sessions::{Device, SignedIn};
use crate::audit::{self, Event};
use crate::secret::Password;
use crate::store::{self, SessionFilter};

/// What becomes of the sessions of a user whose password changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherSessions {
    /// They stay.
    Keep,
    /// All end, the one that asks too, which gets a new one in its place.
    End,
}

impl Accounts {
    /// Changes the password of a user who is signed in and knows the old one. Answers the new session when
    /// [`OtherSessions::End`] has ended all that there were.
    ///
    /// # Errors
    /// The length of the new password is judged before the old one is looked at.
    pub async fn change_password(
        &self,
        current: &SignedIn,
        old: &Password,
        new: &Password,
        others: OtherSessions,
        device: &Device,
    ) -> Result<Option<SignedIn>, Error> {
        check_length(new)?;
        let stored = self.prove(current, old).await?;
        let hash = self.passwords.hash(self.passwords.enter()?, new).await?;
        let changed = match others {
            OtherSessions::Keep => {
                let now = self.clock.now();
                let credentials = self.database.credentials();
                let kept = credentials.replace_password(&current.user.id, &stored, &hash, now).await;
                kept.map(|()| None).map_err(Error::from)
            }
            OtherSessions::End => self.replace_all(current, &stored, &hash, device).await.map(Some),
        };
        let changed = changed.map_err(|error| match error {
            // Another request changed it meanwhile: the old password is no longer the password.
            Error::Store(store::Error::Conflict) => Error::InvalidPassword,
            error => error,
        })?;
        audit::record(Event::PasswordChanged { user: &current.user.id, session: &current.session.id });
        Ok(changed)
    }

    /// Replaces a hash, ends every session of the user and opens a new one, all or nothing.
    async fn replace_all(
        &self,
        current: &SignedIn,
        old: &str,
        new: &str,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        let opened = self.sessions.prepare(current.user.clone(), current.session.remember, device)?;
        let (user_id, ending) = (&opened.user.id, self.sessions.ending());
        let (session, token_hash) = (&opened.session, &opened.token.hash());
        let ended = self.database.write(|unit| async move {
            unit.credentials().replace_password(user_id, old, new, ending.at).await?;
            let ended = unit.sessions().end(user_id, SessionFilter::All, ending).await?;
            unit.sessions().insert(session, token_hash).await?;
            Ok::<_, store::Error>(ended)
        });
        self.sessions.revoke(ended.await?);
        Ok(opened)
    }
}
