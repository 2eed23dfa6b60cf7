//! Signet: an identity provider, and the verifying half too.
//!
//! Read the rooms in the order in which data flows through them; each uses only rooms above it.

#[cfg(feature = "server")]
pub mod app;
pub mod clock;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod identity;
#[cfg(feature = "server")]
pub mod keys;
#[cfg(feature = "verify")]
pub mod resource;
pub mod secret;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod sync;
pub mod token;
