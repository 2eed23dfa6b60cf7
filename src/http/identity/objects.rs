//! What the identity service answers.
//! In: domain values. Out: JSON with the member names of Better Auth.
//! Owns: what holds a token has no `Debug` to print it with.

use std::borrow::Cow;

use poem_openapi::Object;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde_json::Value;

use crate::http::framework::answer::or_null;
use crate::http::framework::secret_field::TokenField;
use crate::http::framework::timestamp_field::TimestampField;
use crate::model::credential::Credential;
use crate::model::session::Session;
use crate::model::user::User;

/// A user.
#[derive(Object, Serialize)]
#[oai(rename = "User")]
#[serde(rename_all = "camelCase")]
pub struct UserObject {
    /// 32 letters and digits; the `sub` of tokens.
    pub id: String,
    /// What they want to be called; may be empty.
    pub name: String,
    /// Their address, in lower case.
    pub email: String,
    /// Whether they proved that the address is theirs.
    #[oai(rename = "emailVerified")]
    pub email_verified: bool,
    /// Where a picture of them is, or null.
    #[oai(nullable)]
    pub image: Option<String>,
    /// When they signed up.
    #[oai(rename = "createdAt")]
    pub created_at: TimestampField,
    /// When one of these members last changed.
    #[oai(rename = "updatedAt")]
    pub updated_at: TimestampField,
}

impl From<User> for UserObject {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email,
            email_verified: user.email_verified,
            image: user.image,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        }
    }
}

/// A session: a place where a user is signed in.
#[derive(Object, Serialize)]
#[oai(rename = "Session")]
#[serde(rename_all = "camelCase")]
pub struct SessionObject {
    /// 32 letters and digits; the `sid` of the session's tokens.
    pub id: String,
    /// The session token, for the session that asks. For other sessions, whose tokens are not stored, their id;
    /// `revoke-session` takes either.
    pub token: TokenField,
    /// Whose session it is.
    #[oai(rename = "userId")]
    pub user_id: String,
    /// When it ends unless it is used.
    #[oai(rename = "expiresAt")]
    pub expires_at: TimestampField,
    /// When they signed in.
    #[oai(rename = "createdAt")]
    pub created_at: TimestampField,
    /// When the expiry last slid.
    #[oai(rename = "updatedAt")]
    pub updated_at: TimestampField,
    /// The address that signed in; empty when unknown.
    #[oai(rename = "ipAddress")]
    pub ip_address: String,
    /// The program that signed in; empty when unknown.
    #[oai(rename = "userAgent")]
    pub user_agent: String,
}

impl SessionObject {
    /// A session as its owner sees it.
    pub fn new(session: Session, token: TokenField) -> Self {
        Self {
            id: session.id,
            token,
            user_id: session.user_id,
            expires_at: session.expires_at.into(),
            created_at: session.created_at.into(),
            updated_at: session.updated_at.into(),
            ip_address: session.ip_address,
            user_agent: session.user_agent,
        }
    }
}

/// Who is signed in, and how.
#[derive(Object, Serialize)]
pub struct SessionAndUser {
    /// The session.
    pub session: SessionObject,
    /// The user.
    pub user: UserObject,
}

/// A way to sign in.
#[derive(Object, Serialize)]
#[oai(rename = "Account")]
#[serde(rename_all = "camelCase")]
pub struct AccountObject {
    /// 32 letters and digits.
    pub id: String,
    /// The id at the provider; the user's own id for passwords.
    #[oai(rename = "accountId")]
    pub account_id: String,
    /// `credential` for passwords.
    #[oai(rename = "providerId")]
    pub provider_id: String,
    /// Whose it is.
    #[oai(rename = "userId")]
    pub user_id: String,
    /// When it was made.
    #[oai(rename = "createdAt")]
    pub created_at: TimestampField,
    /// When it last changed.
    #[oai(rename = "updatedAt")]
    pub updated_at: TimestampField,
    /// Always empty for passwords.
    pub scopes: Vec<String>,
}

impl From<Credential> for AccountObject {
    fn from(account: Credential) -> Self {
        Self {
            id: account.id,
            account_id: account.account_id,
            provider_id: account.provider_id,
            user_id: account.user_id,
            created_at: account.created_at.into(),
            updated_at: account.updated_at.into(),
            scopes: Vec::new(),
        }
    }
}

/// What signing up answers.
#[derive(Object, Serialize)]
pub struct SignedUp {
    /// The session token; null where the address has to be verified first.
    #[oai(nullable)]
    pub token: Option<TokenField>,
    /// The new user.
    pub user: UserObject,
}

/// What signing in answers.
#[derive(Object, Serialize)]
pub struct SignedInAnswer {
    /// Whether the caller should go on to `url`.
    pub redirect: bool,
    /// The session token.
    pub token: TokenField,
    /// Where to go on, when the request named a place.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who signed in.
    pub user: UserObject,
}

/// What changing the password answers.
#[derive(Object, Serialize)]
pub struct PasswordChanged {
    /// The token of the new session, when the others were revoked; else null.
    #[oai(nullable)]
    pub token: Option<TokenField>,
    /// Whose password it is.
    pub user: UserObject,
}

/// A JSON Web Token.
#[derive(Object, Serialize)]
pub struct Token {
    /// The token, for `Authorization: Bearer` at APIs.
    pub token: TokenField,
}

/// Done.
#[derive(Object, Serialize)]
pub struct Status {
    /// Always true.
    pub status: bool,
}

/// Done.
#[derive(Object, Serialize)]
pub struct Success {
    /// Always true.
    pub success: bool,
}

/// A sign of life.
#[derive(Object, Serialize)]
pub struct Alive {
    /// Always true.
    pub ok: bool,
}

/// What proving an address answers.
#[derive(Object, Serialize)]
pub struct EmailVerified {
    /// Always true.
    pub status: bool,
    /// The user with the new address, after a change of it; else null.
    pub user: UserOrNull,
}

/// A user, or null. Said as one of two: generators overlook `nullable` beside a reference.
#[derive(Serialize)]
#[serde(transparent)]
pub struct UserOrNull(pub Option<UserObject>);

impl Type for UserOrNull {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "UserOrNull".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(or_null(UserObject::schema_ref())))
    }

    fn register(registry: &mut Registry) {
        UserObject::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl ToJSON for UserOrNull {
    fn to_json(&self) -> Option<Value> {
        self.0.as_ref().map_or(Some(Value::Null), ToJSON::to_json)
    }
}

/// It stands in answers alone.
impl ParseFromJSON for UserOrNull {
    fn parse_from_json(_: Option<Value>) -> ParseResult<Self> {
        Err(ParseError::custom("not read"))
    }
}

/// Mail is on its way, if the address is known.
#[derive(Object, Serialize)]
pub struct ResetRequested {
    /// Always true.
    pub status: bool,
    /// Says so in words.
    pub message: String,
}

/// What deleting oneself answers.
#[derive(Object, Serialize)]
pub struct UserDeleted {
    /// Always true.
    pub success: bool,
    /// Says so in words.
    pub message: String,
}
