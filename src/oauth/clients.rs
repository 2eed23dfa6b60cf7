//! Which client asks, and whether it is the one that it says.
//! In: an id and what proves it. Out: the client.
//! Owns: an unknown client and a wrong secret are the same answer; a client proves itself in the one way that it has
//! registered.

use subtle::ConstantTimeEq;

use super::error::Error;
use crate::model::client::{AuthMethod, Client, ClientId};
use crate::secret::ClientSecret;
use crate::store::Database;
use signet_verify::clock::Timestamp;

/// How a client says who it is.
#[derive(Debug)]
pub struct ClientProof {
    /// Who it says it is.
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
}

impl Clients {
    /// Those that `database` keeps.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The client with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, id: &str) -> Result<Option<Client>, Error> {
        let Some(id) = ClientId::parse(id) else { return Ok(None) };
        Ok(self.database.clients().find(&id).await?)
    }

    /// The client that has proved who it is, in the way that it has registered.
    ///
    /// # Errors
    /// [`Error::InvalidClient`].
    pub async fn authenticate(&self, proof: &ClientProof, now: Timestamp) -> Result<Client, Error> {
        let client = self.find(&proof.id).await?.ok_or(Error::InvalidClient)?;
        let proved = match (&proof.presented, client.auth_method) {
            (Presented::Nothing, AuthMethod::None) => true,
            (Presented::Basic(secrets), AuthMethod::ClientSecretBasic) => {
                self.knows_one_of(&client, secrets, now).await?
            }
            (Presented::Post(secret), AuthMethod::ClientSecretPost) => {
                self.knows_one_of(&client, std::slice::from_ref(secret), now).await?
            }
            _ => false,
        };
        if proved { Ok(client) } else { Err(Error::InvalidClient) }
    }

    async fn knows_one_of(
        &self,
        client: &Client,
        secrets: &[ClientSecret],
        now: Timestamp,
    ) -> Result<bool, Error> {
        let kept = self.database.clients().secrets(&client.id).await?;
        let mut known = subtle::Choice::from(0);
        for secret in secrets {
            let hash = secret.hash();
            for kept in kept.iter().filter(|kept| kept.is_alive(now)) {
                known |= kept.hash.ct_eq(&hash);
            }
        }
        Ok(known.into())
    }
}
