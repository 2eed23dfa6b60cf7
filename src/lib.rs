//! Signet: an identity provider in one binary. Its verifying half is the crate [`signet_verify`].
//!
//! Read the modules in the order in which data flows through them; each uses only those above it.

pub mod duration;

pub mod secret;

pub mod model;

pub mod config;

pub mod vault;

pub mod store;

pub mod sync;

pub mod audit;

pub mod password;

pub mod keys;

pub mod mail;

pub mod identity;

pub mod oauth;

pub mod resource;

pub mod http;

pub mod app;
