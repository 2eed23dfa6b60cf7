//! Changing the address.
//! In: a user who is signed in, and the new address. Out: word that mail is on its way.
//! Owns: the old address is told of every change that is asked for, and the new one proves itself before it counts.

use super::accounts::Accounts;
use super::email::Email;
use super::error::Error;
use super::mailing::MailOptions;
use super::sessions::SignedIn;
use crate::model::mailed_token::RequestKind;

impl Accounts {
    /// Asks for a link to the new address that gives it to the user who is signed in. Whether the address is taken is looked
    /// up after the answer: then nothing is sent.
    ///
    /// # Errors
    /// [`Error::EmailIsTheSame`] before [`Error::VerificationMailOff`]; [`Error::Throttled`], [`Error::MailBusy`].
    pub async fn request_email_change(
        &self,
        current: &SignedIn,
        new: &Email,
        options: &MailOptions,
    ) -> Result<(), Error> {
        if new.is_of(&current.user) {
            return Err(Error::EmailIsTheSame);
        }
        let mailing = self.mailing().ok_or(Error::VerificationMailOff)?;
        for address in [new.as_str(), &current.user.email] {
            mailing.count(address).await?;
        }
        let user = Some(current.user.id.as_str());
        let request = self.request(RequestKind::ChangeEmail, user, new.as_str(), options)?;
        self.ask(mailing, request).await
    }
}
