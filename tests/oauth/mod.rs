//! OAuth and OpenID Connect as clients meet them: the token endpoint, and what becomes of what it gave.

mod authorize;
mod authorize_sessions;
mod backchannel;
mod client_authentication;
mod client_credentials;
mod codes;
mod conformance;
mod consents;
mod decision;
mod device;
mod docs_client;
mod end_session;
mod endings;
mod id_tokens;
mod interleavings;
mod log;
pub mod party;
mod private_key_jwt;
mod push;
mod reflection;
mod refresh;
mod returning;
mod rotation;
pub mod support;
mod token_endpoint;
mod upkeep;
