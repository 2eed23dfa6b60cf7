//! Whom an access token is for.
//! In: the resources that were asked for, and a scope. Out: the audience, what of the scope counts there, and the
//! algorithm.
//! Owns: a token has the audience of one resource, and with `openid` that of UserInfo beside it (RFC 8707, RFC 9068).

use super::error::Error;
use crate::model::grant::OFFLINE_ACCESS;
use crate::model::resource_server::ResourceServer;
use crate::model::scope::ScopeSet;
use crate::store::Database;
use signet_verify::crypto::Algorithm;

/// The scopes of OpenID Connect, which belong to no resource.
pub const IDENTITY_SCOPES: [&str; 4] = ["openid", "profile", "email", OFFLINE_ACCESS];
/// The scopes of the tasks API.
pub const TASKS_SCOPES: [&str; 2] = ["tasks:read", "tasks:write"];

/// Whom an access token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `aud`: a resource, UserInfo, or both.
    pub audience: Vec<String>,
    /// What of the scope counts there.
    pub scope: ScopeSet,
    /// What it is signed with; none: as session tokens are.
    pub algorithm: Option<Algorithm>,
}

impl Target {
    /// Whether anything of the scope is of the resource itself: without, a token would say that its client may be there.
    pub(super) fn has_scope_of_resource(&self) -> bool {
        self.scope.iter().any(|word| !IDENTITY_SCOPES.contains(&word))
    }
}

/// The resources of a deployment.
#[derive(Clone, Debug)]
pub struct Targets {
    database: Database,
    issuer: String,
}

impl Targets {
    /// Those that `database` keeps, beside the tasks API, whose audience is the issuer.
    pub fn new(database: Database, issuer: String) -> Self {
        Self { database, issuer }
    }

    /// The address of UserInfo, which is an audience.
    pub fn userinfo(&self) -> String {
        format!("{}/api/auth/oauth2/userinfo", self.issuer)
    }

    /// The audiences that no resource has to be registered for.
    pub fn own(&self) -> Vec<String> {
        vec![self.issuer.clone(), self.userinfo()]
    }

    /// Every audience that an access token may have.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audiences(&self) -> Result<Vec<String>, Error> {
        let others = self.database.resources().list().await?;
        let others = others.into_iter().map(|resource| resource.identifier);
        Ok(self.own().into_iter().chain(others).collect())
    }

    /// Whether there is such a resource.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn knows(&self, resource: &str) -> Result<bool, Error> {
        Ok(self.is_tasks(resource) || self.database.resources().find(resource).await?.is_some())
    }

    /// Whom a token with `scope` is for: the resource that was asked for; else the one that the scope is of, the tasks API
    /// first; else UserInfo alone.
    ///
    /// # Errors
    /// [`Error::InvalidTarget`] when there is no such resource.
    pub async fn resolve(&self, resource: Option<&str>, scope: &ScopeSet) -> Result<Target, Error> {
        let resource = match resource {
            Some(identifier) if identifier == self.userinfo() => None,
            Some(identifier) if self.is_tasks(identifier) => Some(self.tasks()),
            Some(identifier) => Some(registered(
                self.database.resources().find(identifier).await?.ok_or(Error::InvalidTarget)?,
            )),
            None => self.default_for(scope).await?,
        };
        let userinfo = scope.contains("openid").then(|| self.userinfo());
        let Some((identifier, scopes, algorithm)) = resource else {
            let scope = scope.filtered(|word| IDENTITY_SCOPES.contains(&word));
            return Ok(Target { audience: vec![self.userinfo()], scope, algorithm: None });
        };
        let counts = |word: &str| scopes.contains(word) || IDENTITY_SCOPES.contains(&word);
        let audience = std::iter::once(identifier).chain(userinfo).collect();
        Ok(Target { audience, scope: scope.filtered(counts), algorithm })
    }

    async fn default_for(&self, scope: &ScopeSet) -> Result<Option<Resource>, Error> {
        if TASKS_SCOPES.iter().any(|word| scope.contains(word)) {
            return Ok(Some(self.tasks()));
        }
        if scope.iter().all(|word| IDENTITY_SCOPES.contains(&word)) {
            return Ok(None);
        }
        let resources = self.database.resources().list().await?;
        let named =
            resources.into_iter().find(|resource| scope.iter().any(|word| resource.scopes.contains(word)));
        Ok(named.map(registered))
    }

    fn is_tasks(&self, identifier: &str) -> bool {
        identifier == self.issuer
    }

    fn tasks(&self) -> Resource {
        (self.issuer.clone(), ScopeSet::parse(&TASKS_SCOPES.join(" ")).unwrap_or_default(), None)
    }
}

/// Identifier, scopes, algorithm.
type Resource = (String, ScopeSet, Option<Algorithm>);

fn registered(resource: ResourceServer) -> Resource {
    (resource.identifier, resource.scopes, Some(resource.access_token_alg))
}
