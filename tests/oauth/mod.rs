//! OAuth and OpenID Connect as clients meet them: the token endpoint, and what becomes of what it gave.

mod authorize;
mod client_authentication;
mod client_credentials;
mod codes;
mod conformance;
mod endings;
mod id_tokens;
mod interleavings;
mod log;
mod private_key_jwt;
mod refresh;
mod returning;
pub mod support;
mod token_endpoint;
mod upkeep;
