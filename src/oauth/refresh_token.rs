//! The text of refresh tokens: what all of a family have in common, and what each has to itself.
//! In: a text, or randomness. Out: the two halves, by their hashes.

use signet_verify::clock::{Entropy, EntropyUnavailable, random_alphanumeric};
use signet_verify::crypto::sha256;
use zeroize::Zeroizing;

const PREFIX: &str = "signet_rt_";

/// Letters and digits of each half: 256 bits.
const HALF: usize = 43;

/// A refresh token.
#[derive(Clone)]
pub struct RefreshToken {
    text: Zeroizing<String>,
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

impl RefreshToken {
    /// The first token of a new family.
    ///
    /// # Errors
    /// [`EntropyUnavailable`].
    pub fn first(entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let family = Zeroizing::new(random_alphanumeric(entropy, HALF)?);
        Self::of(&family, entropy)
    }

    /// Another token of the same family.
    ///
    /// # Errors
    /// [`EntropyUnavailable`].
    pub fn successor(&self, entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        Self::of(self.halves().0, entropy)
    }

    fn of(family: &str, entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let own = Zeroizing::new(random_alphanumeric(entropy, HALF)?);
        Ok(Self { text: Zeroizing::new(format!("{PREFIX}{family}.{}", *own)) })
    }

    /// Reads a token; none if the text is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let (family, own) = text.strip_prefix(PREFIX)?.split_once('.')?;
        let is_half =
            |half: &str| half.len() == HALF && half.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_half(family) && is_half(own)).then(|| Self { text: Zeroizing::new(text.to_owned()) })
    }

    /// The text itself, for the client and for the vault.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// SHA-256 of what the family has in common.
    pub fn family_hash(&self) -> [u8; 32] {
        sha256(self.halves().0.as_bytes())
    }

    /// SHA-256 of what this one has to itself.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.halves().1.as_bytes())
    }

    fn halves(&self) -> (&str, &str) {
        self.text[PREFIX.len()..].split_once('.').unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use signet_verify::crypto::SystemEntropy;

    use super::*;

    #[test]
    fn successor_shares_the_family_and_nothing_else() {
        let first = RefreshToken::first(&SystemEntropy::new()).unwrap();
        let second = first.successor(&SystemEntropy::new()).unwrap();
        assert_eq!(first.family_hash(), second.family_hash());
        assert_ne!(first.hash(), second.hash());
        let read = RefreshToken::parse(second.expose()).unwrap();
        assert_eq!((read.family_hash(), read.hash()), (second.family_hash(), second.hash()));
    }

    #[test]
    fn parse_refuses_what_is_no_refresh_token() {
        let own = RefreshToken::first(&SystemEntropy::new()).unwrap().expose().to_owned();
        let texts = [String::new(), own.replace('.', ""), own.replace("signet_rt_", ""), format!("{own}a")];
        for text in texts.into_iter().chain([own.replace('.', ".\u{e9}")]) {
            assert!(RefreshToken::parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_refresh_token() {
        let token = RefreshToken::first(&SystemEntropy::new()).unwrap();
        assert_eq!(format!("{token:?}"), "RefreshToken(..)");
    }
}
