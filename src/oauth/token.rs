//! What clients get for a code, for a refresh token, and for themselves.
//! In: a client that has proved who it is, and what it shows. Out: tokens.
//! Owns: what is shown is used up in the unit of work that keeps what is given for it; a second use ends the grant.

use std::sync::Arc;
use std::time::Duration;

use super::audience::{Target, Targets};
use super::claims::{AccessTokenClaims, Audience, IdTokenClaims, UserClaims};
use super::error::Error;
use super::events::{TokenCounts, TokenEvent};
use super::grants::Grants;
use super::refresh_token::RefreshToken;
use crate::identity::Sessions;
use crate::identity::tokens::Issuer;
use crate::model::client::{Client, GrantType};
use crate::model::grant::{AuthorizationCode, Bound, Grant, GrantState, REFRESH_LIFETIME, Shown};
use crate::model::scope::ScopeSet;
use crate::model::session::Revocation;
use crate::model::user::User;
use crate::secret::OpaqueToken;
use crate::store::grants::{Refreshable, Rotation};
use crate::store::{self, Database, GrantFilter};
use crate::vault::{Purpose, Vault};
use signet_verify::clock::{Clock, Entropy, Timestamp, random_alphanumeric};
use signet_verify::crypto::{Algorithm, sha256};
use signet_verify::jose::base64url;
use subtle::ConstantTimeEq;

/// Letters and digits of a `jti`.
const ID_LENGTH: usize = 32;

/// How often a refresh is judged anew that another one has overtaken.
const ATTEMPTS: usize = 3;

/// A code, and what has to fit to it.
#[derive(Debug)]
pub struct CodeExchange<'a> {
    /// The code.
    pub code: &'a OpaqueToken,
    /// Where it was sent, if the client says so again.
    pub redirect_uri: Option<&'a str>,
    /// What the challenge was made of (RFC 7636).
    pub code_verifier: Option<&'a str>,
    /// One of the resources that it is for.
    pub resource: Option<&'a str>,
}

/// A refresh token, and what is to be less than was given.
#[derive(Debug)]
pub struct Refresh<'a> {
    /// The token; none if the text was none of ours.
    pub token: Option<&'a RefreshToken>,
    /// A part of the scope.
    pub scope: Option<&'a ScopeSet>,
    /// One of the resources.
    pub resource: Option<&'a str>,
}

/// What a client asks for itself.
#[derive(Debug)]
pub struct MachineRequest<'a> {
    /// A part of what it may have.
    pub scope: Option<&'a ScopeSet>,
    /// The resource.
    pub resource: Option<&'a str>,
}

/// What a client gets. Not `Debug`: these are the tokens themselves.
pub struct Issued {
    /// The access token.
    pub access_token: String,
    /// How long it is good, from now.
    pub expires_in: Duration,
    /// What it is for.
    pub scope: ScopeSet,
    /// The refresh token, where the client has registered for one.
    pub refresh_token: Option<RefreshToken>,
    /// The ID token, with the scope `openid`.
    pub id_token: Option<String>,
}

/// What the tokens of one answer are made of.
struct Ingredients<'a> {
    client: &'a Client,
    grant: &'a Grant,
    scope: &'a ScopeSet,
    resource: Option<&'a str>,
    nonce: Option<&'a str>,
    now: Timestamp,
    user: &'a User,
    /// The end of the session that the grant is bound to.
    session_end: Option<Timestamp>,
}

/// What is used up for the first tokens of a grant, by its hash.
#[derive(Clone, Copy)]
pub(super) enum Spent<'a> {
    /// A code of the authorization endpoint.
    Code(&'a [u8; 32]),
    /// A code of a device.
    DeviceCode(&'a [u8; 32]),
}

/// How a grant begins.
pub(super) struct Begun<'a> {
    pub(super) spent: Spent<'a>,
    pub(super) nonce: Option<&'a str>,
    pub(super) resource: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// What comes of it.
pub(super) enum First {
    Issued(Box<Issued>),
    /// Another request was faster.
    Late,
    /// The session has ended.
    SessionOver,
}

/// What became of a code or a refresh token at the moment when it was used up.
enum Taken {
    /// It was good, and what it gives is kept; the grants that had to make room for it have ended.
    First(Vec<Revocation>),
    /// Another one was faster.
    Late,
    /// The session has ended.
    SessionOver,
}

/// Gives out tokens.
pub struct Tokens {
    pub(super) database: Database,
    sessions: Arc<Sessions>,
    issuer: Arc<Issuer>,
    targets: Targets,
    pub(super) grants: Grants,
    vault: Arc<Vault>,
    pub(super) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    pub(super) counts: Arc<TokenCounts>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens for grants that `database` keeps.
    pub fn new(
        database: Database,
        sessions: Arc<Sessions>,
        issuer: Arc<Issuer>,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let targets = Targets::new(database.clone(), issuer.profile().issuer.clone());
        let grants = Grants::new(database.clone(), sessions.clone());
        Self { database, sessions, issuer, targets, grants, vault, clock, entropy, counts: Arc::default() }
    }

    /// The same, counting where others can see it.
    #[must_use]
    pub fn with_counts(self, counts: Arc<TokenCounts>) -> Self {
        Self { counts, ..self }
    }

    /// What there is to ask for.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Tokens for a code (RFC 6749 section 4.1.3).
    ///
    /// # Errors
    /// [`Error::InvalidGrant`] when the code is not good for this client; when it was used before, what it gave has
    /// ended.
    pub async fn exchange(&self, client: &Client, asked: &CodeExchange<'_>) -> Result<Issued, Error> {
        require(client, GrantType::AuthorizationCode)?;
        let hash = asked.code.hash();
        let now = self.clock.now();
        let found = self.database.authorization_codes().find(&hash).await?;
        let code = found.filter(|code| code.client_id == client.id).ok_or(BAD_CODE)?;
        if code.redeemed_at.is_some() {
            return Err(self.replayed(&code).await?);
        }
        if code.expires_at <= now {
            return Err(BAD_CODE);
        }
        check_binding(&code, asked)?;
        let resource = one_of(&code.resources, asked.resource)?;
        let grant = self.bounded(client, grant_of(&code, now));
        let begun = Begun { spent: Spent::Code(&hash), nonce: code.nonce.as_deref(), resource, now };
        match self.begin(client, &grant, begun).await? {
            First::Issued(issued) => {
                self.counts.note(TokenEvent::CodeRedeemed, &grant);
                Ok(*issued)
            }
            First::SessionOver => Err(BAD_CODE),
            First::Late => Err(self.replayed(&code).await?),
        }
    }

    /// The first tokens of a grant, for what is used up by them.
    ///
    /// # Errors
    /// [`Error::InvalidTarget`], or when nothing can be signed; then nothing is used up.
    pub(super) async fn begin(
        &self,
        client: &Client,
        grant: &Grant,
        begun: Begun<'_>,
    ) -> Result<First, Error> {
        let Begun { spent, nonce, resource, now } = begun;
        let session = self.database.sessions().expiry_and_user(&grant.session_id).await?;
        let Some((session_end, user)) = session.filter(|(end, _)| *end > now) else {
            return Ok(First::SessionOver);
        };
        let refresh = match client.grant_types.contains(&GrantType::RefreshToken) {
            true => Some(RefreshToken::first(&*self.entropy)?),
            false => None,
        };
        let session_end = (grant.bound == Bound::Session).then_some(session_end);
        let scope = &grant.scope;
        let made = Ingredients { client, grant, scope, resource, nonce, now, user: &user, session_end };
        let issued = self.issue(made).await?;
        Ok(match self.keep(grant, spent, refresh.as_ref(), now).await? {
            Taken::First(ended) => {
                self.sessions.revoke_grants(ended);
                First::Issued(Box::new(Issued { refresh_token: refresh, ..issued }))
            }
            Taken::SessionOver => First::SessionOver,
            Taken::Late => First::Late,
        })
    }

    /// Tokens for a refresh token (RFC 6749 section 6, RFC 9700 section 4.14), and its successor.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`] when it is not good; when it was used before, everything that was given with it has
    /// ended.
    /// [`Error::InvalidScope`] and [`Error::InvalidTarget`] leave it as good as it was.
    pub async fn refresh(&self, client: &Client, asked: &Refresh<'_>) -> Result<Issued, Error> {
        require(client, GrantType::RefreshToken)?;
        let token = asked.token.ok_or(BAD_REFRESH_TOKEN)?;
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let found = self.database.grants().by_family(&token.family_hash()).await?;
            let found =
                found.filter(|found| found.state.grant.client_id == client.id).ok_or(BAD_REFRESH_TOKEN)?;
            let GrantState { grant, user, .. } = &found.state;
            let shown = found.family.judge(&token.hash(), now);
            if shown == Shown::Reused {
                self.grants.end(&grant.id).await?;
                self.counts.note(TokenEvent::RefreshTokenReused, grant);
                return Err(BAD_REFRESH_TOKEN);
            }
            if !found.state.session_lasts(now) {
                self.grants.end(&grant.id).await?;
                return Err(BAD_REFRESH_TOKEN);
            }
            if grant.expires_at <= now {
                return Err(BAD_REFRESH_TOKEN);
            }
            let scope = match asked.scope {
                Some(scope) if !scope.is_subset(&grant.scope) => return Err(Error::InvalidScope),
                narrower => narrower.unwrap_or(&grant.scope),
            };
            let resource = one_of(&grant.resources, asked.resource)?;
            let session_end = found.state.bounding_end();
            let made = Ingredients { client, grant, scope, resource, nonce: None, now, user, session_end };
            let issued = self.issue(made).await?;
            match self.rotate(&found, token, shown, now).await? {
                Some(successor) => {
                    self.counts.note(TokenEvent::Refreshed, grant);
                    return Ok(Issued { refresh_token: Some(successor), ..issued });
                }
                // Another request was faster, or the session has ended: it is judged anew.
                None => continue,
            }
        }
        Err(BAD_REFRESH_TOKEN)
    }

    /// A token for a client itself (RFC 6749 section 4.4): no user, no refresh token.
    ///
    /// # Errors
    /// [`Error::InvalidScope`] when it asks for more than an operator has given it.
    pub async fn for_machine(&self, client: &Client, asked: &MachineRequest<'_>) -> Result<Issued, Error> {
        require(client, GrantType::ClientCredentials)?;
        let scope = match asked.scope {
            Some(scope) if !scope.is_subset(&client.machine_scope) => return Err(Error::InvalidScope),
            narrower => narrower.unwrap_or(&client.machine_scope),
        };
        let target = self.targets.resolve(asked.resource, scope).await?;
        if asked.resource.is_some() && !target.has_scope_of_resource() {
            return Err(Error::InvalidTarget);
        }
        let (now, jti) = (self.clock.now(), random_alphanumeric(&*self.entropy, ID_LENGTH)?);
        let until = now.after(self.issuer.profile().ttl);
        let mut ends = until;
        let access_token = self.issuer.sign(target.algorithm, "at+jwt", until, |exp, _| {
            ends = Timestamp::from_seconds(exp);
            AccessTokenClaims {
                iss: &self.issuer.profile().issuer,
                exp,
                aud: Audience::of(&target.audience),
                sub: client.id.as_str(),
                client_id: client.id.as_str(),
                iat: now.seconds(),
                jti: &jti,
                sid: &jti,
                scope: target.scope.to_string(),
                auth_time: None,
                amr: None,
            }
        });
        let access_token = access_token.await?;
        self.counts.note_machine(TokenEvent::IssuedToMachine, &client.id);
        let expires_in = ends.since(now);
        Ok(Issued { access_token, expires_in, scope: target.scope, refresh_token: None, id_token: None })
    }

    /// What a client is told that shows a code once more; what the code gave has ended (RFC 6749 section 4.1.2).
    async fn replayed(&self, code: &AuthorizationCode) -> Result<Error, Error> {
        self.grants.end(&code.grant_id).await?;
        self.counts.note_code(TokenEvent::CodeReplayed, code);
        Ok(BAD_CODE)
    }

    /// The same grant, bound and ended as the client has registered: without refresh tokens it lasts as long as one access
    /// token.
    pub(super) fn bounded(&self, client: &Client, grant: Grant) -> Grant {
        let refreshes = client.grant_types.contains(&GrantType::RefreshToken);
        let lasts = if refreshes { REFRESH_LIFETIME } else { self.issuer.profile().ttl };
        let bound = if refreshes { Bound::of(&grant.scope) } else { Bound::Session };
        Grant { bound, expires_at: grant.created_at.after(lasts), ..grant }
    }

    /// Uses up a code, or what a device has been approved, and keeps what it becomes, as long as the session lasts.
    async fn keep(
        &self,
        grant: &Grant,
        spent: Spent<'_>,
        refresh: Option<&RefreshToken>,
        now: Timestamp,
    ) -> Result<Taken, Error> {
        let hashes = refresh.map(|token| (token.family_hash(), token.hash()));
        let hashes = hashes.as_ref().map(|(family, own)| (family, own));
        let ending = self.sessions.ending();
        let kept = self.database.write(|unit| async move {
            let was_good = match spent {
                Spent::Code(hash) => unit.authorization_codes().redeem(hash, now).await?,
                Spent::DeviceCode(hash) => unit.devices().redeem(hash, now).await?,
            };
            if !was_good {
                return Ok(Taken::Late);
            }
            if !unit.sessions().hold(&grant.session_id, now).await? {
                return Ok(Taken::SessionOver);
            }
            if grant.scope.contains("openid") {
                unit.session_clients().insert(&grant.session_id, &grant.client_id).await?;
            }
            unit.grants().insert(grant, hashes).await?;
            let surplus = GrantFilter::Surplus(&grant.user_id, &grant.client_id);
            let ended = unit.grants().end(surplus, ending).await?;
            unit.sessions().remember(&ended, ending).await?;
            Ok(Taken::First(ended))
        });
        match kept.await {
            Err(store::Error::ForeignKeyViolation) => Ok(Taken::SessionOver),
            kept => Ok(kept?),
        }
    }

    /// The successor of a refresh token: a new one, or the one that took its place a moment ago. None if another request
    /// was faster.
    async fn rotate(
        &self,
        found: &Refreshable,
        token: &RefreshToken,
        shown: Shown,
        now: Timestamp,
    ) -> Result<Option<RefreshToken>, Error> {
        let grant = &found.state.grant;
        let context = [grant.id.as_bytes()];
        if shown == Shown::Repeated {
            let Some(sealed) = &found.successor else { return Err(BAD_REFRESH_TOKEN) };
            let text = self.vault.open(Purpose::RefreshToken, &context, sealed)?;
            let text = std::str::from_utf8(&text).map_err(|_| BAD_REFRESH_TOKEN)?;
            return Ok(Some(RefreshToken::parse(text).ok_or(BAD_REFRESH_TOKEN)?));
        }
        let successor = token.successor(&*self.entropy)?;
        let sealed = self.vault.seal(Purpose::RefreshToken, &context, successor.expose().as_bytes())?;
        let (from, to) = (token.hash(), successor.hash());
        let expires_at = now.after(REFRESH_LIFETIME);
        let rotation = Rotation { from: &from, to: &to, successor: &sealed, at: now, expires_at };
        Ok(self.database.grants().rotate(&grant.id, rotation).await?.then_some(successor))
    }

    /// The access token, and the ID token beside it.
    async fn issue(&self, made: Ingredients<'_>) -> Result<Issued, Error> {
        let Ingredients { client, grant, now, .. } = made;
        let target = self.targets.resolve(made.resource, made.scope).await?;
        // A resource that the user was not asked about is one whose scopes they have given.
        let unasked = made.resource.filter(|resource| !grant.resources.iter().any(|given| given == resource));
        if unasked.is_some_and(|resource| resource != self.targets.userinfo())
            && !target.has_scope_of_resource()
        {
            return Err(Error::InvalidTarget);
        }
        let profile = self.issuer.profile();
        let until = now.after(profile.ttl);
        let until = made.session_end.map_or(until, |end| until.min(end));
        let (access_token, ends) = self.access_token(&made, &target, until).await?;
        let id_token = if made.scope.contains("openid") {
            let sign =
                self.issuer.sign(Some(client.id_token_alg), "JWT", until, |exp, algorithm| IdTokenClaims {
                    iss: &profile.issuer,
                    sub: &grant.user_id,
                    aud: client.id.as_str(),
                    exp,
                    iat: now.seconds(),
                    auth_time: grant.authenticated_at.seconds(),
                    amr: grant.amr.words(),
                    sid: &grant.session_id,
                    nonce: made.nonce,
                    at_hash: at_hash(&access_token, algorithm),
                    user: UserClaims::of(made.user, made.scope),
                });
            Some(sign.await?)
        } else {
            None
        };
        let expires_in = ends.since(now);
        Ok(Issued { access_token, expires_in, scope: target.scope, refresh_token: None, id_token })
    }

    async fn access_token(
        &self,
        made: &Ingredients<'_>,
        target: &Target,
        until: Timestamp,
    ) -> Result<(String, Timestamp), Error> {
        let jti = random_alphanumeric(&*self.entropy, ID_LENGTH)?;
        let mut ends = until;
        let signed = self.issuer.sign(target.algorithm, "at+jwt", until, |exp, _| {
            ends = Timestamp::from_seconds(exp);
            AccessTokenClaims {
                iss: &self.issuer.profile().issuer,
                exp,
                aud: Audience::of(&target.audience),
                sub: &made.grant.user_id,
                client_id: made.client.id.as_str(),
                iat: made.now.seconds(),
                jti: &jti,
                sid: &made.grant.id,
                scope: target.scope.to_string(),
                auth_time: Some(made.grant.authenticated_at.seconds()),
                amr: Some(made.grant.amr.words()),
            }
        });
        let token = signed.await?;
        Ok((token, ends))
    }
}

const BAD_CODE: Error = Error::InvalidGrant("the code is not good");
const BAD_REFRESH_TOKEN: Error = Error::InvalidGrant("the refresh token is not good");

pub(super) fn require(client: &Client, grant: GrantType) -> Result<(), Error> {
    if client.grant_types.contains(&grant) { Ok(()) } else { Err(Error::UnauthorizedClient) }
}

/// What a code becomes, but for how long it lasts.
fn grant_of(code: &AuthorizationCode, now: Timestamp) -> Grant {
    Grant {
        id: code.grant_id.clone(),
        client_id: code.client_id.clone(),
        user_id: code.user_id.clone(),
        session_id: code.session_id.clone(),
        bound: Bound::Session,
        scope: code.scope.clone(),
        resources: code.resources.clone(),
        authenticated_at: code.authenticated_at,
        amr: code.amr.clone(),
        created_at: now,
        expires_at: now,
    }
}

/// Whether a code is shown by whom it was made for: the redirect URI, where it is said again, and the verifier of the
/// challenge (RFC 7636 section 4.6). A code without a challenge takes no verifier (RFC 9700 section 2.1.1).
fn check_binding(code: &AuthorizationCode, asked: &CodeExchange<'_>) -> Result<(), Error> {
    if asked.redirect_uri.is_some_and(|uri| uri != code.redirect_uri) {
        return Err(Error::InvalidGrant("the redirect_uri is not the one that the code was sent to"));
    }
    let fits = match (&code.code_challenge, asked.code_verifier) {
        (Some(challenge), Some(verifier)) => {
            let made = base64url::encode(&sha256(verifier.as_bytes()));
            is_verifier(verifier) && bool::from(made.as_bytes().ct_eq(challenge.as_bytes()))
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if fits { Ok(()) } else { Err(Error::InvalidGrant("the code_verifier does not fit")) }
}

/// 43 to 128 unreserved characters (RFC 7636 section 4.1).
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// The resource of one token: the one that is asked for, if it was given; else the first that was (RFC 8707
/// section 2.2).
pub(super) fn one_of<'a>(given: &'a [String], asked: Option<&'a str>) -> Result<Option<&'a str>, Error> {
    match asked {
        Some(resource) if !given.is_empty() && !given.iter().any(|one| one == resource) => {
            Err(Error::InvalidTarget)
        }
        Some(resource) => Ok(Some(resource)),
        None => Ok(given.first().map(String::as_str)),
    }
}

/// The left half of the hash of the access token (OpenID Connect Core section 3.1.3.6). There is none that all clients
/// agree on for Ed25519.
fn at_hash(access_token: &str, algorithm: Algorithm) -> Option<String> {
    match algorithm {
        Algorithm::EdDsa => None,
        Algorithm::Es256 | Algorithm::Rs256 => {
            Some(base64url::encode(&sha256(access_token.as_bytes())[..16]))
        }
    }
}
