//! What a token says: the claims we issue, and what a verified token hands on.
//! In: a user and a session; or a verified claim set. Out: JSON claims; a [`Principal`].
//! Owns: a [`Principal`] is made by the verifier alone and cannot be changed, so holding one proves a verification.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::{Map, Value};

use super::jwk::Kid;
use crate::clock::Timestamp;

/// The most that address, name and picture take of a token together, in bytes of JSON text, quotes and escapes included.
///
/// With it a token stays below 3.5 KiB under every algorithm, as long as issuer and audience have 128 bytes each at most.
/// The head of an answer that carries one then fits into the 4 KiB that proxies commonly take.
pub const MAX_PROFILE_BYTES: usize = 1600;

/// The claims about the user, as Better Auth's JWT plugin writes them. What does not fit into [`MAX_PROFILE_BYTES`] is left
/// out when they are written, whatever a database holds: the address goes first, then the name, then the picture.
#[derive(Clone, Debug)]
pub struct UserClaims<'a> {
    /// The name to show; left out where it does not fit.
    pub name: &'a str,
    /// The e-mail address; left out where it does not fit.
    pub email: &'a str,
    /// Whether the user proved to receive mail there.
    pub email_verified: bool,
    /// A URL of a picture; written as `null` when there is none, or where it does not fit.
    pub image: Option<&'a str>,
    /// When the account was made, ISO 8601 with milliseconds.
    pub created_at: String,
    /// When the account last changed, ISO 8601 with milliseconds.
    pub updated_at: String,
    /// The user's identifier, the same as `sub`.
    pub id: &'a str,
}

impl Serialize for UserClaims<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut left = MAX_PROFILE_BYTES;
        let mut fitting = |text: &'_ str| {
            let rest = left.checked_sub(json_bytes(text));
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        let (email, name) = (fitting(self.email), fitting(self.name));
        let image = self.image.filter(|image| fitting(image));
        let mut claims = serializer.serialize_struct("UserClaims", 7)?;
        if name {
            claims.serialize_field("name", self.name)?;
        }
        if email {
            claims.serialize_field("email", self.email)?;
        }
        claims.serialize_field("emailVerified", &self.email_verified)?;
        claims.serialize_field("image", &image)?;
        claims.serialize_field("createdAt", &self.created_at)?;
        claims.serialize_field("updatedAt", &self.updated_at)?;
        claims.serialize_field("id", self.id)?;
        claims.end()
    }
}

/// How many bytes a text takes as JSON, in its quotes (RFC 8259 section 7).
fn json_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | 0x08 | b'\t' | b'\n' | 0x0c | b'\r' => 2,
        0x00..=0x1f => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

/// The claims of a token that we issue, in the order in which they are written.
#[derive(Clone, Debug, serde::Serialize)]
pub struct IssuedClaims<'a> {
    /// When the token was issued, in whole seconds rounded down: PyJWT refuses one that lies ahead of its clock.
    pub iat: i64,
    /// The claims about the user.
    #[serde(flatten)]
    pub user: UserClaims<'a>,
    /// The user's identifier (RFC 7519 section 4.1.2).
    pub sub: &'a str,
    /// The session that the token was made from, so that a verifier can be told to drop it.
    pub sid: &'a str,
    /// The token's own identifier (RFC 7519 section 4.1.7).
    pub jti: &'a str,
    /// When the token ends, in whole seconds.
    pub exp: i64,
    /// Who issued it: the public base URL.
    pub iss: &'a str,
    /// Whom it is for; left out for old backends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<&'a str>,
    /// `sub` once more under the name `userId`; for old backends only.
    #[serde(rename = "userId", skip_serializing_if = "Option::is_none")]
    pub user_id_camel: Option<&'a str>,
    /// `sub` once more under the name `user_id`; for old backends only.
    #[serde(rename = "user_id", skip_serializing_if = "Option::is_none")]
    pub user_id_snake: Option<&'a str>,
}

impl IssuedClaims<'_> {
    /// The same claims in the dialect of backends that verify with the shared secret.
    ///
    /// Without `aud`, because PyJWT and python-jose refuse a token that has one when the caller expects none; with
    /// `userId` and `user_id`, because some of these backends read the user from there.
    #[must_use]
    pub fn for_old_backends(self) -> Self {
        Self { aud: None, user_id_camel: Some(self.sub), user_id_snake: Some(self.sub), ..self }
    }
}

/// What a token says it is, in its header (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenType {
    /// `JWT`, or nothing: a token of a session, and with another audience an ID token.
    #[default]
    Jwt,
    /// `at+jwt`: an access token (RFC 9068), whose scope says what its client may do.
    AccessToken,
}

/// What a verified token says.
#[derive(Clone)]
pub struct VerifiedClaims {
    /// Whom the token speaks for (`sub`): 1 to 255 bytes without control characters.
    pub subject: String,
    /// The session that the token was made from (`sid`).
    pub session: Option<String>,
    /// The token's own identifier (`jti`).
    pub token_id: Option<String>,
    /// Who issued it (`iss`). Always there except under the shared secret.
    pub issuer: Option<String>,
    /// When it ends (`exp`), without any leeway.
    pub expires: Timestamp,
    /// When it was issued (`iat`).
    pub issued_at: Option<Timestamp>,
    /// From when it counts (`nbf`).
    pub not_before: Option<Timestamp>,
    /// The key that signed it; none for the shared secret.
    pub kid: Option<Kid>,
    /// What it says it is.
    pub token_type: TokenType,
    /// The whole claim set.
    pub(super) all: Map<String, Value>,
}

/// The caller whose token was verified. Its claims can be read like fields and not be changed; clones share them.
#[derive(Clone)]
pub struct Principal(Arc<VerifiedClaims>);

impl Principal {
    /// Only the verifier calls this, after the signature and all rules.
    pub(super) fn new(claims: VerifiedClaims) -> Self {
        Self(Arc::new(claims))
    }

    /// Any claim of the token by its name, registered or not.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.0.all.get(name)
    }

    /// Whether an access token has a word of scope (RFC 9068 section 2.2.3). A token of another type has none.
    pub fn has_scope(&self, word: &str) -> bool {
        self.scope().any(|own| own == word)
    }

    /// The scope of an access token, word by word; none for a token of another type.
    pub fn scope(&self) -> impl Iterator<Item = &str> {
        let is_access_token = self.0.token_type == TokenType::AccessToken;
        let scope = self.claim("scope").and_then(Value::as_str).filter(|_| is_access_token);
        scope.unwrap_or_default().split(' ').filter(|word| !word.is_empty())
    }

    /// About how many bytes of memory this principal takes; rather more than less.
    pub fn weight(&self) -> usize {
        let copies =
            [Some(&self.subject), self.session.as_ref(), self.token_id.as_ref(), self.issuer.as_ref()];
        let copies: usize = copies.into_iter().flatten().map(|text| text_weight(text)).sum();
        size_of::<VerifiedClaims>() + copies + members_weight(&self.all)
    }
}

/// What the allocator keeps beside each piece of memory, and what it rounds up to.
const ALLOCATION: usize = 32;

/// What one member takes in the tree that holds a JSON object, in nodes that are half full at worst.
const MEMBER: usize = 2 * (size_of::<String>() + size_of::<Value>()) + 16;

fn text_weight(text: &str) -> usize {
    text.len() + ALLOCATION
}

fn members_weight(members: &Map<String, Value>) -> usize {
    let one = |(name, value): (&String, &Value)| MEMBER + text_weight(name) + value_weight(value);
    ALLOCATION + members.iter().map(one).sum::<usize>()
}

/// What a value holds on the heap. It nests no deeper than the strict parser lets it.
fn value_weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text_weight(text),
        Value::Array(items) => {
            let items = items.iter().map(|item| 2 * size_of::<Value>() + value_weight(item));
            ALLOCATION + items.sum::<usize>()
        }
        Value::Object(members) => members_weight(members),
    }
}

impl Deref for Principal {
    type Target = VerifiedClaims;

    fn deref(&self) -> &VerifiedClaims {
        &self.0
    }
}

/// Leaves out the other claims, which hold names and addresses that have no place in a log.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("subject", &self.subject)
            .field("session", &self.session)
            .field("token_id", &self.token_id)
            .field("issuer", &self.issuer)
            .field("expires", &self.expires)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_bytes_counts_what_is_written() {
        let all: String = (0..=0x2ff).filter_map(char::from_u32).chain(['\u{2028}', '\u{1f36a}']).collect();
        for text in ["", "a", "\"\\", &all] {
            assert_eq!(json_bytes(text), serde_json::to_string(text).unwrap().len(), "{text:?}");
        }
    }
}
