//! How often credentials may be tried.
//! In: who tries, and the attempt. Out: what came of it, or how long to wait.
//! Owns: no attacker locks the owner of an account out. What fails is counted and what succeeds is not; a session, and a
//! device that has signed in before, are counted by themselves.

use std::sync::Arc;
use std::time::Duration;

use super::devices::DeviceToken;
use super::email::Email;
use super::error::Error;
use super::sessions::{Device, SignedIn};
use crate::audit::{self, Event, Refusal};
use crate::sync::limiter::{Limiter, Reservation};
use crate::sync::rule::{RetryAfter, Rule};

/// How long it takes to have a whole burst again.
const WINDOW: Duration = Duration::from_secs(10);

/// One address, for one account.
const OF_ADDRESS: Rule = Rule { name: "password", burst: 3, window: WINDOW };
/// All devices together that are not known to an account. It takes ten times as many addresses to use it up, and
/// lets a botnet try no more than one password a second.
const OF_ACCOUNT: Rule = Rule { name: "password-account", burst: 30, window: Duration::from_secs(30) };
/// A device that has signed in to the account before: not more than others, so that its cookie is not worth stealing.
const OF_DEVICE: Rule = Rule { name: "password-device", burst: 3, window: WINDOW };
/// One session.
const OF_SESSION: Rule = Rule { name: "password-session", burst: 3, window: WINDOW };

/// Who tries a credential.
#[derive(Clone, Copy, Debug)]
pub(super) enum Prover<'a> {
    /// A client that wants to sign in.
    SigningIn {
        /// As whom. Whether there is such an account makes no difference.
        email: &'a Email,
        /// From where.
        device: &'a Device,
        /// What the device was given when it signed in to this account before.
        known: Option<&'a DeviceToken>,
    },
    /// A user who is signed in, and proves that once more.
    SignedIn(&'a SignedIn),
}

/// The limits of attempts at credentials, of whatever kind: every factor is tried through [`Attempts::count`].
pub(super) struct Attempts {
    limiter: Arc<Limiter>,
}

impl Attempts {
    /// Limits that `limiter` keeps.
    pub(super) fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter }
    }

    /// Makes an attempt, if there may be one now. It is counted before it begins, so that many at once are no more than
    /// many one after the other, and not counted any more unless the credential was wrong. An attempt that is given up on
    /// stays counted: its guess may have been looked at.
    ///
    /// # Errors
    /// [`Error::Throttled`]; and those of the attempt.
    pub(super) async fn count<T>(
        &self,
        prover: Prover<'_>,
        attempt: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let reserved = self.reserve(prover).await.map_err(|wait| {
            audit::record(match prover {
                // Whose address it is has not been looked up yet.
                Prover::SigningIn { .. } => Event::SignInRefused { refusal: Refusal::Limited, user: None },
                Prover::SignedIn(SignedIn { user, session, .. }) => {
                    Event::ProofRefused { refusal: Refusal::Limited, user: &user.id, session: &session.id }
                }
            });
            Error::Throttled(wait)
        })?;
        let outcome = attempt.await;
        if !outcome.as_ref().is_err_and(Error::is_wrong_credential) {
            for reservation in reserved {
                self.limiter.take_back(reservation).await;
            }
        }
        outcome
    }

    async fn reserve(&self, prover: Prover<'_>) -> Result<Vec<Reservation>, RetryAfter> {
        let (email, device, known) = match prover {
            Prover::SignedIn(current) => {
                return Ok(vec![self.limiter.reserve(&OF_SESSION, &current.session.id).await?]);
            }
            Prover::SigningIn { email, device, known } => (email, device, known),
        };
        // One that has used up its own limit is treated like any other.
        if let Some(known) = known
            && let Ok(reservation) = self.limiter.reserve(&OF_DEVICE, known.nonce()).await
        {
            return Ok(vec![reservation]);
        }
        let here = format!("{email} {}", device.subscriber);
        let strict = self.limiter.reserve(&OF_ADDRESS, &here).await?;
        match self.limiter.reserve(&OF_ACCOUNT, email.as_str()).await {
            Ok(loose) => Ok(vec![strict, loose]),
            Err(wait) => {
                self.limiter.take_back(strict).await;
                Err(wait)
            }
        }
    }
}

impl Error {
    /// Whether a credential was guessed, and wrongly.
    fn is_wrong_credential(&self) -> bool {
        matches!(self, Self::InvalidEmailOrPassword | Self::InvalidPassword)
    }
}
