//! Mail that the use cases ask for.
//! In: whom it is for, and what the request said about it. Out: a request for a worker, or a letter for the outbox.
//! Owns: nobody learns from an answer, or from the time it takes, whether mail goes out: whose address it is, is looked up
//! afterwards, by [`super::MailRequestWorker`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use signet_verify::clock::{Clock, Entropy};
use tokio::sync::Notify;

use super::email::Email;
use super::error::Error;
use super::links::Links;
use super::sessions::new_id;
use crate::mail::{Content, Language, Letter, Outbox};
use crate::model::mailed_token::{MailRequest, RequestKind};
use crate::model::message::Message;
use crate::model::user::User;
use crate::sync::limiter::Limiter;
use crate::sync::rule::Rule;

/// How often mail may be asked for one mailbox, by whomever.
const TO_MAILBOX: Rule = Rule { name: "mail-address", burst: 3, window: Duration::from_secs(60) };

/// What a request says about the mail that it asks for.
#[derive(Clone, Debug, Default)]
pub struct MailOptions {
    /// Where the link is to lead in the end; a page of ours if nothing is said. It has been judged to be trusted.
    pub callback: Option<String>,
    /// The language.
    pub language: Language,
}

/// Whether users may sign in whose address is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// They may.
    Accepted,
    /// They may not, and signing up opens no session.
    Refused,
}

/// How the use cases ask for mail, where mail is on.
pub struct Mailing {
    pub(super) outbox: Arc<Outbox>,
    pub(super) links: Links,
    limiter: Arc<Limiter>,
    pub(super) unverified: Unverified,
    asked: Notify,
    pub(super) counts: Counts,
}

/// How many requests this process has worked off. Whether an address was known is not counted: counts are for everybody.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// By their kind.
    pub(super) handled: [AtomicU64; RequestKind::ALL.len()],
    /// Those whose mailbox had had enough for a day.
    pub(super) bounded: AtomicU64,
}

impl fmt::Debug for Mailing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailing").field("unverified", &self.unverified).finish_non_exhaustive()
    }
}

impl Mailing {
    /// Mail through `outbox`, with links below `base_url`.
    pub fn new(outbox: Arc<Outbox>, base_url: String, limiter: Arc<Limiter>, unverified: Unverified) -> Self {
        Self {
            outbox,
            links: Links::new(base_url),
            limiter,
            unverified,
            asked: Notify::new(),
            counts: Counts::default(),
        }
    }

    /// How many requests of each kind this process has worked off.
    pub fn handled(&self) -> [(RequestKind, u64); RequestKind::ALL.len()] {
        RequestKind::ALL.map(|kind| {
            (kind, self.counts.handled.get(kind as usize).map_or(0, |count| count.load(Ordering::Relaxed)))
        })
    }

    /// How many of them found that the mailbox had had enough for a day.
    pub fn bounded(&self) -> u64 {
        self.counts.bounded.load(Ordering::Relaxed)
    }

    /// Completes when mail was asked for in this process since it was last called.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    pub(super) fn wake(&self) {
        self.asked.notify_one();
    }

    /// Counts a wish for mail to this address.
    ///
    /// # Errors
    /// [`Error::Throttled`].
    pub(super) async fn count(&self, address: &str) -> Result<(), Error> {
        self.limiter.attempt(&TO_MAILBOX, address).await.map_err(Error::Throttled)
    }

    /// Writes a letter to a user, at the address that they have.
    ///
    /// # Errors
    /// When it cannot be written or sealed.
    pub(super) fn letter(
        &self,
        user: &User,
        language: Language,
        content: Content<'_>,
    ) -> Result<Message, Error> {
        Ok(self.outbox.write(&Letter { to: &user.email, name: &user.name, language, content })?)
    }
}

/// A request for mail, to be kept.
///
/// # Errors
/// When there is no randomness.
pub(super) fn request(
    kind: RequestKind,
    user_id: Option<&str>,
    address: &str,
    options: &MailOptions,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
) -> Result<MailRequest, Error> {
    Ok(MailRequest {
        id: new_id(entropy)?,
        kind,
        user_id: user_id.map(str::to_owned),
        address: address.to_owned(),
        callback: options.callback.clone(),
        language: options.language.tag().to_owned(),
        requested_at: clock.now(),
    })
}

impl Email {
    /// Whether this is the address of a user, in whichever spelling it is kept.
    pub(super) fn is_of(&self, user: &User) -> bool {
        self.spellings().any(|spelling| spelling == user.email)
    }
}
