//! What the authorization endpoint and its pages share.
//! In: the parameters of a client, and the browser that brings them. Out: a page, or an answer to the client.
//! Owns: the client first, then its redirect URI, and only then anything that leads there; a request that is kept belongs
//! to one browser and is answered once.

use std::sync::Arc;

use crate::sync::rule::{RetryAfter, Rule};
use poem::http::HeaderMap;
use poem::http::header::{ACCEPT_LANGUAGE, HeaderValue, SET_COOKIE};
use poem::{Request, Response};
use signet_verify::clock::{Timestamp, random_alphanumeric};
use signet_verify::crypto::sha256;
use signet_verify::jose::base64url;

use super::page::{Pages, Problem, Stop};
use super::parameters::Parameters;
use super::service::OAuth;
use crate::http::framework::client_address::ClientAddress;
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::http::framework::headers;
use crate::http::framework::request_log::RequestId;
use crate::http::identity::{Identity, cookie_pairs};
use crate::identity::{Found, SignedIn, Slide};
use crate::mail::Language;
use crate::model::authorization_request::{AuthorizationRequest, REQUEST_LIFETIME};
use crate::model::client::Client;
use crate::model::scope::ScopeSet;
use crate::oauth::authorize::{self, Arrival, Asked, Next, Refusal, ResponseMode, Wanted};
use crate::oauth::{Approved, Decision, REQUEST_URI_PREFIX};

/// Letters and digits of the id of a request, and of the cookie of a browser: 190 bits and more.
pub(super) const ID_LENGTH: usize = 32;
/// The longest request that is kept, in bytes.
pub(super) const LONGEST_KEPT: usize = 8 * 1024;
/// The parameter that names a request which was pushed; in what is kept it says that the request was.
const REQUEST_URI: &str = "request_uri";
/// How many requests of one address are kept: with their lifetime 8,000 at once, which are 8 MiB.
const KEPT: &Rule = &Rule { name: "authorize-kept", burst: 4096, window: REQUEST_LIFETIME };
/// Requests that are longer than clients send are fewer: 8 MiB of them.
const LONG: &Rule = &Rule { name: "authorize-kept-long", burst: 512, window: REQUEST_LIFETIME };
const LONG_FROM: usize = 1024;
/// What is kept beside the parameters of one that was pushed.
const PUSHED: &str = "&request_uri=pushed";
/// What proves a client, and is no part of what it asks for.
const PROOFS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];
/// Parameters that are given at most once.
const ONCE: [&str; 20] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "ui_locales",
    "acr_values",
    "display",
    "claims_locales",
    "request",
    "request_uri",
    "registration",
];

/// Why a user sees a page instead of going on; boxed, since most go on.
pub(super) type Stopped = Box<Stop>;

/// The authorization endpoint and its pages.
#[derive(Debug)]
pub struct Authorization {
    /// Clients, codes and what is kept.
    pub(super) oauth: Arc<OAuth>,
    /// Who signs in.
    pub(super) identity: Arc<Identity>,
    /// What users see.
    pub(super) pages: Pages,
}

/// The parameters of a client that is known, with a place of its own.
pub(super) struct Received {
    pub(super) client: Client,
    pub(super) redirect_uri: String,
    pub(super) parameters: Parameters,
    pub(super) arrival: Arrival,
    pub(super) language: Language,
}

/// A request that this browser is busy with.
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) browser: String,
    pub(super) row: AuthorizationRequest,
    pub(super) received: Received,
}

impl Kept {
    /// What the forms of its pages carry: whoever does not have the cookie does not know it.
    pub(super) fn csrf(&self) -> String {
        base64url::encode(&sha256(format!("csrf {} {}", self.browser, self.id).as_bytes()))
    }
}

impl Authorization {
    /// Over the parts of the identity half; pages find their styles below `assets`.
    pub fn new(oauth: Arc<OAuth>, identity: Arc<Identity>, assets: &str, app: &str) -> Self {
        Self { oauth, identity, pages: Pages::new(assets, app) }
    }

    /// The language of a request that names none by a parameter.
    pub(super) fn language(request: &Request) -> Language {
        Language::of(headers::first(request.headers(), &ACCEPT_LANGUAGE).as_deref())
    }

    pub(super) fn stopped(&self, problem: Problem, language: Language) -> Stopped {
        Box::new(Stop::of(problem, language))
    }

    /// The answer of a page: what it shows, or why it shows something else.
    pub(super) fn shown(
        &self,
        answered: Result<Response, Stopped>,
        incident: Option<&RequestId>,
    ) -> Response {
        let stop = match answered {
            Ok(response) => return response,
            Err(stop) => stop,
        };
        tracing::info!(problem = stop.problem.name(), "a user is shown what went wrong");
        self.pages.problem(&stop, incident.map(|id| id.0.as_str()).unwrap_or_default())
    }

    pub(super) fn too_many(&self, wait: RetryAfter, language: Language) -> Stopped {
        Box::new(Stop { wait: Some(wait), ..Stop::of(Problem::TooMany, language) })
    }

    pub(super) fn broken(&self, error: &dyn std::fmt::Display, language: Language) -> Stopped {
        tracing::error!(%error, "a request for authorization could not be answered");
        self.stopped(Problem::Broken, language)
    }

    /// The client and its place; what does not fit is told to the user alone.
    pub(super) async fn receive(
        &self,
        parameters: Parameters,
        language: Language,
    ) -> Result<Received, Stopped> {
        let language = language_of(&parameters, language);
        let unreadable = |_| self.stopped(Problem::Unreadable, language);
        let id = parameters.optional("client_id").map_err(unreadable)?.unwrap_or_default();
        let client = self.oauth.clients.find(id).await.map_err(|error| self.broken(&error, language))?;
        let client = client.ok_or_else(|| self.stopped(Problem::UnknownClient, language))?;
        let pushed = parameters.optional(REQUEST_URI).ok().flatten();
        let pushed = pushed.filter(|uri| uri.starts_with(REQUEST_URI_PREFIX)).map(str::to_owned);
        let (parameters, arrival) = match pushed {
            Some(uri) => (self.take_pushed(&client, &uri, language).await?, Arrival::Pushed),
            None => (parameters, Arrival::Browser),
        };
        self.received(client, parameters, arrival, language)
    }

    /// What a client has pushed, once. Whoever comes again sees a page: where they could be sent to is not known any more.
    async fn take_pushed(
        &self,
        client: &Client,
        uri: &str,
        language: Language,
    ) -> Result<Parameters, Stopped> {
        let taken = self.oauth.pushed.take(&client.id, uri).await;
        let taken = taken.map_err(|error| self.broken(&error, language))?;
        let text = taken.ok_or_else(|| self.over(client, language))?;
        Parameters::parse(text.as_bytes()).map_err(|_| self.stopped(Problem::Unreadable, language))
    }

    fn received(
        &self,
        client: Client,
        parameters: Parameters,
        arrival: Arrival,
        language: Language,
    ) -> Result<Received, Stopped> {
        let unreadable = |_| self.stopped(Problem::Unreadable, language);
        let language = language_of(&parameters, language);
        let place = parameters.optional("redirect_uri").map_err(unreadable)?.unwrap_or_default();
        if !authorize::fits_redirect_uri(&client, place) {
            return Err(self.stopped(Problem::WrongPlace, language));
        }
        Ok(Received { redirect_uri: place.to_owned(), client, parameters, arrival, language })
    }

    /// What a client pushes, form-encoded, if it may ask for it (RFC 9126 section 2.1).
    ///
    /// # Errors
    /// What the authorization endpoint would say to the client, or to the user.
    pub(super) async fn check_pushed(&self, client: Client, form: &Parameters) -> Result<String, ApiError> {
        if form.optional(REQUEST_URI)?.is_some() {
            return Err(Refusal::invalid("request_uri is not to be pushed").into());
        }
        let place = form.required("redirect_uri")?;
        if !authorize::fits_redirect_uri(&client, place) {
            return Err(Refusal::invalid("redirect_uri is not registered").into());
        }
        let redirect_uri = place.to_owned();
        let text = form.encoded_without(&[&PROOFS[..], &["client_id", REQUEST_URI]].concat());
        if text.len() > LONGEST_KEPT {
            return Err(ApiError::from(Code::PayloadTooLarge).for_oauth());
        }
        let parameters = Parameters::parse(text.as_bytes())?;
        let (arrival, language) = (Arrival::Pushed, Language::English);
        let received = Received { client, redirect_uri, parameters, arrival, language };
        self.judge(&received).await?;
        Ok(text)
    }

    /// What the client may have of what it asks for, or what it is told.
    pub(super) async fn judge(&self, received: &Received) -> Result<Wanted, Refusal> {
        let refused = Refusal::invalid;
        let given = &received.parameters;
        for name in ONCE {
            given.optional(name).map_err(|_| refused("a parameter is given twice, or cannot be read"))?;
        }
        let one = |name| given.optional(name).ok().flatten();
        match one("response_mode") {
            None | Some("query" | "form_post") => {}
            Some(_) => return Err(refused("response_mode is query or form_post")),
        }
        let hinted_user = match one("id_token_hint") {
            Some(text) => {
                let hint = self.oauth.logouts.read_hint(text).await.map_err(|_| Refusal::SERVER_ERROR)?;
                let hint = hint.filter(|hint| hint.client == received.client.id);
                Some(hint.ok_or_else(|| refused("id_token_hint is no ID token of this client"))?.user)
            }
            None => None,
        };
        let asked = Asked {
            arrival: received.arrival,
            response_type: one("response_type"),
            scope: one("scope"),
            state: one("state"),
            nonce: one("nonce"),
            code_challenge: one("code_challenge"),
            code_challenge_method: one("code_challenge_method"),
            prompt: one("prompt"),
            max_age: one("max_age"),
            hinted_user: hinted_user.as_deref(),
            request: one("request"),
            request_uri: one(REQUEST_URI).filter(|_| received.arrival == Arrival::Browser),
            registration: one("registration"),
            resources: given.repeated("resource").map_err(|_| refused("resource does not fit"))?,
        };
        let wanted = authorize::judge(&received.client, &asked)?;
        let targets = self.oauth.tokens.targets();
        for resource in &wanted.resources {
            let known = *resource == targets.userinfo()
                || targets.knows(resource).await.map_err(|_| Refusal::SERVER_ERROR)?;
            if !known {
                return Err(Refusal::INVALID_TARGET);
            }
        }
        Ok(wanted)
    }

    /// Who is signed in.
    pub(super) async fn signed_in(
        &self,
        headers: &HeaderMap,
        language: Language,
    ) -> Result<Option<SignedIn>, Stopped> {
        let presented = self.identity.cookies.session_token(headers);
        match self.identity.sessions.authenticate(presented, Slide::No).await {
            Ok(Found::SignedIn(signed_in)) => Ok(Some(*signed_in)),
            Ok(Found::Ended | Found::NoToken) => Ok(None),
            Err(error) => Err(self.broken(&error, language)),
        }
    }

    /// What comes next for a request, of which `asked_at` is known where the user is busy with it.
    pub(super) async fn next(
        &self,
        received: &Received,
        wanted: &Wanted,
        session: Option<&SignedIn>,
        asked_at: Option<Timestamp>,
    ) -> Result<Next, Stopped> {
        let agreed = match session {
            None => None,
            Some(signed_in) => self
                .agreed(&signed_in.user.id, &received.client, wanted)
                .await
                .map_err(|error| self.broken(&error, received.language))?,
        };
        let times = (asked_at, self.oauth.clock.now());
        let session = session.map(|signed_in| &signed_in.session);
        Ok(authorize::decide(&received.client, wanted, session, agreed.as_ref(), times))
    }

    /// What a user has agreed to at every resource that is asked for.
    async fn agreed(
        &self,
        user: &str,
        client: &Client,
        wanted: &Wanted,
    ) -> Result<Option<ScopeSet>, crate::store::Error> {
        let mut agreed: Option<ScopeSet> = None;
        for resource in places(wanted) {
            let Some(scope) = self.oauth.database.consents().find(user, &client.id, resource).await? else {
                return Ok(None);
            };
            agreed = Some(agreed.map_or(scope.clone(), |before| before.intersection(&scope)));
        }
        Ok(agreed)
    }

    /// Keeps what a user has agreed to, with what they had agreed to before.
    pub(super) async fn agree(
        &self,
        user: &str,
        client: &Client,
        wanted: &Wanted,
    ) -> Result<(), crate::store::Error> {
        let now = self.oauth.clock.now();
        let kept = self.oauth.database.write(|unit| async move {
            for resource in places(wanted) {
                unit.consents().add(user, &client.id, resource, &wanted.scope, now).await?;
            }
            Ok::<_, crate::store::Error>(())
        });
        kept.await?;
        self.oauth.decisions.note(Decision::ConsentGiven, &client.id, Some(user));
        Ok(())
    }

    /// A code for the client.
    pub(super) async fn issue(&self, received: &Received, wanted: &Wanted, signed_in: &SignedIn) -> Response {
        let approved = Approved {
            client: &received.client,
            redirect_uri: &received.redirect_uri,
            scope: &wanted.scope,
            resources: &wanted.resources,
            nonce: wanted.nonce.as_deref(),
            code_challenge: wanted.code_challenge.as_deref(),
            session: &signed_in.session,
        };
        match self.oauth.codes.issue(approved).await {
            Ok(code) => {
                let user = Some(signed_in.user.id.as_str());
                self.oauth.decisions.note(Decision::CodeIssued, &received.client.id, user);
                self.answer(received, &[("code", code.expose())])
            }
            Err(error) => {
                tracing::error!(%error, "no code could be made");
                self.refuse(received, Refusal::SERVER_ERROR)
            }
        }
    }

    /// Tells the client no.
    pub(super) fn refuse(&self, received: &Received, refusal: Refusal) -> Response {
        self.oauth.decisions.note_refusal(refusal, &received.client.id);
        self.answer(received, &[("error", refusal.error), ("error_description", refusal.description)])
    }

    /// Sends the user back, with `state` and `iss` (RFC 9207).
    fn answer(&self, received: &Received, told: &[(&str, &str)]) -> Response {
        let mut pairs = told.to_vec();
        if let Ok(Some(state)) = received.parameters.optional("state") {
            pairs.push(("state", state));
        }
        pairs.push(("iss", &self.oauth.issuer));
        let mode = match received.parameters.optional("response_mode") {
            Ok(Some("form_post")) => ResponseMode::FormPost,
            _ => ResponseMode::Query,
        };
        if mode == ResponseMode::FormPost {
            return self.pages.form_post(&received.redirect_uri, &pairs, received.language);
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mark = if received.redirect_uri.contains('?') { '&' } else { '?' };
        self.pages.see_other(&format!("{}{mark}{query}", received.redirect_uri), received.language)
    }

    /// Keeps a request for the browser of `browser`, or for the first that comes with its id.
    pub(super) async fn keep(
        &self,
        received: &Received,
        browser: Option<&str>,
        request: &Request,
    ) -> Result<String, Stopped> {
        let language = received.language;
        let mut parameters = received.parameters.encoded_without(&PROOFS);
        if parameters.len() > LONGEST_KEPT {
            return Err(self.stopped(Problem::Unreadable, language));
        }
        if received.arrival == Arrival::Pushed {
            parameters.push_str(PUSHED);
        }
        let address = request.extensions().get::<ClientAddress>().map(ClientAddress::subscriber);
        let rule = if parameters.len() > LONG_FROM { LONG } else { KEPT };
        let attempt = self.oauth.limiter.attempt(rule, &address.unwrap_or_default()).await;
        attempt.map_err(|wait| self.too_many(wait, language))?;
        let now = self.oauth.clock.now();
        let id = random_alphanumeric(&*self.oauth.entropy, ID_LENGTH);
        let id = id.map_err(|error| self.broken(&error, language))?;
        let row = AuthorizationRequest {
            client_id: received.client.id.clone(),
            parameters,
            created_at: now,
            used_at: None,
            expires_at: now.after(REQUEST_LIFETIME),
        };
        let browser_hash = browser.map(|browser| sha256(browser.as_bytes()));
        let requests = self.oauth.database.authorization_requests();
        let kept = requests.insert(&row, &sha256(id.as_bytes()), browser_hash.as_ref()).await;
        kept.map_err(|error| self.broken(&error, language))?;
        Ok(id)
    }

    /// The request with this id, if it is of this browser, goes on and still fits.
    pub(super) async fn find(&self, id: &str, browser: &str, language: Language) -> Result<Kept, Stopped> {
        let requests = self.oauth.database.authorization_requests();
        let found = requests.find(&sha256(id.as_bytes()), &sha256(browser.as_bytes())).await;
        let found = found.map_err(|error| self.broken(&error, language))?;
        let row = found.ok_or_else(|| self.stopped(Problem::Over, language))?;
        let unreadable = |_| self.stopped(Problem::Unreadable, language);
        let parameters = Parameters::parse(row.parameters.as_bytes()).map_err(unreadable)?;
        let was_pushed = parameters.optional(REQUEST_URI).ok().flatten().is_some();
        let kept_arrival = if was_pushed { Arrival::Pushed } else { Arrival::Browser };
        let client = self.oauth.clients.find(row.client_id.as_str()).await;
        let client = client.map_err(|error| self.broken(&error, language))?;
        let client = client.ok_or_else(|| self.stopped(Problem::UnknownClient, language))?;
        let received = self.received(client, parameters, kept_arrival, language)?;
        if row.used_at.is_some() || row.expires_at <= self.oauth.clock.now() {
            return Err(self.over(&received.client, received.language));
        }
        Ok(Kept { id: id.to_owned(), browser: browser.to_owned(), row, received })
    }

    /// Whether this answer is the only one that the request gets.
    pub(super) async fn take(&self, kept: &Kept) -> Result<(), Stopped> {
        let requests = self.oauth.database.authorization_requests();
        let hashes = (sha256(kept.id.as_bytes()), sha256(kept.browser.as_bytes()));
        match requests.take(&hashes.0, &hashes.1, self.oauth.clock.now()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.over(&kept.received.client, kept.received.language)),
            Err(error) => Err(self.broken(&error, kept.received.language)),
        }
    }

    fn over(&self, client: &Client, language: Language) -> Stopped {
        let uri = client.client_uri.as_deref();
        let uri = uri.filter(|uri| uri.starts_with("https://") || uri.starts_with("http://"));
        let back = uri.map(|uri| (uri.to_owned(), client.name.clone()));
        Box::new(Stop { back, ..Stop::of(Problem::Over, language) })
    }

    fn cookie_name(&self) -> &'static str {
        if self.oauth.issuer.starts_with("https:") { "__Host-signet.browser" } else { "signet.browser" }
    }

    /// What the browser is known by, and the cookie that it gets where it had none.
    pub(super) fn browser(
        &self,
        headers: &HeaderMap,
        language: Language,
    ) -> Result<(String, Option<HeaderValue>), Stopped> {
        let name = self.cookie_name();
        let fits = |value: &&[u8]| value.len() == ID_LENGTH && value.iter().all(u8::is_ascii_alphanumeric);
        let known = cookie_pairs(headers).filter(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value);
        if let Some(value) = known.into_iter().find(fits) {
            return Ok((String::from_utf8_lossy(value).into_owned(), None));
        }
        let text = random_alphanumeric(&*self.oauth.entropy, ID_LENGTH);
        let text = text.map_err(|error| self.broken(&error, language))?;
        let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
        let cookie = format!("{name}={text}; Path=/; HttpOnly{secure}; SameSite=Lax");
        Ok((text, HeaderValue::try_from(cookie).ok()))
    }
}

/// The language that a client asks for, where it is one of ours.
pub(super) fn language_of(parameters: &Parameters, otherwise: Language) -> Language {
    let Ok(Some(locales)) = parameters.optional("ui_locales") else { return otherwise };
    let is_ours = |tag: &&str| Language::ALL.iter().any(|ours| tag.split('-').next() == Some(ours.tag()));
    locales.split(' ').find(is_ours).map_or(otherwise, |tag| Language::of(Some(tag)))
}

/// Where consent is kept: at each resource that is named.
fn places(wanted: &Wanted) -> impl Iterator<Item = &str> {
    let none = wanted.resources.is_empty().then_some("");
    none.into_iter().chain(wanted.resources.iter().map(String::as_str))
}

/// The same answer, with a cookie.
pub(super) fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
