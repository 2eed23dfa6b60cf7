//! Being signed in.
//! In: a user and where they are, or a session token. Out: a session with its user.
//! Owns: only the hash of a token is stored; a session that ends is refused everywhere in this process at once.

use std::sync::Arc;
use std::time::Duration;

use super::devices::DeviceToken;
use super::endings::{Ended, Grants, end};
use super::error::Error;
use crate::audit::{self, Event};
use crate::model::amr::Amr;
use crate::model::session::{Remember, Revocation, Session, Standing};
use crate::model::user::User;
use crate::secret::OpaqueToken;
use crate::store::sessions::Ending;
use crate::store::{self, Database, SessionFilter};
use crate::sync::revocations::Revocations;
use signet_verify::clock::{Clock, Entropy, EntropyUnavailable, Timestamp, random_alphanumeric};
use tokio::sync::Notify;

/// Letters and digits of ids and tokens; 32 of them are about 190 bits.
pub(super) const ID_LENGTH: usize = 32;
/// What we keep of the name that a program gives itself, in characters.
const USER_AGENT_LENGTH: usize = 512;

/// Where a user signs in from.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// The address of the peer, or what a trusted proxy says it is; empty when unknown.
    pub ip_address: String,
    /// What limits count that address by; empty when unknown.
    pub subscriber: String,
    /// What this deployment has given to the device before.
    pub tokens: Vec<DeviceToken>,
    /// What the program calls itself; empty when unknown.
    pub user_agent: String,
}

/// A session whose token a request has shown, with its user.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub user: User,
    /// The token that was shown.
    pub token: OpaqueToken,
    /// Whether the cookie is to be renewed.
    pub expiry: Expiry,
    /// When the session was last known to live. What is given out on its strength lives from here on.
    pub found_at: Timestamp,
}

/// What the request did to the expiry of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It has moved: the cookie that the browser holds would end too early.
    Moved,
    /// It is what it was.
    Unchanged,
}

impl SignedIn {
    /// Whether this session is one of those that have ended.
    pub(super) fn is_among(&self, ended: &Ended) -> bool {
        ended.sessions.iter().any(|revocation| revocation.session_id == self.session.id)
    }
}

/// What became of a session token.
#[derive(Debug)]
pub enum Found {
    /// None was shown, or none with a right signature.
    NoToken,
    /// One was shown, and its session is gone or over: the browser should forget it.
    Ended,
    /// It is good.
    SignedIn(Box<SignedIn>),
}

/// Whether the expiry of a session may move because it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slide {
    /// It moves when it is time.
    Yes,
    /// It stays.
    No,
}

/// Opens, finds and ends sessions.
pub struct Sessions {
    database: Database,
    /// How long after its end a session can still have living JWTs.
    tokens_outlive: Duration,
    revocations: Arc<Revocations>,
    /// Calls whoever tells clients of ended sessions.
    notices: Arc<Notify>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    /// The sessions that `database` keeps; an ended one is remembered for `tokens_outlive`, the longest life of a JWT.
    pub fn new(
        database: Database,
        tokens_outlive: Duration,
        revocations: Arc<Revocations>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { database, tokens_outlive, revocations, notices: Arc::default(), clock, entropy }
    }

    /// The living session of a token. A remembered one slides, when it is time and `slide` allows it; an expired one is
    /// ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn authenticate(&self, token: Option<OpaqueToken>, slide: Slide) -> Result<Found, Error> {
        let Some(token) = token else { return Ok(Found::NoToken) };
        let sessions = self.database.sessions();
        // Taken before the database is asked: the session may end while the answer is on its way.
        let now = self.clock.now();
        let Some((mut session, user)) = sessions.by_token_hash(&token.hash()).await? else {
            return Ok(Found::Ended);
        };
        let expiry = match session.standing(now) {
            Standing::Expired => {
                self.end(&session.user_id, SessionFilter::Id(&session.id)).await?;
                return Ok(Found::Ended);
            }
            Standing::Slides { to } if slide == Slide::Yes => {
                // It may have been ended between the two statements; then it stays ended.
                if !sessions.extend(&session.id, to, now).await? {
                    return Ok(Found::Ended);
                }
                session.expires_at = to;
                session.updated_at = now;
                Expiry::Moved
            }
            Standing::Slides { .. } | Standing::Current => Expiry::Unchanged,
        };
        Ok(Found::SignedIn(Box::new(SignedIn { session, user, token, expiry, found_at: now })))
    }

    /// The living sessions of the user who asks, oldest first.
    ///
    /// # Errors
    /// [`Error::SessionNotFresh`] when signing in was too long ago to see them, [`Error::SessionEnded`] when the session
    /// that asks is not among them any more.
    pub async fn list(&self, current: &SignedIn) -> Result<Vec<Session>, Error> {
        let now = self.clock.now();
        if !current.session.is_fresh(now) {
            return Err(Error::SessionNotFresh);
        }
        let living = self.database.sessions().of_user(&current.user.id, now).await?;
        let has_current = living.iter().any(|session| session.id == current.session.id);
        if has_current { Ok(living) } else { Err(Error::SessionEnded) }
    }

    /// Ends one session of the user who asks: the one with this token, or with this id. None may be theirs; then nothing
    /// happens.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] when the session that asks has ended since it was looked up.
    pub async fn revoke_one(&self, current: &SignedIn, token_or_id: &str) -> Result<(), Error> {
        let token_hash = OpaqueToken::new(token_or_id.to_owned()).hash();
        self.end_for(current, SessionFilter::IdOrTokenHash(token_or_id, &token_hash)).await
    }

    /// Ends every session of the user who asks, this one too.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] when the session that asks has ended since it was looked up.
    pub async fn revoke_all(&self, current: &SignedIn) -> Result<(), Error> {
        self.end_for(current, SessionFilter::All).await
    }

    /// Ends every session of the user who asks, but this one.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] when the session that asks has ended since it was looked up.
    pub async fn revoke_others(&self, current: &SignedIn) -> Result<(), Error> {
        self.end_for(current, SessionFilter::AllBut(&current.session.id)).await
    }

    /// Reads the revocations and the deleted users that the database remembers, as a start of the process has to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recall_revocations(&self) -> Result<(), store::Error> {
        let now = self.clock.now();
        self.revoke_grants(self.database.sessions().revoked(now).await?);
        let deleted = self.database.tasks().ended(now).await?;
        self.revocations.deletions().done(deleted.into_iter().map(|owner| (owner.user_id, owner.forget_at)));
        Ok(())
    }

    /// Deletes sessions that have expired, and what is known of those that were ended long ago; says how many rows went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self) -> Result<u64, store::Error> {
        self.database.sessions().sweep(self.clock.now()).await
    }

    /// Makes, but does not yet keep, a session of this user with its token.
    pub(super) fn prepare(
        &self,
        user: User,
        remember: Remember,
        device: &Device,
    ) -> Result<SignedIn, EntropyUnavailable> {
        let now = self.clock.now();
        let token = OpaqueToken::new(random_alphanumeric(&*self.entropy, ID_LENGTH)?);
        let session = Session {
            id: new_id(&*self.entropy)?,
            user_id: user.id.clone(),
            created_at: now,
            updated_at: now,
            expires_at: now.after(remember.lifetime()),
            remember,
            ip_address: device.ip_address.clone(),
            user_agent: device.user_agent.chars().take(USER_AGENT_LENGTH).collect(),
            authenticated_at: now,
            amr: Amr::password(),
        };
        Ok(SignedIn { session, user, token, expiry: Expiry::Unchanged, found_at: now })
    }

    /// Keeps a session that was prepared, as long as `password_hash` is still the hash of the user's password; says
    /// whether it was.
    pub(super) async fn keep_proved(
        &self,
        prepared: &SignedIn,
        password_hash: &str,
    ) -> Result<bool, store::Error> {
        let sessions = self.database.sessions();
        match sessions.insert_proved(&prepared.session, &prepared.token.hash(), password_hash).await {
            Err(store::Error::ForeignKeyViolation) => Ok(false),
            kept => kept,
        }
    }

    /// Ends sessions of a user, and refuses their JWTs from now on; says how many ended.
    pub(super) async fn end(&self, user_id: &str, filter: SessionFilter<'_>) -> Result<usize, store::Error> {
        let ending = self.ending();
        let ended = self
            .database
            .write(|unit| async move { end(&unit, user_id, filter, Grants::Bound, ending).await });
        Ok(self.revoke(ended.await?))
    }

    /// Called when a unit of work has left word for clients.
    pub fn notices(&self) -> Arc<Notify> {
        self.notices.clone()
    }

    /// Whether this process knows that the session has ended.
    pub fn has_ended(&self, session_id: &str) -> bool {
        self.revocations.contains(session_id)
    }

    /// When sessions end that end in a unit of work which begins now. Until its end others find them alive and issue tokens,
    /// which are remembered as well.
    pub fn ending(&self) -> Ending {
        let at = self.clock.now();
        Ending { at, forget_at: at.after(self.tokens_outlive + self.database.time_limit()) }
    }

    /// Refuses the tokens of what has ended, from now on; says how many sessions there were.
    pub(super) fn revoke(&self, ended: Ended) -> usize {
        let count = ended.sessions.len();
        if ended.notices > 0 {
            self.notices.notify_one();
        }
        let all = ended.sessions.into_iter().chain(ended.grants);
        self.revocations.end(all.map(|revoked| (revoked.session_id, revoked.forget_at)));
        count
    }

    /// Refuses the access tokens of grants that have ended, from now on; says how many there were.
    pub fn revoke_grants(&self, grants: Vec<Revocation>) -> usize {
        let count = grants.len();
        self.revoke(Ended { grants, ..Ended::default() });
        count
    }

    /// Tells other instances that a user was deleted.
    pub(super) fn publish_deletion(&self, user_id: &str, forget_at: Timestamp) {
        self.revocations.deletions().done([(user_id.to_owned(), forget_at)]);
    }

    /// Ends sessions for a user whose own session still lives in the same unit of work.
    async fn end_for(&self, current: &SignedIn, filter: SessionFilter<'_>) -> Result<(), Error> {
        let (user_id, ending) = (&current.user.id, self.ending());
        let ended = self.database.write(|unit| async move {
            unit.credentials().hold_of(user_id).await?;
            if !unit.sessions().lives(user_id, &current.session.id).await? {
                return Err(Error::SessionEnded);
            }
            Ok(end(&unit, user_id, filter, Grants::Bound, ending).await?)
        });
        let count = self.revoke(ended.await?);
        audit::record(Event::SessionsRevoked { user: user_id, count });
        Ok(())
    }
}

/// A fresh id for a user, a credential or anything else with a name of its own.
///
/// # Errors
/// [`EntropyUnavailable`].
pub(super) fn new_id(entropy: &dyn Entropy) -> Result<String, EntropyUnavailable> {
    random_alphanumeric(entropy, ID_LENGTH)
}
