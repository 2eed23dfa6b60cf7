//! What a request may take of this process, and its answer of those on the way. The error codes name these numbers,
//! so they stand in one place.

use std::time::Duration;

/// The largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long a whole request may take, its body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest header of an answer, in bytes: what a balancer in front has to have room for. A token takes two
/// thirds of it.
pub const MAX_ANSWER_HEADER_BYTES: usize = 12 * 1024;
