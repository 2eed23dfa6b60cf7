//! The JSON objects of the identity service.
//! In: domain values; bodies. Out: JSON with the member names of Better Auth.

use poem_openapi::Object;
use serde::Serialize;

use crate::http::framework::body::{Fields, FromFields, Text};
use crate::http::framework::timestamp_field::TimestampField;
use crate::identity::email::Email;
use crate::store::accounts::{Account, User};
use crate::store::sessions::Session;

/// The longest name, in characters. It is a claim of every token, and a token has to stay small.
const NAME: Text = Text::up_to(256);
/// The longest address of a picture, in characters, for the same reason.
const IMAGE: Text = Text::up_to(1024);
/// Addresses and places; their own syntax is checked elsewhere.
const LINE: Text = Text::up_to(2048);

/// Somebody who signed up.
#[derive(Clone, Debug, Object, Serialize)]
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

/// A place where somebody is signed in.
#[derive(Clone, Debug, Object, Serialize)]
#[oai(rename = "Session")]
#[serde(rename_all = "camelCase")]
pub struct SessionObject {
    /// 32 letters and digits; the `sid` of the session's tokens.
    pub id: String,
    /// The session token, for the session that asks. For other sessions, whose tokens nobody knows any more, their id;
    /// `revoke-session` takes either.
    pub token: String,
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
    pub fn new(session: Session, token: String) -> Self {
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
#[derive(Clone, Debug, Object, Serialize)]
pub struct SessionAndUser {
    /// The session.
    pub session: SessionObject,
    /// The user.
    pub user: UserObject,
}

/// A way to sign in.
#[derive(Clone, Debug, Object, Serialize)]
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

impl From<Account> for AccountObject {
    fn from(account: Account) -> Self {
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
#[derive(Clone, Debug, Object, Serialize)]
pub struct SignedUp {
    /// The session token.
    pub token: String,
    /// The new user.
    pub user: UserObject,
}

/// What signing in answers.
#[derive(Clone, Debug, Object, Serialize)]
pub struct SignedInAnswer {
    /// Whether the caller should go on to `url`.
    pub redirect: bool,
    /// The session token.
    pub token: String,
    /// Where to go on, when the request named a place.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who signed in.
    pub user: UserObject,
}

/// What changing the password answers.
#[derive(Clone, Debug, Object, Serialize)]
pub struct PasswordChanged {
    /// The token of the new session, when the others were revoked; else null.
    #[oai(nullable)]
    pub token: Option<String>,
    /// Whose password it is.
    pub user: UserObject,
}

/// A JSON Web Token.
#[derive(Clone, Debug, Object, Serialize)]
pub struct Token {
    /// The token, for `Authorization: Bearer` at APIs.
    pub token: String,
}

/// Done.
#[derive(Clone, Debug, Object, Serialize)]
pub struct Status {
    /// Always true.
    pub status: bool,
}

/// Done.
#[derive(Clone, Debug, Object, Serialize)]
pub struct Success {
    /// Always true.
    pub success: bool,
}

/// A sign of life.
#[derive(Clone, Debug, Object, Serialize)]
pub struct Alive {
    /// Always true.
    pub ok: bool,
}

/// What somebody gives to sign up. Further members are ignored.
#[derive(Clone, Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct SignUp {
    /// What to call them; may be empty.
    #[oai(validator(max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"))]
    pub name: String,
    /// Their address.
    #[oai(validator(
        max_length = 254,
        pattern = r"^([A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*[A-Za-z0-9_+\-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$"
    ))]
    pub email: String,
    /// 8 to 128 UTF-16 code units: at least eight letters, or four emoji.
    #[oai(validator(min_length = 4, max_length = 128))]
    pub password: String,
    /// Where a picture of them is.
    #[oai(validator(max_length = 1024, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"))]
    pub image: Option<String>,
    /// A path here, or a URL on a trusted origin.
    #[oai(rename = "callbackURL")]
    pub callback_url: Option<String>,
    /// Whether the session outlives the browser; true unless said otherwise.
    #[oai(rename = "rememberMe")]
    pub remember_me: Option<bool>,
}

impl poem_openapi::types::Example for SignUp {
    fn example() -> Self {
        Self {
            name: "Ada Lovelace".to_owned(),
            email: "ada@example.com".to_owned(),
            password: "correct horse battery".to_owned(),
            image: None,
            callback_url: None,
            remember_me: None,
        }
    }
}

impl FromFields for SignUp {
    const SIGNS_IN: bool = true;

    fn from_fields(fields: &mut Fields) -> Self {
        let name = fields.text("name", NAME);
        let email = fields.required("email", LINE);
        if email.as_deref().is_some_and(|email| Email::parse(email).is_none()) {
            fields.fault("email", "Invalid email address");
        }
        Self {
            name,
            email: email.unwrap_or_default(),
            password: fields.text("password", Text { min: 1, ..Text::SECRET }),
            image: fields.text_or_absent("image", IMAGE),
            callback_url: fields.text_or_absent("callbackURL", LINE),
            remember_me: fields.flag_or_absent("rememberMe"),
        }
    }
}

/// What somebody gives to sign in. Further members are ignored.
#[derive(Clone, Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct SignIn {
    /// Their address.
    #[oai(validator(
        max_length = 254,
        pattern = r"^([A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*[A-Za-z0-9_+\-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$"
    ))]
    pub email: String,
    /// Their password.
    #[oai(validator(max_length = 128))]
    pub password: String,
    /// A path here, or a URL on a trusted origin.
    #[oai(rename = "callbackURL")]
    pub callback_url: Option<String>,
    /// Whether the session outlives the browser; true unless said otherwise.
    #[oai(rename = "rememberMe")]
    pub remember_me: Option<bool>,
}

impl poem_openapi::types::Example for SignIn {
    fn example() -> Self {
        Self {
            email: "ada@example.com".to_owned(),
            password: "correct horse battery".to_owned(),
            callback_url: None,
            remember_me: None,
        }
    }
}

impl FromFields for SignIn {
    const SIGNS_IN: bool = true;

    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            email: fields.text("email", LINE),
            password: fields.text("password", Text::SECRET),
            callback_url: fields.text_or_absent("callbackURL", LINE),
            remember_me: fields.flag_or_absent("rememberMe"),
        }
    }
}

/// Nothing; `{}` or no body at all.
#[derive(Clone, Debug, Object)]
pub struct Nothing {}

impl FromFields for Nothing {
    const OPTIONAL: bool = true;

    fn from_fields(_: &mut Fields) -> Self {
        Self {}
    }
}

/// Which session to revoke.
#[derive(Clone, Debug, Object)]
pub struct RevokeSession {
    /// The `token` of the session, as `list-sessions` shows it.
    pub token: String,
}

impl FromFields for RevokeSession {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { token: fields.text("token", LINE) }
    }
}

/// What to change about oneself; at least one member. Further members are ignored, but an `email` is refused.
#[derive(Clone, Debug, Object)]
pub struct UpdateUser {
    /// What to be called; may be empty.
    #[oai(validator(max_length = 256, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"))]
    pub name: Option<String>,
    /// Where a picture is; null takes it away.
    #[oai(nullable, validator(max_length = 1024, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"))]
    pub image: Option<String>,
    /// Whether the body names an image at all.
    #[oai(skip)]
    pub names_image: bool,
    /// Whether the body tries to change the address.
    #[oai(skip)]
    pub names_email: bool,
}

impl FromFields for UpdateUser {
    fn from_fields(fields: &mut Fields) -> Self {
        let names_email = fields.has("email");
        let name = fields.text_or_absent("name", NAME);
        let image = fields.text_or_null("image", IMAGE);
        Self { name, names_image: image.is_some(), image: image.flatten(), names_email }
    }
}

/// What to change the password to.
#[derive(Clone, Debug, Object)]
pub struct ChangePassword {
    /// 8 to 128 UTF-16 code units: at least eight letters, or four emoji.
    #[oai(rename = "newPassword", validator(min_length = 4, max_length = 128))]
    pub new_password: String,
    /// The password until now.
    #[oai(rename = "currentPassword")]
    pub current_password: String,
    /// Whether to sign out everywhere else.
    #[oai(rename = "revokeOtherSessions")]
    pub revoke_other_sessions: Option<bool>,
}

impl FromFields for ChangePassword {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            new_password: fields.text("newPassword", Text::SECRET),
            current_password: fields.text("currentPassword", Text::SECRET),
            revoke_other_sessions: fields.flag_or_absent("revokeOtherSessions"),
        }
    }
}

/// What proves that somebody may delete themselves.
#[derive(Clone, Debug, Object)]
pub struct DeleteUser {
    /// The password; without it, signing in has to have been less than a day ago.
    pub password: Option<String>,
    /// Accepted for compatibility, and never right: nobody is sent a token by e-mail here.
    pub token: Option<String>,
    /// A path here, or a URL on a trusted origin; accepted for compatibility.
    #[oai(rename = "callbackURL")]
    pub callback_url: Option<String>,
}

impl FromFields for DeleteUser {
    const OPTIONAL: bool = true;

    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            password: fields.text_or_absent("password", Text::SECRET),
            token: fields.text_or_absent("token", LINE),
            callback_url: fields.text_or_absent("callbackURL", LINE),
        }
    }
}

/// What deleting oneself answers.
#[derive(Clone, Debug, Object, Serialize)]
pub struct UserDeleted {
    /// Always true.
    pub success: bool,
    /// Says so in words.
    pub message: String,
}

/// A password to prove.
#[derive(Clone, Debug, Object)]
pub struct VerifyPassword {
    /// The password.
    pub password: String,
}

impl FromFields for VerifyPassword {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { password: fields.text("password", Text::SECRET) }
    }
}
