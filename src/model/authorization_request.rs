//! What a client has asked a user for, while the user signs in and decides.

use std::time::Duration;

use signet_verify::clock::Timestamp;

use super::client::ClientId;

/// How long a user may take.
pub const REQUEST_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long a request that a client has pushed is good (RFC 9126 section 2.2); the user is sent here at once.
pub const PUSHED_LIFETIME: Duration = Duration::from_secs(90);

/// A request that is kept on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Who asked.
    pub client_id: ClientId,
    /// What it sent, form-encoded.
    pub parameters: String,
    /// When: a sign-in that it asked for is younger.
    pub created_at: Timestamp,
    /// When it was answered.
    pub used_at: Option<Timestamp>,
    /// When it is over.
    pub expires_at: Timestamp,
}
