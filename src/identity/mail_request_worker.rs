//! Working off the mail that was asked for, after the answer.
//! In: requests, oldest first. Out: tokens and messages for those whose address is known, and nothing for others.
//! Owns: a request, the token that it leads to and the message with it are one transaction; a mailbox gets no more mail in a
//! day than its bound, whatever is asked for it and however; an unknown address takes the same work.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use signet_verify::clock::{Clock, Entropy, Timestamp, random_alphanumeric};
use signet_verify::crypto::sha256;

use super::email::Email;
use super::error::Error;
use super::mailing::{Counts, Mailing};
use super::sessions::ID_LENGTH;
use crate::audit::{self, Event};
use crate::mail::{Content, Language, Letter};
use crate::model::mailed_token::{MailRequest, MailedToken, Purpose, RequestKind};
use crate::model::message::Message;
use crate::model::user::User;
use crate::secret::OpaqueToken;
use crate::store::{self, Database, Unit};

/// Works requests off, at any instance.
pub struct MailRequestWorker {
    database: Database,
    mailing: Arc<Mailing>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What became of a request.
#[derive(Debug)]
pub struct Handled {
    /// What was asked for.
    pub kind: RequestKind,
    /// What it came to.
    pub outcome: Outcome,
}

/// What a request came to.
#[derive(Debug)]
pub enum Outcome {
    /// A link was mailed to a user.
    Mailed(Purpose, User),
    /// The owner of an address was told that it was signed up with once more.
    Told,
    /// The mailbox has had enough for a day, whether or not it is a user's.
    Bounded,
    /// Nothing was mailed: there is no such user, or nothing to be done for them.
    Nothing,
}

/// What is to be mailed to whom.
struct Plan {
    user: User,
    /// The purpose of the token, and the address that it proves.
    token: Option<(Purpose, String)>,
}

impl fmt::Debug for MailRequestWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailRequestWorker").finish_non_exhaustive()
    }
}

impl Counts {
    fn note(&self, handled: &Handled) {
        if let Some(count) = self.handled.get(handled.kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(handled.outcome, Outcome::Bounded) {
            self.bounded.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl MailRequestWorker {
    /// Works off what `database` keeps.
    pub fn new(
        database: Database,
        mailing: Arc<Mailing>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { database, mailing, clock, entropy }
    }

    /// Completes when mail was asked for in this process.
    pub async fn asked(&self) {
        self.mailing.asked().await;
    }

    /// Works off the oldest request, if there is one.
    ///
    /// # Errors
    /// When the database fails; then the request waits as before. One whose mail cannot be written is dropped.
    pub async fn work(&self) -> Result<Option<Handled>, Error> {
        let token = OpaqueToken::new(random_alphanumeric(&*self.entropy, ID_LENGTH)?);
        let (token, now) = (&token, self.clock.now());
        let handled = self.database.write(|unit| async move {
            let Some(request) = unit.mail_requests().take().await? else { return Ok(None) };
            let outcome = self.handle(&unit, &request, token, now).await?;
            Ok::<_, Error>(Some(Handled { kind: request.kind, outcome }))
        });
        let Some(handled) = handled.await? else { return Ok(None) };
        self.mailing.counts.note(&handled);
        match &handled.outcome {
            Outcome::Mailed(purpose, user) => {
                self.mailing.outbox.wake();
                audit::record(Event::LinkMailed { purpose: purpose.name(), user: &user.id });
            }
            Outcome::Told => self.mailing.outbox.wake(),
            Outcome::Bounded | Outcome::Nothing => {}
        }
        Ok(Some(handled))
    }

    async fn handle(
        &self,
        unit: &Unit,
        request: &MailRequest,
        token: &OpaqueToken,
        now: Timestamp,
    ) -> Result<Outcome, Error> {
        let requests = unit.mail_requests();
        let admitted = requests.admit(&mailbox(&request.address), now).await?;
        let plan = plan(unit, request).await?;
        let (letters, plan) = match self.write(request, plan.as_ref(), token) {
            Ok(letters) => (letters, plan),
            Err(error) => {
                tracing::error!(%error, kind = request.kind.name(), "mail that was asked for cannot be written");
                return Ok(Outcome::Nothing);
            }
        };
        if !admitted {
            return Ok(Outcome::Bounded);
        }
        let Some(Plan { user, token: wanted }) = plan else { return Ok(Outcome::Nothing) };
        // The old address is told of every change that is asked for, or there is none.
        let is_told =
            request.kind != RequestKind::ChangeEmail || requests.admit(&mailbox(&user.email), now).await?;
        if !is_told {
            return Ok(Outcome::Bounded);
        }
        if let Some((purpose, address)) = &wanted {
            let kept = MailedToken {
                purpose: *purpose,
                user_id: user.id.clone(),
                address: address.clone(),
                expires_at: now.after(purpose.lifetime()),
            };
            unit.mailed_tokens().replace(&kept, &token.hash()).await?;
        }
        for letter in &letters {
            unit.outbox().insert(letter).await?;
        }
        Ok(wanted.map_or(Outcome::Told, |(purpose, _)| Outcome::Mailed(purpose, user)))
    }

    /// The letters of a plan; without one a letter that nobody gets, for the sake of the time that it takes.
    fn write(
        &self,
        request: &MailRequest,
        plan: Option<&Plan>,
        token: &OpaqueToken,
    ) -> Result<Vec<Message>, Error> {
        let language = Language::from_tag(&request.language).unwrap_or_default();
        let callback = request.callback.as_deref();
        let outbox = &self.mailing.outbox;
        let purpose =
            plan.and_then(|plan| plan.token.as_ref()).map_or(Purpose::ResetPassword, |token| token.0);
        let link = self.mailing.links.with_token(purpose, token, callback);
        let Some(Plan { user, token }) = plan else {
            let content = Content::ResetPassword { link: &link };
            let written = outbox.write(&Letter { to: &request.address, name: "", language, content });
            // An address that mail cannot be sent to has no user who could be told.
            return written.map(|_| Vec::new()).or(Ok(Vec::new()));
        };
        let to =
            |address, content| outbox.write(&Letter { to: address, name: &user.name, language, content });
        let forgot = self.mailing.links.forgot_password();
        Ok(match token {
            None => vec![to(&user.email, Content::AlreadyRegistered { link: &forgot })?],
            Some((Purpose::VerifyEmail, _)) => vec![to(&user.email, Content::VerifyAddress { link: &link })?],
            Some((Purpose::ResetPassword, _)) => {
                vec![to(&user.email, Content::ResetPassword { link: &link })?]
            }
            Some((Purpose::DeleteUser, _)) => {
                vec![to(&user.email, Content::ConfirmDeletion { link: &link })?]
            }
            Some((Purpose::Invitation, _)) => vec![to(&user.email, Content::Invitation { link: &link })?],
            Some((Purpose::ChangeEmail, new)) => vec![
                to(new, Content::ConfirmNewAddress { link: &link })?,
                to(&user.email, Content::AddressWillChange { new })?,
            ],
        })
    }
}

/// Who is to get what; none where nothing is to be done.
async fn plan(unit: &Unit, request: &MailRequest) -> Result<Option<Plan>, store::Error> {
    let owner = owner_of(unit, &request.address).await?;
    let asking = match request.user_id.as_deref() {
        Some(user_id) => unit.users().by_id(user_id).await?,
        None => None,
    };
    let with = |purpose| move |user: User| Plan { token: Some((purpose, user.email.clone())), user };
    Ok(match request.kind {
        RequestKind::VerifyEmail => owner.filter(|user| !user.email_verified).map(with(Purpose::VerifyEmail)),
        RequestKind::SignUp => owner.and_then(|user| match request.user_id.as_deref() == Some(&user.id) {
            true => (!user.email_verified).then_some(user).map(with(Purpose::VerifyEmail)),
            false => Some(Plan { user, token: None }),
        }),
        RequestKind::ResetPassword => owner.map(with(Purpose::ResetPassword)),
        RequestKind::DeleteUser => asking.map(with(Purpose::DeleteUser)),
        RequestKind::ChangeEmail => asking
            .filter(|_| owner.is_none())
            .map(|user| Plan { user, token: Some((Purpose::ChangeEmail, request.address.clone())) }),
    })
}

/// Who has this address, in whichever spelling it is kept.
async fn owner_of(unit: &Unit, address: &str) -> Result<Option<User>, store::Error> {
    let credentials = unit.credentials();
    let mut found = None;
    if let Some(email) = Email::parse_existing(address) {
        for spelling in email.spellings() {
            found = found.or(credentials.by_email(spelling).await?);
        }
    }
    Ok(found.map(|(user, _)| user))
}

/// What the mail of an address is counted by.
pub(super) fn mailbox(address: &str) -> [u8; 32] {
    sha256(address.as_bytes())
}
