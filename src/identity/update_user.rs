//! Changing a name or a picture.
//! In: a user and the change. Out: nothing; tokens issued from now on carry the new values.

use super::accounts::Accounts;
use super::error::Error;
use crate::model::user::ProfileChange;

impl Accounts {
    /// Changes the name or the picture.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_user(&self, user_id: &str, change: &ProfileChange) -> Result<(), Error> {
        Ok(self.database.users().update_profile(user_id, change, self.clock.now()).await?)
    }
}
