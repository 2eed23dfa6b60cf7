//! What several requests, and later several instances, must agree on.
//! In: events (an attempt, an ended session). Out: whether to go on.
//! Owns: memory that stays bounded whatever strangers send.

pub mod revocations;
pub mod throttle;
