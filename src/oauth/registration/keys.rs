//! The public keys that a client registers.
//! In: a JWK set. Out: nothing, or what is wrong with it.
//! Owns: no private half is kept, and every key is one that an assertion can be verified with.

use signet_verify::jose::jwk::KeySet;

/// The most keys of a client.
const MOST_KEYS: usize = 16;
/// The largest document, in bytes.
const MOST_BYTES: usize = 32 * 1024;

/// Judges the document.
///
/// # Errors
/// What is wrong with it: the rest of a sentence that begins with `jwks`.
pub(super) fn check(document: &str) -> Result<(), String> {
    if document.len() > MOST_BYTES {
        return Err(format!("is larger than {MOST_BYTES} bytes"));
    }
    let set = KeySet::parse(document.as_bytes()).map_err(|error| format!("cannot be used: {error}"))?;
    if let Some(skipped) = set.skipped.first() {
        return Err(format!(
            "has a key (number {}) that cannot be used: {}",
            skipped.position + 1,
            skipped.reason
        ));
    }
    match set.keys.len() {
        0 => Err("has no key".to_owned()),
        1..=MOST_KEYS => Ok(()),
        _ => Err(format!("has more than {MOST_KEYS} keys")),
    }
}
