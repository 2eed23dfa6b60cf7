//! Resource servers: the audiences of access tokens, beside the tasks API (RFC 8707).

use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;

use super::client::ClientId;
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
    /// The clients that may ask what tokens for it are (RFC 7662), beside those that the tokens were given to.
    pub introspection_clients: Vec<ClientId>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
