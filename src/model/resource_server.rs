//! Resource servers: the audiences of access tokens, beside the tasks API (RFC 8707).

use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;

use super::scope::ScopeSet;

/// A resource server that is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceServer {
    /// Its URI, which is the audience of its tokens.
    pub identifier: String,
    /// What can be asked for there.
    pub scopes: ScopeSet,
    /// What its access tokens are signed with.
    pub access_token_alg: Algorithm,
    /// The ids of the clients that it is itself: they may ask what its tokens are (RFC 7662).
    pub introspection_clients: Vec<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
