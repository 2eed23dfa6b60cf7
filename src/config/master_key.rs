//! Master keys as they are written in settings and files.
//! In: base64 text. Out: a key of exactly 32 bytes, or nothing.
//! Owns: both alphabets of RFC 4648 are read, with or without padding, since tools print either.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::secret::MasterKey;

const READER: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads one key; none if the text is not base64 of 32 bytes.
pub(super) fn decode(text: &str) -> Option<MasterKey> {
    let standard = Zeroizing::new(text.trim().replace('-', "+").replace('_', "/"));
    let mut bytes = Zeroizing::new([0_u8; 32]);
    // The reader first estimates the room from the length of the text, in whole groups: 33 bytes for 32.
    let mut room = Zeroizing::new([0_u8; 36]);
    let length = READER.decode_slice(standard.as_bytes(), room.as_mut_slice()).ok()?;
    if length != bytes.len() {
        return None;
    }
    bytes.copy_from_slice(&room[..length]);
    Some(MasterKey::new(*bytes))
}

/// Writes the bytes of a new key.
pub(super) fn encode(bytes: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(READER.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_reads_either_base64_alphabet_with_or_without_padding() {
        let bytes = [0xfb; 32];
        let text = encode(&bytes);
        let url_alphabet = text.replace('+', "-").replace('/', "_");
        assert_ne!(*text, url_alphabet);
        for text in
            [text.as_str(), &url_alphabet, text.trim_end_matches('='), url_alphabet.trim_end_matches('=')]
        {
            assert_eq!(decode(text).unwrap().expose(), &bytes);
        }
    }

    #[test]
    fn decode_refuses_other_lengths_and_characters() {
        for bytes in [0, 16, 31, 33, 34, 64] {
            assert!(decode(&READER.encode(vec![7; bytes])).is_none(), "{bytes} bytes");
        }
        assert!(decode(&format!("{}!", &*encode(&[0; 32]))).is_none());
    }
}
