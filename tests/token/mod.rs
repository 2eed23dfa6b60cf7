//! What a verifier may rely on: which tokens and key sets are accepted, and which are not.

#![cfg(test)]

mod claims;
pub mod each_algorithm;
pub mod header;
mod issuing;
pub mod key_sets;
mod properties;
mod shape;
mod shared_secret;
pub mod signature;
pub mod support;
mod vectors_ed25519;
mod vectors_hmac;
mod vectors_jose;
mod vectors_json;
mod vectors_signatures;
