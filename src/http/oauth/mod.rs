//! OAuth 2.1 and OpenID Connect over HTTP.
//! In: requests of clients below `/api/auth/oauth2`, and of devices. Out: answers in the words of the RFCs, never to be cached.

mod authorization;
mod authorize;
mod client_authentication;
mod device;
mod device_page;
mod end_session;
mod error;
mod interaction;
mod introspect;
pub mod metadata;
mod page;
mod parameters;
mod push;
mod revoke;
mod service;
mod shown;
mod token;
mod userinfo;

use std::sync::Arc;

use poem::middleware::AddData;
use poem::{Endpoint, EndpointExt};
use poem_openapi::{LicenseObject, OpenApiService};

pub use authorization::Authorization;
pub use device_page::DeviceEndpoint;
pub use interaction::{ConsentEndpoint, SignInEndpoint};
pub use service::OAuth;

/// Where the endpoints live.
pub const BASE_PATH: &str = "/api/auth/oauth2";

/// Where devices begin.
pub const DEVICE_BASE_PATH: &str = "/api/auth/device";

/// The operations.
pub type Apis = (
    token::TokenApi,
    authorize::AuthorizeApi,
    push::PushApi,
    end_session::EndSessionApi,
    device::DeviceApi,
    introspect::IntrospectApi,
    revoke::RevokeApi,
    userinfo::UserInfoApi,
);

/// The operations, to be described alone or together with others.
pub fn apis() -> Apis {
    (
        token::TokenApi,
        authorize::AuthorizeApi,
        push::PushApi,
        end_session::EndSessionApi,
        device::DeviceApi,
        introspect::IntrospectApi,
        revoke::RevokeApi,
        userinfo::UserInfoApi,
    )
}

/// The described service; also the source of `openapi/oauth.json`.
pub fn service() -> OpenApiService<Apis, ()> {
    OpenApiService::new(apis(), "Signet OAuth API", env!("CARGO_PKG_VERSION"))
        .description(
            "OAuth 2.1 and OpenID Connect: applications sign people in, and get tokens for what they were given.\n\n\
             Every error is `{\"error\", \"error_description\"}` (RFC 6749 section 5.2), and no answer may be cached.",
        )
        .license(LicenseObject::new("MIT OR Apache-2.0"))
        .server("/")
}

/// The service as an endpoint for everything below [`BASE_PATH`].
pub fn endpoint(oauth: Arc<OAuth>, authorization: Arc<Authorization>) -> impl Endpoint {
    poem::IntoEndpoint::into_endpoint(service()).with(AddData::new(oauth)).with(AddData::new(authorization))
}
