//! Deleting oneself.
//! In: a user who is signed in. Out: nothing; they are gone, with everything that was theirs.
//! Owns: the JWTs of a deleted user are refused.

use std::time::Duration;

use super::accounts::Accounts;
use super::error::Error;
use super::sessions::SignedIn;
use crate::audit::{self, Event};
use crate::secret::Password;
use crate::store::{self, SessionFilter};

/// How much longer than their sessions deleted users are remembered. Whoever verifies elsewhere has a clock and a leeway of
/// their own, of 300 s at most, and an instance that is cut off for less than this hears of them afterwards.
const LONGER_THAN_SESSIONS: Duration = Duration::from_secs(3600);

impl Accounts {
    /// Deletes the user who is signed in, with everything that is theirs. A password is proved where one is given;
    /// without one, signing in has to have been recent.
    ///
    /// Tasks that this database keeps go along, and whatever is on its way to add some finds their owner ended. Instances
    /// that keep tasks elsewhere are told.
    ///
    /// # Errors
    /// [`Error::InvalidPassword`], [`Error::PasswordRequired`]; then nothing has happened.
    pub async fn delete_user(&self, current: &SignedIn, password: Option<&Password>) -> Result<(), Error> {
        match password {
            Some(password) => drop(self.prove(current, password).await?),
            None if current.session.is_fresh(self.clock.now()) => {}
            None => return Err(Error::PasswordRequired),
        }
        let (user_id, ending) = (&current.user.id, self.sessions.ending());
        let forget_at = ending.forget_at.after(LONGER_THAN_SESSIONS);
        let ended = self.database.write(|unit| async move {
            // No sign-in succeeds from here on, so that the sessions which end are all that there are.
            unit.credentials().delete_of(user_id).await?;
            let ended = unit.sessions().end(user_id, SessionFilter::All, ending).await?;
            unit.tasks().end_owner(user_id, forget_at).await?;
            unit.users().delete(user_id).await?;
            Ok::<_, store::Error>(ended)
        });
        self.sessions.revoke(ended.await?);
        self.sessions.publish_deletion(user_id, forget_at);
        audit::record(Event::UserDeleted { user: user_id, session: &current.session.id });
        Ok(())
    }
}
