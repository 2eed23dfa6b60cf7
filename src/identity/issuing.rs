//! JWTs for people who are signed in.
//! In: a user and a session. Out: a token signed with the active key, or with the shared secret in HS256 mode.
//! Owns: a token outlives neither its session nor the time for which its key stays published.

use std::sync::Arc;
use std::time::Duration;

use super::session::new_id;
use crate::keys::keyring::Keyring;
use crate::store::accounts::User;
use crate::store::sessions::Session;
use signet_verify::clock::{Clock, Entropy, EntropyUnavailable};
use signet_verify::crypto::MacKey;
use signet_verify::jose::claims::{IssuedClaims, UserClaims};
use signet_verify::jose::sign;

/// How long a caller waits while the rows of the keys are read again, after the machine has slept.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// This process has no key that it can sign with now.
    #[error("there is no key to sign with")]
    NoKey,
    /// No identifier could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// The claims do not fit into a token.
    #[error(transparent)]
    Sign(#[from] sign::Error),
}

/// What tokens are signed with.
pub enum Signature {
    /// The active key of the ring: EdDSA.
    Keyring,
    /// The shared secret: HS256, for old backends.
    SharedSecret(MacKey),
}

/// What every token of this deployment says about itself.
#[derive(Clone, Debug)]
pub struct Terms {
    /// `iss`: the public base URL.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// The life of a token.
    pub ttl: Duration,
}

/// Issues tokens.
pub struct Issuer {
    keyring: Arc<Keyring>,
    signature: Signature,
    terms: Terms,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl Issuer {
    /// An issuer on these terms.
    pub fn new(
        keyring: Arc<Keyring>,
        signature: Signature,
        terms: Terms,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { keyring, signature, terms, clock, entropy }
    }

    /// A token that says who is signed in.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub async fn issue(&self, user: &User, session: &Session) -> Result<String, IssueError> {
        let now = self.clock.now();
        let jti = new_id(&*self.entropy)?;
        let exp = now.after(self.terms.ttl).min(session.expires_at);
        let mut claims = IssuedClaims {
            iat: now.seconds(),
            user: UserClaims {
                name: &user.name,
                email: &user.email,
                email_verified: user.email_verified,
                image: user.image.as_deref(),
                created_at: user.created_at.iso_8601(),
                updated_at: user.updated_at.iso_8601(),
                id: &user.id,
            },
            sub: &user.id,
            sid: &session.id,
            jti: &jti,
            exp: exp.seconds(),
            iss: &self.terms.issuer,
            aud: Some(&self.terms.audience),
            user_id_camel: None,
            user_id_snake: None,
        };
        match &self.signature {
            Signature::Keyring => {
                let signer = self.keyring.signer_within(PATIENCE).await.ok_or(IssueError::NoKey)?;
                claims.exp = exp.min(signer.latest_exp).seconds();
                Ok(sign::jwt(&signer.key, &signer.kid, &claims)?)
            }
            Signature::SharedSecret(secret) => Ok(sign::hs256(secret, &claims.for_old_backends())?),
        }
    }
}
