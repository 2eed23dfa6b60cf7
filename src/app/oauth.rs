//! OAuth and OpenID Connect, of the identity half.
//! In: storage, sessions and what signs. Out: what its paths work with.

use std::sync::Arc;

use super::environment::Environment;
use super::peers::Peers;
use crate::config::Docs;
use crate::http::oauth::OAuth;
use crate::identity::Sessions;
use crate::identity::tokens::Issuer;
use crate::oauth::logout::Logouts;
use crate::oauth::{
    AccessTokens, BackchannelWorker, ClientKeys, Clients, Codes, DecisionCounts, Devices, DocsClient, Grants,
    NOTICES_AT_ONCE, NoticeCounts, Outbound, PushedRequests, Reach, Targets, TokenCounts, Tokens,
};
use crate::store::Database;
use crate::vault::Vault;
use url::{Host, Url};

/// What tells clients that sessions have ended.
pub(super) fn backchannel(
    database: &Database,
    sessions: &Sessions,
    issuer: Arc<Issuer>,
    counts: &Arc<NoticeCounts>,
    environment: &Environment,
) -> BackchannelWorker {
    let Environment { clock, entropy } = environment.clone();
    let outbound = Outbound::new(reach(&issuer.profile().issuer));
    let outbound =
        outbound.inspect_err(|error| tracing::warn!(%error, "no client is told of ended sessions"));
    let outbound = outbound.ok().map(|outbound| outbound.with_places(NOTICES_AT_ONCE));
    let called = (counts.clone(), sessions.notices());
    BackchannelWorker::new(database.clone(), issuer, outbound, called, clock, entropy)
}

/// What the paths of OAuth work with.
pub(super) fn oauth(
    database: &Database,
    sessions: &Arc<Sessions>,
    issuer: &Arc<Issuer>,
    (vault, counts, decisions): (&Arc<Vault>, &Arc<TokenCounts>, &Arc<DecisionCounts>),
    docs: Docs,
    peers: &Peers,
    environment: &Environment,
) -> Arc<OAuth> {
    let Environment { clock, entropy } = environment.clone();
    let base_url = &issuer.profile().issuer;
    let outbound = Outbound::new(reach(base_url));
    let outbound =
        outbound.inspect_err(|error| tracing::warn!(%error, "no jwks_uri of a client can be asked"));
    let outbound = outbound.ok();
    Arc::new(OAuth {
        clients: Clients::new(database.clone())
            .with_assertions(Arc::new(ClientKeys::new(outbound)), base_url)
            .with_docs(if docs == Docs::Shown { DocsClient::new(base_url) } else { None }),
        codes: Codes::new(database.clone(), clock.clone(), entropy.clone()),
        pushed: PushedRequests::new(database.clone(), clock.clone(), entropy.clone()),
        tokens: Tokens::new(
            database.clone(),
            sessions.clone(),
            issuer.clone(),
            vault.clone(),
            clock.clone(),
            entropy.clone(),
        )
        .with_counts(counts.clone()),
        access_tokens: AccessTokens::new(
            database.clone(),
            sessions.clone(),
            issuer.clone(),
            clock.clone(),
            counts.clone(),
        ),
        devices: Devices::new(
            database.clone(),
            Targets::new(database.clone(), base_url.clone()),
            clock.clone(),
            entropy.clone(),
            counts.clone(),
        ),
        grants: Grants::new(database.clone(), sessions.clone()),
        decisions: decisions.clone(),
        logouts: Logouts::new(database.clone(), base_url.clone()),
        database: database.clone(),
        entropy,
        limiter: peers.limiter.clone(),
        issuer: base_url.clone(),
        clock,
    })
}

/// A deployment on this machine, as one is while it is developed, has clients on it.
fn reach(base_url: &str) -> Reach {
    let url = Url::parse(base_url).ok();
    let is_here = match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if is_here { Reach::ThisMachineToo } else { Reach::Public }
}
