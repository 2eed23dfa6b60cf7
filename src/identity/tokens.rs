//! JWTs.
//! In: a user and a session, or the claims of another kind of token. Out: a token signed with the active key of its
//! algorithm; a session's with the shared secret in HS256 mode.
//! Owns: a token outlives neither what it was made from nor the time for which its key stays published.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::sessions::new_id;
use crate::keys::keyring::Keyring;
use crate::model::session::Session;
use crate::model::user::User;
use signet_verify::clock::Entropy;
use signet_verify::clock::EntropyUnavailable;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::{Algorithm, MacKey};
use signet_verify::jose::claims::{IssuedClaims, Principal, TokenType, UserClaims};
use signet_verify::jose::sign;
use signet_verify::jose::verify::{Policy, TrustedKeys, Unverified};

/// How long a caller waits while the rows of the keys are read again, after the machine has slept.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(1);

/// How far the clocks of two instances may lie apart when one reads what the other has issued.
const READING_LEEWAY: Duration = Duration::from_secs(30);

/// How long ago an ID token may have expired that is shown as a hint: as long as its key is published, it is taken.
const HINT_LEEWAY: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// The active key of the keyring, of the first configured algorithm.
    Keyring,
    /// The shared secret: HS256, for old backends.
    SharedSecret(MacKey),
}

/// What every token of this deployment says about itself.
#[derive(Clone, Debug)]
pub struct TokenProfile {
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
    profile: TokenProfile,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl Issuer {
    /// An issuer of tokens like these.
    pub fn new(
        keyring: Arc<Keyring>,
        signature: Signature,
        profile: TokenProfile,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { keyring, signature, profile, entropy }
    }

    /// What every token of this deployment says about itself.
    pub fn profile(&self) -> &TokenProfile {
        &self.profile
    }

    /// A token with a type in its header, signed with the active key of `algorithm`, or of that of session tokens. It ends at
    /// `until`, or earlier if its key does; `claims` are made for that moment, in whole seconds.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sign<C: Serialize>(
        &self,
        algorithm: Option<Algorithm>,
        typ: &'static str,
        until: Timestamp,
        claims: impl FnOnce(i64, Algorithm) -> C + Send,
    ) -> Result<String, Error> {
        let signer = match algorithm {
            Some(algorithm) => self.keyring.signer_for_within(algorithm, RELOAD_TIMEOUT).await,
            None => self.keyring.signer_within(RELOAD_TIMEOUT).await,
        };
        let signer = signer.ok_or(Error::NoKey)?;
        let claims = claims(until.min(signer.latest_exp).seconds(), signer.key.public().algorithm());
        Ok(sign::typed_jwt(&signer.key, &signer.kid, typ, &claims)?)
    }

    /// What an access token of this deployment says that is for one of `audiences` and has not expired; none for any other
    /// text. Whether what it was made from has ended is another question.
    pub fn read_access_token(&self, text: &str, audiences: Vec<String>, now: Timestamp) -> Option<Principal> {
        let mut policy =
            Policy::new(self.profile.issuer.clone(), String::new(), READING_LEEWAY, self.profile.ttl);
        policy.audiences = audiences;
        let keys = self.keyring.subscribe().borrow().clone();
        let trusted = TrustedKeys { set: Some(&keys), shared: None };
        let principal = Unverified::parse(text).ok()?.verify(&trusted, &policy, now).ok()?;
        (principal.token_type == TokenType::AccessToken && principal.expires > now).then_some(principal)
    }

    /// What an ID token of this deployment says that was issued to `client`, also one that has expired (OpenID Connect Core
    /// section 3.1.2.1, RP-Initiated Logout section 2); none for any other text.
    pub fn read_id_token(&self, text: &str, client: &str, now: Timestamp) -> Option<Principal> {
        let issuer = self.profile.issuer.clone();
        let policy = Policy::new(issuer, client.to_owned(), HINT_LEEWAY, self.profile.ttl);
        let keys = self.keyring.subscribe().borrow().clone();
        let trusted = TrustedKeys { set: Some(&keys), shared: None };
        let principal = Unverified::parse(text).ok()?.verify(&trusted, &policy, now).ok()?;
        (principal.token_type == TokenType::Jwt).then_some(principal)
    }

    /// A token that says who was signed in at `found_at`, when the session was last known to live. Its life begins there:
    /// the session may end while this waits for a key, and what ends is remembered no longer than a token lives.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn issue(&self, user: &User, session: &Session, found_at: Timestamp) -> Result<String, Error> {
        let jti = new_id(&*self.entropy)?;
        let exp = found_at.after(self.profile.ttl).min(session.expires_at);
        let mut claims = IssuedClaims {
            iat: found_at.seconds(),
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
            iss: &self.profile.issuer,
            aud: Some(&self.profile.audience),
            user_id_camel: None,
            user_id_snake: None,
        };
        match &self.signature {
            Signature::Keyring => {
                let signer = self.keyring.signer_within(RELOAD_TIMEOUT).await.ok_or(Error::NoKey)?;
                claims.exp = exp.min(signer.latest_exp).seconds();
                Ok(sign::jwt(&signer.key, &signer.kid, &claims)?)
            }
            Signature::SharedSecret(secret) => Ok(sign::hs256(secret, &claims.for_old_backends())?),
        }
    }
}
