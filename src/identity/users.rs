//! What an operator does for users who cannot help themselves.
//! In: an address or an id, and an order. Out: what it came to.
//! Owns: whoever gets another password, or is removed, has no session left; all instances hear of it as of any other end.

use std::sync::Arc;

use super::delete_user::LONGER_THAN_SESSIONS;
use super::email::Email;
use super::endings::{Grants, end};
use super::error::Error;
use super::proofs::check_length;
use super::sessions::{Sessions, new_id};
use crate::audit::{self, Event};
use crate::model::credential::Credential;
use crate::model::session::Session;
use crate::model::user::User;
use crate::password::{Passwords, Requester};
use crate::secret::Password;
use crate::store::{self, Database, SessionFilter, UserSummary};
use signet_verify::clock::{Clock, Entropy};

/// The users, for an operator.
pub struct Users {
    database: Database,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// All that is kept of a user, but for what proves who they are.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The user.
    pub user: User,
    /// How they sign in, the oldest way first.
    pub accounts: Vec<Credential>,
    /// Where they are signed in, the oldest session first.
    pub sessions: Vec<Session>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users").finish_non_exhaustive()
    }
}

impl Users {
    /// The users that `database` keeps.
    pub fn new(
        database: Database,
        sessions: Arc<Sessions>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { database, sessions, clock, entropy }
    }

    /// The user with this id, or with this address in whichever spelling.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, address_or_id: &str) -> Result<Option<User>, store::Error> {
        if let Some(user) = self.database.users().by_id(address_or_id).await? {
            return Ok(Some(user));
        }
        // What was moved in may be an address that could not be signed up with.
        let as_kept = address_or_id.to_lowercase();
        let email = Email::parse_existing(address_or_id);
        let spellings = email.iter().flat_map(Email::spellings).chain([as_kept.as_str()]);
        for spelling in spellings {
            if let Some((user, _)) = self.database.credentials().by_email(spelling).await? {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }

    /// The users after the one with the id `after`, in the order of their ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, after: &str, limit: u32) -> Result<Vec<UserSummary>, store::Error> {
        self.database.users().page(after, limit).await
    }

    /// All that is kept of a user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn profile(&self, user: User) -> Result<Profile, store::Error> {
        let accounts = self.database.credentials().of_user(&user.id).await?;
        let sessions = self.database.sessions().of_user(&user.id, self.clock.now()).await?;
        Ok(Profile { user, accounts, sessions })
    }

    /// Gives a user another password, or a first one, and ends all their sessions; says how many ended.
    ///
    /// # Errors
    /// [`Error::PasswordTooShort`] and its kin, and when the user is gone.
    pub async fn set_password(
        &self,
        user: &User,
        password: &Password,
        passwords: &Passwords,
        actor: &str,
    ) -> Result<usize, Error> {
        check_length(password)?;
        let hash = &passwords.hash(passwords.enter(Requester::Known)?, password).await?;
        let ending = self.sessions.ending();
        let made = Credential::password(new_id(&*self.entropy)?, user);
        let credential = &Credential { created_at: ending.at, updated_at: ending.at, ..made };
        let ended = self.database.write(|unit| async move {
            unit.mailed_tokens().delete_powerful_of(&credential.user_id).await?;
            unit.credentials().put_password(credential, hash).await?;
            end(&unit, &credential.user_id, SessionFilter::All, Grants::All, ending).await
        });
        let count = self.sessions.revoke(ended.await?);
        audit::record(Event::PasswordSet { user: &user.id, count, actor });
        Ok(count)
    }

    /// Ends all sessions of a user; says how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_sessions(&self, user: &User, actor: &str) -> Result<usize, Error> {
        let (user_id, ending) = (&user.id, self.sessions.ending());
        let ended = self.database.write(|unit| async move {
            // A sign-in that is under way has its session before this, and that ends too, or after it.
            unit.credentials().hold_of(user_id).await?;
            end(&unit, user_id, SessionFilter::All, Grants::All, ending).await
        });
        let count = self.sessions.revoke(ended.await?);
        audit::record(Event::SessionsEnded { user: &user.id, count, actor });
        Ok(count)
    }

    /// Deletes a user with everything that is theirs; says how many sessions ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove(&self, user: &User, actor: &str) -> Result<usize, Error> {
        let (user_id, ending) = (&user.id, self.sessions.ending());
        let forget_at = ending.forget_at.after(LONGER_THAN_SESSIONS);
        let ended = self.database.write(|unit| async move {
            unit.mailed_tokens().delete_of(user_id).await?;
            unit.credentials().delete_of(user_id).await?;
            let ended = end(&unit, user_id, SessionFilter::All, Grants::All, ending).await?;
            unit.tasks().end_owner(user_id, forget_at).await?;
            unit.users().delete(user_id).await?;
            Ok::<_, store::Error>(ended)
        });
        let count = self.sessions.revoke(ended.await?);
        self.sessions.publish_deletion(user_id, forget_at);
        audit::record(Event::UserRemoved { user: user_id, count, actor });
        Ok(count)
    }
}
