//! What a user gives to a client: a code, and the grant that it becomes.
//! In: what was kept, what is shown, and the time. Out: what the shown is good for.
//! Owns: a code is good once; of a family of refresh tokens the present one is good, the one before it for
//! [`REUSE_WINDOW`] more, and any other ends the grant (RFC 9700 section 4.14).

use std::time::Duration;

use signet_verify::clock::Timestamp;

use super::amr::Amr;
use super::client::ClientId;
use super::scope::ScopeSet;
use super::user::User;

/// How long a code is good (RFC 6749 section 4.1.2 allows ten minutes).
pub const CODE_LIFETIME: Duration = Duration::from_secs(60);
/// How long a refresh token is good that is not used.
pub const REFRESH_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long the refresh token before the present one gets the same successor again: its answer may have been lost.
pub const REUSE_WINDOW: Duration = Duration::from_secs(10);
/// The scope that makes a grant outlive its session (OpenID Connect Core section 11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// A code of the authorization endpoint, but for its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The grant that it becomes.
    pub grant_id: String,
    /// Whose it is.
    pub client_id: ClientId,
    /// Who gave it.
    pub user_id: String,
    /// The session in which they did.
    pub session_id: String,
    /// Where it was sent.
    pub redirect_uri: String,
    /// SHA-256 of the verifier, base64url (RFC 7636); none for a client that need not send one.
    pub code_challenge: Option<String>,
    /// What the ID token repeats.
    pub nonce: Option<String>,
    /// What it is for.
    pub scope: ScopeSet,
    /// The audiences that were asked for (RFC 8707).
    pub resources: Vec<String>,
    /// When the user last proved who they are.
    pub authenticated_at: Timestamp,
    /// How they did.
    pub amr: Amr,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used.
    pub redeemed_at: Option<Timestamp>,
}

/// What a user has given to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// 32 letters and digits; the `sid` of its access tokens.
    pub id: String,
    /// Whose it is.
    pub client_id: ClientId,
    /// Who gave it.
    pub user_id: String,
    /// The session in which they did.
    pub session_id: String,
    /// Whether it ends with that session.
    pub bound: Bound,
    /// What it is for.
    pub scope: ScopeSet,
    /// The audiences that it is for; none: the default one.
    pub resources: Vec<String>,
    /// When the user last proved who they are.
    pub authenticated_at: Timestamp,
    /// How they did.
    pub amr: Amr,
    /// When it was given.
    pub created_at: Timestamp,
    /// When the last of its tokens ends.
    pub expires_at: Timestamp,
}

/// Whether a grant ends with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It does.
    Session,
    /// It has the scope [`OFFLINE_ACCESS`].
    Offline,
}

impl Bound {
    /// What a scope makes of a grant.
    pub fn of(scope: &ScopeSet) -> Self {
        if scope.contains(OFFLINE_ACCESS) { Self::Offline } else { Self::Session }
    }
}

/// A grant as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantState {
    /// The grant.
    pub grant: Grant,
    /// When the session ends by itself in which it was given; none once that has ended.
    pub session_end: Option<Timestamp>,
    /// Who gave it.
    pub user: User,
}

impl GrantState {
    /// Whether the session lasts, where the grant ends with it.
    pub fn session_lasts(&self, now: Timestamp) -> bool {
        self.grant.bound == Bound::Offline || self.session_end.is_some_and(|end| end > now)
    }

    /// Whether neither the grant nor the session that it is bound to is over.
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.grant.expires_at > now && self.session_lasts(now)
    }

    /// The end that no token of the grant outlives: that of the session which it is bound to.
    pub fn bounding_end(&self) -> Option<Timestamp> {
        self.session_end.filter(|_| self.grant.bound == Bound::Session)
    }
}

/// The refresh tokens of a grant, by their hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Of the present one.
    pub current: [u8; 32],
    /// Of the one before it.
    pub previous: Option<[u8; 32]>,
    /// When the present one took its place.
    pub rotated_at: Option<Timestamp>,
}

/// What a refresh token of a family is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It is the present one.
    Current,
    /// It is the one before, whose answer may have been lost.
    Repeated,
    /// It was used long ago: somebody has a copy.
    Reused,
}

impl Family {
    /// What the token with this hash is good for.
    pub fn judge(&self, shown: &[u8; 32], now: Timestamp) -> Shown {
        let recent = self.rotated_at.is_some_and(|at| now < at.after(REUSE_WINDOW));
        if self.current == *shown {
            Shown::Current
        } else if recent && self.previous.as_ref() == Some(shown) {
            Shown::Repeated
        } else {
            Shown::Reused
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn judge_takes_the_present_token_and_the_one_before_it_for_ten_seconds() {
        let family = Family { current: [2; 32], previous: Some([1; 32]), rotated_at: Some(START) };
        assert_eq!(family.judge(&[2; 32], START.after(REFRESH_LIFETIME)), Shown::Current);
        assert_eq!(family.judge(&[1; 32], START.after(Duration::from_millis(9_999))), Shown::Repeated);
        assert_eq!(family.judge(&[1; 32], START.after(REUSE_WINDOW)), Shown::Reused);
        assert_eq!(family.judge(&[0; 32], START), Shown::Reused);
    }

    #[test]
    fn judge_of_a_first_token_knows_no_other() {
        let family = Family { current: [1; 32], previous: None, rotated_at: None };
        assert_eq!(family.judge(&[1; 32], START), Shown::Current);
        assert_eq!(family.judge(&[0; 32], START), Shown::Reused);
    }
}
