//! Signing out at the wish of a client (OpenID Connect RP-Initiated Logout 1.0), decided.
//! In: an ID token as a hint, and who is signed in. Out: what comes next.
//! Owns: a session ends at once for a hint that was issued in it, and for nothing else: any page can send a browser here.

use serde_json::{Map, Value};

use crate::model::client::ClientId;
use crate::model::session::Session;
use crate::model::signing_key::KeyState;
use crate::store::keys::Keys;
use crate::store::{self, Database};
use signet_verify::crypto::Algorithm;
use signet_verify::jose::{MAX_TOKEN_BYTES, base64url, json};

/// Names of clients that a page shows at most.
const SHOWN_CLIENTS: u32 = 20;

/// What an ID token of ours says, however old it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Whom it was issued to.
    pub client: ClientId,
    /// Whom it is about.
    pub user: String,
    /// The session in which it was issued.
    pub session: String,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The session ends.
    SignOut,
    /// The user is asked.
    Ask,
    /// There is nothing to end.
    NobodyIsSignedIn,
    /// The hint is about another user than the one who is signed in.
    AnotherUser,
}

/// Decides for the session of the browser.
pub fn decide(hint: Option<&Hint>, session: Option<&Session>) -> Next {
    match (session, hint) {
        (None, _) => Next::NobodyIsSignedIn,
        (Some(session), Some(hint)) if hint.user != session.user_id => Next::AnotherUser,
        (Some(session), Some(hint)) if hint.session == session.id => Next::SignOut,
        (Some(_), _) => Next::Ask,
    }
}

/// What signing out depends on.
#[derive(Clone, Debug)]
pub struct Logouts {
    database: Database,
    issuer: String,
}

impl Logouts {
    /// Of the deployment that calls itself `issuer`.
    pub fn new(database: Database, issuer: String) -> Self {
        Self { database, issuer }
    }

    /// What an ID token of this deployment says, expired or not; none for every other text, be it an access token, a token
    /// of another issuer, or signed with a key that was revoked. Keys that have left the key set count as long as their rows
    /// are there: a client may hold its ID token for months.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_hint(&self, text: &str) -> Result<Option<Hint>, store::Error> {
        let Some(token) = Unproved::read(text, &self.issuer) else { return Ok(None) };
        let keys = Keys::new(self.database.clone()).records().await?;
        let has_signed = |state| matches!(state, KeyState::Active | KeyState::Retiring | KeyState::Removed);
        let key = keys.into_iter().find(|key| key.kid.as_ref() == token.kid && has_signed(key.state));
        let key = key.filter(|key| key.public.algorithm() == token.algorithm);
        let proved =
            key.is_some_and(|key| key.public.verify(token.signing_input.as_bytes(), &token.signature));
        Ok(proved.then_some(token.hint))
    }

    /// The names of the clients that a user has signed in to in a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clients_of(&self, session: &Session) -> Result<Vec<String>, store::Error> {
        self.database.session_clients().names(&session.id, SHOWN_CLIENTS).await
    }
}

/// An ID token that holds but for its signature.
struct Unproved<'a> {
    hint: Hint,
    kid: String,
    algorithm: Algorithm,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> Unproved<'a> {
    fn read(text: &'a str, issuer: &str) -> Option<Self> {
        if text.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (signing_input, signature) = text.rsplit_once('.')?;
        let (header, payload) = signing_input.split_once('.')?;
        let (header, claims) = (object(header)?, object(payload)?);
        let word = |object: &Map<String, Value>, name: &str| object.get(name)?.as_str().map(str::to_owned);
        // Access tokens and logout tokens have types of their own.
        word(&header, "typ").filter(|typ| typ == "JWT")?;
        word(&claims, "iss").filter(|named| named == issuer)?;
        let hint = Hint {
            client: ClientId::parse(&word(&claims, "aud")?)?,
            user: word(&claims, "sub")?,
            session: word(&claims, "sid")?,
        };
        let algorithm = Algorithm::of_header(&word(&header, "alg")?)?;
        let kid = word(&header, "kid")?;
        Some(Self { hint, kid, algorithm, signing_input, signature: base64url::decode(signature)? })
    }
}

/// A JSON object in base64url, none of whose names occurs twice.
fn object(part: &str) -> Option<Map<String, Value>> {
    match json::parse(&base64url::decode(part)?) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}
