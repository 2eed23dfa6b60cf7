//! The secrets that pass through Signet, each a type of its own.
//! In: bytes and texts that must not be seen. Out: the same, by `expose()` alone, which a reader can grep for.
//! Owns: no secret implements `Display` or `Serialize`; `Debug` shows the type and at most a fingerprint;
//! memory is wiped when the value goes.

use std::fmt;

pub use signet_verify::crypto::{PrivateKey, SecretTooShort, SharedSecret};
use signet_verify::crypto::{hex, sha256};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The first eight hex digits of the SHA-256: enough to tell two secrets apart in a log, useless to guess one.
fn fingerprint(bytes: &[u8]) -> String {
    hex(&sha256(bytes)[..4])
}

/// What a person types to prove who they are. Its `Debug` shows nothing, since short passwords can be guessed from a hash.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes over the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for hashing and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is hashed: the same letter can be typed in several ways, and NFKC makes them one, as Better Auth does (NIST
    /// SP 800-63B section 5.1.1.2).
    pub fn normalized(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.nfkc().collect())
    }

    /// Length in UTF-16 code units, which is how JavaScript counts and so how Better Auth's limits are meant. It is that
    /// of what was typed or of what is hashed, whichever is shorter: a letter typed as several characters is one, and a
    /// character that stands for a whole sentence is no sentence.
    pub fn length(&self) -> usize {
        let typed = self.0.encode_utf16().count();
        let hashed = self.0.nfkc().map(char::len_utf16).sum();
        typed.min(hashed)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What this process proves itself with at a mail server. Its `Debug` shows nothing, since it may be short.
#[derive(Clone)]
pub struct MailPassword(Zeroizing<String>);

impl MailPassword {
    /// Takes over the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the mail server and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MailPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailPassword(..)")
    }
}

/// The 32-byte key that seals private keys at rest.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Takes over the bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves, as an AEAD key.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Names the key in messages and beside what it sealed, without giving it away.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.expose())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey(sha256:{})", self.fingerprint())
    }
}

/// A bearer secret such as a session token (32 letters and digits, about 190 bits) or a code of OAuth.
#[derive(Clone)]
pub struct OpaqueToken(Zeroizing<String>);

impl OpaqueToken {
    /// Takes over the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the cookie and the answer to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The SHA-256 that is stored and looked up in place of the token.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaqueToken(sha256:{})", fingerprint(self.0.as_bytes()))
    }
}

/// What a client proves itself with.
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// Takes over the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Makes one.
    ///
    /// # Errors
    /// Without randomness.
    pub fn generate(
        entropy: &dyn signet_verify::clock::Entropy,
    ) -> Result<Self, signet_verify::clock::EntropyUnavailable> {
        let text = signet_verify::clock::random_alphanumeric(entropy, 43)?;
        Ok(Self::new(format!("signet_cs_{text}")))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The SHA-256 that is stored.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

/// What a user types from the screen of a device (RFC 8628 section 6.1): eight letters that spell no word and are hard to
/// mistake for each other, 34.5 bits. It is good for minutes, and guesses are limited.
#[derive(Clone)]
pub struct UserCode(Zeroizing<String>);

impl UserCode {
    const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    const LENGTH: usize = 8;

    /// Makes one.
    ///
    /// # Errors
    /// Without randomness.
    pub fn generate(
        entropy: &dyn signet_verify::clock::Entropy,
    ) -> Result<Self, signet_verify::clock::EntropyUnavailable> {
        let mut text = Zeroizing::new(String::with_capacity(Self::LENGTH));
        let mut block = Zeroizing::new([0_u8; 16]);
        while text.len() < Self::LENGTH {
            entropy.fill(block.as_mut_slice())?;
            // 240 is the largest multiple of 20 in a byte: refusing the rest keeps the choice even.
            let usable = block.iter().filter(|byte| **byte < 240).take(Self::LENGTH - text.len());
            text.extend(usable.map(|byte| char::from(Self::LETTERS[usize::from(byte % 20)])));
        }
        Ok(Self(text))
    }

    /// Reads what was typed: in any case, with dashes and spaces or without; none if it can be no code.
    pub fn parse(typed: &str) -> Option<Self> {
        let mut text = Zeroizing::new(String::with_capacity(Self::LENGTH));
        for letter in
            typed.chars().filter(|letter| !letter.is_whitespace() && !"-\u{2010}\u{2013}".contains(*letter))
        {
            let letter = letter.to_ascii_uppercase();
            let known = u8::try_from(letter).is_ok_and(|byte| Self::LETTERS.contains(&byte));
            if !known || text.len() == Self::LENGTH {
                return None;
            }
            text.push(letter);
        }
        (text.len() == Self::LENGTH).then_some(Self(text))
    }

    /// As people read it: `XXXX-XXXX`.
    pub fn shown(&self) -> String {
        let (first, second) = self.0.split_at(Self::LENGTH / 2);
        format!("{first}-{second}")
    }

    /// The SHA-256 that is stored and looked up in its place.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let text = "correct horse battery staple 0123456789";
        let seen = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            Password::new(text.to_owned()),
            MailPassword::new(text.to_owned()),
            SharedSecret::new(text.to_owned()).unwrap(),
            OpaqueToken::new(text.to_owned()),
            PrivateKey::ed25519([0x41; 32]),
            MasterKey::new([0x41; 32]),
        );
        for part in ["correct", "horse", "0123", "AAAA", "4141", "65, 65"] {
            assert!(!seen.contains(part), "{seen}");
        }
    }

    #[test]
    fn user_code_is_read_as_people_type_it() {
        let code = UserCode::generate(&signet_verify::crypto::SystemEntropy::new()).unwrap();
        let shown = code.shown();
        assert_eq!((shown.len(), shown.find('-')), (9, Some(4)));
        let typed = [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', ""),
            shown.replace('-', " "),
            format!("  {} ", shown.replace('-', " \u{2013} ")),
        ];
        for typed in typed {
            assert_eq!(UserCode::parse(&typed).unwrap().hash(), code.hash(), "{typed}");
        }
        for no in
            ["", "BCDF-GHJ", "BCDF-GHJKL", "BCDF-GHJA", "BCDF-GHJ1", "BCDF-GHJ\u{42f}", "\u{fb01}BCDFGHJ"]
        {
            assert!(UserCode::parse(no).is_none(), "{no}");
        }
        assert_eq!(format!("{code:?}"), "UserCode(..)");
    }

    #[test]
    fn length_counts_a_password_as_javascript_does() {
        assert_eq!(Password::new("🔑🔑🔑🔑".to_owned()).length(), 8);
    }

    #[test]
    fn length_is_the_shorter_of_what_was_typed_and_what_is_hashed() {
        let length = |text: &str| Password::new(text.to_owned()).length();
        assert_eq!(length(&"e\u{301}".repeat(4)), 4, "four letters, however they are typed");
        assert_eq!(length(&"\u{e9}".repeat(4)), 4);
        assert_eq!(length("\u{fdfa}"), 1, "hashed as eighteen characters, guessed as one");
        assert_eq!(length(&"a".repeat(129)), 129);
    }
}
