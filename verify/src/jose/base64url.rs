//! Base64url as JOSE means it (RFC 7515 section 2).
//! In: bytes or text. Out: the other one.
//! Owns: exactly one text stands for each sequence of bytes, so no token has a second spelling.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Writes `bytes` without padding.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads `text`; none if it holds padding, a foreign character, or bits that no byte uses (RFC 4648 section 3.5).
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_takes_one_spelling_of_every_sequence_of_bytes() {
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        for other in ["_-8=", "_-9", "/+8", "_-8\n", " _-8", "_", "_-8é"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
