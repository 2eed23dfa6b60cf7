//! Signet's promises, each held as its user meets it: over HTTP, on the command line, in a browser.
//! One binary, so that dependencies link once.
#![cfg(test)]

mod cases;
mod clients;
mod command_line;
mod config;
mod contract;
mod hostile;
mod instances;
mod keys;
mod mail;
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
mod oauth;
mod openapi;
mod server;
mod shares;
mod specification;
mod tasks;
mod tasks_bounds;
#[cfg(feature = "otlp")]
mod traces;
