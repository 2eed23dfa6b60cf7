//! What the identity service reads.
//! In: bodies. Out: typed values; the types of the members are their rules.
//! Owns: further members are ignored, as Better Auth ignores them; what holds a secret has no `Debug` to print it with.

use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;

use super::fields::{
    CurrentPassword, EmailField, ExistingEmail, FirstPassword, ImageUrl, Name, NewPassword, RedirectUrl,
    SignInEmail,
};
use crate::http::framework::fields::{Fields, FromFields, Named, Presence, members};
use crate::http::framework::secret_field::TokenField;

/// What a user gives to sign up. Further members are ignored.
#[derive(Object)]
pub struct SignUp {
    /// What to call them; may be empty.
    pub name: Name,
    /// Their address.
    pub email: EmailField,
    /// 8 to 128 UTF-16 code units: at least eight letters, or four emoji.
    pub password: FirstPassword,
    /// Where a picture of them is.
    pub image: Option<ImageUrl>,
    /// A path here, or a URL on a trusted origin.
    #[oai(rename = "callbackURL")]
    pub callback_url: Option<RedirectUrl>,
    /// Whether the session outlives the browser; true unless said otherwise.
    #[oai(rename = "rememberMe")]
    pub remember_me: Option<bool>,
}

members!(SignUp {
    name: "name",
    email: "email",
    password: "password",
    image: "image",
    callback_url: "callbackURL",
    remember_me: "rememberMe",
});

/// What a user gives to sign in. Further members are ignored.
#[derive(Object)]
pub struct SignIn {
    /// Their address.
    pub email: SignInEmail,
    /// Their password.
    pub password: CurrentPassword,
    /// A path here, or a URL on a trusted origin.
    #[oai(rename = "callbackURL")]
    pub callback_url: Option<RedirectUrl>,
    /// Whether the session outlives the browser; true unless said otherwise.
    #[oai(rename = "rememberMe")]
    pub remember_me: Option<bool>,
}

members!(SignIn {
    email: "email",
    password: "password",
    callback_url: "callbackURL",
    remember_me: "rememberMe",
});

/// Nothing; `{}` or no body at all.
#[derive(Object)]
pub struct Nothing {}

impl FromFields for Nothing {
    const MEMBERS: &'static [&'static str] = &[];
    const PRESENCE: Presence = Presence::Optional;

    fn from_fields(_: &mut Fields) -> Option<Self> {
        Some(Self {})
    }
}

/// Which session to revoke.
#[derive(Object)]
pub struct RevokeSession {
    /// The `token` of the session, as `list-sessions` shows it.
    pub token: TokenField,
}

members!(RevokeSession { token: "token" });

/// What to change about oneself; at least one member. Further members are ignored, but an `email` is refused.
#[derive(Object)]
pub struct UpdateUser {
    /// What to be called; may be empty.
    pub name: Option<Name>,
    /// Where a picture is; null takes it away.
    #[oai(nullable)]
    pub image: MaybeUndefined<ImageUrl>,
    /// Whether the body tries to change the address.
    #[oai(skip)]
    pub email: Named,
}

members!(UpdateUser { email: "email", name: "name", image: "image" });

/// What to change the password to.
#[derive(Object)]
pub struct ChangePassword {
    /// 8 to 128 UTF-16 code units: at least eight letters, or four emoji.
    #[oai(rename = "newPassword")]
    pub new_password: NewPassword,
    /// The password until now.
    #[oai(rename = "currentPassword")]
    pub current_password: CurrentPassword,
    /// Whether to sign out everywhere else.
    #[oai(rename = "revokeOtherSessions")]
    pub revoke_other_sessions: Option<bool>,
}

members!(ChangePassword {
    new_password: "newPassword",
    current_password: "currentPassword",
    revoke_other_sessions: "revokeOtherSessions",
});

/// What proves that users may delete their account.
#[derive(Object)]
pub struct DeleteUser {
    /// The password; without it and without mail, signing in has to have been less than a day ago.
    pub password: Option<CurrentPassword>,
    /// The token that was mailed.
    pub token: Option<TokenField>,
    /// Where the link that is mailed leads in the end: a path here, or a URL on a trusted origin. A page of ours asks once
    /// more if it is left out.
    #[oai(rename = "callbackURL")]
    pub callback_url: Option<RedirectUrl>,
}

members!(DeleteUser: Optional { password: "password", token: "token", callback_url: "callbackURL" });

/// A password to prove.
#[derive(Object)]
pub struct VerifyPassword {
    /// The password.
    pub password: CurrentPassword,
}

members!(VerifyPassword { password: "password" });

/// Which address to prove.
#[derive(Object)]
pub struct SendVerificationEmail {
    /// The address.
    pub email: ExistingEmail,
    /// Where the link leads in the end: a path here, or a URL on a trusted origin. A page of ours if it is left out.
    #[oai(rename = "callbackURL")]
    pub callback_url: Option<RedirectUrl>,
}

members!(SendVerificationEmail { email: "email", callback_url: "callbackURL" });

/// What proves an address.
#[derive(Object)]
pub struct VerifyEmail {
    /// The token that was mailed.
    pub token: TokenField,
}

members!(VerifyEmail { token: "token" });

/// Whose password was forgotten.
#[derive(Object)]
pub struct RequestPasswordReset {
    /// The address.
    pub email: ExistingEmail,
    /// The page where the user chooses a new password: a path here, or a URL on a trusted origin. It gets the token as
    /// `?token=`. A page of ours if it is left out.
    #[oai(rename = "redirectTo")]
    pub redirect_to: Option<RedirectUrl>,
}

members!(RequestPasswordReset { email: "email", redirect_to: "redirectTo" });

/// What to set the password to.
#[derive(Object)]
pub struct ResetPassword {
    /// 8 to 128 UTF-16 code units: at least eight letters, or four emoji.
    #[oai(rename = "newPassword")]
    pub new_password: NewPassword,
    /// The token that was mailed.
    pub token: Option<TokenField>,
}

members!(ResetPassword { new_password: "newPassword", token: "token" });

/// What to change the address to.
#[derive(Object)]
pub struct ChangeEmail {
    /// The new address.
    #[oai(rename = "newEmail")]
    pub new_email: EmailField,
    /// Where the link leads in the end: a path here, or a URL on a trusted origin. A page of ours if it is left out.
    #[oai(rename = "callbackURL")]
    pub callback_url: Option<RedirectUrl>,
}

members!(ChangeEmail { new_email: "newEmail", callback_url: "callbackURL" });
