//! Our keys as josekit knows them.
//! In: signing and verifying keys. Out: josekit's `JwsSigner` and `Jwk`, for export and as a second opinion in tests.
//! Owns: no private member ever enters a `Jwk` here, since josekit's `Debug` would print it.

use josekit::JoseError;
use josekit::jwk::Jwk;
use josekit::jws::{EdDSA, JwsAlgorithm, JwsSigner};
use serde_json::Value;

use crate::keys::vault::ALGORITHM;
use crate::token::arithmetic::{SigningKey, VerifyingKey};
use crate::token::base64url;
use crate::token::jwk::Kid;

/// Signs for josekit with a key of ours. To compare algorithms, compare names: josekit's `==` on them never returns.
#[derive(Clone, Debug)]
pub struct JoseSigner {
    kid: Kid,
    key: SigningKey,
}

impl JoseSigner {
    /// Signs as `kid` with `key`.
    pub fn new(kid: Kid, key: SigningKey) -> Self {
        Self { kid, key }
    }
}

impl JwsSigner for JoseSigner {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        &EdDSA
    }

    fn key_id(&self) -> Option<&str> {
        Some(self.kid.as_ref())
    }

    fn signature_len(&self) -> usize {
        64
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        Ok(self.key.sign(message).to_vec())
    }

    fn box_clone(&self) -> Box<dyn JwsSigner> {
        Box::new(self.clone())
    }
}

/// The public key as a JWK with the members that we publish (RFC 8037 section 2).
///
/// # Errors
/// When josekit refuses a member, which it does not for these.
pub fn public_jwk(kid: &Kid, key: &VerifyingKey) -> Result<Jwk, JoseError> {
    let mut jwk = Jwk::new("OKP");
    jwk.set_curve("Ed25519");
    jwk.set_parameter("x", Some(Value::String(base64url::encode(key.as_bytes()))))?;
    jwk.set_key_id(kid.as_ref());
    jwk.set_algorithm(ALGORITHM);
    jwk.set_key_use("sig");
    Ok(jwk)
}

#[cfg(test)]
mod tests {
    use josekit::jws::{JwsHeader, deserialize_compact, serialize_compact};

    use super::*;
    use crate::secret::Seed;
    use crate::token::jwk::{KeySet, thumbprint};

    #[test]
    fn josekit_verifies_what_our_key_signs_and_only_that() {
        let key = SigningKey::from_seed(&Seed::new([7; 32])).unwrap();
        let kid = thumbprint(&key.public());
        let signer = JoseSigner::new(kid.clone(), key.clone());
        let token = serialize_compact(b"{}", &JwsHeader::new(), &signer).unwrap();

        let verifier = EdDSA.verifier_from_jwk(&public_jwk(&kid, &key.public()).unwrap()).unwrap();
        let (payload, header) = deserialize_compact(&token, &verifier).unwrap();
        assert_eq!((payload.as_slice(), header.key_id()), (&b"{}"[..], Some(kid.as_ref())));

        let other = SigningKey::from_seed(&Seed::new([8; 32])).unwrap().public();
        let stranger = EdDSA.verifier_from_jwk(&public_jwk(&kid, &other).unwrap()).unwrap();
        assert!(deserialize_compact(&token, &stranger).is_err());
    }

    #[test]
    fn the_jwk_says_what_the_published_set_says() {
        let public = SigningKey::from_seed(&Seed::new([7; 32])).unwrap().public();
        let kid = thumbprint(&public);
        let jwk: &serde_json::Map<String, Value> = &public_jwk(&kid, &public).unwrap().as_ref().clone();
        let set: Value = serde_json::from_str(&KeySet::new([(kid, public)]).to_json()).unwrap();
        assert_eq!(set["keys"][0].as_object(), Some(jwk));
    }
}
