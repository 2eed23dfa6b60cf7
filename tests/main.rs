//! Signet's promises, each held where its user stands. One binary, so that dependencies link once.
#![cfg(test)]

mod cases;
mod clients;
mod command_line;
mod config;
mod contract;
mod instances;
mod keys;
mod resource;
mod simulation;
mod store;
mod support;
mod token;
mod web;

mod architecture;
mod errors;
mod identity;
mod isolation;
mod metrics;
mod openapi;
mod server;
mod shares;
mod specification;
mod tasks;
#[cfg(feature = "otlp")]
mod traces;
