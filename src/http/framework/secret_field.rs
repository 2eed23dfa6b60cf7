//! Members of bodies that must not be seen.
//! In: texts. Out: [`Password`] and [`OpaqueToken`] to the code; a `string` of a format of its own to the document.
//! Owns: nothing prints them. Only an answer to its owner writes a token, and nothing at all writes a password.

use std::fmt;
use std::marker::PhantomData;

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::bounds::MAX_BODY_BYTES;
use super::text::{Controls, Text, TextMember, string_type, text_from_json};
use crate::secret::{OpaqueToken, Password};

/// Which secret a [`SecretField`] holds.
pub trait SecretKind: Send + Sync + 'static {
    /// What is read at all; the use case judges the rest.
    const RULE: Text;
    /// What the document promises to accept, which is what the use case accepts.
    const DESCRIBED: Text;
}

/// Whatever fits into a body: the use case says what is too long, in a code of its own.
pub const ANY_SECRET: Text = Text { min: 0, max: MAX_BODY_BYTES, controls: Controls::Any };

/// A secret that a caller sends.
pub struct SecretField<K>(Password, PhantomData<K>);

impl<K> SecretField<K> {
    /// The secret, for the use case.
    pub fn into_password(self) -> Password {
        self.0
    }
}

impl<K> fmt::Debug for SecretField<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretField(..)")
    }
}

string_type!([K: SecretKind] SecretField<K>, MetaSchema {
    format: Some("password"),
    ..K::DESCRIBED.schema()
});
text_from_json!([K: SecretKind] SecretField<K>);

impl<K: SecretKind> TextMember for SecretField<K> {
    const RULE: Text = K::RULE;

    fn from_text(text: String) -> Result<Self, &'static str> {
        Ok(Self(Password::new(text), PhantomData))
    }
}

/// The framework wants bodies to be writable; no answer holds a password.
impl<K: SecretKind> ToJSON for SecretField<K> {
    fn to_json(&self) -> Option<Value> {
        None
    }
}

/// A session token or a JWT, on its way to its owner or back.
pub struct TokenField(OpaqueToken);

impl TokenField {
    /// The token.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The token, for the use case.
    pub fn into_token(self) -> OpaqueToken {
        self.0
    }
}

impl From<OpaqueToken> for TokenField {
    fn from(token: OpaqueToken) -> Self {
        Self(token)
    }
}

impl From<String> for TokenField {
    fn from(text: String) -> Self {
        Self(OpaqueToken::new(text))
    }
}

impl fmt::Debug for TokenField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenField(..)")
    }
}

string_type!(TokenField, MetaSchema::new_with_format("string", "token"));

impl TextMember for TokenField {
    const RULE: Text = Text::line(2048);

    fn from_text(text: String) -> Result<Self, &'static str> {
        Ok(Self(OpaqueToken::new(text)))
    }
}

impl ParseFromJSON for TokenField {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self::from(text)),
            _ => Err(ParseError::custom("expected a token")),
        }
    }
}

impl ToJSON for TokenField {
    fn to_json(&self) -> Option<Value> {
        Some(self.expose().into())
    }
}

impl Serialize for TokenField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Kind;

    impl SecretKind for Kind {
        const RULE: Text = ANY_SECRET;
        const DESCRIBED: Text = ANY_SECRET;
    }

    #[test]
    fn debug_and_json_show_no_secret() {
        let text = "hunter2 hunter2".to_owned();
        let secret = SecretField::<Kind>::from_text(text.clone()).unwrap();
        let seen = format!("{secret:?} {:?} {:?}", secret.to_json(), TokenField::from(text));
        assert!(!seen.contains("hunter"), "{seen}");
    }
}
