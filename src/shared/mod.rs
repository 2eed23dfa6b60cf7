//! What several requests and several instances must agree on: through Redis, or in memory for one process.
//! In: events (an attempt, an ended session). Out: whether to go on.
//! Owns: memory that stays bounded whatever strangers send.

pub mod announced;
pub mod exchange;
pub mod link;
pub mod revocations;
pub mod throttle;
