//! Requests that clients push before they send a user here (RFC 9126).
//! In: what a client that has proved who it is asks for. Out: a `request_uri`; and to whoever comes with it, once, what
//! was pushed.
//! Owns: a `request_uri` is good once, for [`PUSHED_LIFETIME`], and for the client that has pushed the request.

use std::sync::Arc;

use signet_verify::clock::{Clock, Entropy, random_alphanumeric};
use signet_verify::crypto::sha256;

use super::error::Error;
use crate::model::authorization_request::{AuthorizationRequest, PUSHED_LIFETIME};
use crate::model::client::ClientId;
use crate::store::{self, Database};

/// What every `request_uri` of ours begins with (RFC 9126 section 2.2).
pub const REQUEST_URI_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// Letters and digits after it: 256 bits.
const ID_LENGTH: usize = 43;

/// The requests that have been pushed.
pub struct PushedRequests {
    database: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for PushedRequests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushedRequests").finish_non_exhaustive()
    }
}

impl PushedRequests {
    /// Those that `database` keeps.
    pub fn new(database: Database, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { database, clock, entropy }
    }

    /// Keeps `parameters`, form-encoded, and answers with their `request_uri`.
    ///
    /// # Errors
    /// When there is no randomness, or the database fails.
    pub async fn push(&self, client: &ClientId, parameters: String) -> Result<String, Error> {
        let uri = format!("{REQUEST_URI_PREFIX}{}", random_alphanumeric(&*self.entropy, ID_LENGTH)?);
        let now = self.clock.now();
        let row = AuthorizationRequest {
            client_id: client.clone(),
            parameters,
            created_at: now,
            used_at: None,
            expires_at: now.after(PUSHED_LIFETIME),
        };
        self.database.authorization_requests().insert_pushed(&row, &sha256(uri.as_bytes())).await?;
        Ok(uri)
    }

    /// What this client has pushed under `uri`, form-encoded: to one of all who come with it, and in time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take(&self, client: &ClientId, uri: &str) -> Result<Option<String>, store::Error> {
        let requests = self.database.authorization_requests();
        let taken = requests.take_pushed(&sha256(uri.as_bytes()), client, self.clock.now()).await?;
        Ok(taken.map(|row| row.parameters))
    }
}
