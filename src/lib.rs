//! Signet: an identity provider, and the verifying half too.
//!
//! Read the rooms in the order in which data flows through them; each uses only rooms above it.

#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod audit;
pub mod clock;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod identity;
#[cfg(feature = "server")]
pub mod keys;
#[cfg(feature = "server")]
pub mod model;
#[cfg(feature = "server")]
pub mod password;
#[cfg(feature = "verify")]
pub mod resource;
pub mod secret;
#[cfg(feature = "server")]
pub mod shared;
#[cfg(feature = "server")]
pub mod store;
pub mod token;
