//! Signing keys as Better Auth keeps them in its table `jwks`.
//! In: the texts of a row, and the secrets of the old server. Out: a key to import.
//! Owns: a private half is opened in memory that is wiped, and goes nowhere but into the key.

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use serde_json::{Map, Value};
use signet_verify::crypto::sha256;
use zeroize::Zeroizing;

use crate::keys::key_formats::{self, ImportedKey};
use crate::secret::SharedSecret;
use crate::vault::Vault;

/// The nonce in front of what is sealed.
const NONCE_BYTES: usize = 24;

/// A row of the table.
#[derive(Clone, Copy)]
pub struct JwksRow<'a> {
    /// The id, which is the `kid`.
    pub id: &'a str,
    /// The public half: a JWK.
    pub public_key: &'a str,
    /// The private half: a JWK, or one that is sealed.
    pub private_key: &'a str,
    /// The algorithm, where the row says it.
    pub algorithm: Option<&'a str>,
}

/// Why a row gives no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text of a half is not what Better Auth writes.
    #[error("it is not written as Better Auth writes keys")]
    Form,
    /// None of the secrets opens the private half.
    #[error("BETTER_AUTH_SECRET is not the one that the old server sealed it with")]
    WrongSecret,
    /// The key itself.
    #[error(transparent)]
    Key(#[from] key_formats::Error),
}

impl JwksRow<'_> {
    /// The public half as a key to import.
    ///
    /// # Errors
    /// [`Error::Form`], [`Error::Key`].
    pub fn public(&self, vault: &Vault) -> Result<ImportedKey, Error> {
        let mut members = object(self.public_key.as_bytes()).ok_or(Error::Form)?;
        members.remove("d");
        self.key(members, vault)
    }

    /// Both halves as a key to import, the private one opened with one of `secrets`, where it is sealed.
    ///
    /// # Errors
    /// [`Error`].
    pub fn private(&self, secrets: &[SharedSecret], vault: &Vault) -> Result<ImportedKey, Error> {
        let members = match serde_json::from_str(self.private_key) {
            Ok(Value::Object(members)) => members,
            Ok(Value::String(sealed)) => open(&sealed, secrets)?,
            // Not a document, but the text that would stand in one.
            _ => open(self.private_key, secrets)?,
        };
        self.key(members, vault)
    }

    fn key(&self, mut members: Map<String, Value>, vault: &Vault) -> Result<ImportedKey, Error> {
        members.insert("kid".to_owned(), self.id.into());
        if let Some(algorithm) = self.algorithm {
            members.insert("alg".to_owned(), algorithm.into());
        }
        let document = Zeroizing::new(Value::Object(members).to_string());
        Ok(key_formats::read(&document, None, vault)?)
    }
}

fn object(text: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

/// Opens `hex(nonce, ciphertext, tag)`, which may stand behind `$ba$VERSION$`.
fn open(sealed: &str, secrets: &[SharedSecret]) -> Result<Map<String, Value>, Error> {
    let sealed = match sealed.trim().strip_prefix("$ba$") {
        Some(rest) => rest.split_once('$').ok_or(Error::Form)?.1,
        None => sealed.trim(),
    };
    let sealed = hex::decode(sealed).map_err(|_| Error::Form)?;
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Form)?;
    let opened = secrets.iter().find_map(|secret| {
        let key = Zeroizing::new(sha256(secret.expose()));
        let cipher = XChaCha20Poly1305::new_from_slice(key.as_slice()).ok()?;
        cipher.decrypt(&XNonce::from(*nonce), ciphertext).ok().map(Zeroizing::new)
    });
    object(&opened.ok_or(Error::WrongSecret)?).ok_or(Error::Form)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use signet_verify::clock::SeededEntropy;
    use signet_verify::crypto::Algorithm;

    use super::*;
    use crate::secret::MasterKey;

    // The key of RFC 8037 appendix A.
    const PUBLIC: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;

    fn vault() -> Vault {
        Vault::new(MasterKey::new([1; 32]), Vec::new(), Arc::new(SeededEntropy::new(1)))
    }

    fn secret(letter: char) -> SharedSecret {
        SharedSecret::new(letter.to_string().repeat(32)).unwrap()
    }

    fn sealed(by: &SharedSecret) -> String {
        let cipher = XChaCha20Poly1305::new_from_slice(&sha256(by.expose())).unwrap();
        let nonce = [7; NONCE_BYTES];
        let ciphertext = cipher.encrypt(&XNonce::from(nonce), PRIVATE.as_bytes()).unwrap();
        hex::encode([&nonce[..], &ciphertext].concat())
    }

    fn row<'a>(private_key: &'a str, algorithm: Option<&'a str>) -> JwksRow<'a> {
        JwksRow { id: "theirs", public_key: PUBLIC, private_key, algorithm }
    }

    #[test]
    fn private_opens_every_form_with_the_right_one_of_the_secrets() {
        let sealed = sealed(&secret('a'));
        for text in [
            PRIVATE.to_owned(),
            format!("\"{sealed}\""),
            sealed.clone(),
            format!("\"$ba$2${sealed}\""),
            format!("$ba$12${sealed}"),
        ] {
            let key = row(&text, None).private(&[secret('b'), secret('a')], &vault()).unwrap();
            assert_eq!(key.kid.as_ref(), "theirs");
            assert!(key.private.is_some() && key.public.algorithm() == Algorithm::EdDsa);
        }
    }

    #[test]
    fn private_tells_a_wrong_secret_from_a_strange_text() {
        let right = sealed(&secret('a'));
        let refused = |text: &str| row(text, None).private(&[secret('b')], &vault()).unwrap_err();
        assert!(matches!(refused(&format!("\"{right}\"")), Error::WrongSecret));
        for text in ["", "\"\"", "\"zz\"", "\"$ba$\"", "17", "[]", "00"] {
            assert!(matches!(refused(text), Error::Form), "{text}");
        }
    }

    #[test]
    fn public_never_takes_a_private_half_and_keeps_to_the_algorithm_of_the_row() {
        let both = JwksRow { public_key: PRIVATE, ..row("", Some("EdDSA")) };
        assert!(both.public(&vault()).unwrap().private.is_none());
        assert!(row("", Some("ES512")).public(&vault()).is_err());
        assert!(JwksRow { public_key: "[]", ..row("", None) }.public(&vault()).is_err());
    }
}
