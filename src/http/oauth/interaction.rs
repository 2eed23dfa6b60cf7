//! The pages on which a user signs in for a client, and says yes or no; they need no script.
//! In: the id of a request, from the browser that it belongs to. Out: a page, or the answer to the client.
//! Owns: a form counts only with its token and from our own site; a request is answered once.

use std::sync::Arc;

use minijinja::context;
use poem::http::header::{HeaderName, ORIGIN};
use poem::http::{HeaderMap, Method};
use poem::{Endpoint, FromRequest, Request, RequestBody, Response, Result};
use subtle::ConstantTimeEq;

use super::authorization::{Authorization, Kept, Stopped, with_cookie};
use super::page::Problem;
use super::parameters::{Parameters, read};
use crate::http::framework::request_log::RequestId;
use crate::http::framework::static_document::StaticDocument;
use crate::http::framework::{headers, layers};
use crate::http::identity::{Caller, check_sign_in_request};
use crate::http::routes::SIGN_IN_LIMIT;
use crate::identity::{Email, Error, MailOptions};
use crate::mail::Language;
use crate::model::client::host_of;
use crate::model::session::Remember;
use crate::oauth::authorize::{Next, Refusal, Wanted};
use crate::oauth::{Decision, scope_in_words};
use crate::secret::Password;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where users who come by themselves go on to.
const HOME: &str = "/account";

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
        let incident = request.extensions().get::<RequestId>().cloned();
        let answered = if *request.method() == Method::POST {
            signing_in(&self.authorization, request).await
        } else {
            let Some(id) = id_of(&request) else { return self.plain.call(request).await };
            show_sign_in(&self.authorization, &request, &id).await
        };
        Ok(self.authorization.shown(answered, incident.as_ref()))
    }
}

/// `/consent`: where a request goes on, whatever it lacks.
#[derive(Clone)]
pub struct ConsentEndpoint(pub Arc<Authorization>);

impl Endpoint for ConsentEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let incident = request.extensions().get::<RequestId>().cloned();
        let answered = if *request.method() == Method::POST {
            deciding(&self.0, request).await
        } else {
            let language = Authorization::language(&request);
            let Some(id) = id_of(&request) else { return Ok(self.0.pages.see_other(HOME, language)) };
            go_on(&self.0, &request, &id).await
        };
        Ok(self.0.shown(answered, incident.as_ref()))
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
    let page = sign_in_page(authorization, Some(&kept), language, (hint, ""));
    Ok(with_cookie(page, cookie))
}

/// The page for a request, or for a user who has come without one and has no script; with the address that was typed, and
/// what is wrong with it.
fn sign_in_page(
    authorization: &Authorization,
    kept: Option<&Kept>,
    language: Language,
    (email, problem): (&str, &str),
) -> Response {
    let language = kept.map_or(language, |kept| kept.received.language);
    let client = kept.map(|kept| kept.received.client.name.clone()).unwrap_or_default();
    let (request, csrf) = kept.map(|kept| (kept.id.clone(), kept.csrf())).unwrap_or_default();
    let values = context! { client, request, csrf, email, problem };
    authorization.pages.page("sign-in.html", language, values)
}

/// What a form of ours has sent, with the request that it is for, if it is for one.
async fn form_of(
    authorization: &Authorization,
    request: &Request,
    body: &mut RequestBody,
) -> Result<(Parameters, Option<Kept>), Stopped> {
    let language = Authorization::language(request);
    let foreign = || authorization.stopped(Problem::ForeignForm, language);
    let form = read(request, body).await.map_err(|_| authorization.stopped(Problem::Unreadable, language))?;
    let one = |name| form.optional(name).ok().flatten().unwrap_or_default().to_owned();
    let (id, csrf) = (one("request"), one("csrf"));
    if id.is_empty() {
        let origins = &authorization.identity.origins;
        check_sign_in_request(request.headers(), origins).map_err(|_| foreign())?;
        return Ok((form, None));
    }
    if !is_from_here(request.headers(), authorization) {
        return Err(foreign());
    }
    let (browser, _) = authorization.browser(request.headers(), language)?;
    let kept = authorization.find(&id, &browser, language).await?;
    if !bool::from(kept.csrf().as_bytes().ct_eq(csrf.as_bytes())) {
        return Err(foreign());
    }
    Ok((form, Some(kept)))
}

/// Whether a browser sends a form of our own site. Our pages send no referrer, so that `Origin` says `null`; of a browser
/// that says nothing more the token in the form is the proof.
pub(super) fn is_from_here(headers: &HeaderMap, authorization: &Authorization) -> bool {
    let says_nothing = headers::first(headers, &ORIGIN).is_some_and(|origin| origin == "null")
        && !headers.contains_key(SEC_FETCH_SITE);
    says_nothing || check_sign_in_request(headers, &authorization.identity.origins).is_ok()
}

async fn signing_in(authorization: &Authorization, request: Request) -> Result<Response, Stopped> {
    let (mut request, mut body) = request.split();
    let (form, kept) = form_of(authorization, &request, &mut body).await?;
    let kept = kept.as_ref();
    let language = kept.map_or_else(|| Authorization::language(&request), |kept| kept.received.language);
    if let Some(kept) = kept.filter(|_| form.optional("decision").ok().flatten() == Some("deny")) {
        authorization.take(kept).await?;
        return Ok(authorization.refuse(&kept.received, Refusal::DENIED));
    }
    let place = kept.map(|kept| place_of(&kept.id));
    let options = MailOptions { callback: place.clone(), language };
    match prove(authorization, &mut request, &mut body, &form, options).await? {
        Proved::Not { typed, why } => Ok(sign_in_page(authorization, kept, language, (&typed, why))),
        Proved::SignedIn(cookies) => {
            let mut response = authorization.pages.see_other(place.as_deref().unwrap_or(HOME), language);
            response.headers_mut().extend(cookies);
            Ok(response)
        }
    }
}

/// What came of a form with an address and a password.
pub(super) enum Proved {
    /// The cookies of a new session.
    SignedIn(HeaderMap),
    /// Nothing, and why, beside what was typed as the address.
    Not { typed: String, why: &'static str },
}

/// Signs in with the address and the password of a form. A user who has to verify their address first is mailed a link,
/// which leads to where `options` say.
pub(super) async fn prove(
    authorization: &Authorization,
    request: &mut Request,
    body: &mut RequestBody,
    form: &Parameters,
    options: MailOptions,
) -> Result<Proved, Stopped> {
    let (identity, language) = (&authorization.identity, options.language);
    let one = |name| form.optional(name).ok().flatten();
    // Who reads the device of a request looks for it there.
    request.extensions_mut().insert(identity.clone());
    identity.mark_known_device(request);
    let attempt = layers::attempt(&authorization.oauth.limiter, SIGN_IN_LIMIT, request).await;
    attempt.map_err(|wait| authorization.too_many(wait, language))?;
    let device = Caller::from_request(request, body).await;
    let device = device.map_err(|error| authorization.broken(&error, language))?.0;
    let typed = one("email").unwrap_or_default();
    let not = |why| Ok(Proved::Not { typed: typed.to_owned(), why });
    let Some(email) = Email::parse_existing(typed) else { return not(wrong(language)) };
    let password = Password::new(one("password").unwrap_or_default().to_owned());
    let remember = if one("rememberMe").is_some() { Remember::Yes } else { Remember::No };
    let signed_in = match identity.accounts.sign_in(&email, &password, remember, &device).await {
        Ok(signed_in) => signed_in,
        Err(Error::InvalidEmailOrPassword | Error::PasswordTooLong) => return not(wrong(language)),
        Err(Error::EmailNotVerified) => {
            // Whoever has had a few just now gets no more.
            if let Err(error) = identity.accounts.send_verification(&email, None, &options).await {
                tracing::info!(%error, "no link was mailed to a user who signs in");
            }
            return not(unverified(language));
        }
        Err(Error::Throttled(wait)) => return Err(authorization.too_many(wait, language)),
        Err(error) => return Err(authorization.broken(&error, language)),
    };
    end_session_of_another(authorization, request.headers(), &signed_in.user.id, language).await?;
    let mut cookies = identity.cookies.set_session(&signed_in);
    if let Ok(known) = identity.accounts.remember_device(&email, &device) {
        identity.cookies.set_device(&mut cookies, &known);
    }
    cookies.remove("set-auth-token");
    cookies.remove("access-control-expose-headers");
    Ok(Proved::SignedIn(cookies))
}

/// Where a request goes on.
fn place_of(id: &str) -> String {
    format!("/consent?request={id}")
}

/// Ends the session that the browser has had, where it was another user's: whoever signs in here takes their place. An
/// older one of the same user stays, with what was given in it.
async fn end_session_of_another(
    authorization: &Authorization,
    headers: &HeaderMap,
    user: &str,
    language: Language,
) -> Result<(), Stopped> {
    let before = authorization.signed_in(headers, language).await?;
    if before.is_none_or(|before| before.user.id == user) {
        return Ok(());
    }
    let token = authorization.identity.cookies.session_token(headers);
    let ended = authorization.identity.sessions.sign_out(token).await;
    ended.map_err(|error| authorization.broken(&error, language))
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
            let (client, user) = (&kept.received.client.id, signed_in.user.id.as_str());
            authorization.oauth.decisions.note(Decision::ConsentAsked, client, Some(user));
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
    let host = host_of(&received.redirect_uri);
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
    let over = || authorization.stopped(Problem::Over, Authorization::language(&request));
    let kept = kept.ok_or_else(over)?;
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
        return Ok(authorization.pages.see_other(&place_of(&kept.id), language));
    };
    authorization.take(&kept).await?;
    let agreed = authorization.agree(&signed_in.user.id, &kept.received.client, &wanted).await;
    agreed.map_err(|error| authorization.broken(&error, language))?;
    Ok(authorization.issue(&kept.received, &wanted, &signed_in).await)
}
