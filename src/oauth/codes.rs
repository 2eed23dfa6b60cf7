//! Codes of the authorization endpoint.
//! In: what a user has approved. Out: a code, whose hash alone is kept.

use std::sync::Arc;

use super::error::Error;
use crate::model::client::Client;
use crate::model::grant::{AuthorizationCode, CODE_LIFETIME};
use crate::model::scope::ScopeSet;
use crate::model::session::Session;
use crate::secret::OpaqueToken;
use crate::store::Database;
use signet_verify::clock::{Clock, Entropy, random_alphanumeric};

/// Letters and digits of a code: 256 bits.
const CODE_LENGTH: usize = 43;
/// Letters and digits of the id of a grant.
const ID_LENGTH: usize = 32;

/// What a user has approved, or what needs no approval.
#[derive(Clone, Copy, Debug)]
pub struct Approved<'a> {
    /// Who gets it.
    pub client: &'a Client,
    /// Where the code is sent.
    pub redirect_uri: &'a str,
    /// What it is for.
    pub scope: &'a ScopeSet,
    /// The audiences that were asked for.
    pub resources: &'a [String],
    /// What the ID token is to repeat.
    pub nonce: Option<&'a str>,
    /// SHA-256 of the verifier (RFC 7636).
    pub code_challenge: Option<&'a str>,
    /// The session in which it was approved.
    pub session: &'a Session,
}

/// Gives out codes.
pub struct Codes {
    database: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Codes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codes").finish_non_exhaustive()
    }
}

impl Codes {
    /// Codes that `database` keeps.
    pub fn new(database: Database, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { database, clock, entropy }
    }

    /// A code for what was approved, good once and for [`CODE_LIFETIME`].
    ///
    /// # Errors
    /// When the client or the user is gone meanwhile, or the database fails.
    pub async fn issue(&self, approved: Approved<'_>) -> Result<OpaqueToken, Error> {
        let text = random_alphanumeric(&*self.entropy, CODE_LENGTH)?;
        let code = OpaqueToken::new(format!("signet_code_{text}"));
        let row = AuthorizationCode {
            grant_id: random_alphanumeric(&*self.entropy, ID_LENGTH)?,
            client_id: approved.client.id.clone(),
            user_id: approved.session.user_id.clone(),
            session_id: approved.session.id.clone(),
            redirect_uri: approved.redirect_uri.to_owned(),
            code_challenge: approved.code_challenge.map(str::to_owned),
            nonce: approved.nonce.map(str::to_owned),
            scope: approved.scope.clone(),
            resources: approved.resources.to_vec(),
            authenticated_at: approved.session.authenticated_at,
            amr: approved.session.amr.clone(),
            expires_at: self.clock.now().after(CODE_LIFETIME),
            redeemed_at: None,
        };
        self.database.authorization_codes().insert(&row, &code.hash()).await?;
        Ok(code)
    }
}
