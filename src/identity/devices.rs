//! Devices that have signed in before (OWASP: device cookies).
//! In: an account that was signed in to. Out: a text for the device to keep, and whether one that comes back
//! belongs to an account.
//! Owns: such a text opens nothing and names no account; it only says that its device has a limit of its own.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::email::Email;
use crate::secret::SharedSecret;
use signet_verify::clock::{Entropy, EntropyUnavailable, random_alphanumeric};
use signet_verify::crypto::MacKey;
use signet_verify::jose::base64url;

/// Sets this use of the shared secret apart from all others; no cookie and no token has a space in it.
const PURPOSE: &str = "signet device tokens 1";
/// Letters and digits that tell devices apart; 24 of them are about 140 bits.
const NONCE_LENGTH: usize = 24;
/// A SHA-256 MAC in base64url.
const MAC_LENGTH: usize = 43;

/// A text that this deployment has given to a device: `NONCE.BINDING.SEAL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceToken {
    nonce: String,
    /// The MAC of nonce and account. Without the key, which account that is cannot be told.
    binding: Vec<u8>,
}

impl DeviceToken {
    /// What tells this device apart.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

/// Gives texts to devices and knows them again.
pub struct Devices {
    key: MacKey,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Devices").finish_non_exhaustive()
    }
}

impl Devices {
    /// The longest text, in bytes.
    pub const MAX_BYTES: usize = NONCE_LENGTH + 2 * (MAC_LENGTH + 1);

    /// The devices of a deployment with this secret. With another secret they are unknown until they sign in again.
    pub fn new(secret: &SharedSecret, entropy: Arc<dyn Entropy>) -> Self {
        Self { key: MacKey::for_purpose(secret, PURPOSE), entropy }
    }

    /// Reads a text, if it is one of ours.
    pub fn read(&self, text: &str) -> Option<DeviceToken> {
        if text.len() != Self::MAX_BYTES || !text.is_ascii() {
            return None;
        }
        let (sealed, seal) = text.rsplit_once('.')?;
        let (nonce, binding) = sealed.split_once('.')?;
        let is_nonce = nonce.len() == NONCE_LENGTH && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (binding, seal) = (base64url::decode(binding)?, base64url::decode(seal)?);
        (is_nonce && self.key.verify(&to_seal(sealed), &seal))
            .then(|| DeviceToken { nonce: nonce.to_owned(), binding })
    }

    /// The one of these that has signed in to the account with this address before.
    pub fn known_to<'a>(&self, email: &Email, tokens: &'a [DeviceToken]) -> Option<&'a DeviceToken> {
        tokens.iter().find(|token| bool::from(self.binding(email, &token.nonce).ct_eq(&token.binding)))
    }

    /// The text for a device that has just signed in to the account with this address; one that is known to it keeps what
    /// it has, so that signing in makes no more devices of one.
    ///
    /// # Errors
    /// [`EntropyUnavailable`].
    pub fn remember(&self, email: &Email, tokens: &[DeviceToken]) -> Result<String, EntropyUnavailable> {
        let nonce = match self.known_to(email, tokens) {
            Some(known) => known.nonce.clone(),
            None => random_alphanumeric(&*self.entropy, NONCE_LENGTH)?,
        };
        let sealed = format!("{nonce}.{}", base64url::encode(&self.binding(email, &nonce)));
        let seal = base64url::encode(&self.key.sign(&to_seal(&sealed)));
        Ok(format!("{sealed}.{seal}"))
    }

    fn binding(&self, email: &Email, nonce: &str) -> [u8; 32] {
        self.key.sign(format!("account {nonce} {email}").as_bytes())
    }
}

/// What is signed, so that devices cannot be made up.
fn to_seal(sealed: &str) -> Vec<u8> {
    format!("device {sealed}").into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use signet_verify::clock::SeededEntropy;

    use super::*;

    fn devices(secret: &str) -> Devices {
        let secret = SharedSecret::new(secret.repeat(32)).unwrap();
        Devices::new(&secret, Arc::new(SeededEntropy::new(7)))
    }

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    #[test]
    fn remember_makes_a_device_known_to_one_account_and_names_none() {
        let (devices, ada, bob) = (devices("a"), email("ada@example.com"), email("bob@example.com"));
        let text = devices.remember(&ada, &[]).unwrap();
        assert_eq!(text.len(), Devices::MAX_BYTES);
        let tokens = [devices.read(&text).unwrap()];
        assert_eq!(devices.known_to(&ada, &tokens), Some(&tokens[0]));
        assert_eq!(devices.known_to(&bob, &tokens), None);
        assert_eq!(devices.remember(&ada, &tokens).unwrap(), text, "it stays the same device");
        let others = devices.remember(&bob, &tokens).unwrap();
        assert_ne!(devices.read(&others).unwrap().nonce(), tokens[0].nonce());
    }

    #[test]
    fn read_knows_nothing_of_another_deployment() {
        let text = devices("a").remember(&email("ada@example.com"), &[]).unwrap();
        assert_eq!(devices("b").read(&text), None);
    }

    proptest! {
        #[test]
        fn read_takes_no_other_text(at in 0..Devices::MAX_BYTES, byte in any::<char>(), cut in 0..Devices::MAX_BYTES) {
            let devices = devices("a");
            let text = devices.remember(&email("ada@example.com"), &[]).unwrap();
            let changed: String = text.char_indices().map(|(n, c)| if n == at { byte } else { c }).collect();
            prop_assert_eq!(devices.read(&changed).is_some(), changed == text);
            prop_assert_eq!(devices.read(&text[..cut]), None);
            let doubled = format!("{text}{}", &text[..cut]);
            prop_assert_eq!(devices.read(&doubled).is_some(), doubled == text);
        }

        #[test]
        fn read_survives_any_text(text in ".*") {
            prop_assert_eq!(devices("a").read(&text), None);
        }
    }
}
