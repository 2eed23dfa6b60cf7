//! Resources.
//! In: what was registered. Out: the resource.

use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;

use super::scope::ScopeSet;

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs)]
pub struct ResourceServer {
    pub identifier: String,
    pub scopes: ScopeSet,
    pub access_token_alg: Algorithm,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
