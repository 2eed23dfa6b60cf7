//! Password hashes that Better Auth made, so that people who move keep their passwords.
//! In: `salt:hash` in hexadecimal. Out: the hash of a password under the same salt.
//! Owns: the cost is the one that Better Auth always uses; no stored row can choose another.

use scrypt::{Params, scrypt};

/// Better Auth's cost: 16,384 blocks of 2 KiB, which are 32 MiB.
const LOG_N: u8 = 14;
const BLOCK_SIZE: u32 = 16;
const PARALLELISM: u32 = 1;

const SALT_LENGTH: usize = 32;
const HASH_BYTES: usize = 64;

/// A hash with the salt that repeats it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ImportedHash {
    /// The hexadecimal text itself, and not the bytes that it stands for: that is what Better Auth hashes.
    pub(super) salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

impl ImportedHash {
    /// Reads what Better Auth stores; none if it is anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.split_once(':')?;
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if salt.len() != SALT_LENGTH || hash.len() != 2 * HASH_BYTES || !is_hex(salt) || !is_hex(hash) {
            return None;
        }
        Some(Self { salt: salt.as_bytes().to_vec(), hash: hex::decode(hash).ok()? })
    }

    /// A hash of nothing, to do the same work for.
    pub(super) fn decoy() -> Self {
        Self { salt: vec![b'0'; SALT_LENGTH], hash: vec![0; HASH_BYTES] }
    }

    /// What this password comes to under the salt; `None` if scrypt refuses, which it has no reason to.
    pub(super) fn repeat(&self, password: &[u8]) -> Option<Vec<u8>> {
        let params = Params::new(LOG_N, BLOCK_SIZE, PARALLELISM).ok()?;
        let mut hash = vec![0; HASH_BYTES];
        scrypt(password, &self.salt, &params, &mut hash).ok()?;
        Some(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by better-auth 1.7.25 of `correct horse battery`.
    const STORED: &str = "a0e014037b839ad93760ba84c9342905:77eff3801c2604bae5738c8193abdbab84ee733b1b4a9fbf708a365a6707809d\
                          de4261f94185d5bc84cb5b69d5fde2ecb428a02b8bb215fb3bc5eec3b6d595f1";

    #[test]
    fn repeat_reproduces_a_hash_of_better_auth() {
        let stored = ImportedHash::parse(STORED).unwrap();
        assert!(stored.repeat(b"correct horse battery").unwrap() == stored.hash);
        assert!(stored.repeat(b"correct horse batterz").unwrap() != stored.hash);
    }

    #[test]
    fn parse_refuses_what_better_auth_does_not_store() {
        for text in [
            "",
            ":",
            &STORED[..STORED.len() - 1],
            &STORED[..STORED.len() - 2],
            &STORED[1..],
            &STORED.replace(':', ""),
            &STORED.replace("a0e0", "A0E0"),
            &STORED.replace("a0e0", "a0g0"),
            &STORED.replace("95f1", "95f\u{e9}"),
            &format!("{STORED}00"),
            &format!("{STORED}:00"),
        ] {
            assert!(ImportedHash::parse(text).is_none(), "{text}");
        }
    }
}
