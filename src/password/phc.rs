//! Stored password hashes, in the PHC string format.
//! In: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, or the same of Argon2i. Out: parameters, salt and hash.
//! Owns: the cost of a stored hash is bounded, so that an imported row can't become a memory bomb.

use argon2::{Algorithm, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// A hash with all that is needed to repeat it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct StoredHash {
    pub(super) algorithm: Algorithm,
    pub(super) params: Params,
    pub(super) salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

/// The largest cost that is read back: memory in KiB, passes, lanes.
const MAX_COST: (u32, u32, u32) = (256 * 1024, 16, 16);

impl StoredHash {
    /// Reads a PHC string; none if it is not Argon2id or Argon2i of version 19 within the bounds.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('$').collect();
        let ["", name, "v=19", costs, salt, hash] = parts[..] else { return None };
        let algorithm = match name {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            _ => return None,
        };
        let costs: Vec<&str> = costs.split(',').collect();
        let [m, t, p] = costs[..] else { return None };
        let m = m.strip_prefix("m=")?.parse().ok()?;
        let t = t.strip_prefix("t=")?.parse().ok()?;
        let p = p.strip_prefix("p=")?.parse().ok()?;
        if m > MAX_COST.0 || t > MAX_COST.1 || p > MAX_COST.2 {
            return None;
        }
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        let hash = STANDARD_NO_PAD.decode(hash).ok()?;
        let params = Params::new(m, t, p, Some(hash.len())).ok()?;
        ((8..=64).contains(&salt.len()) && (16..=64).contains(&hash.len())).then_some(Self {
            algorithm,
            params,
            salt,
            hash,
        })
    }

    /// The PHC string.
    pub(super) fn print(&self) -> String {
        format!(
            "{}{}${}",
            begin(self.algorithm, &self.params),
            STANDARD_NO_PAD.encode(&self.salt),
            STANDARD_NO_PAD.encode(&self.hash),
        )
    }
}

/// What every hash with these parameters begins with.
pub(super) fn begin(algorithm: Algorithm, params: &Params) -> String {
    format!(
        "${algorithm}$v={}$m={},t={},p={}$",
        u32::from(Version::V0x13),
        params.m_cost(),
        params.t_cost(),
        params.p_cost(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    #[test]
    fn parse_reads_back_a_printed_hash() {
        for text in [VALID, &VALID.replace("argon2id", "argon2i")] {
            assert_eq!(StoredHash::parse(text).unwrap().print(), text);
        }
    }

    #[test]
    fn parse_refuses_foreign_and_ruinous_hashes() {
        for text in [
            "",
            "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$",
            &VALID.replace("argon2id", "argon2d"),
            &VALID.replace("v=19", "v=16"),
            &VALID.replace("m=64", "m=4294967295"),
            &VALID.replace("t=2", "t=1000"),
            &VALID.replace("p=1", "p=1,keyid=x"),
            &format!("{VALID}$"),
        ] {
            assert!(StoredHash::parse(text).is_none(), "{text}");
        }
    }
}
