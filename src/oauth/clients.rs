//! Which client asks, and whether it is the one that it says.
//! In: an id and what proves it. Out: the client.
//! Owns: an unknown client and a wrong secret are the same answer; a client proves itself in the one way that it has
//! registered.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::assertion::{Assertion, Audiences};
use super::built_in::{DOCS_CLIENT, DocsClient};
use super::client_keys::ClientKeys;
use super::error::Error;
use crate::model::client::{AuthMethod, Client, ClientId};
use crate::secret::ClientSecret;
use crate::store::clients::KeptSecret;
use crate::store::{self, Database};
use signet_verify::clock::Timestamp;

/// How a client says who it is.
#[derive(Debug)]
pub struct ClientProof {
    /// Who it says it is; empty where an assertion alone says so.
    pub id: String,
    /// What it shows.
    pub presented: Presented,
}

/// What a client shows.
#[derive(Debug)]
pub enum Presented {
    /// Nothing.
    Nothing,
    /// A secret in the header `Authorization` (RFC 6749 section 2.3.1): as it was sent, and form-decoded where that differs,
    /// since not every library encodes.
    Basic(Vec<ClientSecret>),
    /// A secret in the body.
    Post(ClientSecret),
    /// A signed assertion (RFC 7523).
    Assertion(String),
}

/// The clients of a deployment.
#[derive(Clone, Debug)]
pub struct Clients {
    database: Database,
    assertions: Option<(Arc<ClientKeys>, Audiences)>,
    docs: Option<Arc<DocsClient>>,
}

impl Clients {
    /// Those that `database` keeps.
    pub fn new(database: Database) -> Self {
        Self { database, assertions: None, docs: None }
    }

    /// The same, who may also prove themselves by signing (`private_key_jwt`) for this issuer.
    #[must_use]
    pub fn with_assertions(self, keys: Arc<ClientKeys>, issuer: &str) -> Self {
        let audiences = Audiences([issuer.to_owned(), format!("{issuer}/api/auth/oauth2/token")]);
        Self { assertions: Some((keys, audiences)), ..self }
    }

    /// The same, with the client of the page `/docs`.
    #[must_use]
    pub fn with_docs(self, docs: Option<DocsClient>) -> Self {
        Self { docs: docs.map(Arc::new), ..self }
    }

    /// The client with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, id: &str) -> Result<Option<Client>, Error> {
        let Some(id) = ClientId::parse(id) else { return Ok(None) };
        if id.as_str() == DOCS_CLIENT {
            return match &self.docs {
                Some(docs) => docs.ready(&self.database).await.map(Some),
                None => Ok(None),
            };
        }
        Ok(self.database.clients().find(&id).await?)
    }

    /// The client that has proved who it is, in the way that it has registered.
    ///
    /// # Errors
    /// [`Error::InvalidClient`].
    pub async fn authenticate(&self, proof: &ClientProof, now: Timestamp) -> Result<Client, Error> {
        if let Presented::Assertion(text) = &proof.presented {
            return self.by_assertion(&proof.id, text, now).await;
        }
        let secrets = match &proof.presented {
            Presented::Basic(secrets) => secrets.as_slice(),
            Presented::Post(secret) => std::slice::from_ref(secret),
            Presented::Nothing | Presented::Assertion(_) => {
                let client = self.find(&proof.id).await?;
                let public = client.filter(|client| client.auth_method == AuthMethod::None);
                return public.ok_or(Error::InvalidClient);
            }
        };
        let id = ClientId::parse(&proof.id).ok_or(Error::InvalidClient)?;
        let (client, kept) = self.database.clients().with_secrets(&id).await?.ok_or(Error::InvalidClient)?;
        let is_its_way = matches!(
            (&proof.presented, client.auth_method),
            (Presented::Basic(_), AuthMethod::ClientSecretBasic)
                | (Presented::Post(_), AuthMethod::ClientSecretPost)
        );
        if is_its_way && is_one_of(secrets, &kept, now) { Ok(client) } else { Err(Error::InvalidClient) }
    }

    /// The client that has signed this assertion, which is good once (RFC 7523 section 3).
    async fn by_assertion(&self, id: &str, text: &str, now: Timestamp) -> Result<Client, Error> {
        let (keys, audiences) = self.assertions.as_ref().ok_or(Error::InvalidClient)?;
        let assertion = Assertion::read(text, audiences, now).ok_or(Error::InvalidClient)?;
        if !id.is_empty() && id != assertion.client.as_str() {
            return Err(Error::InvalidClient);
        }
        let client = self.database.clients().find(&assertion.client).await?;
        let client = client.filter(|client| client.auth_method == AuthMethod::PrivateKeyJwt);
        let client = client.ok_or(Error::InvalidClient)?;
        let keys = keys.of(&client, assertion.kid.as_deref(), now).await;
        if !assertion.is_signed_by(&keys) {
            return Err(Error::InvalidClient);
        }
        let assertions = self.database.client_assertions();
        match assertions.insert(&assertion.jti_hash(), &client.id, assertion.expires_at).await {
            Ok(true) => Ok(client),
            Ok(false) | Err(store::Error::ForeignKeyViolation) => Err(Error::InvalidClient),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether one of these secrets is kept, and alive.
fn is_one_of(secrets: &[ClientSecret], kept: &[KeptSecret], now: Timestamp) -> bool {
    let mut known = subtle::Choice::from(0);
    for secret in secrets {
        let hash = secret.hash();
        for kept in kept.iter().filter(|kept| kept.is_alive(now)) {
            known |= kept.hash.ct_eq(&hash);
        }
    }
    known.into()
}
