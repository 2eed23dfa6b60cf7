//! The client that is built in: the page `/docs`, on which people try the APIs as themselves.
//! In: the public base URL. Out: a public client of the house.
//! Owns: it is made of the settings, returns to our own origin alone, and has the code flow and nothing else; what is kept of
//! it is an anchor for the rows of its codes, and no operator lists, changes or takes its place.

use std::sync::atomic::{AtomicBool, Ordering};

use super::audience::TASKS_SCOPES;
use super::error::Error;
use crate::model::client::{ApplicationType, AuthMethod, Client, ClientId, GrantType};
use crate::model::scope::ScopeSet;
use crate::store::{self, Database};
use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;

/// Its id, which no other client can have.
pub const DOCS_CLIENT: &str = "swagger-ui";

/// Where it is answered, below the public base URL.
pub const DOCS_RETURN: &str = "/docs/oauth2-redirect.html";

/// The client of the page `/docs`.
#[derive(Debug)]
pub struct DocsClient {
    client: Client,
    is_kept: AtomicBool,
}

impl DocsClient {
    /// That of a deployment with this public base URL.
    pub fn new(base_url: &str) -> Option<Self> {
        let client = Client {
            id: ClientId::parse(DOCS_CLIENT)?,
            name: "API reference".to_owned(),
            application_type: ApplicationType::Web,
            auth_method: AuthMethod::None,
            id_token_alg: Algorithm::EdDsa,
            grant_types: vec![GrantType::AuthorizationCode],
            scope: ScopeSet::parse(&TASKS_SCOPES.join(" "))?,
            machine_scope: ScopeSet::default(),
            skip_consent: true,
            require_pushed: false,
            require_pkce: true,
            redirect_uris: vec![format!("{base_url}{DOCS_RETURN}")],
            post_logout_redirect_uris: Vec::new(),
            jwks: None,
            jwks_uri: None,
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            client_uri: Some(base_url.to_owned()),
            created_at: Timestamp::from_seconds(0),
            updated_at: Timestamp::from_seconds(0),
        };
        Some(Self { client, is_kept: AtomicBool::new(false) })
    }

    /// The client, whose row is there from now on.
    pub(super) async fn ready(&self, database: &Database) -> Result<Client, Error> {
        if !self.is_kept.load(Ordering::Relaxed) {
            match database.clients().insert(&self.client).await {
                // Another process has made it, perhaps under another base URL.
                Err(store::Error::Conflict) => drop(database.clients().update(&self.client).await?),
                kept => kept?,
            }
            self.is_kept.store(true, Ordering::Relaxed);
        }
        Ok(self.client.clone())
    }
}
