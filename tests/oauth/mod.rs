//! OAuth and OpenID Connect as clients meet them: the token endpoint, and what becomes of what it gave.

mod client_authentication;
mod client_credentials;
mod codes;
mod conformance;
mod endings;
mod id_tokens;
mod interleavings;
mod private_key_jwt;
mod refresh;
pub mod support;
mod token_endpoint;
