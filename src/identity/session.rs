//! Being signed in.
//! In: a user and where they are, or a session token. Out: a session with its user.
//! Owns: only the hash of a token is stored; a session that ends is refused everywhere in this process at once.

use std::sync::Arc;
use std::time::Duration;

use crate::secret::OpaqueToken;
use crate::store::StoreError;
use crate::store::accounts::User;
use crate::store::sessions::{NewSession, RevokedSession, Session, Sessions, Which};
use crate::sync::revocations::Revocations;
use signet_verify::clock::Clock;
use signet_verify::clock::Entropy;
use signet_verify::clock::EntropyUnavailable;
use signet_verify::clock::random_alphanumeric;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Life of a remembered session, counted from when its expiry last slid.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Life of a session that the browser forgets; it never slides.
pub const BROWSER_SESSION_FOR: Duration = DAY;
/// A session slides when its expiry was set at least this long ago.
const SLIDES_AFTER: Duration = DAY;
/// How long after signing in a session is fresh.
pub const FRESH_FOR: Duration = DAY;

/// Letters and digits of ids and tokens; 32 of them are about 190 bits.
const ID_LENGTH: usize = 32;
/// What we keep of the name that a program gives itself, in characters.
const USER_AGENT_LENGTH: usize = 512;

/// Why a session can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No token could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}

/// Where somebody signs in from.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// The address of the peer, or what a trusted proxy says it is; empty when unknown.
    pub ip_address: String,
    /// What the program calls itself; empty when unknown.
    pub user_agent: String,
}

/// A session that somebody has just shown the token of.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub user: User,
    /// The token that was shown.
    pub token: OpaqueToken,
    /// Whether the expiry slid just now, so that the cookie is to be renewed.
    pub slid: bool,
}

/// Opens, finds and ends sessions.
pub struct SessionDesk {
    sessions: Sessions,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for SessionDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionDesk").finish_non_exhaustive()
    }
}

impl SessionDesk {
    /// A desk over these sessions.
    pub fn new(
        sessions: Sessions,
        revocations: Arc<Revocations>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { sessions, revocations, clock, entropy }
    }

    /// Makes, but does not yet keep, a session with its token.
    ///
    /// # Errors
    /// [`EntropyUnavailable`].
    pub fn prepare(
        &self,
        user_id: &str,
        remembered: bool,
        device: &Device,
    ) -> Result<(NewSession, OpaqueToken), EntropyUnavailable> {
        let now = self.clock.now();
        let token = OpaqueToken::new(random_alphanumeric(&*self.entropy, ID_LENGTH)?);
        let session = Session {
            id: random_alphanumeric(&*self.entropy, ID_LENGTH)?,
            user_id: user_id.to_owned(),
            created_at: now,
            updated_at: now,
            expires_at: now.after(if remembered { REMEMBERED_FOR } else { BROWSER_SESSION_FOR }),
            remembered,
            ip_address: device.ip_address.clone(),
            user_agent: device.user_agent.chars().take(USER_AGENT_LENGTH).collect(),
        };
        Ok((NewSession { session, token_hash: token.hash() }, token))
    }

    /// Signs a user in.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn open(
        &self,
        user: User,
        remembered: bool,
        device: &Device,
    ) -> Result<SignedIn, SessionError> {
        let (new, token) = self.prepare(&user.id, remembered, device)?;
        self.sessions.open(&new).await?;
        Ok(SignedIn { session: new.session, user, token, slid: false })
    }

    /// The living session of a token. A remembered one slides, when it is time and `slide` allows it; an expired one is ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, token: OpaqueToken, slide: bool) -> Result<Option<SignedIn>, StoreError> {
        let Some((mut session, user)) = self.sessions.by_token_hash(&token.hash()).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        if session.expires_at <= now {
            self.end(&session.user_id, Which::Id(&session.id)).await?;
            return Ok(None);
        }
        let set_at = session.expires_at.before(REMEMBERED_FOR);
        let slid = slide && session.remembered && set_at.after(SLIDES_AFTER) <= now;
        if slid {
            let expires_at = now.after(REMEMBERED_FOR);
            // It may have been ended between the two statements; then it stays ended.
            if !self.sessions.extend(&session.id, expires_at, now).await? {
                return Ok(None);
            }
            session.expires_at = expires_at;
            session.updated_at = now;
        }
        Ok(Some(SignedIn { session, user, token, slid }))
    }

    /// The living sessions of a user, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_user(&self, user_id: &str) -> Result<Vec<Session>, StoreError> {
        self.sessions.of_user(user_id, self.clock.now()).await
    }

    /// Ends sessions of a user, and refuses their JWTs from now on; says how many ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(&self, user_id: &str, which: Which<'_>) -> Result<usize, StoreError> {
        let ended = self.sessions.end(user_id, which, self.clock.now()).await?;
        Ok(self.refuse(ended))
    }

    /// Changes a password hash, ends every session of the user and opens a new one, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the password has changed meanwhile.
    pub async fn replace_all(
        &self,
        old_hash: &str,
        new_hash: &str,
        current: &SignedIn,
        device: &Device,
    ) -> Result<SignedIn, SessionError> {
        let (new, token) = self.prepare(&current.user.id, current.session.remembered, device)?;
        let ended = self.sessions.replace_all(old_hash, new_hash, &new, self.clock.now()).await?;
        self.refuse(ended);
        Ok(SignedIn { session: new.session, user: current.user.clone(), token, slid: false })
    }

    /// Deletes a user with everything that is theirs, and refuses the JWTs of all their sessions from now on.
    ///
    /// # Errors
    /// When the database fails; then nothing has happened.
    pub async fn delete_user(&self, user_id: &str) -> Result<(), StoreError> {
        let ended = self.sessions.delete_user(user_id, self.clock.now()).await?;
        self.refuse(ended);
        Ok(())
    }

    /// Whether signing in was so recent that sensitive reading is allowed.
    pub fn is_fresh(&self, session: &Session) -> bool {
        self.clock.now().since(session.created_at) < FRESH_FOR
    }

    /// Reads the revocations that the database remembers, as a start of the process has to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recall_revocations(&self) -> Result<usize, StoreError> {
        let ended = self.sessions.revoked(self.clock.now()).await?;
        Ok(self.refuse(ended))
    }

    /// Removes what time has made useless, from the database and from memory.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        self.revocations.sweep();
        self.sessions.sweep(self.clock.now()).await
    }

    fn refuse(&self, ended: Vec<RevokedSession>) -> usize {
        let count = ended.len();
        self.revocations.end(ended.into_iter().map(|revoked| (revoked.session_id, revoked.forget_at)));
        count
    }
}

/// A fresh id for a user, an account or anything else with a name of its own.
///
/// # Errors
/// [`EntropyUnavailable`].
pub fn new_id(entropy: &dyn Entropy) -> Result<String, EntropyUnavailable> {
    random_alphanumeric(entropy, ID_LENGTH)
}
