//! Access tokens and refresh tokens that come back: to UserInfo, to be looked at, to be given back.
//! In: the text of a token, and who shows it. Out: what it says, as long as what it was made from lasts.
//! Owns: the database is asked, so that every instance refuses at once what has ended; a client learns and ends what is its
//! own, and nothing else.

use std::sync::Arc;

use serde_json::Value;
use signet_verify::clock::{Clock, Timestamp};
use signet_verify::jose::claims::Principal;

use super::audience::Targets;
use super::claims::UserClaims;
use super::error::Error;
use super::events::{TokenCounts, TokenEvent};
use super::grants::Grants;
use super::refresh_token::RefreshToken;
use crate::identity::Sessions;
use crate::identity::tokens::Issuer;
use crate::model::client::Client;
use crate::model::grant::{Grant, GrantState, Shown};
use crate::model::session::Revocation;
use crate::store::{self, Database};

/// What UserInfo says (OpenID Connect Core section 5.3.2).
#[derive(Debug)]
pub struct UserInfo {
    /// Who.
    pub sub: String,
    /// What the scope lets the client know.
    pub claims: UserClaims,
}

/// What a token is (RFC 7662 section 2.2).
pub enum Described {
    /// An access token, and what it says.
    Access(Principal),
    /// A refresh token, and what it is for.
    Refresh(Box<Grant>),
}

/// What an access token was made from.
enum Origin {
    /// What a user gave.
    Grant(Box<GrantState>),
    /// The client itself.
    Machine,
}

/// The tokens that have been given out.
pub struct AccessTokens {
    database: Database,
    sessions: Arc<Sessions>,
    issuer: Arc<Issuer>,
    targets: Targets,
    grants: Grants,
    clock: Arc<dyn Clock>,
    counts: Arc<TokenCounts>,
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens").finish_non_exhaustive()
    }
}

impl AccessTokens {
    /// Those that `issuer` has signed.
    pub fn new(
        database: Database,
        sessions: Arc<Sessions>,
        issuer: Arc<Issuer>,
        clock: Arc<dyn Clock>,
        counts: Arc<TokenCounts>,
    ) -> Self {
        let targets = Targets::new(database.clone(), issuer.profile().issuer.clone());
        let grants = Grants::new(database.clone(), sessions.clone());
        Self { database, sessions, issuer, targets, grants, clock, counts }
    }

    /// What the client may know of the user who gave it this access token.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], also for tokens of other kinds, for other resources, and of machines;
    /// [`Error::InsufficientScope`].
    pub async fn user_info(&self, text: &str) -> Result<UserInfo, Error> {
        let audiences = vec![self.targets.userinfo()];
        let token = self.issuer.read_access_token(text, audiences, self.clock.now());
        let token = token.ok_or(Error::InvalidToken)?;
        let Some(Origin::Grant(given)) = self.origin(&token).await? else { return Err(Error::InvalidToken) };
        if !token.has_scope("openid") {
            return Err(Error::InsufficientScope);
        }
        let scope = given.grant.scope.filtered(|word| token.has_scope(word));
        Ok(UserInfo { claims: UserClaims::of(&given.user, &scope), sub: given.user.id })
    }

    /// What a token is, as long as it is good: of this client, or an access token for a resource whose tokens it may ask
    /// about.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn describe(&self, client: &Client, text: &str) -> Result<Option<Described>, Error> {
        let now = self.clock.now();
        if let Some(token) = RefreshToken::parse(text) {
            let found = self.database.grants().by_family(&token.family_hash()).await?;
            let found = found.filter(|found| found.family.judge(&token.hash(), now) == Shown::Current);
            let lasting = found.map(|found| found.state).filter(|state| state.lasts(now));
            let grant = lasting.map(|state| state.grant).filter(|grant| grant.client_id == client.id);
            return Ok(grant.map(|grant| Described::Refresh(Box::new(grant))));
        }
        let Some(token) = self.read(text, now).await? else { return Ok(None) };
        if client_of(&token) != Some(client.id.as_str()) && !self.may_ask_about(client, &token).await? {
            return Ok(None);
        }
        Ok(self.origin(&token).await?.map(|_| Described::Access(token)))
    }

    /// Ends a token that a client gives back, with everything that came of the same grant. A token that is not good, or not
    /// this client's, changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke(&self, client: &Client, text: &str) -> Result<(), Error> {
        if let Some(token) = RefreshToken::parse(text) {
            let found = self.database.grants().by_family(&token.family_hash()).await?;
            let grant = found.map(|found| found.state.grant).filter(|grant| grant.client_id == client.id);
            return match grant {
                Some(grant) => self.end(&grant).await,
                None => Ok(()),
            };
        }
        let Some(token) = self.of_client(client, text, self.clock.now()).await? else { return Ok(()) };
        match self.origin(&token).await? {
            Some(Origin::Grant(given)) => self.end(&given.grant).await,
            Some(Origin::Machine) => self.end_of_machine(client, &token).await,
            None => Ok(()),
        }
    }

    async fn of_client(
        &self,
        client: &Client,
        text: &str,
        now: Timestamp,
    ) -> Result<Option<Principal>, Error> {
        let token = self.read(text, now).await?;
        Ok(token.filter(|token| client_of(token) == Some(client.id.as_str())))
    }

    /// An access token of this deployment, whosever it is.
    async fn read(&self, text: &str, now: Timestamp) -> Result<Option<Principal>, Error> {
        // Most are for our own: the others are looked up for the rest.
        Ok(match self.issuer.read_access_token(text, self.targets.own(), now) {
            Some(token) => Some(token),
            None => self.issuer.read_access_token(text, self.targets.audiences().await?, now),
        })
    }

    /// Whether a token is for a resource that lets this client ask what its tokens are.
    async fn may_ask_about(&self, client: &Client, token: &Principal) -> Result<bool, Error> {
        for identifier in token.claim("aud").map(audience_of).unwrap_or_default() {
            let resource = self.database.resources().find(identifier).await?;
            if resource.is_some_and(|resource| resource.introspection_clients.contains(&client.id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a token was made from; none once that has ended.
    async fn origin(&self, token: &Principal) -> Result<Option<Origin>, Error> {
        let (Some(id), Some(client)) = (&token.session, client_of(token)) else { return Ok(None) };
        if token.subject == client {
            let ended = self.database.sessions().is_revoked(id).await?;
            return Ok((!ended).then_some(Origin::Machine));
        }
        let found = self.database.grants().state(id).await?;
        let given = found
            .filter(|found| found.grant.client_id.as_str() == client && found.grant.user_id == token.subject);
        let lasting = given.filter(|given| given.lasts(self.clock.now()));
        Ok(lasting.map(|given| Origin::Grant(Box::new(given))))
    }

    async fn end(&self, grant: &Grant) -> Result<(), Error> {
        if self.grants.end(&grant.id).await? {
            self.counts.note(TokenEvent::Revoked, grant);
        }
        Ok(())
    }

    async fn end_of_machine(&self, client: &Client, token: &Principal) -> Result<(), Error> {
        let Some(id) = &token.session else { return Ok(()) };
        let ending = self.sessions.ending();
        let ended = vec![Revocation { session_id: id.clone(), forget_at: ending.forget_at }];
        let remembered = &ended;
        let written = self.database.write(|unit| async move {
            unit.sessions().remember(remembered, ending).await?;
            Ok::<_, store::Error>(())
        });
        written.await?;
        self.sessions.revoke_grants(ended);
        self.counts.note_machine(TokenEvent::Revoked, &client.id);
        Ok(())
    }
}

/// Whom a token is for (RFC 7519 section 4.1.3).
pub fn audience_of(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The client that an access token was given to.
fn client_of(token: &Principal) -> Option<&str> {
    token.claim("client_id")?.as_str()
}
