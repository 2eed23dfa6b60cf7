//! What the operations of the identity service share.

use std::sync::Arc;

use poem_openapi::Tags;

use super::cookie::Cookies;
use crate::clock::Clock;
use crate::config::TrustedOrigins;
use crate::identity::account::AccountDesk;
use crate::identity::issuing::Issuer;
use crate::identity::session::{SessionDesk, SignedIn};
use crate::keys::keyring::Keyring;
use crate::secret::OpaqueToken;
use crate::store::StoreError;

/// What the operations of the identity service work with.
pub struct Identity {
    /// Signing up and in.
    pub accounts: AccountDesk,
    /// Being signed in.
    pub sessions: Arc<SessionDesk>,
    /// JWTs.
    pub issuer: Issuer,
    /// The key set.
    pub keyring: Arc<Keyring>,
    /// Cookies.
    pub cookies: Cookies,
    /// Who may act for a browser.
    pub origins: Arc<TrustedOrigins>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// The session behind a token that was presented.
    pub(super) async fn find(
        &self,
        presented: Option<OpaqueToken>,
        slide: bool,
    ) -> Result<Found, StoreError> {
        let Some(token) = presented else { return Ok(Found::Nobody) };
        Ok(self
            .sessions
            .find(token, slide)
            .await?
            .map_or(Found::Ended, |found| Found::SignedIn(Box::new(found))))
    }
}

/// How the OpenAPI document sorts the operations.
#[derive(Debug, Tags)]
pub enum Tag {
    /// Signing up, in and out.
    #[oai(rename = "Signing in")]
    Entry,
    /// The current session, its JWT, and the other sessions.
    Sessions,
    /// Name, picture, password.
    Account,
    /// The key set and signs of life.
    Public,
}

/// What became of a session token.
pub enum Found {
    /// None was presented, or none with a right signature.
    Nobody,
    /// One was presented, and its session is gone or over: the browser should forget it.
    Ended,
    /// It is good.
    SignedIn(Box<SignedIn>),
}
