//! The clients of a deployment, for `signet clients`, `signet apply` and each start.
//! In: the settings. Out: what an operator may do with clients, and what applies a declaration.
//! Owns: what ends here is published to running instances before the verb ends, where they share a Redis; others read it
//! from the database.

use std::path::Path;
use std::sync::Arc;

use super::environment::Environment;
use super::error::Error;
use super::inviting::InvitationsHalf;
use super::peers::{redis, sessions};
use crate::config::Config;
use crate::identity::{Invitations, Mailing};
use crate::model::client::Client;
use crate::oauth::changes::Outcome;
use crate::oauth::provision::{self, Provisioning, Run};
use crate::oauth::registration::{Declaration, Registration};
use crate::oauth::registry::Registry;
use crate::secret::ClientSecret;
use crate::store::Database;
use crate::sync::pubsub::PubSub;
use crate::sync::revocations::Revocations;

/// Who applies the declaration of a start.
const ACTOR: &str = "start";

/// What a verb about clients works with.
#[derive(Debug)]
pub struct ClientsHalf {
    /// What may be done with clients.
    pub registry: Registry,
    provisioning: Provisioning,
    environment: Environment,
    database: Database,
    pubsub: Option<PubSub>,
}

impl ClientsHalf {
    /// Opens the database with connections of its own, for a verb of the command line.
    ///
    /// # Errors
    /// [`Error`]; a Redis that does not answer is no error.
    pub async fn open(config: &Config, environment: &Environment) -> Result<Self, Error> {
        let InvitationsHalf { invitations, database } = InvitationsHalf::open(config, environment).await?;
        let Environment { clock, entropy } = environment.clone();
        let revocations = Arc::new(Revocations::new(clock.clone()));
        let pubsub = match redis(&config.storage)? {
            Some(redis) => Some(PubSub::join(redis, revocations.clone(), clock.clone()).await),
            None => None,
        };
        let sessions = sessions(&database, config, &revocations, environment);
        let base_url = config.server.base_url_for(config.server.listen);
        let provisioning = Provisioning::new(
            database.clone(),
            invitations,
            config.tokens.algorithms,
            &base_url,
            clock.clone(),
        );
        let registry = Registry::new(database.clone(), sessions, clock, entropy);
        let environment = environment.clone();
        Ok(Self { registry, provisioning, environment, database, pubsub })
    }

    /// Applies what a file declares.
    ///
    /// # Errors
    /// [`Error::Provision`].
    pub async fn apply(&self, file: &Path, run: Run, actor: &str) -> Result<Outcome, Error> {
        apply(&self.provisioning, file, run, actor).await
    }

    /// Registers a client; one that proves itself by a secret and brings none gets one.
    ///
    /// # Errors
    /// [`Error::Provision`].
    pub async fn add(
        &self,
        registration: Registration,
        actor: &str,
    ) -> Result<(Client, Option<ClientSecret>), Error> {
        let entropy = &*self.environment.entropy;
        self.provisioning.add(registration, entropy, actor).await.map_err(Error::from)
    }

    /// Publishes what has ended, and closes every connection.
    pub async fn close(self) {
        if let Some(pubsub) = self.pubsub {
            pubsub.run(|_| {}, std::future::ready(())).await;
        }
        self.database.close().await;
    }
}

async fn apply(provisioning: &Provisioning, file: &Path, run: Run, actor: &str) -> Result<Outcome, Error> {
    let declaration = Declaration::read(file).map_err(|error| Error::Provision(error.problems().to_vec()))?;
    provisioning.apply(&declaration, run, actor).await.map_err(|error| error_in(file, error))
}

/// Applies the file of `SIGNET_PROVISION`, if there is one; says what was changed, one sentence each.
///
/// # Errors
/// [`Error::Provision`]: a server whose clients are not those that are declared must not start.
pub(super) async fn provision(
    config: &Config,
    base_url: &str,
    database: &Database,
    mailing: &Arc<Mailing>,
    environment: &Environment,
) -> Result<Vec<String>, Error> {
    let Some(file) = &config.provision.file else { return Ok(Vec::new()) };
    let Environment { clock, entropy } = environment.clone();
    let invitations = Invitations::new(database.clone(), mailing.clone(), clock.clone(), entropy);
    let provisioning =
        Provisioning::new(database.clone(), invitations, config.tokens.algorithms, base_url, clock);
    let outcome = apply(&provisioning, file, Run::Real, ACTOR).await?;
    for change in &outcome.changes {
        tracing::info!(file = %file.display(), "applied: {change}");
    }
    Ok(outcome.notices)
}

fn error_in(file: &Path, error: provision::Error) -> Error {
    match Error::from(error) {
        Error::Provision(sentences) => Error::Provision(
            sentences.iter().map(|sentence| format!("{}: {sentence}", file.display())).collect(),
        ),
        error => error,
    }
}

impl From<provision::Error> for Error {
    fn from(error: provision::Error) -> Self {
        match error {
            provision::Error::Store(error) => Self::Store(error),
            provision::Error::Refused(sentences) => Self::Provision(sentences),
            error => Self::Provision(vec![error.to_string()]),
        }
    }
}
