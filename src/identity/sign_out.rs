//! Signing out.
//! In: a session token. Out: nothing; the session is over, if it was not before.

use super::error::Error;
use super::sessions::{Found, Sessions, Slide};
use crate::audit::{self, Event};
use crate::secret::OpaqueToken;
use crate::store::SessionFilter;

impl Sessions {
    /// Ends the session of a token, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_out(&self, token: Option<OpaqueToken>) -> Result<(), Error> {
        if let Found::SignedIn(found) = self.authenticate(token, Slide::No).await? {
            let (user, session) = (&found.user.id, &found.session.id);
            // Of several who end the same session at once, one has ended it.
            if self.end(user, SessionFilter::Id(session)).await? > 0 {
                audit::record(Event::SignedOut { user, session });
            }
        }
        Ok(())
    }
}
