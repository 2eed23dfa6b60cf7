//! The users of a deployment, for `signet users`.
//! In: the settings. Out: what an operator may do for users.
//! Owns: what ends here is published to running instances before the verb ends, where they share a Redis; others read it
//! from the database.

use std::sync::Arc;

use super::environment::Environment;
use super::error::Error;
use super::peers::{redis, sessions};
use super::storage::Storage;
use crate::config::Config;
use crate::identity::Users;
use crate::password::Passwords;
use crate::store::Database;
use crate::sync::pubsub::PubSub;
use crate::sync::revocations::Revocations;

/// What a verb about users works with.
#[derive(Debug)]
pub struct UsersHalf {
    /// What may be done for users.
    pub users: Users,
    database: Database,
    pubsub: Option<PubSub>,
    environment: Environment,
}

impl UsersHalf {
    /// Opens the database with connections of its own, for a verb of the command line.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Store`], [`Error::Redis`]; a Redis that does not answer is no error.
    pub async fn open(config: &Config, environment: &Environment) -> Result<Self, Error> {
        let database = Storage::open_for_verb(&config.storage).await?;
        let Environment { clock, entropy } = environment.clone();
        let revocations = Arc::new(Revocations::new(clock.clone()));
        let pubsub = match redis(&config.storage)? {
            Some(redis) => Some(PubSub::join(redis, revocations.clone(), clock.clone()).await),
            None => None,
        };
        let sessions = sessions(&database, config, &revocations, environment);
        let users = Users::new(database.clone(), sessions, clock, entropy);
        Ok(Self { users, database, pubsub, environment: environment.clone() })
    }

    /// Threads that hash new passwords.
    ///
    /// # Errors
    /// [`Error::Hashing`].
    pub fn passwords(&self) -> Result<Passwords, Error> {
        Ok(Passwords::start(self.environment.entropy.clone())?)
    }

    /// Publishes what has ended, and closes every connection.
    pub async fn close(self) {
        if let Some(pubsub) = self.pubsub {
            pubsub.run(|_| {}, std::future::ready(())).await;
        }
        self.database.close().await;
    }
}
