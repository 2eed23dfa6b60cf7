//! The signing keys of the issuer, from the first to the last moment of each, one lifecycle per algorithm.
//! In: settings, master keys, rows. Out: what this process signs with and publishes now.
//! Owns: of each algorithm there is always exactly one key that signs, and every cache has had the time to fetch it.

pub mod better_auth;
pub mod commands;
pub mod generator;
pub mod import_export;
pub mod jose;
pub mod key_formats;
pub mod keyring;
pub mod listing;
mod margins;
mod observed_age;
mod opened_keys;
mod pem;
pub mod repository;
pub mod rotation;
pub mod sealing;
pub mod selection;
pub mod timeline;
pub mod worker;
