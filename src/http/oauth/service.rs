//! What the operations of OAuth share.

use std::sync::Arc;

use poem_openapi::Tags;

use crate::oauth::logout::Logouts;
use crate::oauth::{AccessTokens, Clients, Codes, DecisionCounts, Devices, Grants, PushedRequests, Tokens};
use crate::store::Database;
use crate::sync::limiter::Limiter;
use signet_verify::clock::{Clock, Entropy};

/// What the operations of OAuth work with.
pub struct OAuth {
    /// Who asks.
    pub clients: Clients,
    /// Codes.
    pub codes: Codes,
    /// Requests that clients have pushed.
    pub pushed: PushedRequests,
    /// What clients get.
    pub tokens: Tokens,
    /// What becomes of it.
    pub access_tokens: AccessTokens,
    /// Devices that ask to be signed in.
    pub devices: Devices,
    /// What users have given.
    pub grants: Grants,
    /// What was decided about requests, in counts.
    pub decisions: Arc<DecisionCounts>,
    /// Signing out.
    pub logouts: Logouts,
    /// Requests and consents.
    pub database: Database,
    /// Randomness, for ids of requests.
    pub entropy: Arc<dyn Entropy>,
    /// How often a client may ask.
    pub limiter: Arc<Limiter>,
    /// The public base URL, which is the issuer.
    pub issuer: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// How the OpenAPI document sorts the operations.
#[derive(Debug, Tags)]
pub enum Tag {
    /// Sending users here, and back with a code.
    Authorization,
    /// Tokens for what was given.
    Tokens,
}
