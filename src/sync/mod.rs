//! What several requests and several instances must agree on: through Redis, or in memory for one process.
//! In: events (an attempt, a revoked session). Out: whether to go on.
//! Owns: memory that stays bounded whatever callers send.

pub mod deletions;
mod greeting;
pub mod limiter;
mod message;
pub mod pubsub;
pub mod redis;
pub mod revocations;
pub mod rule;
