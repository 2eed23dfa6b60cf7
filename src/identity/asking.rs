//! Asking for mail, and promising it.
//! In: what a use case wants said. Out: a request that is kept, or a letter to be kept with what it is about.

use std::sync::Arc;

use super::accounts::Accounts;
use super::error::Error;
use super::mailing::{MailOptions, Mailing, Unverified, request};
use crate::mail::{Content, Language};
use crate::model::mailed_token::{MailRequest, RequestKind};
use crate::model::message::Message;
use crate::model::user::User;

impl Accounts {
    /// Lets the use cases send mail, if `mailing` is on.
    #[must_use]
    pub fn with_mail(mut self, mailing: Arc<Mailing>) -> Self {
        self.mailing = mailing.outbox.is_on().then_some(mailing);
        self
    }

    /// Whether users may sign in whose address is not verified.
    pub fn unverified(&self) -> Unverified {
        self.mailing.as_ref().map_or(Unverified::Accepted, |mailing| mailing.unverified)
    }

    /// How mail is asked for, where it is on.
    pub(super) fn mailing(&self) -> Option<&Mailing> {
        self.mailing.as_deref()
    }

    /// A request for mail, to be kept.
    pub(super) fn request(
        &self,
        kind: RequestKind,
        user_id: Option<&str>,
        address: &str,
        options: &MailOptions,
    ) -> Result<MailRequest, Error> {
        request(kind, user_id, address, options, (&*self.clock, &*self.entropy))
    }

    /// Keeps a request for mail, and wakes the worker.
    ///
    /// # Errors
    /// [`Error::MailBusy`] when too many wait already.
    pub(super) async fn ask(&self, mailing: &Mailing, request: MailRequest) -> Result<(), Error> {
        if !self.database.mail_requests().insert(&request).await? {
            return Err(Error::MailBusy);
        }
        mailing.wake();
        Ok(())
    }

    /// Writes a letter that says what has happened, where mail is on. What has happened does not depend on it: a user who was
    /// moved here may have an address that no mail can be sent to.
    pub(super) fn notice(&self, user: &User, language: Language, content: Content<'_>) -> Option<Message> {
        let written = self.mailing()?.letter(user, language, content);
        written
            .inspect_err(|error| tracing::error!(%error, user = user.id, "a notice cannot be written"))
            .ok()
    }

    /// Tells the worker that requests were committed.
    pub(super) fn wake_requests(&self) {
        if let Some(mailing) = self.mailing() {
            mailing.wake();
        }
    }

    /// Tells the outbox that a letter was committed.
    pub(super) fn wake_outbox(&self) {
        if let Some(mailing) = self.mailing() {
            mailing.outbox.wake();
        }
    }
}
