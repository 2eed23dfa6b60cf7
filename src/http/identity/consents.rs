//! What the person who is signed in has given to applications.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::fields::ConsentId;
use super::objects::Success;
use super::request::{CurrentSession, Input, PreferredLanguage};
use super::service::{Identity, Tag};
use super::session::renewed;
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::http::framework::code::Code;
use crate::http::framework::fields::members;
use crate::http::framework::timestamp_field::TimestampField;
use crate::mail::Language;
use crate::model::client::ClientId;
use crate::oauth::{Given, scope_in_words};

refusals!(
    /// Reading what one has given.
    ReadRefusals: 401, 429, 500, 503
);
refusals!(
    /// Taking something back.
    WithdrawRefusals: 400, 401, 403, 404, 413, 415, 429, 500, 503
);

/// Which consent to take back.
#[derive(Debug, Object)]
pub struct DeleteConsent {
    /// Its `id`, as `get-consents` shows it.
    pub id: ConsentId,
}

members!(DeleteConsent { id: "id" });

/// What the user has given to an application.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Consent")]
#[serde(rename_all = "camelCase")]
pub struct ConsentObject {
    /// What `delete-consent` knows it by.
    pub id: String,
    /// The application.
    #[oai(rename = "clientId")]
    pub client_id: String,
    /// What people read as its name.
    #[oai(rename = "clientName")]
    pub client_name: String,
    /// Where it leads users back to: a host, or the scheme of a program on their own machine.
    #[oai(rename = "clientHost")]
    pub client_host: String,
    /// Who gave it.
    #[oai(rename = "userId")]
    pub user_id: String,
    /// What for.
    pub scopes: Vec<String>,
    /// The same in words, in the language that the caller prefers.
    pub descriptions: Vec<String>,
    /// At which resources, if any were named.
    pub resources: Vec<String>,
    /// Since when.
    #[oai(rename = "createdAt")]
    pub created_at: TimestampField,
}

impl ConsentObject {
    fn of(given: Given, user_id: &str, language: Language) -> Self {
        let Given { client, scope, resources, since } = given;
        Self {
            id: client.id.to_string(),
            client_host: client.host_of_redirects(),
            client_id: client.id.to_string(),
            client_name: client.name,
            user_id: user_id.to_owned(),
            scopes: scope.iter().map(str::to_owned).collect(),
            descriptions: scope.iter().map(|word| scope_in_words(word, language)).collect(),
            resources,
            created_at: since.into(),
        }
    }
}

/// The operations.
#[derive(Debug)]
pub struct ConsentsApi;

#[OpenApi(prefix_path = "/api/auth/oauth2")]
impl ConsentsApi {
    /// What I have given to applications
    ///
    /// One entry for each application that the user has agreed to, or that holds a token of theirs without having to ask.
    #[oai(path = "/get-consents", method = "get", tag = "Tag::Account", operation_id = "getConsents")]
    async fn get_consents(
        &self,
        signed_in: CurrentSession,
        language: PreferredLanguage,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Vec<ConsentObject>>, Declared<ReadRefusals>> {
        let user = &signed_in.user.id;
        let given = identity.consents.of_user(user).await?;
        let listed = given.into_iter().map(|given| ConsentObject::of(given, user, language.0));
        Ok(Answer::new(listed.collect()).headers(renewed(&identity, &signed_in)))
    }

    /// Take back what I have given to an application
    ///
    /// Its refresh tokens are worth nothing any more, its access tokens are refused by every resource of the deployment from
    /// now on, and it has to ask again.
    #[oai(path = "/delete-consent", method = "post", tag = "Tag::Account", operation_id = "deleteConsent")]
    async fn delete_consent(
        &self,
        input: Input<DeleteConsent>,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Success>, Declared<WithdrawRefusals>> {
        let Input(DeleteConsent { id }) = input;
        let client = ClientId::parse(&id.0).ok_or(Code::NotFound)?;
        if !identity.consents.withdraw(&signed_in.user.id, &client).await? {
            return Err(Code::NotFound.into());
        }
        Ok(Answer::new(Success { success: true }).headers(renewed(&identity, &signed_in)))
    }
}
