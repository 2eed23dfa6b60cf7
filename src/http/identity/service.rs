//! What the operations of the identity service share.

use std::sync::Arc;

use poem::Request;
use poem_openapi::Tags;

use super::cookie::Cookies;
use crate::config::TrustedOrigins;
use crate::http::framework::layers::KnownDevice;
use crate::identity::tokens::Issuer;
use crate::identity::{Accounts, Devices, Sessions};
use crate::keys::keyring::Keyring;
use crate::oauth::Consents;
use signet_verify::clock::Clock;

/// What the operations of the identity service work with.
pub struct Identity {
    /// Signing up and in.
    pub accounts: Accounts,
    /// Being signed in.
    pub sessions: Arc<Sessions>,
    /// JWTs.
    pub issuer: Arc<Issuer>,
    /// What users have given to applications.
    pub consents: Consents,
    /// The key set.
    pub keyring: Arc<Keyring>,
    /// Cookies.
    pub cookies: Cookies,
    /// Devices that have signed in before.
    pub devices: Arc<Devices>,
    /// The public base URL, without a slash at its end.
    pub base_url: String,
    /// Who may act for a browser.
    pub origins: Arc<TrustedOrigins>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Identity {
    /// Says which device sends a request, if it has signed in before, to all that comes after.
    pub fn mark_known_device(&self, request: &mut Request) {
        if let Some(token) = self.cookies.device_tokens(request.headers(), &self.devices).first() {
            let known = KnownDevice(token.nonce().to_owned());
            request.extensions_mut().insert(known);
        }
    }
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
