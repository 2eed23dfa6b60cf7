//! Signet's promises, each held where its user stands. One binary, so that dependencies link once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod config;
mod keys;
mod resource;
mod support;
mod token;

mod tasks;
