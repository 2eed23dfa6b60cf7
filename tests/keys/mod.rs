//! Promises about signing keys: their lives, their rows, and what a server publishes and signs with.

#![cfg(test)]

mod algorithms;
mod cache_life;
mod clocks;
mod importing;
mod key_formats;
mod life;
mod lifecycle;
mod master_keys;
mod openssl;
mod orders;
mod race;
mod rows;
pub mod support;
