//! The identity service: Better Auth's HTTP contract.
//! In: requests below `/api/auth`. Out: answers that the unmodified `better-auth` client understands.
//! Owns: nothing but the mapping; the use cases are in the `identity` room.

mod account;
mod cookie;
mod objects;
mod origin;
mod request;
mod session;
mod sign_in;

use std::sync::Arc;

use poem::error::MethodNotAllowedError;
use poem::middleware::AddData;
use poem::{Endpoint, EndpointExt, IntoEndpoint};
use poem_openapi::{LicenseObject, OpenApiService, Tags};

pub use cookie::Cookies;
use request::Found;

use crate::clock::Clock;
use crate::config::TrustedOrigins;
use crate::http::framework::error::ApiError;
use crate::identity::account::AccountDesk;
use crate::identity::issuing::Issuer;
use crate::identity::session::SessionDesk;
use crate::keys::keyring::Keyring;
use crate::secret::OpaqueToken;
use crate::store::StoreError;

/// Where the contract lives.
pub const BASE_PATH: &str = "/api/auth";

/// What the operations of the identity service work with.
pub struct Identity {
    /// Signing up and in.
    pub accounts: AccountDesk,
    /// Being signed in.
    pub sessions: Arc<SessionDesk>,
    /// JWTs.
    pub issuer: Issuer,
    /// The key set.
    pub keyring: Arc<Keyring>,
    /// Cookies.
    pub cookies: Cookies,
    /// Who may act for a browser.
    pub origins: Arc<TrustedOrigins>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// The session behind a token that was shown.
    async fn find(&self, shown: Option<OpaqueToken>, slide: bool) -> Result<Found, StoreError> {
        let Some(token) = shown else { return Ok(Found::Nobody) };
        Ok(self
            .sessions
            .find(token, slide)
            .await?
            .map_or(Found::Ended, |found| Found::SignedIn(Box::new(found))))
    }
}

/// How the OpenAPI document sorts the operations.
#[derive(Debug, Tags)]
enum Tag {
    /// Signing up, in and out.
    #[oai(rename = "Signing in")]
    Entry,
    /// The current session, its JWT, and the other sessions.
    Sessions,
    /// Name, picture, password.
    Account,
    /// The key set and signs of life.
    Public,
}

/// The operations.
pub type Apis = (sign_in::SignInApi, session::SessionApi, account::AccountApi);

/// The operations, to be described alone or together with others.
pub fn apis() -> Apis {
    (sign_in::SignInApi, session::SessionApi, account::AccountApi)
}

/// The described service; also the source of `openapi/identity.json`.
pub fn service() -> OpenApiService<Apis, ()> {
    OpenApiService::new(apis(), "Signet identity API", env!("CARGO_PKG_VERSION"))
        .description(
            "Signs people up and in, and hands them short-lived JWTs. The HTTP contract of Better Auth's e-mail and \
             password core, JWT plugin and bearer plugin: the unmodified `better-auth` client works against it.\n\n\
             A request that carries a cookie and changes something must come from a trusted origin (`Origin`, or \
             else `Referer`). Every error is `{\"code\", \"message\"}`; programs compare `code`.",
        )
        .license(LicenseObject::new("MIT OR Apache-2.0"))
        .server("/")
}

/// The service as an endpoint for everything below [`BASE_PATH`].
pub fn endpoint(identity: Arc<Identity>) -> impl Endpoint {
    service()
        .into_endpoint()
        // The contract knows no 405 for routing.
        .catch_error(|_: MethodNotAllowedError| async { ApiError::not_found() })
        .with(AddData::new(identity))
}
