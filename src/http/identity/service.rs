//! What the operations of the identity service share.

use std::sync::Arc;

use poem_openapi::Tags;

use super::cookie::Cookies;
use crate::config::TrustedOrigins;
use crate::identity::tokens::Issuer;
use crate::identity::{Accounts, Sessions};
use crate::keys::keyring::Keyring;
use signet_verify::clock::Clock;

/// What the operations of the identity service work with.
pub struct Identity {
    /// Signing up and in.
    pub accounts: Accounts,
    /// Being signed in.
    pub sessions: Arc<Sessions>,
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
