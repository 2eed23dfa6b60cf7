//! Signet's promises, each held where its user stands. One binary, so that dependencies link once.
#![cfg(test)]

mod clients;
mod config;
mod keys;
mod resource;
mod support;
mod token;

mod errors;
mod specification;
mod tasks;
