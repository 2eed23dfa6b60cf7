//! The clients of a deployment, for an operator.
//! In: an id or a registration, and an order. Out: what it came to; a new secret, once.
//! Owns: a client has at most two secrets that are accepted, and of two all but the newest have an end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use signet_verify::clock::{Clock, Entropy, EntropyUnavailable, Timestamp};

use super::built_in::DOCS_CLIENT;
use super::client_secrets::Secrets;
use super::registration::metadata;
use crate::audit::{self, Event};
use crate::identity::Sessions;
use crate::model::client::{Client, ClientId};
use crate::secret::ClientSecret;
use crate::store::clients::KeptSecret;
use crate::store::{self, Database, GrantFilter};

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client proves itself without a secret.
    #[error("the client has no secret: its token_endpoint_auth_method is {0}")]
    NoSecret(&'static str),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The clients.
pub struct Registry {
    database: Database,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// All that is kept of a client, but for what proves who it is.
#[derive(Clone, Debug)]
pub struct Described {
    /// The client.
    pub client: Client,
    /// The members of its registration.
    pub metadata: Map<String, Value>,
    /// Its secrets that are accepted, the newest first.
    pub secrets: Vec<KeptSecret>,
}

/// A secret that has taken the place of another.
#[derive(Debug)]
pub struct Rotated {
    /// The new one.
    pub secret: ClientSecret,
    /// Until when the old one is accepted; none if it is not.
    pub old_until: Option<Timestamp>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl Registry {
    /// The clients that `database` keeps; what ends with one is told as ends of sessions are.
    pub fn new(
        database: Database,
        sessions: Arc<Sessions>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { database, sessions, clock, entropy }
    }

    /// All of them, in the order of their ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<Client>, store::Error> {
        let mut clients = self.database.clients().list().await?;
        clients.retain(|client| !is_built_in(&client.id));
        Ok(clients)
    }

    /// What is kept of a client, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn describe(&self, id: &ClientId) -> Result<Option<Described>, store::Error> {
        let Some(client) = self.database.clients().find(id).await? else { return Ok(None) };
        if is_built_in(id) {
            return Ok(None);
        }
        let now = self.clock.now();
        let mut secrets = self.database.clients().secrets(id).await?;
        secrets.retain(|secret| secret.is_alive(now));
        Ok(Some(Described { metadata: metadata(&client), client, secrets }))
    }

    /// Gives a client another secret, if there is such a client; the one that it has is accepted for `keep` more.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rotate_secret(
        &self,
        id: &ClientId,
        keep: Duration,
        actor: &str,
    ) -> Result<Option<Rotated>, Error> {
        let secret = ClientSecret::generate(&*self.entropy)?;
        let (hash, now) = (secret.hash(), self.clock.now());
        let hash = &hash;
        let old_until = self.database.write(|unit| async move {
            let Some(client) = unit.clients().find(id).await? else { return Ok::<_, Error>(None) };
            if !client.auth_method.is_by_secret() {
                return Err(Error::NoSecret(client.auth_method.name()));
            }
            let secrets = Secrets { unit: &unit, client: &client, now };
            Ok(Some(secrets.replace(hash, keep).await?))
        });
        let Some(old_until) = old_until.await? else { return Ok(None) };
        audit::record(Event::ClientChanged { event: "secret_rotated", client: id.as_str(), actor });
        Ok(Some(Rotated { secret, old_until }))
    }

    /// Removes a client with everything that users gave it; says how many grants ended, if there was such a client.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove(&self, id: &ClientId, actor: &str) -> Result<Option<usize>, store::Error> {
        if is_built_in(id) {
            return Ok(None);
        }
        let ending = self.sessions.ending();
        let removed = self.database.write(|unit| async move {
            unit.clients().hold(id).await?;
            let ended = unit.grants().end(GrantFilter::To(id), ending).await?;
            unit.sessions().remember(&ended, ending).await?;
            Ok::<_, store::Error>(unit.clients().delete(id).await?.then_some(ended))
        });
        let Some(ended) = removed.await? else { return Ok(None) };
        audit::record(Event::ClientChanged { event: "removed", client: id.as_str(), actor });
        Ok(Some(self.sessions.revoke_grants(ended)))
    }
}

/// Whether operators have nothing to do with it.
fn is_built_in(id: &ClientId) -> bool {
    id.as_str() == DOCS_CLIENT
}
