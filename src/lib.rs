//! Signet: an identity provider, and the verifying half too.
//!
//! Read the rooms in the order in which data flows through them; each uses only rooms above it.

pub mod clock;
pub mod secret;
#[cfg(feature = "server")]
pub mod config;
pub mod token;
#[cfg(feature = "server")]
pub mod keys;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod shared;
#[cfg(feature = "server")]
pub mod identity;
#[cfg(feature = "verify")]
pub mod resource;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod app;
