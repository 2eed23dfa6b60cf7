//! The members of bodies that the identity service reads.
//! In: texts. Out: names, addresses and secrets; each type is the rule of the reader and the schema of the document.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::ToJSON;
use serde_json::Value;

use crate::http::framework::bounds::MAX_BODY_BYTES;
use crate::http::framework::secret_field::{ANY_SECRET, SecretField, SecretKind};
use crate::http::framework::text::{Controls, Text, TextMember, string_type, text_from_json, text_members};
use crate::identity::Email;
use crate::identity::PASSWORD_LENGTH;

text_members! {
    /// What to call the user. It is a claim of every token, and a token has to stay small.
    Name: Text::line(256);
    /// What a consent is known by: the id of its application.
    ConsentId: Text::line(64);
    /// Where a picture is; short for the same reason.
    ImageUrl: Text::line(1024);
    /// A place to go on to. Whether it is trusted is judged for every body alike.
    RedirectUrl: Text::line(2048);
}

/// The password of an existing user.
pub struct Current;

impl SecretKind for Current {
    const RULE: Text = ANY_SECRET;
    const DESCRIBED: Text = Text { min: 0, max: *PASSWORD_LENGTH.end(), ..ANY_SECRET };
}

/// A new password. Its length is counted in UTF-16 code units, of which a character takes at most two.
const NEW_PASSWORD: Text =
    Text { min: PASSWORD_LENGTH.start().div_ceil(2), max: *PASSWORD_LENGTH.end(), ..ANY_SECRET };

/// The password of a sign-up; Better Auth finds an empty one a field that does not fit.
pub struct First;

impl SecretKind for First {
    const RULE: Text = Text { min: 1, ..ANY_SECRET };
    const DESCRIBED: Text = NEW_PASSWORD;
}

/// The password that takes the place of another; an empty one is too short.
pub struct New;

impl SecretKind for New {
    const RULE: Text = ANY_SECRET;
    const DESCRIBED: Text = NEW_PASSWORD;
}

/// The password of an existing user.
pub type CurrentPassword = SecretField<Current>;
/// The password of a sign-up.
pub type FirstPassword = SecretField<First>;
/// The password that takes the place of another.
pub type NewPassword = SecretField<New>;

/// Whatever fits into a body: the syntax of an address says the rest.
const ADDRESS: Text = Text { min: 0, max: MAX_BODY_BYTES, controls: Controls::Any };

/// The syntax of [`Email`] as a regular expression; a test holds one to the other.
const ADDRESS_PATTERN: &str = r"^([A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*[A-Za-z0-9_+\-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+([A-Za-z]{2,}|[Xx][Nn]--[A-Za-z0-9\-]*[A-Za-z0-9])$";

fn address_schema() -> MetaSchema {
    MetaSchema {
        max_length: Some(Email::MAX_BYTES),
        pattern: Some(ADDRESS_PATTERN.to_owned()),
        ..MetaSchema::new("string")
    }
}

/// An address of e-mail.
#[derive(Debug)]
pub struct EmailField(pub Email);

string_type!(EmailField, address_schema());
text_from_json!(EmailField);

impl TextMember for EmailField {
    const RULE: Text = ADDRESS;

    fn from_text(text: String) -> Result<Self, &'static str> {
        Email::parse(&text).map(Self).ok_or("Invalid email address")
    }
}

impl ToJSON for EmailField {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.as_str().into())
    }
}

/// The address of a sign-in: what is none has an answer of its own, later than those to fields.
/// The document has the syntax of new addresses; who was moved may have an international one.
#[derive(Debug)]
pub struct SignInEmail(pub Option<Email>);

string_type!(SignInEmail, address_schema());
text_from_json!(SignInEmail);

impl TextMember for SignInEmail {
    const RULE: Text = ADDRESS;

    fn from_text(text: String) -> Result<Self, &'static str> {
        Ok(Self(Email::parse_existing(&text)))
    }
}

impl ToJSON for SignInEmail {
    fn to_json(&self) -> Option<Value> {
        self.0.as_ref().map(|email| email.as_str().into())
    }
}

/// The address of a user who is there, perhaps; who was moved may have an international one.
#[derive(Debug)]
pub struct ExistingEmail(pub Email);

string_type!(ExistingEmail, address_schema());
text_from_json!(ExistingEmail);

impl TextMember for ExistingEmail {
    const RULE: Text = ADDRESS;

    fn from_text(text: String) -> Result<Self, &'static str> {
        Email::parse_existing(&text).map(Self).ok_or("Invalid email address")
    }
}

impl ToJSON for ExistingEmail {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn email_pattern_accepts_addresses_only(
            address in ADDRESS_PATTERN.trim_start_matches('^').trim_end_matches('$')
        ) {
            prop_assert!(address.len() > Email::MAX_BYTES || Email::parse(&address).is_some(), "{address}");
        }
    }
}
