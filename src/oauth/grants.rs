//! Taking back what was given to clients.
//! In: a grant, or a user and a client. Out: how many grants ended.
//! Owns: the tokens of what has ended are refused everywhere.

use std::sync::Arc;

use crate::identity::Sessions;
use crate::model::client::ClientId;
use crate::store::{self, Database, GrantFilter};

/// What users have given to clients.
pub struct Grants {
    database: Database,
    sessions: Arc<Sessions>,
}

impl std::fmt::Debug for Grants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grants").finish_non_exhaustive()
    }
}

impl Grants {
    /// The grants that `database` keeps; their ends are told as those of sessions are.
    pub fn new(database: Database, sessions: Arc<Sessions>) -> Self {
        Self { database, sessions }
    }

    /// Ends one grant; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(&self, id: &str) -> Result<bool, store::Error> {
        Ok(self.end_all(GrantFilter::Id(id)).await? > 0)
    }

    /// Ends everything that a user has given to a client, and codes and devices that are on their way to it; says how many grants
    /// there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_of(&self, user_id: &str, client: &ClientId) -> Result<usize, store::Error> {
        self.end_all(GrantFilter::OfUserTo(user_id, client)).await
    }

    /// The same, with what the user has agreed to; says whether there was anything.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn withdraw(&self, user_id: &str, client: &ClientId) -> Result<bool, store::Error> {
        let ending = self.sessions.ending();
        let written = self.database.write(|unit| async move {
            // In this order, so that a code which is being redeemed has become a grant, or never will.
            let consents = unit.consents().delete(user_id, client).await?;
            let codes = unit.authorization_codes().delete_unused(user_id, client).await?;
            let ended = unit.grants().end(GrantFilter::OfUserTo(user_id, client), ending).await?;
            unit.sessions().remember(&ended, ending).await?;
            Ok::<_, store::Error>((consents + codes > 0, ended))
        });
        let (had_any, ended) = written.await?;
        Ok(self.sessions.revoke_grants(ended) > 0 || had_any)
    }

    async fn end_all(&self, filter: GrantFilter<'_>) -> Result<usize, store::Error> {
        let ending = self.sessions.ending();
        let ended = self.database.write(|unit| async move {
            if let GrantFilter::OfUserTo(user_id, client) = filter {
                // First, so that a code which is being redeemed has become a grant, or never will.
                unit.authorization_codes().delete_unused(user_id, client).await?;
                unit.devices().delete_unused(user_id, client).await?;
            }
            let ended = unit.grants().end(filter, ending).await?;
            unit.sessions().remember(&ended, ending).await?;
            Ok::<_, store::Error>(ended)
        });
        Ok(self.sessions.revoke_grants(ended.await?))
    }
}
