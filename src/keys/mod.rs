//! The signing keys of the issuer, from the first to the last moment of each.
//! In: settings, master keys, rows. Out: what this process signs with and publishes now.
//! Owns: there is always exactly one key that signs, and everybody has had the time to learn it.

pub mod adoption;
pub mod contract;
pub mod jose;
pub mod keyring;
pub mod lifecycle;
pub mod listing;
mod margins;
pub mod operator;
pub mod port;
pub mod rotation;
mod sightings;
pub mod timeline;
pub mod transfer;
pub mod vault;
pub mod worker;
