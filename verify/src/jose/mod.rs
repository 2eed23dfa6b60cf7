//! The language that both halves of Signet share: keys, key sets and compact tokens.
//! In: bytes, keys and the present moment. Out: signed tokens, key sets and verified principals.
//! Owns: nothing here does I/O, and a [`claims::Principal`] comes from a verified signature and from nowhere else.

pub mod base64url;
pub mod claims;
pub mod json;
pub mod jwk;
#[cfg(feature = "signing")]
pub mod sign;
pub mod verify;

/// The longest token that is issued or read, in bytes.
///
/// Common servers and proxies take 8 KiB for all headers together, so a longer one would not arrive anyway; and it
/// bounds the work that an unauthenticated caller can ask for.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
