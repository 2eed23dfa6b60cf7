//! What a user has given to clients, for the user to see and to take back.
//! In: a user. Out: the clients that may do something in their name, with what that is and since when.
//! Owns: nobody sees or ends what another user has given; what is taken back is refused everywhere at once.

use std::sync::Arc;

use signet_verify::clock::{Clock, Timestamp};

use super::decisions::{Decision, DecisionCounts};
use super::grants::Grants;
use crate::identity::Sessions;
use crate::model::client::{Client, ClientId};
use crate::model::scope::ScopeSet;
use crate::store::{self, Database};

/// A client that may do something in the name of a user.
#[derive(Clone, Debug)]
pub struct Given {
    /// The client.
    pub client: Client,
    /// What it may do.
    pub scope: ScopeSet,
    /// Where, if it named anything.
    pub resources: Vec<String>,
    /// Since when.
    pub since: Timestamp,
}

/// What users have given to clients.
pub struct Consents {
    database: Database,
    grants: Grants,
    clock: Arc<dyn Clock>,
    counts: Arc<DecisionCounts>,
}

impl std::fmt::Debug for Consents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consents").finish_non_exhaustive()
    }
}

/// What is found for one client, one row after the other.
struct Found {
    id: ClientId,
    scope: ScopeSet,
    resources: Vec<String>,
    since: Timestamp,
}

impl Consents {
    /// Those that `database` keeps.
    pub fn new(
        database: Database,
        sessions: Arc<Sessions>,
        clock: Arc<dyn Clock>,
        counts: Arc<DecisionCounts>,
    ) -> Self {
        Self { grants: Grants::new(database.clone(), sessions), database, clock, counts }
    }

    /// The clients to which a user has given something that lasts, also those that need no consent, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_user(&self, user_id: &str) -> Result<Vec<Given>, store::Error> {
        let mut found: Vec<Found> = Vec::new();
        for consent in self.database.consents().of_user(user_id).await? {
            let resource = Some(consent.resource).filter(|resource| !resource.is_empty());
            let resources: Vec<String> = resource.into_iter().collect();
            add(&mut found, consent.client_id, &consent.scope, resources, consent.granted_at);
        }
        let now = self.clock.now();
        for state in self.database.grants().of_user(user_id).await? {
            if state.lasts(now) {
                let grant = state.grant;
                add(&mut found, grant.client_id, &grant.scope, grant.resources, grant.created_at);
            }
        }
        found.sort_by(|a, b| (a.since, a.id.as_str()).cmp(&(b.since, b.id.as_str())));
        let mut given = Vec::new();
        for Found { id, scope, resources, since } in found {
            if let Some(client) = self.database.clients().find(&id).await? {
                given.push(Given { client, scope, resources, since });
            }
        }
        Ok(given)
    }

    /// Takes back all that a user has given to a client: consent, codes and grants with their tokens. Says whether there
    /// was anything.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn withdraw(&self, user_id: &str, client: &ClientId) -> Result<bool, store::Error> {
        let withdrawn = self.grants.withdraw(user_id, client).await?;
        if withdrawn {
            self.counts.note(Decision::ConsentWithdrawn, client, Some(user_id));
        }
        Ok(withdrawn)
    }
}

/// Adds a row to what is known of its client.
fn add(found: &mut Vec<Found>, id: ClientId, scope: &ScopeSet, resources: Vec<String>, since: Timestamp) {
    let Some(known) = found.iter_mut().find(|known| known.id == id) else {
        found.push(Found { id, scope: scope.clone(), resources, since });
        return;
    };
    known.scope = known.scope.union(scope);
    for resource in resources {
        if !known.resources.contains(&resource) {
            known.resources.push(resource);
        }
    }
    known.since = known.since.min(since);
}
