//! The identity service: Better Auth's HTTP contract.
//! In: requests below `/api/auth`. Out: answers that the unmodified `better-auth` client understands.

mod account;
mod address;
mod bodies;
mod consents;
mod cookie;
mod device_cookie;
mod error;
mod fields;
mod objects;
mod origin;
mod public;
mod request;
mod reset;
mod service;
mod session;
mod sign_in;

use std::sync::Arc;

use poem::error::MethodNotAllowedError;
use poem::middleware::AddData;
use poem::{Endpoint, EndpointExt, IntoEndpoint};
use poem_openapi::{LicenseObject, OpenApiService};

pub use cookie::Cookies;
pub(in crate::http) use cookie::cookie_pairs;
pub(in crate::http) use origin::check_sign_in_request;
pub(in crate::http) use request::Client as Caller;
pub use service::Identity;

use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;

/// Where the contract lives.
pub const BASE_PATH: &str = "/api/auth";

/// The operations below the paths of OAuth, which are of the session all the same.
pub const BESIDE_OAUTH: [&str; 2] = ["/api/auth/oauth2/get-consents", "/api/auth/oauth2/delete-consent"];

/// The operations.
pub type Apis = (
    sign_in::SignInApi,
    public::PublicApi,
    session::SessionApi,
    account::AccountApi,
    address::AddressApi,
    reset::ResetApi,
    consents::ConsentsApi,
);

/// The operations, to be described alone or together with others.
pub fn apis() -> Apis {
    (
        sign_in::SignInApi,
        public::PublicApi,
        session::SessionApi,
        account::AccountApi,
        address::AddressApi,
        reset::ResetApi,
        consents::ConsentsApi,
    )
}

/// The described service; also the source of `openapi/identity.json`.
pub fn service() -> OpenApiService<Apis, ()> {
    OpenApiService::new(apis(), "Signet identity API", env!("CARGO_PKG_VERSION"))
        .description(
            "Signs people up and in, and hands them short-lived JWTs. The HTTP contract of Better Auth's e-mail and \
             password core with its flows by mail, JWT plugin and bearer plugin: the unmodified `better-auth` client works against it.\n\n\
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
        .catch_error(|_: MethodNotAllowedError| async { ApiError::from(Code::NotFound) })
        .with(AddData::new(identity))
}
