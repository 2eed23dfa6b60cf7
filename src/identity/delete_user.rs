//! Deleting oneself.
//! In: a user who is signed in. Out: nothing; they are gone, with everything that was theirs.
//! Owns: the JWTs of a deleted user are refused; of several deletions at once one says that it has happened.

use std::time::Duration;

use super::accounts::Accounts;
use super::error::Error;
use super::proofs::still_proved;
use super::sessions::SignedIn;
use crate::audit::{self, Event};
use crate::secret::Password;
use crate::store::SessionFilter;

/// How much longer than their sessions deleted users are remembered. Whoever verifies elsewhere has a clock and a leeway of
/// their own, of 300 s at most, and an instance that is cut off for less than this hears of them afterwards.
pub(super) const LONGER_THAN_SESSIONS: Duration = Duration::from_secs(3600);

impl Accounts {
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
        match password {
            Some(password) => {
                let deleted = self.proofs.by_session(current, password, |proof| async move {
                    still_proved(self.delete(current, Some(&proof.hash)).await)
                });
                deleted.await?;
            }
            None if current.session.is_fresh(self.clock.now()) => self.delete(current, None).await?,
            None => return Err(Error::PasswordRequired),
        }
        audit::record(Event::UserDeleted { user: &current.user.id, session: &current.session.id });
        Ok(())
    }

    /// Deletes a user whose session still lives, and whose password still has the hash that was proved.
    async fn delete(&self, current: &SignedIn, proved: Option<&str>) -> Result<(), Error> {
        let (user_id, ending) = (&current.user.id, self.sessions.ending());
        let forget_at = ending.forget_at.after(LONGER_THAN_SESSIONS);
        let ended = self.database.write(|unit| async move {
            if let Some(hash) = proved {
                unit.credentials().delete_proved(user_id, hash).await?;
            }
            // No sign-in succeeds from here on, so that the sessions which end are all that there are.
            unit.credentials().delete_of(user_id).await?;
            let ended = unit.sessions().end(user_id, SessionFilter::All, ending).await?;
            if !current.is_among(&ended) {
                return Err(Error::SessionEnded);
            }
            unit.tasks().end_owner(user_id, forget_at).await?;
            unit.users().delete(user_id).await?;
            Ok(ended)
        });
        self.sessions.revoke(ended.await?);
        self.sessions.publish_deletion(user_id, forget_at);
        Ok(())
    }
}
