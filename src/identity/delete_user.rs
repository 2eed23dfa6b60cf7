//! Deleting oneself.
//! In: a user who is signed in. Out: nothing; they are gone, with everything that was theirs.
//! Owns: the JWTs of a deleted user are refused.

use super::accounts::Accounts;
use super::error::Error;
use super::sessions::SignedIn;
use crate::audit::{self, Event};
use crate::secret::Password;
use crate::store::{self, SessionFilter};

impl Accounts {
    /// Deletes the user who is signed in, with everything that is theirs. A password is proved where one is given;
    /// without one, signing in has to have been recent.
    ///
    /// Tasks that this database keeps go along. Where the tasks have a database of their own, there are none here.
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
        let ended = self.database.write(|unit| async move {
            // No sign-in succeeds from here on, so that the sessions which end are all that there are.
            unit.credentials().delete_of(user_id).await?;
            let ended = unit.sessions().end(user_id, SessionFilter::All, ending).await?;
            unit.tasks().delete_of(user_id).await?;
            unit.users().delete(user_id).await?;
            Ok::<_, store::Error>(ended)
        });
        self.sessions.revoke(ended.await?);
        audit::record(Event::UserDeleted { user: user_id, session: &current.session.id });
        Ok(())
    }
}
