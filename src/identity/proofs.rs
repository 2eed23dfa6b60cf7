//! Proving a password.
//! In: an address or a session, a password, and what it is proved for. Out: what came of it.
//! Owns: nothing else compares passwords, so that every attempt is counted; a proof is handed only to a use that still
//! finds what was proved, in the statement or the unit of work that uses it.

use std::sync::Arc;

use super::attempts::{Attempts, Prover};
use super::devices::Devices;
use super::email::Email;
use super::error::Error;
use super::sessions::{Device, SignedIn};
use crate::audit::{self, Event, Refusal};
use crate::model::user::User;
use crate::password::{Comparison, Passwords, Permit, Requester};
use crate::secret::Password;
use crate::store::{self, Database};
use crate::sync::limiter::Limiter;
use signet_verify::clock::Clock;

/// The shortest and the longest new password, in UTF-16 code units; see [`Password::length`].
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// How often a password is proved at most: once more when its hash has changed since, as it does when it is upgraded by
/// another sign-in at the same time.
const PROOFS: usize = 2;

/// What a password was proved against.
#[derive(Debug)]
pub(super) struct Proof {
    /// Whose password it is.
    pub(super) user: User,
    /// The hash that the password fits; what uses the proof has to find it unchanged.
    pub(super) hash: String,
}

/// Where passwords are proved.
pub(super) struct Proofs {
    database: Database,
    passwords: Arc<Passwords>,
    attempts: Attempts,
    devices: Arc<Devices>,
    clock: Arc<dyn Clock>,
}

impl Proofs {
    /// Proofs against the hashes that `database` keeps.
    pub(super) fn new(
        database: Database,
        passwords: Arc<Passwords>,
        limiter: Arc<Limiter>,
        devices: Arc<Devices>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let attempts = Attempts::new(limiter);
        Self { database, passwords, attempts, devices, clock }
    }

    /// Takes a place in the queue of the hashing threads.
    ///
    /// # Errors
    /// When it is full.
    pub(super) fn enter(&self, requester: Requester) -> Result<Permit, Error> {
        Ok(self.passwords.enter(requester)?)
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// When the hashing threads fail.
    pub(super) async fn hash(&self, permit: Permit, password: &Password) -> Result<String, Error> {
        Ok(self.passwords.hash(permit, password).await?)
    }

    /// Who has this address, in whichever spelling it is kept, and the hash of their password.
    pub(super) async fn by_email(
        &self,
        email: &Email,
    ) -> Result<Option<(User, Option<String>)>, store::Error> {
        let credentials = self.database.credentials();
        let mut found = None;
        for spelling in email.spellings() {
            // All of them, so that a known address takes no less work than an unknown one.
            found = found.or(credentials.by_email(spelling).await?);
        }
        Ok(found)
    }

    /// Proves the password of whoever has this address, and hands the proof to `apply`, which answers nothing if what was
    /// proved was not there any more.
    ///
    /// # Errors
    /// [`Error::InvalidEmailOrPassword`] for an unknown address and for a wrong password alike, after the same work;
    /// [`Error::Throttled`]; and what `apply` says.
    pub(super) async fn by_address<T, F>(
        &self,
        email: &Email,
        password: &Password,
        device: &Device,
        apply: impl Fn(Proof) -> F + Send + Sync,
    ) -> Result<T, Error>
    where
        T: Send,
        F: Future<Output = Result<Option<T>, Error>> + Send,
    {
        let known = self.devices.known_to(email, &device.tokens);
        let requester = known.map_or(Requester::Unknown, |_| Requester::Known);
        let attempt = async {
            for _ in 0..PROOFS {
                if let Some(done) = apply(self.prove_address(email, password, requester).await?).await? {
                    return Ok(done);
                }
            }
            // The password has been changed, or the user deleted, since it was looked up.
            Err(Error::InvalidEmailOrPassword)
        };
        self.attempts.count(Prover::SigningIn { email, device, known }, attempt).await
    }

    /// Proves the password of a user who is signed in, and hands the proof to `apply`, which answers nothing if what was
    /// proved was not there any more.
    ///
    /// # Errors
    /// [`Error::InvalidPassword`], [`Error::NoPassword`], [`Error::Throttled`]; and what `apply` says.
    pub(super) async fn by_session<T, F>(
        &self,
        current: &SignedIn,
        password: &Password,
        apply: impl Fn(Proof) -> F + Send + Sync,
    ) -> Result<T, Error>
    where
        T: Send,
        F: Future<Output = Result<Option<T>, Error>> + Send,
    {
        let attempt = async {
            for _ in 0..PROOFS {
                let hash = self.prove_session(current, password).await?;
                if let Some(done) = apply(Proof { user: current.user.clone(), hash }).await? {
                    return Ok(done);
                }
            }
            // Another request changed it meanwhile: what was proved is no longer the password.
            Err(Error::InvalidPassword)
        };
        self.attempts.count(Prover::SignedIn(current), attempt).await
    }

    async fn prove_address(
        &self,
        email: &Email,
        password: &Password,
        requester: Requester,
    ) -> Result<Proof, Error> {
        let permit = self.enter(requester)?;
        let found = self.by_email(email).await?;
        let stored = found.as_ref().and_then(|(_, hash)| hash.as_deref());
        let comparison = self.passwords.compare(permit, password, stored).await?;
        match (found, comparison) {
            (Some((user, Some(hash))), Comparison::Fits) => Ok(Proof { user, hash }),
            (Some((user, Some(hash))), Comparison::FitsOutdated) => {
                let hash = self.upgrade(&user.id, hash, password).await;
                Ok(Proof { user, hash })
            }
            (found, _) => {
                let user = found.as_ref().map(|(user, _)| user.id.as_str());
                audit::record(Event::SignInRefused { refusal: Refusal::WrongCredentials, user });
                Err(Error::InvalidEmailOrPassword)
            }
        }
    }

    async fn prove_session(&self, current: &SignedIn, password: &Password) -> Result<String, Error> {
        let (user, session) = (&current.user.id, &current.session.id);
        let permit = self.enter(Requester::Known)?;
        let Some(stored) = self.database.credentials().password_hash(user).await? else {
            // Without a password, or without an account any more.
            let lives = self.database.sessions().lives(user, session).await?;
            return Err(if lives { Error::NoPassword } else { Error::SessionEnded });
        };
        // Longer than any password can be: not worth the work.
        if password.length() > *PASSWORD_LENGTH.end() {
            return Err(Error::InvalidPassword);
        }
        match self.passwords.compare(permit, password, Some(&stored)).await? {
            Comparison::Fits | Comparison::FitsOutdated => Ok(stored),
            Comparison::Wrong => {
                audit::record(Event::ProofRefused { refusal: Refusal::WrongCredentials, user, session });
                Err(Error::InvalidPassword)
            }
        }
    }

    /// Hashes a proved password anew with today's parameters, and answers the hash that is stored from now on. A failure
    /// only means that the next sign-in tries again.
    async fn upgrade(&self, user_id: &str, old: String, password: &Password) -> String {
        let upgraded = async {
            let new = self.hash(self.enter(Requester::Known)?, password).await?;
            let now = self.clock.now();
            self.database.credentials().replace_password(user_id, &old, &new, now).await?;
            Ok::<_, Error>(new)
        };
        match upgraded.await {
            Ok(new) => {
                tracing::info!("a password hash was upgraded to today's parameters");
                new
            }
            Err(error) => {
                tracing::warn!(%error, "a password hash was not upgraded");
                old
            }
        }
    }
}

/// What a use of a proof came to: nothing where the row that was proved has changed or gone.
pub(super) fn still_proved<T>(outcome: Result<T, Error>) -> Result<Option<T>, Error> {
    match outcome {
        Err(Error::Store(store::Error::Conflict)) => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// Judges the length of a new password.
pub(super) fn check_length(password: &Password) -> Result<(), Error> {
    match password.length() {
        length if length < *PASSWORD_LENGTH.start() => Err(Error::PasswordTooShort),
        length if length > *PASSWORD_LENGTH.end() => Err(Error::PasswordTooLong),
        _ => Ok(()),
    }
}
