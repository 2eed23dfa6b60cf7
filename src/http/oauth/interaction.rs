//! The pages on which a user signs in for a client, and says yes or no; they need no script.
//! In: the id of a request, from the browser that it belongs to. Out: a page, or the answer to the client.
//! Owns: a form counts only with its token and from our own site; a request is answered once.

use std::sync::Arc;
use std::time::Duration;

use minijinja::context;
use poem::http::header::{HeaderName, ORIGIN};
use poem::http::{HeaderMap, Method};
use poem::{Endpoint, FromRequest, Request, RequestBody, Response, Result};
use subtle::ConstantTimeEq;

use super::authorization::{Authorization, Kept, with_cookie};
use super::page::{Problem, scope_in_words};
use super::parameters::{Parameters, read};
use crate::http::framework::client_address::ClientAddress;
use crate::http::framework::headers;
use crate::http::framework::static_document::StaticDocument;
use crate::http::identity::Caller;
use crate::identity::{Email, Error};
use crate::mail::Language;
use crate::model::session::Remember;
use crate::oauth::authorize::{Next, Refusal, Wanted};
use crate::secret::Password;
use crate::sync::rule::Rule;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How often an address may send the form; each account has its own limits beside.
const SIGN_INS: &Rule = &Rule { name: "sign-in-form", burst: 10, window: Duration::from_secs(10) };

type Stopped = Box<Response>;

/// `/sign-in`: for a request of a client, or for users who come by themselves.
#[derive(Clone)]
pub struct SignInEndpoint {
    authorization: Arc<Authorization>,
    plain: StaticDocument,
}

impl SignInEndpoint {
    /// With the page for users who come by themselves.
    pub fn new(authorization: Arc<Authorization>, plain: StaticDocument) -> Self {
        Self { authorization, plain }
    }
}

impl Endpoint for SignInEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if *request.method() == Method::POST {
            return Ok(signing_in(&self.authorization, request).await.unwrap_or_else(|stopped| *stopped));
        }
        let Some(id) = id_of(&request) else { return self.plain.call(request).await };
        let shown = show_sign_in(&self.authorization, &request, &id).await;
        Ok(shown.unwrap_or_else(|stopped| *stopped))
    }
}

/// `/consent`: where a request goes on, whatever it lacks.
#[derive(Clone)]
pub struct ConsentEndpoint(pub Arc<Authorization>);

impl Endpoint for ConsentEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if *request.method() == Method::POST {
            return Ok(deciding(&self.0, request).await.unwrap_or_else(|stopped| *stopped));
        }
        let language = Authorization::language(&request);
        let Some(id) = id_of(&request) else { return Ok(self.0.pages.see_other("/account", language)) };
        Ok(go_on(&self.0, &request, &id).await.unwrap_or_else(|stopped| *stopped))
    }
}

fn id_of(request: &Request) -> Option<String> {
    let query = Parameters::parse(request.uri().query()?.as_bytes()).ok()?;
    query.optional("request").ok()?.map(str::to_owned)
}

async fn show_sign_in(
    authorization: &Authorization,
    request: &Request,
    id: &str,
) -> Result<Response, Stopped> {
    let language = Authorization::language(request);
    let (browser, cookie) = authorization.browser(request.headers(), language)?;
    let kept = authorization.find(id, &browser, language).await?;
    let hint = kept.received.parameters.optional("login_hint").ok().flatten().unwrap_or_default();
    Ok(with_cookie(sign_in_page(authorization, &kept, hint, ""), cookie))
}

fn sign_in_page(authorization: &Authorization, kept: &Kept, email: &str, problem: &str) -> Response {
    let client = &kept.received.client.name;
    let values = context! { client, request => kept.id.clone(), csrf => kept.csrf(), email, problem };
    authorization.pages.page("sign-in.html", kept.received.language, values)
}

/// What a form of ours has sent, with the request that it is for.
async fn form_of(
    authorization: &Authorization,
    request: &Request,
    body: &mut RequestBody,
) -> Result<(Parameters, Kept), Stopped> {
    let language = Authorization::language(request);
    let foreign = || authorization.stopped(Problem::ForeignForm, language);
    if !is_from_here(request.headers(), authorization) {
        return Err(foreign());
    }
    let form = read(request, body).await.map_err(|_| authorization.stopped(Problem::Unreadable, language))?;
    let one = |name| form.optional(name).ok().flatten().unwrap_or_default().to_owned();
    let (id, csrf) = (one("request"), one("csrf"));
    let (browser, _) = authorization.browser(request.headers(), language)?;
    let kept = authorization.find(&id, &browser, language).await?;
    if !bool::from(kept.csrf().as_bytes().ct_eq(csrf.as_bytes())) {
        return Err(foreign());
    }
    Ok((form, kept))
}

/// Whether a browser sends a form of our own site. Our pages send no referrer, so `Origin` may say `null`.
pub(super) fn is_from_here(headers: &HeaderMap, authorization: &Authorization) -> bool {
    if headers::first(headers, &SEC_FETCH_SITE).is_some_and(|site| site != "same-origin") {
        return false;
    }
    headers::first(headers, &ORIGIN)
        .is_none_or(|origin| origin == "null" || authorization.identity.origins.trusts(&origin))
}

async fn signing_in(authorization: &Authorization, request: Request) -> Result<Response, Stopped> {
    let (mut request, mut body) = request.split();
    // Who reads the device of a request looks for it there.
    request.extensions_mut().insert(authorization.identity.clone());
    let (form, kept) = form_of(authorization, &request, &mut body).await?;
    let language = kept.received.language;
    let one = |name| form.optional(name).ok().flatten();
    if one("decision") == Some("deny") {
        authorization.take(&kept).await?;
        return Ok(authorization.refuse(&kept.received, Refusal::DENIED));
    }
    let subscriber = request.extensions().get::<ClientAddress>().map(ClientAddress::subscriber);
    let attempt = authorization.oauth.limiter.attempt(SIGN_INS, &subscriber.unwrap_or_default()).await;
    if attempt.is_err() {
        return Err(authorization.stopped(Problem::TooMany, language));
    }
    let device = Caller::from_request(&request, &mut body).await;
    let device = device.map_err(|error| authorization.broken(&error, language))?.0;
    let typed = one("email").unwrap_or_default();
    let password = Password::new(one("password").unwrap_or_default().to_owned());
    let remember = if one("rememberMe").is_some() { Remember::Yes } else { Remember::No };
    let Some(email) = Email::parse(typed) else {
        return Ok(sign_in_page(authorization, &kept, typed, wrong(language)));
    };
    let identity = &authorization.identity;
    let signed_in = match identity.accounts.sign_in(&email, &password, remember, &device).await {
        Ok(signed_in) => signed_in,
        Err(Error::InvalidEmailOrPassword | Error::PasswordTooLong) => {
            return Ok(sign_in_page(authorization, &kept, typed, wrong(language)));
        }
        Err(Error::EmailNotVerified) => {
            return Ok(sign_in_page(authorization, &kept, typed, unverified(language)));
        }
        Err(Error::Throttled(_)) => return Err(authorization.stopped(Problem::TooMany, language)),
        Err(error) => return Err(authorization.broken(&error, language)),
    };
    let place = format!("/consent?request={}", kept.id);
    let mut response = authorization.pages.see_other(&place, language);
    let mut cookies = identity.cookies.set_session(&signed_in);
    if let Ok(known) = identity.accounts.remember_device(&email, &device) {
        identity.cookies.set_device(&mut cookies, &known);
    }
    cookies.remove("set-auth-token");
    cookies.remove("access-control-expose-headers");
    response.headers_mut().extend(cookies);
    Ok(response)
}

fn wrong(language: Language) -> &'static str {
    match language {
        Language::English => "The address or the password is wrong.",
        Language::German => "Die Adresse oder das Passwort ist falsch.",
    }
}

fn unverified(language: Language) -> &'static str {
    match language {
        Language::English => "Please confirm your address first: we have sent you a link when you signed up.",
        Language::German => "Bitte bestätigen Sie zuerst Ihre Adresse: Sie haben dazu einen Link erhalten.",
    }
}

/// Goes on with a request: the page that it needs, or its answer.
async fn go_on(authorization: &Authorization, request: &Request, id: &str) -> Result<Response, Stopped> {
    let language = Authorization::language(request);
    let (browser, cookie) = authorization.browser(request.headers(), language)?;
    let kept = authorization.find(id, &browser, language).await?;
    let language = kept.received.language;
    let wanted = match authorization.judge(&kept.received).await {
        Ok(wanted) => wanted,
        Err(refusal) => return answer_no(authorization, &kept, refusal).await,
    };
    let signed_in = authorization.signed_in(request.headers(), language).await?;
    let asked_at = Some(kept.row.created_at);
    let next = authorization.next(&kept.received, &wanted, signed_in.as_ref(), asked_at).await?;
    let response = match (next, signed_in) {
        (Next::Issue, Some(signed_in)) => {
            authorization.take(&kept).await?;
            authorization.issue(&kept.received, &wanted, &signed_in).await
        }
        (Next::Refuse(refusal), _) => answer_no(authorization, &kept, refusal).await?,
        (Next::SignUp, _) => authorization.pages.see_other(&format!("/sign-up?request={id}"), language),
        (Next::Consent, Some(signed_in)) => {
            consent_page(authorization, &kept, &wanted, &signed_in.user.email.to_string())
        }
        (Next::SignIn | Next::Issue | Next::Consent, _) => {
            authorization.pages.see_other(&format!("/sign-in?request={id}"), language)
        }
    };
    Ok(with_cookie(response, cookie))
}

async fn answer_no(
    authorization: &Authorization,
    kept: &Kept,
    refusal: Refusal,
) -> Result<Response, Stopped> {
    authorization.take(kept).await?;
    Ok(authorization.refuse(&kept.received, refusal))
}

fn consent_page(authorization: &Authorization, kept: &Kept, wanted: &Wanted, email: &str) -> Response {
    let received = &kept.received;
    let host = url::Url::parse(&received.redirect_uri).ok();
    let host = host.map(|url| url.host_str().unwrap_or(url.scheme()).to_owned()).unwrap_or_default();
    let scopes: Vec<_> = wanted.scope.iter().map(|word| scope_in_words(word, received.language)).collect();
    let values = context! {
        client => received.client.name.clone(), host, scopes, resources => wanted.resources.clone(), email,
        request => kept.id.clone(), csrf => kept.csrf(),
    };
    authorization.pages.page("consent.html", received.language, values)
}

async fn deciding(authorization: &Authorization, request: Request) -> Result<Response, Stopped> {
    let (request, mut body) = request.split();
    let (form, kept) = form_of(authorization, &request, &mut body).await?;
    let language = kept.received.language;
    if form.optional("decision").ok().flatten() != Some("allow") {
        return answer_no(authorization, &kept, Refusal::DENIED).await;
    }
    let wanted = match authorization.judge(&kept.received).await {
        Ok(wanted) => wanted,
        Err(refusal) => return answer_no(authorization, &kept, refusal).await,
    };
    let signed_in = authorization.signed_in(request.headers(), language).await?;
    let asked_at = Some(kept.row.created_at);
    let next = authorization.next(&kept.received, &wanted, signed_in.as_ref(), asked_at).await?;
    let (Next::Consent | Next::Issue, Some(signed_in)) = (next, signed_in) else {
        // The session has ended meanwhile, or is another one.
        return Ok(authorization.pages.see_other(&format!("/consent?request={}", kept.id), language));
    };
    authorization.take(&kept).await?;
    let agreed = authorization.agree(&signed_in.user.id, &kept.received.client, &wanted).await;
    agreed.map_err(|error| authorization.broken(&error, language))?;
    Ok(authorization.issue(&kept.received, &wanted, &signed_in).await)
}
