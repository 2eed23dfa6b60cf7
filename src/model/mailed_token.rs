//! Links that are mailed, and what is asked to be mailed.
//! In: a purpose, and who asks for what. Out: how long a link works, and what it may be used for.
//! Owns: a token works for the uses of its purpose and for no other.

use std::time::Duration;

use signet_verify::clock::Timestamp;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a token was mailed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To prove the address that the account has.
    VerifyEmail,
    /// To set a new password.
    ResetPassword,
    /// To give the account the address that it was mailed to.
    ChangeEmail,
    /// To delete the account.
    DeleteUser,
    /// To set a first password.
    Invitation,
}

impl Purpose {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::VerifyEmail, Self::ResetPassword, Self::ChangeEmail, Self::DeleteUser, Self::Invitation];

    /// How rows and the audit log name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::DeleteUser => "delete_user",
            Self::Invitation => "invitation",
        }
    }

    /// The purpose with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// How long a token of this purpose works.
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::VerifyEmail | Self::ResetPassword | Self::ChangeEmail => HOUR,
            Self::DeleteUser => Duration::from_secs(24 * 60 * 60),
            Self::Invitation => Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

/// What a token is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// Proving an address: the account's, or the one that it is to have.
    ProveAddress,
    /// Setting a password.
    SetPassword,
    /// Deleting the account.
    DeleteUser,
}

impl TokenUse {
    /// The purposes of the tokens that it accepts.
    pub const fn purposes(self) -> [Purpose; 2] {
        match self {
            Self::ProveAddress => [Purpose::VerifyEmail, Purpose::ChangeEmail],
            Self::SetPassword => [Purpose::ResetPassword, Purpose::Invitation],
            Self::DeleteUser => [Purpose::DeleteUser, Purpose::DeleteUser],
        }
    }
}

/// A token that was mailed; the token itself is in the mail alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailedToken {
    /// What for.
    pub purpose: Purpose,
    /// Whose account it is about.
    pub user_id: String,
    /// Where it was mailed to.
    pub address: String,
    /// From when on it does not work any more.
    pub expires_at: Timestamp,
}

/// What was asked to be mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// A link to prove an address.
    VerifyEmail,
    /// The same for a user who has just signed up; the owner of an address that was taken is told.
    SignUp,
    /// A link to set a new password.
    ResetPassword,
    /// A link to prove a new address, and word of it to the old one.
    ChangeEmail,
    /// A link to delete an account.
    DeleteUser,
}

impl RequestKind {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::VerifyEmail, Self::SignUp, Self::ResetPassword, Self::ChangeEmail, Self::DeleteUser];

    /// How rows and metrics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::SignUp => "sign_up",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::DeleteUser => "delete_user",
        }
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A mail that was asked for, and that nobody has looked at yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRequest {
    /// 32 letters and digits.
    pub id: String,
    /// What was asked for.
    pub kind: RequestKind,
    /// Who asked, where they were signed in, or who has just signed up.
    pub user_id: Option<String>,
    /// The address it was asked for; none of ours, perhaps.
    pub address: String,
    /// Where the link is to lead in the end, if the caller said so.
    pub callback: Option<String>,
    /// The tag of the language of the request.
    pub language: String,
    /// When.
    pub requested_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_finds_what_a_name_was_made_of() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::named(purpose.name()), Some(purpose));
        }
        for kind in RequestKind::ALL {
            assert_eq!(RequestKind::named(kind.name()), Some(kind));
        }
        assert_eq!((Purpose::named("sign_up"), RequestKind::named("invitation")), (None, None));
    }

    #[test]
    fn purposes_of_two_uses_have_nothing_in_common() {
        let uses = [TokenUse::ProveAddress, TokenUse::SetPassword, TokenUse::DeleteUser];
        for purpose in Purpose::ALL {
            let accepting = uses.iter().filter(|one| one.purposes().contains(&purpose)).count();
            assert_eq!(accepting, 1, "{purpose:?}");
        }
    }
}
