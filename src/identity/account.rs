//! Having an account: signing up and in, and changing what one signs in with.
//! In: addresses, names, passwords. Out: users who are signed in, or one reason why not.
//! Owns: passwords are throttled per account, whatever addresses the attempts come from; the unique index judges who was first.

use std::sync::Arc;
use std::time::Duration;

use super::audit::{self, Deed, Outcome};
use super::email::Email;
use super::password::{HashingError, Passwords, Verdict};
use super::session::{Device, SessionDesk, SessionError, SignedIn, new_id};
use crate::secret::Password;
use crate::store::StoreError;
use crate::store::accounts::{Account, Accounts, ProfileChange, User};
use crate::store::sessions::Which;
use crate::sync::limiter::Limiter;
use crate::sync::rule::RetryAfter;
use crate::sync::rule::Rule;
use signet_verify::clock::Clock;
use signet_verify::clock::Entropy;
use signet_verify::clock::EntropyUnavailable;

/// The shortest and the longest new password, in UTF-16 code units.
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// How often the password of one account may be tried, from all addresses together.
const PASSWORD_TRIES: Rule = Rule { name: "password", burst: 3, window: Duration::from_secs(10) };

/// Why an account use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Somebody has this address already.
    #[error("the address is taken")]
    EmailTaken,
    /// No such user, no password, or the wrong one: the caller is not told which.
    #[error("unknown address or wrong password")]
    InvalidEmailOrPassword,
    /// Signing in was too long ago to do this without a password.
    #[error("the session is not fresh")]
    NotFresh,
    /// The current password was not given rightly.
    #[error("wrong password")]
    InvalidPassword,
    /// The user has no password.
    #[error("the user has no password")]
    NoPassword,
    /// Shorter than [`PASSWORD_LENGTH`] allows.
    #[error("password too short")]
    PasswordTooShort,
    /// Longer than [`PASSWORD_LENGTH`] allows.
    #[error("password too long")]
    PasswordTooLong,
    /// Too many passwords were tried for this account.
    #[error("too many attempts")]
    Throttled(RetryAfter),
    /// No hash could be computed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No identifier could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}

impl From<SessionError> for AccountError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Store(error) => Self::Store(error),
            SessionError::Entropy(error) => Self::Entropy(error),
        }
    }
}

/// What somebody gives to sign up.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// What to call them; may be empty.
    pub name: String,
    /// Their address.
    pub email: Email,
    /// Their password.
    pub password: Password,
    /// Where a picture of them is.
    pub image: Option<String>,
    /// Whether the session outlives the browser.
    pub remembered: bool,
}

/// The use cases of accounts.
pub struct AccountDesk {
    accounts: Accounts,
    sessions: Arc<SessionDesk>,
    passwords: Arc<Passwords>,
    throttle: Arc<Limiter>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for AccountDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountDesk").finish_non_exhaustive()
    }
}

impl AccountDesk {
    /// A desk over these accounts.
    pub fn new(
        accounts: Accounts,
        sessions: Arc<SessionDesk>,
        passwords: Arc<Passwords>,
        throttle: Arc<Limiter>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { accounts, sessions, passwords, throttle, clock, entropy }
    }

    /// Makes a user, a password account and a first session, all or nothing.
    ///
    /// # Errors
    /// [`AccountError::PasswordTooShort`] and its kin before [`AccountError::EmailTaken`].
    pub async fn sign_up(&self, new: NewAccount, device: &Device) -> Result<SignedIn, AccountError> {
        check_length(&new.password)?;
        let place = self.passwords.enter()?;
        if self.accounts.by_email(new.email.as_str()).await?.is_some() {
            return Err(AccountError::EmailTaken);
        }
        let hash = self.passwords.hash(place, &new.password).await?;
        let now = self.clock.now();
        let user = User {
            id: new_id(&*self.entropy)?,
            email: new.email.as_str().to_owned(),
            email_verified: false,
            name: new.name,
            image: new.image,
            created_at: now,
            updated_at: now,
        };
        let (session, token) = self.sessions.prepare(&user.id, new.remembered, device)?;
        match self.accounts.sign_up(&user, &new_id(&*self.entropy)?, &hash, &session).await {
            Ok(()) => {
                audit::record(Deed::SignUp, Outcome::Done, Some(&user.id), Some(&session.session.id));
                Ok(SignedIn { session: session.session, user, token, slid: false })
            }
            Err(StoreError::Conflict) => Err(AccountError::EmailTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// Proves a password and opens a session.
    ///
    /// # Errors
    /// [`AccountError::InvalidEmailOrPassword`] for an unknown address and for a wrong password alike, after the same work.
    pub async fn sign_in(
        &self,
        email: &Email,
        password: &Password,
        remembered: bool,
        device: &Device,
    ) -> Result<SignedIn, AccountError> {
        if password.utf16_length() > *PASSWORD_LENGTH.end() {
            return Err(AccountError::PasswordTooLong);
        }
        self.throttle.attempt(&PASSWORD_TRIES, email.as_str()).await.map_err(|wait| {
            // Nobody has looked yet whose address it is.
            audit::record(Deed::SignIn, Outcome::Limited, None, None);
            AccountError::Throttled(wait)
        })?;
        let place = self.passwords.enter()?;
        let found = self.accounts.by_email(email.as_str()).await?;
        let stored = found.as_ref().and_then(|(_, hash)| hash.as_deref());
        let verdict = self.passwords.compare(place, password, stored).await?;
        let user_id = found.as_ref().map(|(user, _)| user.id.clone());
        let (Some((user, Some(hash))), Verdict::Fits | Verdict::FitsOutdated) = (found, verdict) else {
            audit::record(Deed::SignIn, Outcome::WrongCredentials, user_id.as_deref(), None);
            return Err(AccountError::InvalidEmailOrPassword);
        };
        if verdict == Verdict::FitsOutdated {
            self.upgrade(&user.id, &hash, password).await;
        }
        let signed_in = match self.sessions.open(user, remembered, device).await {
            // The user has been deleted since the password was looked up.
            Err(SessionError::Store(StoreError::Orphan)) => return Err(AccountError::InvalidEmailOrPassword),
            opened => opened?,
        };
        audit::record(Deed::SignIn, Outcome::Done, user_id.as_deref(), Some(&signed_in.session.id));
        Ok(signed_in)
    }

    /// Changes the password of somebody who is signed in and knows the old one. With `revoke_others` all sessions end,
    /// this one too, and the answer holds a new one.
    ///
    /// # Errors
    /// The length of the new password is judged before the old one is looked at.
    pub async fn change_password(
        &self,
        current: &SignedIn,
        old: &Password,
        new: &Password,
        revoke_others: bool,
        device: &Device,
    ) -> Result<Option<SignedIn>, AccountError> {
        check_length(new)?;
        let stored = self.prove(current, old).await?;
        let hash = self.passwords.hash(self.passwords.enter()?, new).await?;
        let user_id = &current.user.id;
        let replaced = if revoke_others {
            self.sessions.replace_all(&stored, &hash, current, device).await.map(Some)
        } else {
            let now = self.clock.now();
            self.accounts
                .replace_password(user_id, &stored, &hash, now)
                .await
                .map(|()| None)
                .map_err(Into::into)
        };
        let replaced = replaced.map_err(|error| match error {
            // Somebody changed it a moment ago: the old password is no longer the password.
            SessionError::Store(StoreError::Conflict) => AccountError::InvalidPassword,
            error => error.into(),
        })?;
        audit::record(Deed::ChangePassword, Outcome::Done, Some(user_id), Some(&current.session.id));
        Ok(replaced)
    }

    /// Proves the password of somebody who is signed in.
    ///
    /// # Errors
    /// [`AccountError::InvalidPassword`].
    pub async fn verify_password(&self, current: &SignedIn, password: &Password) -> Result<(), AccountError> {
        match self.prove(current, password).await {
            Ok(_) => Ok(()),
            // Better Auth does not tell a user without a password from a wrong password here.
            Err(AccountError::NoPassword) => Err(AccountError::InvalidPassword),
            Err(error) => Err(error),
        }
    }

    /// Changes the name or the picture.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_profile(&self, user_id: &str, change: &ProfileChange) -> Result<(), AccountError> {
        Ok(self.accounts.change_profile(user_id, change, self.clock.now()).await?)
    }

    /// How a user can sign in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts_of(&self, user_id: &str) -> Result<Vec<Account>, AccountError> {
        Ok(self.accounts.of_user(user_id).await?)
    }

    /// Ends one session of the caller: the one with this token, or with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_session(&self, user_id: &str, token_or_id: &str) -> Result<(), AccountError> {
        let token_hash = crate::secret::OpaqueToken::new(token_or_id.to_owned()).hash();
        let mut ended = self.sessions.end(user_id, Which::TokenHash(&token_hash)).await?;
        if ended == 0 {
            ended = self.sessions.end(user_id, Which::Id(token_or_id)).await?;
        }
        audit::record_revoked(user_id, ended);
        Ok(())
    }

    /// Deletes the user who is signed in, with everything that is theirs. A password is proved where one is given;
    /// without one, signing in has to have been recent.
    ///
    /// # Errors
    /// [`AccountError::InvalidPassword`], [`AccountError::NotFresh`]; then nothing has happened.
    pub async fn delete_user(
        &self,
        current: &SignedIn,
        password: Option<&Password>,
    ) -> Result<(), AccountError> {
        match password {
            Some(password) => drop(self.prove(current, password).await?),
            None if self.sessions.is_fresh(&current.session) => {}
            None => return Err(AccountError::NotFresh),
        }
        self.sessions.delete_user(&current.user.id).await?;
        audit::record(Deed::DeleteAccount, Outcome::Done, Some(&current.user.id), Some(&current.session.id));
        Ok(())
    }

    /// The stored hash, once the password has been proved against it.
    async fn prove(&self, current: &SignedIn, password: &Password) -> Result<String, AccountError> {
        let (user, session) = (Some(current.user.id.as_str()), Some(current.session.id.as_str()));
        self.throttle.attempt(&PASSWORD_TRIES, &current.user.email).await.map_err(|wait| {
            audit::record(Deed::ProvePassword, Outcome::Limited, user, session);
            AccountError::Throttled(wait)
        })?;
        let place = self.passwords.enter()?;
        let stored = self.accounts.password_hash(&current.user.id).await?.ok_or(AccountError::NoPassword)?;
        // Longer than any password can be: not worth the work.
        if password.utf16_length() > *PASSWORD_LENGTH.end() {
            return Err(AccountError::InvalidPassword);
        }
        match self.passwords.compare(place, password, Some(&stored)).await? {
            Verdict::Fits | Verdict::FitsOutdated => Ok(stored),
            Verdict::Wrong => {
                audit::record(Deed::ProvePassword, Outcome::WrongCredentials, user, session);
                Err(AccountError::InvalidPassword)
            }
        }
    }

    /// Hashes a proved password anew with today's parameters. A failure only means that the next sign-in tries again.
    async fn upgrade(&self, user_id: &str, old: &str, password: &Password) {
        let upgraded = async {
            let new = self.passwords.hash(self.passwords.enter()?, password).await?;
            Ok::<_, AccountError>(self.accounts.replace_password(user_id, old, &new, self.clock.now()).await?)
        };
        match upgraded.await {
            Ok(()) => tracing::info!("a password hash was upgraded to today's parameters"),
            Err(error) => tracing::warn!(%error, "a password hash was not upgraded"),
        }
    }
}

fn check_length(password: &Password) -> Result<(), AccountError> {
    match password.utf16_length() {
        length if length < *PASSWORD_LENGTH.start() => Err(AccountError::PasswordTooShort),
        length if length > *PASSWORD_LENGTH.end() => Err(AccountError::PasswordTooLong),
        _ => Ok(()),
    }
}
