//! What people do at the same time: each is a request without HTTP.
//! In: an instance, and who does what. Out: what it came to.

use std::sync::Arc;

use signet::identity::tokens::Issuer;
use signet::identity::{Accounts, Device, Email, Error, Found, OtherSessions, Sessions, SignedIn, Slide};
use signet::model::session::Remember;
use signet::model::user::{ImageChange, ProfileChange};
use signet::secret::{OpaqueToken, Password};
use signet_verify::jose::base64url;

use crate::support::caller::PASSWORD;

/// Which password somebody types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The one that the account had when all began.
    First,
    /// The one that the operation with this number changes it to.
    Of(usize),
}

impl Typed {
    pub fn text(self) -> String {
        match self {
            Self::First => PASSWORD.to_owned(),
            Self::Of(number) => format!("the new password {number}"),
        }
    }

    pub fn password(self) -> Password {
        Password::new(self.text())
    }
}

/// Something that somebody does; sessions 0 and 1 are there from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    SignIn(Typed),
    Change(usize, OtherSessions),
    Verify(usize),
    DeleteWithPassword(usize),
    DeleteFresh(usize),
    Update(usize),
    Token(usize),
    List(usize),
    RevokeAll(usize),
    RevokeOthers(usize),
    /// Revokes the other of the two.
    RevokeOther(usize),
    SignOut(usize),
}

/// What it came to.
#[derive(Debug)]
pub enum Outcome {
    Done,
    /// A session was opened.
    Opened(Box<SignedIn>),
    /// A token was issued, which expires at this second.
    Issued {
        expires_at: i64,
    },
    /// The session that asked was over before anything was done.
    NotSignedIn,
    Refused(Error),
}

impl Outcome {
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Opened(_) | Self::Issued { .. })
    }

    /// Whether a busy machine has kept it from coming to anything that can be judged.
    pub fn is_unknown(&self) -> bool {
        use signet::store::Error::{Slow, Unavailable};
        matches!(self, Self::Refused(Error::Store(Slow(_) | Unavailable(_))))
    }
}

/// One instance of the service.
#[derive(Clone)]
pub struct Instance {
    pub accounts: Arc<Accounts>,
    pub sessions: Arc<Sessions>,
    pub issuer: Arc<Issuer>,
}

impl Operation {
    /// The session that asks, if one does.
    pub fn by(self) -> Option<usize> {
        match self {
            Self::SignIn(_) => None,
            Self::Change(by, _)
            | Self::Verify(by)
            | Self::DeleteWithPassword(by)
            | Self::DeleteFresh(by)
            | Self::Update(by)
            | Self::Token(by)
            | Self::List(by)
            | Self::RevokeAll(by)
            | Self::RevokeOthers(by)
            | Self::RevokeOther(by)
            | Self::SignOut(by) => Some(by),
        }
    }

    /// Whether it ends a session that was there from the beginning, if it succeeds.
    pub fn ends(self, session: usize) -> bool {
        match self {
            Self::RevokeOthers(by) | Self::RevokeOther(by) => session != by,
            Self::SignOut(by) => session == by,
            _ => self.ends_all(),
        }
    }

    /// Whether it ends every session, if it succeeds.
    pub fn ends_all(self) -> bool {
        self.deletes() || matches!(self, Self::Change(_, OtherSessions::End) | Self::RevokeAll(_))
    }

    pub fn deletes(self) -> bool {
        matches!(self, Self::DeleteWithPassword(_) | Self::DeleteFresh(_))
    }

    pub fn changes(self) -> bool {
        matches!(self, Self::Change(..))
    }

    /// Does it at `instance`; `number` is its place among those that run at once, `tokens` are those of the sessions.
    pub async fn run(
        self,
        number: usize,
        instance: Instance,
        email: Email,
        tokens: [OpaqueToken; 2],
    ) -> Outcome {
        let device = Device::default();
        if let Self::SignIn(typed) = self {
            let opened = instance.accounts.sign_in(&email, &typed.password(), Remember::Yes, &device).await;
            return opened.map_or_else(Outcome::Refused, |opened| Outcome::Opened(Box::new(opened)));
        }
        let own = tokens[self.by().unwrap()].clone();
        if let Self::SignOut(_) = self {
            return instance
                .sessions
                .sign_out(Some(own))
                .await
                .map_or_else(Outcome::Refused, |()| Outcome::Done);
        }
        let current = match instance.sessions.authenticate(Some(own), Slide::Yes).await {
            Ok(Found::SignedIn(current)) => *current,
            Ok(_) => return Outcome::NotSignedIn,
            Err(error) => return Outcome::Refused(error),
        };
        self.run_signed_in(number, &instance, &current, &tokens).await.unwrap_or_else(Outcome::Refused)
    }

    async fn run_signed_in(
        self,
        number: usize,
        instance: &Instance,
        current: &SignedIn,
        tokens: &[OpaqueToken; 2],
    ) -> Result<Outcome, Error> {
        let Instance { accounts, sessions, issuer } = instance;
        let first = Typed::First.password();
        match self {
            Self::Change(_, others) => {
                let new = Typed::Of(number).password();
                let opened =
                    accounts.change_password(current, &first, &new, others, &Device::default()).await?;
                return Ok(opened.map_or(Outcome::Done, |opened| Outcome::Opened(Box::new(opened))));
            }
            Self::Token(_) => {
                let token = issuer.issue(&current.user, &current.session, current.found_at).await.unwrap();
                if sessions.has_ended(&current.session.id) {
                    return Ok(Outcome::NotSignedIn);
                }
                let claims = base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
                let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
                return Ok(Outcome::Issued { expires_at: claims["exp"].as_i64().unwrap() });
            }
            Self::Verify(_) => accounts.verify_password(current, &first).await?,
            Self::DeleteWithPassword(_) => accounts.delete_user(current, Some(&first)).await?,
            Self::DeleteFresh(_) => accounts.delete_user(current, None).await?,
            Self::Update(_) => {
                let change = ProfileChange { name: Some("Countess".to_owned()), image: ImageChange::Keep };
                accounts.update_user(current, &change).await?;
            }
            Self::List(_) => drop(sessions.list(current).await?),
            Self::RevokeAll(_) => sessions.revoke_all(current).await?,
            Self::RevokeOthers(_) => sessions.revoke_others(current).await?,
            Self::RevokeOther(by) => sessions.revoke_one(current, tokens[1 - by].expose()).await?,
            Self::SignIn(_) | Self::SignOut(_) => unreachable!("they need no session"),
        }
        Ok(Outcome::Done)
    }
}
