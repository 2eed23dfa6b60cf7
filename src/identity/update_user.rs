//! Changing a name or a picture.
//! In: a user who is signed in, and the change. Out: nothing; tokens issued from now on carry the new values.

use super::accounts::Accounts;
use super::error::Error;
use super::sessions::SignedIn;
use crate::model::user::ProfileChange;

impl Accounts {
    /// Changes the name or the picture.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] when the session has ended or the user is gone since it was looked up.
    pub async fn update_user(&self, current: &SignedIn, change: &ProfileChange) -> Result<(), Error> {
        let (user_id, now) = (&current.user.id, self.clock.now());
        let changed = self.database.write(|unit| async move {
            if !unit.sessions().lives(user_id, &current.session.id).await? {
                return Ok::<_, Error>(false);
            }
            Ok(unit.users().update_profile(user_id, change, now).await?)
        });
        if changed.await? { Ok(()) } else { Err(Error::SessionEnded) }
    }
}
