//! Private keys in PEM (RFC 7468), by way of josekit's OpenSSL.
//! In: PKCS#8 of the three algorithms, and the older forms of EC and RSA keys. Out: both halves of the key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use josekit::jwk::KeyPair;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use signet_verify::crypto::{Algorithm, PrivateKey, PublicKey, public_half};
use zeroize::Zeroizing;

/// PKCS#8 version 1 of an Ed25519 key up to the seed (RFC 8410 section 7), as OpenSSL, Go, Java and Node write it.
const ED25519_V1: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The same of version 2, which carries the public half behind the seed, as ring writes it.
const ED25519_V2: [u8; 16] =
    [0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// An `ECPrivateKey` (RFC 5915) after its outer length: version 1, and a scalar of 32 bytes.
const EC_SCALAR: [u8; 5] = [0x02, 0x01, 0x01, 0x04, 0x20];

/// The curve of an `ECPrivateKey`: [0] { P-256 }.
const EC_P256: [u8; 12] = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// The two halves of the private key in `text`; none if there is none of the three algorithms, or it is encrypted.
pub(super) fn read(text: &str) -> Option<(PrivateKey, PublicKey)> {
    let block = private_block(text)?;
    if let Some(private) = ed25519(&block) {
        let public = public_half(&private)?;
        return Some((private, public));
    }
    if let Ok(pair) = EcKeyPair::from_pem(&*block, Some(EcCurve::P256)) {
        return p256(&pair);
    }
    let pair = RsaKeyPair::from_pem(&*block).ok()?;
    let private = PrivateKey::new(Algorithm::Rs256, Zeroizing::new(pair.to_raw_private_key()));
    let public = public_half(&private)?;
    Some((private, public))
}

/// The public half of a private one of ES256: OpenSSL multiplies it.
pub(super) fn p256_public_half(private: &PrivateKey) -> Option<PublicKey> {
    let length = u8::try_from(EC_SCALAR.len() + 32 + EC_P256.len()).ok()?;
    let der = Zeroizing::new([&[0x30, length], &EC_SCALAR[..], private.expose(), &EC_P256].concat());
    p256(&EcKeyPair::from_der(&*der, Some(EcCurve::P256)).ok()?).map(|(_, public)| public)
}

/// The block of a private key: `openssl ecparam` writes one of parameters before it.
fn private_block(text: &str) -> Option<Zeroizing<String>> {
    let mut lines = text.lines().map(str::trim).peekable();
    let begins = |line: &&str| line.starts_with("-----BEGIN ") && line.ends_with("PRIVATE KEY-----");
    while lines.next_if(|line| !begins(line)).is_some() {}
    let mut block = Zeroizing::new(String::with_capacity(text.len() + 1));
    for line in lines {
        block.push_str(line);
        block.push('\n');
        if line.starts_with("-----END ") {
            return Some(block);
        }
    }
    None
}

fn ed25519(block: &str) -> Option<PrivateKey> {
    let pair = match EdKeyPair::from_pem(block) {
        Ok(pair) => pair,
        // josekit knows version 1 alone; the seed stands in the same place.
        Err(_) => EdKeyPair::from_der(&*second_version(block)?).ok()?,
    };
    if pair.curve() != EdCurve::Ed25519 {
        return None;
    }
    let der = Zeroizing::new(pair.to_der_private_key());
    Some(PrivateKey::ed25519(der.strip_prefix(&ED25519_V1)?.try_into().ok()?))
}

/// The version 1 of a PEM in version 2, whose public half has to fit.
fn second_version(block: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body: Zeroizing<String> =
        Zeroizing::new(block.lines().filter(|line| !line.starts_with("-----")).collect());
    let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
    let rest = der.strip_prefix(&ED25519_V2)?;
    let (seed, public) = rest.split_first_chunk::<32>()?;
    let made = public_half(&PrivateKey::ed25519(*seed))?;
    public.ends_with(made.as_bytes()).then(|| Zeroizing::new([&ED25519_V1[..], seed].concat()))
}

fn p256(pair: &EcKeyPair) -> Option<(PrivateKey, PublicKey)> {
    let der = Zeroizing::new(pair.to_raw_private_key());
    let scalar = der.get(2..)?.strip_prefix(&EC_SCALAR)?.get(..32)?;
    let private = PrivateKey::new(Algorithm::Es256, Zeroizing::new(scalar.to_vec()));
    // A SubjectPublicKeyInfo ends with the point.
    let public = pair.to_der_public_key();
    let (_, point) = public.split_at_checked(public.len().checked_sub(65)?)?;
    Some((private, PublicKey::from_bytes(Algorithm::Es256, point).ok()?))
}
