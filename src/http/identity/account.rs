//! Name, picture and password of the person who is signed in.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::types::MaybeUndefined;

use super::bodies::{ChangePassword, DeleteUser, UpdateUser, VerifyPassword};
use super::fields::CurrentPassword;
use super::objects::{AccountObject, PasswordChanged, Status, UserDeleted};
use super::request::{Client, CurrentSession, Input};
use super::service::{Identity, Tag};
use super::session::renewed;
use crate::http::framework::answer::Answer;
use crate::http::framework::answer::Declared;
use crate::http::framework::answer::refusals;
use crate::http::framework::code::Code;
use crate::http::framework::fields::Named;
use crate::identity::OtherSessions;
use crate::model::user::ImageChange;
use crate::model::user::ProfileChange;

refusals!(
    /// Changing one's account.
    ChangeRefusals: 400, 401, 403, 413, 415, 429, 500, 503
);
refusals!(
    /// Deleting oneself.
    DeleteRefusals: 400, 401, 403, 404, 413, 415, 429, 500, 503
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
    /// The account, every session and every task are gone, and so is the use of every JWT. With the `password`, or
    /// without one in the first day after signing in.
    #[oai(path = "/delete-user", method = "post", tag = "Tag::Account", operation_id = "deleteUser")]
    async fn delete_user(
        &self,
        input: Input<DeleteUser>,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<UserDeleted>, Declared<DeleteRefusals>> {
        let Input(body) = input;
        if body.token.is_some() {
            return Err(Code::InvalidDeletionToken.into());
        }
        let password = body.password.map(CurrentPassword::into_password);
        identity.accounts.delete_user(&signed_in, password.as_ref()).await?;
        let deleted = UserDeleted { success: true, message: "User deleted".to_owned() };
        Ok(Answer::new(deleted).headers(identity.cookies.clear()))
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
