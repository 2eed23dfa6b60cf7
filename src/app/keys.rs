//! The signing keys of a deployment, for a server and for `signet keys`.
//! In: secrets and rows. Out: what may be done with the keys.

use std::sync::Arc;

use super::bounds::contract;
use super::environment::Environment;
use super::error::Error;
use super::peers::redis;
use super::storage::Storage;
use crate::config::{Config, IssuerSecrets};
use crate::keys::rotation::Rotation;
use crate::keys::vault::Vault;
use crate::keys::worker::RotationWorker;
use crate::shared::announced::Announced;
use crate::shared::link::Link;
use crate::store::Database;
use crate::store::keys::Keys;

/// Key rows whose changes the other instances hear of.
pub type KeyRows = Announced<Keys>;

/// What keeps the keys of this process up to date, and the other instances too.
pub(super) type KeyWorker = RotationWorker<KeyRows>;

/// The secrets of a process that signs, and the keys that they open.
#[derive(Debug)]
pub struct KeysHalf {
    /// The secrets, generated where nobody gave them.
    pub secrets: IssuerSecrets,
    /// What may be done with the keys.
    pub rotation: Rotation<KeyRows>,
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

    /// The keys in `database`; changes are told through `redis`, where there are others to tell.
    ///
    /// # Errors
    /// [`Error::Setting`] when a secret can neither be read nor generated, [`Error::Contract`].
    pub(super) fn over(
        database: Database,
        redis: Option<Arc<Link>>,
        config: &Config,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let Environment { clock, entropy } = environment.clone();
        let secrets = config.secrets.load_or_generate(&*entropy)?;
        let vault = Vault::new(secrets.master.clone(), secrets.retired_masters.clone(), entropy);
        let rows = Announced::new(Keys::new(database.clone()), redis);
        let rotation = Rotation::new(rows, Arc::new(vault), contract(config)?, clock);
        Ok(Self { secrets, rotation, database })
    }
}
