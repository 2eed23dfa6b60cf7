//! The signing keys of a deployment, for a server and for `signet keys`.
//! In: secrets and rows. Out: what may be done with the keys.

use std::sync::Arc;

use super::bounds::contract;
use super::environment::Environment;
use super::error::Error;
use super::notifying::Notifying;
use super::peers::redis;
use super::storage::Storage;
use crate::config::{Config, IssuerSecrets};
use crate::keys::generator::SystemGenerator;
use crate::keys::rotation::Rotation;
use crate::keys::worker::RotationWorker;
use crate::store::Database;
use crate::store::keys::Keys;
use crate::sync::redis::Redis;
use crate::vault::Vault;

/// Key rows whose changes are published to the other instances.
pub type KeyRepository = Notifying<Keys>;

/// What keeps the keys of this process up to date, and the other instances too.
pub(super) type KeyWorker = RotationWorker<KeyRepository>;

/// The secrets of a process that signs, and the keys that they open.
#[derive(Debug)]
pub struct KeysHalf {
    /// The secrets, generated where none are given.
    pub secrets: IssuerSecrets,
    /// What seals private keys and mail.
    pub vault: Arc<Vault>,
    /// What may be done with the keys.
    pub rotation: Rotation<KeyRepository>,
    /// Where the rows are.
    pub database: Database,
}

impl KeysHalf {
    /// Opens the keys with connections of their own, for a verb of the command line.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(config: &Config, environment: &Environment) -> Result<Self, Error> {
        contract(config)?;
        let database = Storage::open_for_verb(&config.storage).await?;
        Self::over(database, redis(&config.storage)?, config, environment)
    }

    /// The keys in `database`; changes are published through `redis`, where it is configured.
    ///
    /// # Errors
    /// [`Error::Setting`] when a secret can neither be read nor generated, [`Error::Contract`].
    pub(super) fn over(
        database: Database,
        redis: Option<Arc<Redis>>,
        config: &Config,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let Environment { clock, entropy } = environment.clone();
        let secrets = config.secrets.load_or_generate(&*entropy)?;
        let generator = Arc::new(SystemGenerator::new(entropy.clone()));
        let vault = Arc::new(Vault::new(secrets.master.clone(), secrets.retired_masters.clone(), entropy));
        let rows = Notifying::new(Keys::new(database.clone()), redis);
        let rotation = Rotation::new(rows, vault.clone(), generator, contract(config)?, clock);
        Ok(Self { secrets, vault, rotation, database })
    }
}
