//! Signing out at the wish of a client (OpenID Connect RP-Initiated Logout 1.0).
//! In: the parameters of a client, by GET or by a form. Out: a page, or the way back to the client.
//! Owns: nothing ends by mistake: what does not fit is told on a page before anything happens, and who cannot prove that it is
//! the session's own request is answered by a question.

use std::sync::Arc;

use minijinja::{Value, context};
use poem::web::Data;
use poem::{Request, Response, Result};
use poem_openapi::OpenApi;
use signet_verify::clock::random_alphanumeric;
use signet_verify::crypto::sha256;
use signet_verify::jose::base64url;
use subtle::ConstantTimeEq;

use super::authorization::{Authorization, ID_LENGTH, LONGEST_KEPT, Stopped, language_of, with_cookie};
use super::authorize::Sent;
use super::interaction::is_from_here;
use super::page::Problem;
use super::parameters::Parameters;
use super::service::Tag;
use super::shown::{Shown, Ways};
use crate::http::framework::answer::{Declared, refusals};
use crate::identity::SignedIn;
use crate::mail::Language;
use crate::model::authorization_request::REQUEST_LIFETIME;
use crate::model::client::Client;
use crate::oauth::logout::{Hint, Next, decide};

refusals!(
    /// Being sent here to sign out.
    EndSessionRefusals of OAuth for Person: 400, 413, 415, 429, 500, 503
);

/// The path.
const PATH: &str = "/api/auth/oauth2/end-session";
/// Longest text of `state`, which is given back.
const LONGEST_ECHO: usize = 2048;
/// Parameters of clients, which the form of the page carries on.
const CARRIED: [&str; 6] =
    ["id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];
/// What the form of the page says.
const DECISION: &str = "decision";
/// What proves that it is the form of the page.
const CSRF: &str = "csrf";
/// The id of a request that is kept.
const REQUEST: &str = "request";

/// What the end-session endpoint answers a browser.
struct Answers;

impl Ways for Answers {
    const PAGE: &'static str = "A page that asks, or that says that the user is signed out.";
    const ON: &'static str =
        "On to `post_logout_redirect_uri` with `state`; for a form, to this address by GET.";
}

/// A request that fits, whoever is signed in.
struct Received {
    client: Option<Client>,
    hint: Option<Hint>,
    /// Where the user goes afterwards: an address of the client.
    place: Option<String>,
    parameters: Parameters,
    language: Language,
}

impl Received {
    fn one(&self, name: &'static str) -> Option<&str> {
        self.parameters.optional(name).ok().flatten()
    }
}

/// Signing out.
#[derive(Debug)]
pub struct EndSessionApi;

#[OpenApi(prefix_path = "/api/auth/oauth2")]
impl EndSessionApi {
    /// Sign a user out
    ///
    /// The browser comes with the parameters of OpenID Connect RP-Initiated Logout 1.0 section 2. With an ID token of its own
    /// session (`id_token_hint`, expired or not) it is signed out at once, else the user is asked. It goes back to
    /// `post_logout_redirect_uri` if the client has registered exactly that; any other one ends nothing.
    #[oai(path = "/end-session", method = "get", tag = "Tag::Authorization", operation_id = "endSession")]
    async fn get(
        &self,
        request: &Request,
        authorization: Data<&Arc<Authorization>>,
    ) -> Result<Shown<Answers>, Declared<EndSessionRefusals>> {
        let answered = arrived(&authorization, request).await;
        Ok(authorization.shown(answered, request.extensions().get()).into())
    }

    /// Sign a user out, by a form
    ///
    /// As by GET. A form of another site brings no cookies along, so what it says is kept and the browser sent on.
    #[oai(
        path = "/end-session",
        method = "post",
        tag = "Tag::Authorization",
        operation_id = "endSessionByForm"
    )]
    async fn post(
        &self,
        sent: Sent,
        request: &Request,
        authorization: Data<&Arc<Authorization>>,
    ) -> Result<Shown<Answers>, Declared<EndSessionRefusals>> {
        let answered = posted(&authorization, request, sent.0).await;
        Ok(authorization.shown(answered, request.extensions().get()).into())
    }
}

async fn arrived(authorization: &Authorization, request: &Request) -> Result<Response, Stopped> {
    let language = Authorization::language(request);
    let unreadable = |_| authorization.stopped(Problem::Unreadable, language);
    let query =
        Parameters::parse(request.uri().query().unwrap_or_default().as_bytes()).map_err(unreadable)?;
    let parameters = match query.optional(REQUEST).map_err(unreadable)? {
        Some(id) => kept(authorization, id, language).await?,
        None => query,
    };
    let received = receive(authorization, parameters, language).await?;
    let language = received.language;
    let signed_in = authorization.signed_in(request.headers(), language).await?;
    let session = signed_in.as_ref().map(|signed_in| &signed_in.session);
    match (decide(received.hint.as_ref(), session), signed_in) {
        (Next::AnotherUser, _) => Err(authorization.stopped(Problem::NotOfThisUser, language)),
        (Next::SignOut, Some(signed_in)) => sign_out(authorization, &received, &signed_in).await,
        (Next::Ask, Some(signed_in)) => {
            let (browser, cookie) = authorization.browser(request.headers(), language)?;
            Ok(with_cookie(ask(authorization, &received, &signed_in, &browser).await?, cookie))
        }
        (Next::NobodyIsSignedIn | Next::SignOut | Next::Ask, _) => Ok(finish(authorization, &received)),
    }
}

async fn posted(
    authorization: &Authorization,
    request: &Request,
    parameters: Option<Parameters>,
) -> Result<Response, Stopped> {
    let language = Authorization::language(request);
    let parameters = parameters.ok_or_else(|| authorization.stopped(Problem::Unreadable, language))?;
    let received = receive(authorization, parameters, language).await?;
    if received.one(DECISION).is_some() {
        return decided(authorization, request, &received).await;
    }
    let encoded = received.parameters.encoded_without(&[CSRF, REQUEST]);
    if encoded.len() > LONGEST_KEPT {
        return Err(authorization.stopped(Problem::Unreadable, received.language));
    }
    let broken = |error: &dyn std::fmt::Display| authorization.broken(error, received.language);
    let id = random_alphanumeric(&*authorization.oauth.entropy, ID_LENGTH).map_err(|error| broken(&error))?;
    let until = authorization.oauth.clock.now().after(REQUEST_LIFETIME);
    let requests = authorization.oauth.database.logout_requests();
    requests.insert(&sha256(id.as_bytes()), &encoded, until).await.map_err(|error| broken(&error))?;
    Ok(authorization.pages.see_other(&format!("{PATH}?{REQUEST}={id}"), received.language))
}

async fn kept(authorization: &Authorization, id: &str, language: Language) -> Result<Parameters, Stopped> {
    let requests = authorization.oauth.database.logout_requests();
    let found = requests.find(&sha256(id.as_bytes()), authorization.oauth.clock.now()).await;
    let found = found.map_err(|error| authorization.broken(&error, language))?;
    let found = found.ok_or_else(|| authorization.stopped(Problem::Over, language))?;
    Parameters::parse(found.as_bytes()).map_err(|_| authorization.stopped(Problem::Unreadable, language))
}

/// Judges what a client says, before it is known who is signed in.
async fn receive(
    authorization: &Authorization,
    parameters: Parameters,
    language: Language,
) -> Result<Received, Stopped> {
    let language = language_of(&parameters, language);
    let stopped = |problem| authorization.stopped(problem, language);
    let one = |name| parameters.optional(name).map_err(|_| stopped(Problem::Unreadable));
    for name in CARRIED.into_iter().chain([DECISION, CSRF]) {
        one(name)?;
    }
    if one("state")?.is_some_and(|state| state.len() > LONGEST_ECHO) {
        return Err(stopped(Problem::Unreadable));
    }
    let hint = match one("id_token_hint")? {
        None => None,
        Some(text) => {
            let hint = authorization.oauth.logouts.read_hint(text).await;
            let hint = hint.map_err(|error| authorization.broken(&error, language))?;
            Some(hint.ok_or_else(|| stopped(Problem::NotOfThisUser))?)
        }
    };
    let named = one("client_id")?;
    let of_hint = hint.as_ref().map(|hint| hint.client.as_str());
    if named.is_some() && of_hint.is_some() && named != of_hint {
        return Err(stopped(Problem::NotOfThisUser));
    }
    let client = match named.or(of_hint) {
        None => None,
        Some(id) => {
            let found = authorization.oauth.clients.find(id).await;
            let found = found.map_err(|error| authorization.broken(&error, language))?;
            Some(found.ok_or_else(|| stopped(Problem::UnknownClient))?)
        }
    };
    let place = one("post_logout_redirect_uri")?.map(str::to_owned);
    let registered = |place: &String| {
        client.as_ref().is_some_and(|client| client.post_logout_redirect_uris.contains(place))
    };
    if place.as_ref().is_some_and(|place| !registered(place)) {
        return Err(stopped(Problem::WrongPlace));
    }
    Ok(Received { client, hint, place, parameters, language })
}

/// What the form of the page carries: only this browser knows it, and only for this session.
fn csrf(browser: &str, session: &str) -> String {
    base64url::encode(&sha256(format!("csrf end-session {browser} {session}").as_bytes()))
}

async fn ask(
    authorization: &Authorization,
    received: &Received,
    signed_in: &SignedIn,
    browser: &str,
) -> Result<Response, Stopped> {
    let clients = authorization.oauth.logouts.clients_of(&signed_in.session).await;
    let clients = clients.map_err(|error| authorization.broken(&error, received.language))?;
    let given = CARRIED.into_iter().filter_map(|name| Some((name, received.one(name)?)));
    let pairs: Vec<Value> =
        given.map(|(name, value)| Value::from(vec![name.to_owned(), value.to_owned()])).collect();
    let client = received.client.as_ref().map(|client| client.name.clone());
    let values = context! {
        client, clients, pairs, email => signed_in.user.email.clone(), path => PATH,
        csrf => csrf(browser, &signed_in.session.id),
    };
    Ok(authorization.pages.page("sign-out.html", received.language, values))
}

/// What the user has said on the page.
async fn decided(
    authorization: &Authorization,
    request: &Request,
    received: &Received,
) -> Result<Response, Stopped> {
    let language = received.language;
    let foreign = || authorization.stopped(Problem::ForeignForm, language);
    if !is_from_here(request.headers(), authorization) {
        return Err(foreign());
    }
    let Some(signed_in) = authorization.signed_in(request.headers(), language).await? else {
        return Ok(finish(authorization, received));
    };
    let (browser, _) = authorization.browser(request.headers(), language)?;
    let expected = csrf(&browser, &signed_in.session.id);
    let shown = received.one(CSRF).unwrap_or_default();
    if !bool::from(expected.as_bytes().ct_eq(shown.as_bytes())) {
        return Err(foreign());
    }
    if decide(received.hint.as_ref(), Some(&signed_in.session)) == Next::AnotherUser {
        return Err(authorization.stopped(Problem::NotOfThisUser, language));
    }
    match received.one(DECISION) {
        Some("sign-out") => sign_out(authorization, received, &signed_in).await,
        _ => Ok(said(authorization, received, Said::StillSignedIn)),
    }
}

async fn sign_out(
    authorization: &Authorization,
    received: &Received,
    signed_in: &SignedIn,
) -> Result<Response, Stopped> {
    let ended = authorization.identity.sessions.sign_out(Some(signed_in.token.clone())).await;
    ended.map_err(|error| authorization.broken(&error, received.language))?;
    Ok(finish(authorization, received))
}

/// Back to the client, or a page; the browser forgets its session.
fn finish(authorization: &Authorization, received: &Received) -> Response {
    let mut response = match &received.place {
        None => said(authorization, received, Said::SignedOut),
        Some(place) => {
            let mut place = place.clone();
            if let Some(state) = received.one("state") {
                let query =
                    url::form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
                place.push(if place.contains('?') { '&' } else { '?' });
                place.push_str(&query);
            }
            authorization.pages.see_other(&place, received.language)
        }
    };
    response.headers_mut().extend(authorization.identity.cookies.clear());
    response
}

/// What a page says in the end.
enum Said {
    SignedOut,
    StillSignedIn,
}

fn said(authorization: &Authorization, received: &Received, said: Said) -> Response {
    let (title, text) = match (said, received.language) {
        (Said::SignedOut, Language::English) => ("You are signed out", "Nobody is signed in here any more."),
        (Said::SignedOut, Language::German) => ("Sie sind abgemeldet", "Hier ist niemand mehr angemeldet."),
        (Said::StillSignedIn, Language::English) => {
            ("You are still signed in", "Nothing has changed. You can close this page.")
        }
        (Said::StillSignedIn, Language::German) => (
            "Sie sind weiterhin angemeldet",
            "Es hat sich nichts geändert. Sie können diese Seite schließen.",
        ),
    };
    let uri = received.client.as_ref().and_then(|client| Some((client.client_uri.as_deref()?, &client.name)));
    let uri = uri.filter(|(uri, _)| uri.starts_with("https://") || uri.starts_with("http://"));
    authorization.pages.message(title, text, received.language, uri.map(|(uri, name)| (uri, name.as_str())))
}
