//! Password hashes of bcrypt, which people bring along who once moved to Better Auth from somewhere else.
//! In: `$2b$10$` and 53 characters. Out: the hash of a password under the same salt and cost.
//! Owns: the cost of a stored hash is bounded, so that an imported row takes no thread for long.

use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// The costs that are read: each doubles the one before, and 14 takes a second or so.
const COSTS: std::ops::RangeInclusive<u32> = 4..=14;

/// What bcrypt looks at of a password, in bytes (its specification).
const KEY_BYTES: usize = 72;
const SALT_BYTES: usize = 16;
const SALT_LENGTH: usize = 22;
/// What is stored of the 24 bytes that bcrypt comes to.
const HASH_BYTES: usize = 23;
const LENGTH: usize = 60;

/// Some libraries leave bits in the last letter of the salt that stand for nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A hash with the salt and the cost that repeat it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct BcryptHash {
    pub(super) cost: u32,
    salt: [u8; SALT_BYTES],
    pub(super) hash: Vec<u8>,
}

impl BcryptHash {
    /// Reads what libraries of bcrypt store; none if it is anything else, or costs more than it may.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH || !text.is_ascii() {
            return None;
        }
        let rest = ["$2a$", "$2b$", "$2y$"].into_iter().find_map(|version| text.strip_prefix(version))?;
        let (cost, rest) = rest.split_once('$')?;
        let is_cost = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        let cost = cost.parse().ok().filter(|cost| is_cost && COSTS.contains(cost))?;
        let (salt, hash) = rest.split_at_checked(SALT_LENGTH)?;
        let (salt, hash) = (BASE64.decode(salt).ok()?, BASE64.decode(hash).ok()?);
        (hash.len() == HASH_BYTES).then_some(Self { cost, salt: salt.try_into().ok()?, hash })
    }

    /// A hash of nothing, to do the work of this cost for.
    pub(super) fn decoy(cost: u32) -> Self {
        Self { cost, salt: [0; SALT_BYTES], hash: vec![0; HASH_BYTES] }
    }

    /// What this password comes to under the salt. What is longer than bcrypt looks at is cut, as all of them do.
    pub(super) fn repeat(&self, password: &[u8]) -> Vec<u8> {
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        let used = password.len().min(KEY_BYTES);
        key[..used].copy_from_slice(&password[..used]);
        // The zero that ends a text counts, where there is room for it.
        let mut hash = bcrypt::bcrypt(self.cost, self.salt, &key[..KEY_BYTES.min(used + 1)]).to_vec();
        hash.truncate(HASH_BYTES);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vectors of jBCrypt, and one of a password that is longer than bcrypt looks at (made by Python's bcrypt 3).
    const VECTORS: [(&str, &str); 4] = [
        ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
        ("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
        ("abcdefghijklmnopqrstuvwxyz", "$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC"),
        (
            "~!@#$%^&*()      ~!@#$%^&*()PNBFRD",
            "$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO",
        ),
    ];

    #[test]
    fn repeat_reproduces_the_published_vectors_under_each_name_of_the_version() {
        for (password, stored) in VECTORS {
            for version in ["$2a$", "$2b$", "$2y$"] {
                let stored = BcryptHash::parse(&stored.replace("$2a$", version)).unwrap();
                assert!(stored.repeat(password.as_bytes()) == stored.hash, "{password}");
                assert!(stored.repeat(b"another") != stored.hash);
            }
        }
    }

    #[test]
    fn repeat_looks_at_seventy_two_bytes() {
        let stored = BcryptHash::decoy(4);
        let long = "x".repeat(100);
        assert!(stored.repeat(long.as_bytes()) == stored.repeat(&long.as_bytes()[..72]));
        assert!(stored.repeat(long.as_bytes()) != stored.repeat(&long.as_bytes()[..71]));
    }

    #[test]
    fn parse_refuses_foreign_and_ruinous_hashes() {
        let (_, valid) = VECTORS[1];
        for text in [
            "",
            &valid[..59],
            &format!("{valid}."),
            &valid.replace("$2a$", "$2x$"),
            &valid.replace("$06$", "$31$"),
            &valid.replace("$06$", "$15$"),
            &valid.replace("$06$", "$03$"),
            &valid.replace("$06$", "$+6$"),
            &valid.replace("$06$", "$6$."),
            &valid.replace("m0Cr", "m0!r"),
            &valid.replace("m0Cr", "m\u{e9}r"),
        ] {
            assert!(BcryptHash::parse(text).is_none(), "{text}");
        }
    }
}
