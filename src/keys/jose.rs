//! Our keys as josekit knows them.
//! In: signing and verifying keys. Out: josekit's `JwsSigner` and `Jwk`, for export and as a second opinion in tests.
//! Owns: no private member ever enters a `Jwk` here, since josekit's `Debug` would print it.

use josekit::JoseError;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsAlgorithm, JwsSigner, RS256};
use signet_verify::crypto::{Algorithm, PublicKey, SigningKey};
use signet_verify::jose::jwk::{self, Kid};

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
        match self.key.public().algorithm() {
            Algorithm::EdDsa => &EdDSA,
            Algorithm::Es256 => &ES256,
            Algorithm::Rs256 => &RS256,
        }
    }

    fn key_id(&self) -> Option<&str> {
        Some(self.kid.as_ref())
    }

    fn signature_len(&self) -> usize {
        match self.key.public().algorithm() {
            Algorithm::EdDsa | Algorithm::Es256 => 64,
            Algorithm::Rs256 => 256,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        self.key.sign(message).map_err(|error| JoseError::InvalidSignature(error.into()))
    }

    fn box_clone(&self) -> Box<dyn JwsSigner> {
        Box::new(self.clone())
    }
}

/// The public key as a JWK with the members that we publish.
///
/// # Errors
/// When josekit refuses a member, which it does not for these.
pub fn public_jwk(kid: &Kid, key: &PublicKey) -> Result<Jwk, JoseError> {
    Jwk::from_map(jwk::public_jwk(kid, key))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use josekit::jws::{JwsHeader, JwsVerifier, deserialize_compact, serialize_compact};
    use signet_verify::clock::SeededEntropy;
    use signet_verify::jose::jwk::thumbprint;

    use super::*;
    use crate::keys::generator::{Generator, SystemGenerator};

    fn key(algorithm: Algorithm) -> SigningKey {
        let made = SystemGenerator::new(Arc::new(SeededEntropy::new(7))).generate(algorithm).unwrap();
        SigningKey::new(&made.0, &made.1).unwrap()
    }

    fn verifier(jwk: &Jwk, algorithm: Algorithm) -> Box<dyn JwsVerifier> {
        match algorithm {
            Algorithm::EdDsa => Box::new(EdDSA.verifier_from_jwk(jwk).unwrap()),
            Algorithm::Es256 => Box::new(ES256.verifier_from_jwk(jwk).unwrap()),
            Algorithm::Rs256 => Box::new(RS256.verifier_from_jwk(jwk).unwrap()),
        }
    }

    #[test]
    fn sign_is_verified_by_josekit_and_nothing_else_is() {
        for algorithm in Algorithm::ALL {
            let key = key(algorithm);
            let kid = thumbprint(key.public());
            let signer = JoseSigner::new(kid.clone(), key.clone());
            let token = serialize_compact(b"{}", &JwsHeader::new(), &signer).unwrap();

            let ours = verifier(&public_jwk(&kid, key.public()).unwrap(), algorithm);
            let (payload, header) = deserialize_compact(&token, &*ours).unwrap();
            assert_eq!((payload.as_slice(), header.key_id()), (&b"{}"[..], Some(kid.as_ref())));

            let other = match algorithm {
                Algorithm::EdDsa => SigningKey::from_seed(&[8; 32]).unwrap(),
                _ => self::key(algorithm),
            };
            let other_verifier = verifier(&public_jwk(&kid, other.public()).unwrap(), algorithm);
            assert!(deserialize_compact(&token, &*other_verifier).is_err(), "{algorithm}");
        }
    }

    #[test]
    fn public_jwk_says_what_the_published_set_says() {
        for algorithm in Algorithm::ALL {
            let public = key(algorithm).public().clone();
            let kid = thumbprint(&public);
            let jwk: &serde_json::Map<_, _> = &public_jwk(&kid, &public).unwrap().as_ref().clone();
            let set: serde_json::Value =
                serde_json::from_str(&jwk::KeySet::new([(kid, public)]).to_json()).unwrap();
            assert_eq!(set["keys"][0].as_object(), Some(jwk));
        }
    }
}
