//! OAuth and OpenID Connect, of the identity half.
//! In: storage, sessions and what signs. Out: what its paths work with.

use std::sync::Arc;

use super::environment::Environment;
use super::peers::Peers;
use crate::http::oauth::OAuth;
use crate::identity::Sessions;
use crate::identity::tokens::Issuer;
use crate::oauth::{Clients, Codes, Grants, Tokens};
use crate::store::Database;
use crate::vault::Vault;

/// What the paths of OAuth work with.
pub(super) fn oauth(
    database: &Database,
    sessions: &Arc<Sessions>,
    issuer: &Arc<Issuer>,
    vault: &Arc<Vault>,
    peers: &Peers,
    environment: &Environment,
) -> Arc<OAuth> {
    let Environment { clock, entropy } = environment.clone();
    Arc::new(OAuth {
        clients: Clients::new(database.clone()),
        codes: Codes::new(database.clone(), clock.clone(), entropy.clone()),
        tokens: Tokens::new(
            database.clone(),
            sessions.clone(),
            issuer.clone(),
            vault.clone(),
            clock.clone(),
            entropy,
        ),
        grants: Grants::new(database.clone(), sessions.clone()),
        limiter: peers.limiter.clone(),
        issuer: issuer.profile().issuer.clone(),
        clock,
    })
}
