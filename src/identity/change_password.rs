//! Replacing a password.
//! In: a user who is signed in, the old password and the new one. Out: a new session, if the others are to end.
//! Owns: links that were mailed before set no password and change no address any more; of two changes at once one wins; no session that ended, or was opened with the old password, brings about a new
//! one.

use super::accounts::Accounts;
use super::endings::{Grants, end};
use super::error::Error;
use super::proofs::{check_length, still_proved};
use super::sessions::{Device, SignedIn};
use crate::audit::{self, Event};
use crate::password::Requester;
use crate::secret::Password;
use crate::store::SessionFilter;

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
    /// The length of the new password is judged before the old one is looked at. [`Error::SessionEnded`] when the session
    /// that asks has ended since it was looked up.
    pub async fn change_password(
        &self,
        current: &SignedIn,
        old: &Password,
        new: &Password,
        others: OtherSessions,
        device: &Device,
    ) -> Result<Option<SignedIn>, Error> {
        check_length(new)?;
        let changed = self.proofs.by_session(current, old, |proof| async move {
            let hash = self.proofs.hash(self.proofs.enter(Requester::Known)?, new).await?;
            still_proved(match others {
                OtherSessions::Keep => self.replace(current, &proof.hash, &hash).await.map(|()| None),
                OtherSessions::End => self.replace_all(current, &proof.hash, &hash, device).await.map(Some),
            })
        });
        let changed = changed.await?;
        audit::record(Event::PasswordChanged { user: &current.user.id, session: &current.session.id });
        Ok(changed)
    }

    /// Replaces a hash, as long as the session that asks has not ended.
    async fn replace(&self, current: &SignedIn, old: &str, new: &str) -> Result<(), Error> {
        let (user_id, now) = (&current.user.id, self.clock.now());
        let replaced = self.database.write(|unit| async move {
            unit.mailed_tokens().delete_powerful_of(user_id).await?;
            unit.credentials().replace_password(user_id, old, new, now).await?;
            let lives = unit.sessions().lives(user_id, &current.session.id).await?;
            if lives { Ok(()) } else { Err(Error::SessionEnded) }
        });
        replaced.await
    }

    /// Replaces a hash, ends every session of the user, of which the one that asks has to be one, and opens a new one, all
    /// or nothing.
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
            unit.mailed_tokens().delete_powerful_of(user_id).await?;
            unit.credentials().replace_password(user_id, old, new, ending.at).await?;
            let ended = end(&unit, user_id, SessionFilter::All, Grants::All, ending).await?;
            if !current.is_among(&ended) {
                return Err(Error::SessionEnded);
            }
            unit.sessions().insert(session, token_hash).await?;
            Ok(ended)
        });
        self.sessions.revoke(ended.await?);
        Ok(opened)
    }
}
