//! Name, picture and password of the person who is signed in.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::types::MaybeUndefined;

use super::bodies::{ChangePassword, DeleteUser, UpdateUser, VerifyPassword};
use super::fields::CurrentPassword;
use super::objects::{AccountObject, PasswordChanged, Status, UserDeleted};
use super::request::{
    Client, CurrentSession, Input, MaybeSession, PreferredLanguage, checked_callback, mail_options,
};
use super::service::{Identity, Tag};
use super::session::renewed;
use crate::http::framework::answer::Answer;
use crate::http::framework::answer::Declared;
use crate::http::framework::answer::refusals;
use crate::http::framework::code::Code;
use crate::http::framework::fields::Named;
use crate::http::framework::query;
use crate::http::framework::redirect::{AnswerOrRedirect, Redirect};
use crate::http::framework::secret_field::TokenField;
use crate::identity::{Deletion, DeletionProof, MailOptions, OtherSessions};
use crate::model::user::ImageChange;
use crate::model::user::ProfileChange;
use crate::secret::OpaqueToken;

refusals!(
    /// Changing one's account.
    ChangeRefusals: 400, 401, 403, 413, 415, 429, 500, 503
);
refusals!(
    /// Deleting oneself.
    DeleteRefusals: 400, 401, 403, 404, 413, 415, 429, 500, 503
);
refusals!(
    /// Deleting oneself by a link.
    DeleteLinkRefusals: 400, 401, 403, 404, 429, 500, 503
);
refusals!(
    /// Reading one's accounts.
    ReadRefusals: 401, 429, 500, 503
);

/// The operations.
#[derive(Debug)]
pub struct AccountApi;

#[OpenApi(prefix_path = "/api/auth")]
impl AccountApi {
    /// Change my name or picture
    ///
    /// What is left out stays; tokens issued from now on carry the new values.
    #[oai(path = "/update-user", method = "post", tag = "Tag::Account", operation_id = "updateUser")]
    async fn update_user(
        &self,
        input: Input<UpdateUser>,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Status>, Declared<ChangeRefusals>> {
        let Input(body) = input;
        if body.email == Named::Yes {
            return Err(Code::EmailCanNotBeUpdated.into());
        }
        let image = match body.image {
            MaybeUndefined::Undefined => ImageChange::Keep,
            MaybeUndefined::Null => ImageChange::Remove,
            MaybeUndefined::Value(image) => ImageChange::Replace(image.0),
        };
        let change = ProfileChange { name: body.name.map(|name| name.0), image };
        if change.is_empty() {
            return Err(Code::NoFieldsToUpdate.into());
        }
        identity.accounts.update_user(&signed_in, &change).await?;
        Ok(Answer::new(Status { status: true }).headers(identity.cookies.set_session(&signed_in)))
    }

    /// Change my password
    ///
    /// With `revokeOtherSessions` every session ends and the answer holds a new one.
    #[oai(path = "/change-password", method = "post", tag = "Tag::Account", operation_id = "changePassword")]
    async fn change_password(
        &self,
        input: Input<ChangePassword>,
        signed_in: CurrentSession,
        client: Client,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<PasswordChanged>, Declared<ChangeRefusals>> {
        let Input(body) = input;
        let old = body.current_password.into_password();
        let new = body.new_password.into_password();
        let others = if body.revoke_other_sessions.unwrap_or(false) {
            OtherSessions::End
        } else {
            OtherSessions::Keep
        };
        let opened = identity.accounts.change_password(&signed_in, &old, &new, others, &client.0).await?;
        let headers = match &opened {
            Some(opened) => identity.cookies.set_session(opened),
            None => renewed(&identity, &signed_in),
        };
        let token = opened.map(|opened| opened.token.into());
        Ok(Answer::new(PasswordChanged { token, user: signed_in.0.user.into() }).headers(headers))
    }

    /// Prove my password
    ///
    /// For pages that ask again before something grave.
    #[oai(path = "/verify-password", method = "post", tag = "Tag::Account", operation_id = "verifyPassword")]
    async fn verify_password(
        &self,
        input: Input<VerifyPassword>,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Status>, Declared<ChangeRefusals>> {
        let Input(VerifyPassword { password }) = input;
        identity.accounts.verify_password(&signed_in, &password.into_password()).await?;
        Ok(Answer::new(Status { status: true }).headers(renewed(&identity, &signed_in)))
    }

    /// Delete me
    ///
    /// The account, every session and every task are gone, and so is the use of every JWT. With the `token` that was mailed;
    /// without one, it is mailed ("Verification email sent"), after a `password` that is given has been proved. Where mail is
    /// off, with the `password`, or without one in the first day after signing in.
    #[oai(path = "/delete-user", method = "post", tag = "Tag::Account", operation_id = "deleteUser")]
    async fn delete_user(
        &self,
        input: Input<DeleteUser>,
        signed_in: CurrentSession,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<UserDeleted>, Declared<DeleteRefusals>> {
        let Input(body) = input;
        let options = mail_options(body.callback_url, &language);
        let password = body.password.map(CurrentPassword::into_password);
        let token = body.token.map(TokenField::into_token);
        let shown = DeletionProof { password: password.as_ref(), token: token.as_ref() };
        Ok(match identity.accounts.request_deletion(&signed_in, shown, &options).await? {
            Deletion::Deleted => Answer::new(deleted()).headers(identity.cookies.clear()),
            Deletion::Mailed => {
                let message = "Verification email sent".to_owned();
                Answer::new(UserDeleted { success: true, message }).headers(renewed(&identity, &signed_in))
            }
        })
    }

    /// Delete me, by a link
    ///
    /// For links that name a `callbackURL`, opened where the user is signed in. Other links lead to a page, which uses
    /// `POST /delete-user`.
    #[oai(
        path = "/delete-user/callback",
        method = "get",
        tag = "Tag::Account",
        operation_id = "deleteUserCallback"
    )]
    async fn delete_user_callback(
        &self,
        request: &Request,
        /// The token that was mailed.
        #[oai(name = "token")]
        _token: Query<Option<String>>,
        /// Where to go on to: a path here, or a URL on a trusted origin.
        #[oai(name = "callbackURL")]
        _callback: Query<Option<String>>,
        session: MaybeSession,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<AnswerOrRedirect<UserDeleted>, Declared<DeleteLinkRefusals>> {
        let token = OpaqueToken::new(query::required(request, "token")?);
        let callback = checked_callback(request, &identity)?.filter(|place| !place.is_empty());
        let signed_in = session.0.ok_or(Code::FailedToGetUserInfo)?;
        let shown = DeletionProof { token: Some(&token), password: None };
        let options = MailOptions { callback: None, language: language.0 };
        identity.accounts.request_deletion(&signed_in, shown, &options).await?;
        let headers = identity.cookies.clear();
        Ok(match callback {
            Some(place) => AnswerOrRedirect::Redirect(Redirect::to(place).headers(headers)),
            None => AnswerOrRedirect::Answer(Answer::new(deleted()).headers(headers)),
        })
    }

    /// How I can sign in
    ///
    /// One entry for each way; with a password it is `credential`.
    #[oai(path = "/list-accounts", method = "get", tag = "Tag::Account", operation_id = "listAccounts")]
    async fn list_accounts(
        &self,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Vec<AccountObject>>, Declared<ReadRefusals>> {
        let accounts = identity.accounts.credentials_of(&signed_in.user.id).await?;
        let accounts = accounts.into_iter().map(AccountObject::from).collect();
        Ok(Answer::new(accounts).headers(renewed(&identity, &signed_in)))
    }
}

fn deleted() -> UserDeleted {
    UserDeleted { success: true, message: "User deleted".to_owned() }
}
