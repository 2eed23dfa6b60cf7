//! What a client registers, once it is judged.
//! In: sound members. Out: the client that they make.

use zeroize::Zeroizing;

use crate::model::client::{ApplicationType, AuthMethod, Client, ClientId, GrantType};
use crate::model::scope::ScopeSet;
use crate::secret::ClientSecret;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;

/// The most scopes of a client.
pub const MOST_SCOPES: usize = 100;

/// A client as a file or a command describes it.
#[derive(Debug)]
pub struct Registration {
    /// Its id.
    pub client_id: ClientId,
    /// Its secret, if it has one, or where it is read from.
    pub secret: Option<GivenSecret>,
    /// What people read.
    pub name: String,
    /// Where it runs.
    pub application_type: ApplicationType,
    /// How it proves itself.
    pub auth_method: AuthMethod,
    /// What its ID tokens are signed with.
    pub id_token_alg: Algorithm,
    /// What it may ask tokens with.
    pub grant_types: Vec<GrantType>,
    /// What it may ask users for.
    pub scope: ScopeSet,
    /// What it may do by itself.
    pub machine_scope: ScopeSet,
    /// Whether users are not asked.
    pub skip_consent: bool,
    /// Whether requests have to be pushed (RFC 9126).
    pub require_pushed: bool,
    /// Whether a code is worth nothing without its verifier (RFC 7636).
    pub require_pkce: bool,
    /// Where users are sent back to.
    pub redirect_uris: Vec<String>,
    /// Where users are sent once they are signed out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Its public keys, as a document.
    pub jwks: Option<String>,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
    /// Where it is told of sign-outs.
    pub backchannel_logout_uri: Option<String>,
    /// Whether it wants to be told which session has ended.
    pub backchannel_logout_session_required: bool,
    /// Its home page.
    pub client_uri: Option<String>,
}

/// A secret that an operator gives a client.
#[derive(Clone, Debug)]
pub enum GivenSecret {
    /// The text.
    Text(ClientSecretText),
    /// The file that holds it, as it is written.
    File(String),
}

/// The text of a secret that has not been judged yet; shows nothing of it.
#[derive(Clone)]
pub struct ClientSecretText(pub(crate) Zeroizing<String>);

impl std::fmt::Debug for ClientSecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientSecretText(..)")
    }
}

impl ClientSecretText {
    /// Takes over a copy of the text.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl Registration {
    /// The client that this makes.
    pub fn client(&self, created_at: Timestamp, updated_at: Timestamp) -> Client {
        Client {
            id: self.client_id.clone(),
            name: self.name.clone(),
            application_type: self.application_type,
            auth_method: self.auth_method,
            id_token_alg: self.id_token_alg,
            grant_types: self.grant_types.clone(),
            scope: self.scope.clone(),
            machine_scope: self.machine_scope.clone(),
            skip_consent: self.skip_consent,
            require_pushed: self.require_pushed,
            require_pkce: self.require_pkce,
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            jwks: self.jwks.clone(),
            jwks_uri: self.jwks_uri.clone(),
            backchannel_logout_uri: self.backchannel_logout_uri.clone(),
            backchannel_logout_session_required: self.backchannel_logout_session_required,
            client_uri: self.client_uri.clone(),
            created_at,
            updated_at,
        }
    }

    /// The hash of its secret, where it has one that was read.
    pub fn secret_hash(&self) -> Option<[u8; 32]> {
        match &self.secret {
            Some(GivenSecret::Text(ClientSecretText(text))) => {
                Some(ClientSecret::new(text.to_string()).hash())
            }
            Some(GivenSecret::File(_)) | None => None,
        }
    }
}
