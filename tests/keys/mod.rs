//! Promises about signing keys: their lives, their rows, and what a server publishes and signs with.

#![cfg(test)]

mod cache_life;
mod key_formats;
mod lifecycle;
mod race;
mod suite;
pub mod support;
