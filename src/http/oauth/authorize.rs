//! The authorization endpoint (OpenID Connect Core section 3.1.2).

use std::sync::Arc;

use poem::http::header::HeaderValue;
use poem::web::Data;
use poem::{Request, RequestBody, Response, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, OpenApi};

use super::authorization::{Authorization, Received, Stopped, with_cookie};
use super::page::Problem;
use super::parameters::{Parameters, read};
use super::service::Tag;
use super::shown::{Shown, Ways};
use crate::http::framework::answer::{Declared, refusals};
use crate::oauth::Decision;
use crate::oauth::authorize::Next;

refusals!(
    /// Being sent here.
    AuthorizeRefusals of OAuth for Person: 400, 413, 415, 429, 500, 503
);

/// What the authorization endpoint answers a browser.
struct Answers;

impl Ways for Answers {
    const PAGE: &'static str = "A form that carries the answer to the client.";
    const ON: &'static str =
        "On to a page of ours, or to the client with `code` or `error`, `state` and `iss`.";
}

/// The parameters, from the query or from a form.
pub struct Sent(pub(super) Option<Parameters>);

impl<'a> ApiExtractor<'a> for Sent {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType {
            content_type: "application/x-www-form-urlencoded",
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("object"))),
        }];
        Some(MetaRequest { description: Some("The parameters of the query."), content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self(read(request, body).await.ok()))
    }
}

/// Sending users here.
#[derive(Debug)]
pub struct AuthorizeApi;

#[OpenApi(prefix_path = "/api/auth/oauth2")]
impl AuthorizeApi {
    /// Ask a user for a code
    ///
    /// The browser comes with the parameters of OpenID Connect Core section 3.1.2.1 and RFC 7636 (`S256` alone), signs
    /// its user in, asks for consent, and goes back to `redirect_uri`. An unknown client or place is told to the user alone.
    #[oai(path = "/authorize", method = "get", tag = "Tag::Authorization", operation_id = "authorize")]
    async fn get(
        &self,
        request: &Request,
        authorization: Data<&Arc<Authorization>>,
    ) -> Result<Shown<Answers>, Declared<AuthorizeRefusals>> {
        let query = request.uri().query().unwrap_or_default();
        let parameters = Parameters::parse(query.as_bytes()).ok();
        let answered = arrived(&authorization, request, parameters).await;
        Ok(authorization.shown(answered, request.extensions().get()).into())
    }

    /// Ask a user for a code, by a form
    ///
    /// As by GET. A form of another site brings no cookies along, so the request is kept and the browser sent on.
    #[oai(path = "/authorize", method = "post", tag = "Tag::Authorization", operation_id = "authorizeByForm")]
    async fn post(
        &self,
        sent: Sent,
        request: &Request,
        authorization: Data<&Arc<Authorization>>,
    ) -> Result<Shown<Answers>, Declared<AuthorizeRefusals>> {
        let answered = posted(&authorization, request, sent.0).await;
        Ok(authorization.shown(answered, request.extensions().get()).into())
    }
}

async fn arrived(
    authorization: &Authorization,
    request: &Request,
    parameters: Option<Parameters>,
) -> Result<Response, Stopped> {
    let received = received(authorization, request, parameters).await?;
    let language = received.language;
    let wanted = match authorization.judge(&received).await {
        Ok(wanted) => wanted,
        Err(refusal) => return Ok(authorization.refuse(&received, refusal)),
    };
    let signed_in = authorization.signed_in(request.headers(), language).await?;
    let page = match (authorization.next(&received, &wanted, signed_in.as_ref(), None).await?, &signed_in) {
        (Next::Issue, Some(signed_in)) => {
            return Ok(authorization.issue(&received, &wanted, signed_in).await);
        }
        (Next::Refuse(refusal), _) => return Ok(authorization.refuse(&received, refusal)),
        (Next::SignUp, _) => "/sign-up",
        (Next::Consent, Some(_)) => "/consent",
        (Next::SignIn | Next::Consent | Next::Issue, _) => "/sign-in",
    };
    if page != "/consent" {
        authorization.oauth.decisions.note(Decision::SignInAsked, &received.client.id, None);
    }
    let (browser, cookie) = authorization.browser(request.headers(), language)?;
    let id = authorization.keep(&received, Some(&browser), request).await?;
    Ok(on_to(authorization, page, &id, cookie, language))
}

/// What was sent, from a client that is known and with a place of its own.
async fn received(
    authorization: &Authorization,
    request: &Request,
    parameters: Option<Parameters>,
) -> Result<Received, Stopped> {
    let language = Authorization::language(request);
    let parameters = parameters.ok_or_else(|| authorization.stopped(Problem::Unreadable, language))?;
    authorization.receive(parameters, language).await
}

async fn posted(
    authorization: &Authorization,
    request: &Request,
    parameters: Option<Parameters>,
) -> Result<Response, Stopped> {
    let received = received(authorization, request, parameters).await?;
    if let Err(refusal) = authorization.judge(&received).await {
        return Ok(authorization.refuse(&received, refusal));
    }
    let id = authorization.keep(&received, None, request).await?;
    Ok(on_to(authorization, "/consent", &id, None, received.language))
}

fn on_to(
    authorization: &Authorization,
    page: &str,
    id: &str,
    cookie: Option<HeaderValue>,
    language: crate::mail::Language,
) -> Response {
    with_cookie(authorization.pages.see_other(&format!("{page}?request={id}"), language), cookie)
}
