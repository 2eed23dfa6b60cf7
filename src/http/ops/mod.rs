//! For those who run a process: whether it lives, what it counts, what its APIs are.

pub mod docs;
pub mod error_codes;
pub mod health;
pub mod metrics;
