//! Ways to sign in: rows of the table `accounts`, as Better Auth calls them.
//! In: a user and a provider. Out: the credential; a password hash never stands in it.

use super::user::User;
use signet_verify::clock::Timestamp;

/// The provider id of credentials that are a password; Better Auth's word.
pub const PASSWORD_PROVIDER: &str = "credential";

/// A way in which a person signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// 32 letters and digits.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// [`PASSWORD_PROVIDER`] for passwords.
    pub provider_id: String,
    /// The id at the provider; the user's own id for passwords.
    pub account_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Credential {
    /// Whether it is a password.
    pub fn is_password(&self) -> bool {
        self.provider_id == PASSWORD_PROVIDER
    }

    /// The password of a user who signs up.
    pub fn password(id: String, user: &User) -> Self {
        Self {
            id,
            user_id: user.id.clone(),
            provider_id: PASSWORD_PROVIDER.to_owned(),
            account_id: user.id.clone(),
            created_at: user.created_at,
            updated_at: user.created_at,
        }
    }
}
