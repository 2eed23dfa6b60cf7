//! Databases and processes to rotate keys with.

use std::sync::Arc;
use std::time::Duration;

use signet::keys::generator::SystemGenerator;
use signet::keys::keyring::Keyring;
use signet::keys::rotation::{self, Rotation};
use signet::keys::worker::RotationWorker;
use signet::model::algorithms::Algorithms;
use signet::model::contract::{Contract, Terms};
use signet::secret::MasterKey;
use signet::store::Database;
use signet::store::keys::Keys;
use signet::vault::Vault;
use signet_verify::clock::{Clock, ManualClock, SeededEntropy, Timestamp};
use signet_verify::crypto::Algorithm;

/// When stories begin.
pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A key is public for 10 s, signs for 60 s, and stays public for 13 s; processes hear of each other within 1 s.
pub fn contract() -> Contract {
    contract_of(60, 4, 10)
}

/// The contract of these settings, in seconds, with clocks that differ by 1 s at most, for EdDSA alone.
pub fn contract_of(rotate_every: u64, jwks_max_age: u64, token_ttl: u64) -> Contract {
    contract_for(rotate_every, jwks_max_age, token_ttl, Algorithms::only(Algorithm::EdDsa))
}

/// The same for a list of algorithms.
pub fn contract_for(
    rotate_every: u64,
    jwks_max_age: u64,
    token_ttl: u64,
    algorithms: Algorithms,
) -> Contract {
    let terms = Terms {
        rotate_every: seconds(rotate_every),
        jwks_max_age: seconds(jwks_max_age),
        token_ttl: seconds(token_ttl),
        leeway: seconds(1),
        algorithms,
    };
    Contract::new(terms).unwrap()
}

/// Opens the database at `url` and brings it up to date.
pub async fn open(url: &str) -> Database {
    let database = Database::open(url, 4).await.unwrap();
    database.migrate().await.unwrap();
    database
}

/// The master key made of one byte.
pub fn master(byte: u8) -> MasterKey {
    MasterKey::new([byte; 32])
}

/// Everything that differs between processes.
pub struct Process {
    pub database: Database,
    pub clock: Arc<ManualClock>,
    pub masters: Vec<u8>,
    pub contract: Contract,
    pub seed: u64,
}

impl Process {
    /// A process on `database` with a clock of its own and master key 1.
    pub fn new(database: &Database, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        Self { database: database.clone(), clock, masters: vec![1], contract: contract(), seed }
    }

    pub fn with_masters(self, masters: &[u8]) -> Self {
        Self { masters: masters.to_vec(), ..self }
    }

    pub fn with_clock(self, clock: &Arc<ManualClock>) -> Self {
        Self { clock: clock.clone(), ..self }
    }

    pub fn with_contract(self, contract: Contract) -> Self {
        Self { contract, ..self }
    }

    /// What its commands rotate with.
    pub fn rotation(&self) -> Rotation<Keys> {
        let (current, old) = self.masters.split_first().unwrap();
        let old = old.iter().map(|byte| master(*byte)).collect();
        let entropy = Arc::new(SeededEntropy::new(self.seed));
        let vault = Arc::new(Vault::new(master(*current), old, entropy.clone()));
        let generator = Arc::new(SystemGenerator::new(entropy));
        let clock: Arc<dyn Clock> = self.clock.clone();
        Rotation::new(Keys::new(self.database.clone()), vault, generator, self.contract, clock)
    }

    /// Starts it as a server.
    pub async fn start(&self) -> Result<RotationWorker<Keys>, rotation::Error> {
        RotationWorker::start(self.rotation()).await
    }
}

/// The kid that signs, if any.
pub fn signing(keyring: &Keyring) -> Option<String> {
    keyring.signer().map(|signer| signer.kid.to_string())
}

/// The published kids, newest first.
pub fn public(keyring: &Keyring) -> Vec<String> {
    keyring.published().set.iter().map(|(kid, _)| kid.to_string()).collect()
}
