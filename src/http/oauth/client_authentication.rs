//! How a client says who it is (RFC 6749 section 2.3, RFC 7523).
//! In: headers and parameters. Out: the client.
//! Owns: one way at a time; failed attempts of an address are counted, whatever client they name.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use poem::Request;
use poem::http::header::AUTHORIZATION;

use super::parameters::Parameters;
use super::service::OAuth;
use crate::http::framework::client_address::ClientAddress;
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::http::framework::headers;
use crate::model::client::{AuthMethod, Client};
use crate::oauth::{ClientProof, Error, Presented};
use crate::secret::ClientSecret;
use crate::sync::rule::Rule;

/// How the type of an assertion is called (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How often a client may ask, from wherever.
const OF_CLIENT: &Rule = &Rule { name: "oauth-client", burst: 1200, window: Duration::from_secs(10) };
/// How often an address may fail to prove a client. Attempts that are under way count too, and many come from one address
/// at once; of 256 random bits nothing is guessed either way.
const FAILURES: &Rule = &Rule { name: "oauth-client-failed", burst: 300, window: Duration::from_secs(60) };

/// The client that a request comes from.
///
/// # Errors
/// `invalid_request` for two ways at once, `invalid_client`, and 429.
pub async fn authenticate(
    oauth: &OAuth,
    request: &Request,
    parameters: &Parameters,
) -> Result<Client, ApiError> {
    let proof = presented(request, parameters)?;
    let failures = oauth.limiter.reserve(FAILURES, &subscriber(request)).await.map_err(limited)?;
    let client = match oauth.clients.authenticate(&proof, oauth.clock.now()).await {
        // It stays counted.
        Err(Error::InvalidClient) => return Err(Error::InvalidClient.into()),
        found => {
            oauth.limiter.take_back(failures).await;
            found?
        }
    };
    oauth.limiter.attempt(OF_CLIENT, &counted_as(&client, request)).await.map_err(limited)?;
    Ok(client)
}

/// Under which name the requests of a client are counted. Who names a public client has proved nothing: they keep no
/// other address out.
pub fn counted_as(client: &Client, request: &Request) -> String {
    match client.auth_method {
        AuthMethod::None => format!("{} {}", client.id, subscriber(request)),
        _ => client.id.to_string(),
    }
}

fn subscriber(request: &Request) -> String {
    request.extensions().get::<ClientAddress>().map(ClientAddress::subscriber).unwrap_or_default()
}

/// 429, in the words of OAuth.
pub fn limited(wait: crate::sync::rule::RetryAfter) -> ApiError {
    ApiError::too_many_requests(wait).for_oauth()
}

fn presented(request: &Request, parameters: &Parameters) -> Result<ClientProof, ApiError> {
    let basic = basic(request)?;
    let id = parameters.optional("client_id")?;
    let secret = parameters.optional("client_secret")?;
    let assertion = parameters.optional("client_assertion")?;
    let kind = parameters.optional("client_assertion_type")?;
    let ways = [basic.is_some(), secret.is_some(), assertion.is_some() || kind.is_some()];
    if ways.iter().filter(|way| **way).count() > 1 {
        return Err(Code::OAuthInvalidRequest.saying("the client proves itself in more than one way"));
    }
    if let Some(proof) = basic {
        if id.is_some_and(|id| id != proof.id) {
            return Err(Code::OAuthInvalidRequest.saying("client_id is not the client of Authorization"));
        }
        return Ok(proof);
    }
    let (id, presented) = match (id, secret, assertion, kind) {
        (id, None, Some(assertion), Some(ASSERTION_TYPE)) => {
            (id.unwrap_or_default(), Presented::Assertion(assertion.to_owned()))
        }
        (_, _, Some(_), _) | (_, _, _, Some(_)) => {
            return Err(Code::OAuthInvalidRequest.saying("client_assertion or its type does not fit"));
        }
        (Some(id), Some(secret), None, None) => (id, Presented::Post(ClientSecret::new(secret.to_owned()))),
        (Some(id), None, None, None) => (id, Presented::Nothing),
        (None, ..) => return Err(Error::InvalidClient.into()),
    };
    Ok(ClientProof { id: id.to_owned(), presented })
}

/// What stands in `Authorization: Basic`.
fn basic(request: &Request) -> Result<Option<ClientProof>, ApiError> {
    let refused = || ApiError::from(Error::InvalidClient);
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    if values.next().is_none() {
        return Ok(None);
    }
    if values.next().is_some() {
        return Err(Code::OAuthInvalidRequest.saying("Authorization is given twice"));
    }
    let value = headers::first(request.headers(), &AUTHORIZATION).ok_or_else(refused)?;
    let (scheme, credentials) = value.split_once(' ').ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(refused());
    }
    let decoded = STANDARD.decode(credentials.trim()).map_err(|_| refused())?;
    let decoded = zeroize::Zeroizing::new(String::from_utf8(decoded).map_err(|_| refused())?);
    let (id, secret) = decoded.split_once(':').ok_or_else(refused)?;
    let id = form_decoded(id).ok_or_else(refused)?;
    let mut secrets = vec![ClientSecret::new(secret.to_owned())];
    secrets.extend(form_decoded(secret).filter(|decoded| decoded != secret).map(ClientSecret::new));
    Ok(Some(ClientProof { id, presented: Presented::Basic(secrets) }))
}

/// A text that was encoded as the values of forms are; none if it decodes to no text.
fn form_decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
