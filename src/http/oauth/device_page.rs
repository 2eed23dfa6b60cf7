//! The page on which a user lets a device in (RFC 8628 section 3.3); it needs no script.
//! In: the code from the screen of the device, typed or in the address. Out: pages: to sign in, for the code, and about who
//! asks for what from where, with a yes and a no.
//! Owns: whoever guesses is signed in and is limited; a code is looked up for a form of this browser alone, and decided
//! upon only by the user who was shown what it stands for.

use std::sync::Arc;
use std::time::Duration;

use minijinja::context;
use poem::http::Method;
use poem::{Endpoint, Request, RequestBody, Response, Result};
use signet_verify::crypto::sha256;
use signet_verify::jose::base64url;
use subtle::ConstantTimeEq;

use super::authorization::{Authorization, Stopped, with_cookie};
use super::interaction::{Proved, is_from_here, prove};
use super::page::Problem;
use super::parameters::{Parameters, read};
use crate::http::framework::client_address::ClientAddress;
use crate::http::framework::request_log::RequestId;
use crate::identity::{MailOptions, SignedIn};
use crate::mail::Language;
use crate::model::client::{Client, host_of};
use crate::oauth::{ShownToUser, scope_in_words};
use crate::secret::UserCode;
use crate::sync::rule::Rule;

const MINUTE: Duration = Duration::from_secs(60);
/// How many codes may be typed that are not good: at an address, by a user, and by all together. Of 20^8 codes a thousand
/// guesses a minute find one of a thousand that wait once in a month.
const OF_ADDRESS: &Rule = &Rule { name: "device-guess", burst: 10, window: MINUTE };
const OF_USER: &Rule = &Rule { name: "device-guess-user", burst: 10, window: MINUTE };
const OF_ALL: &Rule = &Rule { name: "device-guess-all", burst: 1000, window: MINUTE };

/// The longest text that is taken for a code.
const LONGEST_TYPED: usize = 32;

/// `/device`.
#[derive(Clone)]
pub struct DeviceEndpoint(pub Arc<Authorization>);

impl Endpoint for DeviceEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let incident = request.extensions().get::<RequestId>().cloned();
        let answered = match *request.method() {
            Method::POST => posted(&self.0, request).await,
            _ => show(&self.0, &request).await,
        };
        Ok(self.0.shown(answered, incident.as_ref()))
    }
}

/// The browser that a page is for.
struct Visit<'a> {
    authorization: &'a Authorization,
    browser: String,
    language: Language,
    signed_in: Option<SignedIn>,
}

impl Visit<'_> {
    /// What the forms carry: whoever does not have the cookie does not know it. That of a decision is about one code, by the
    /// session that was shown it.
    fn csrf(&self, decides_on: Option<&UserCode>) -> String {
        let session = self.signed_in.as_ref().map(|signed_in| signed_in.session.id.as_str());
        let about = match decides_on {
            Some(code) => format!("{} {}", session.unwrap_or_default(), code.shown()),
            None => String::new(),
        };
        base64url::encode(&sha256(format!("csrf device {} {about}", self.browser).as_bytes()))
    }

    fn page(&self, name: &str, values: minijinja::Value) -> Response {
        self.authorization.pages.page(name, self.language, values)
    }

    /// The form for an address and a password; the code goes on with it.
    fn sign_in(&self, code: &str, email: &str, problem: &str) -> Response {
        let values = context! { code, email, problem, csrf => self.csrf(None) };
        self.page("device-sign-in.html", values)
    }

    /// The form for the code.
    fn code_form(&self, signed_in: &SignedIn, code: &str, problem: &str) -> Response {
        let email = signed_in.user.email.to_string();
        self.page(
            "device.html",
            context! { code, email, problem, again => again(code), csrf => self.csrf(None) },
        )
    }

    /// Who asks for what, from where; with a yes and a no.
    fn confirm(&self, signed_in: &SignedIn, code: &UserCode, shown: &ShownToUser) -> Response {
        let ShownToUser { device, client } = shown;
        let scopes: Vec<_> = device.scope.iter().map(|word| scope_in_words(word, self.language)).collect();
        let minutes = self.authorization.oauth.clock.now().since(device.created_at).as_secs() / 60;
        self.page(
            "device-confirm.html",
            context! {
                client => client.name.clone(), host => host(client), scopes, minutes, code => code.shown(),
                resources => device.resources.clone(), address => device.ip_address.clone(),
                email => signed_in.user.email.to_string(), csrf => self.csrf(Some(code)),
                again => again(&code.shown()),
            },
        )
    }
}

/// Where the client is at home, as it was registered; a device has no place that it is answered at.
fn host(client: &Client) -> Option<String> {
    let uri = client.client_uri.as_ref().or(client.redirect_uris.first())?;
    Some(host_of(uri)).filter(|host| !host.is_empty())
}

async fn show(authorization: &Authorization, request: &Request) -> Result<Response, Stopped> {
    let language = Authorization::language(request);
    let (browser, cookie) = authorization.browser(request.headers(), language)?;
    let signed_in = authorization.signed_in(request.headers(), language).await?;
    let visit = Visit { authorization, browser, language, signed_in };
    let query = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes()).ok();
    let one = |name| query.as_ref().and_then(|query| query.optional(name).ok().flatten());
    let typed = typed(one("user_code"));
    let response = match &visit.signed_in {
        Some(signed_in) if one("prompt").is_none() => visit.code_form(signed_in, typed, ""),
        _ => visit.sign_in(typed, "", ""),
    };
    Ok(with_cookie(response, cookie))
}

fn typed(text: Option<&str>) -> &str {
    text.filter(|text| text.len() <= LONGEST_TYPED).unwrap_or_default()
}

async fn posted(authorization: &Authorization, request: Request) -> Result<Response, Stopped> {
    let (mut request, mut body) = request.split();
    let language = Authorization::language(&request);
    let foreign = || authorization.stopped(Problem::ForeignForm, language);
    if !is_from_here(request.headers(), authorization) {
        return Err(foreign());
    }
    let unreadable = |_| authorization.stopped(Problem::Unreadable, language);
    let form = read(&request, &mut body).await.map_err(unreadable)?;
    let one = |name| form.optional(name).ok().flatten();
    let (browser, _) = authorization.browser(request.headers(), language)?;
    let signed_in = authorization.signed_in(request.headers(), language).await?;
    let visit = Visit { authorization, browser, language, signed_in };
    let typed = typed(one("user_code"));
    let code = UserCode::parse(typed);
    let has_csrf =
        |expected: String| bool::from(expected.as_bytes().ct_eq(one("csrf").unwrap_or_default().as_bytes()));
    if let (Some(signed_in), Some(code), Some(decision)) = (&visit.signed_in, &code, one("decision")) {
        // Of another session than the one that was shown it: it is shown again.
        if has_csrf(visit.csrf(Some(code))) {
            return decide(&visit, &request, signed_in, code, decision).await;
        }
    } else if !has_csrf(visit.csrf(None)) && one("decision").is_none() {
        return Err(foreign());
    }
    if one("decision").is_some() {
        return Ok(authorization.pages.see_other(&place(code.as_ref()), language));
    }
    if form.optional("email").is_ok_and(|email| email.is_some()) {
        return sign_in(&visit, &mut request, &mut body, &form, typed).await;
    }
    let Some(signed_in) = &visit.signed_in else { return Ok(visit.sign_in(typed, "", "")) };
    match find(&visit, &request, signed_in, code.as_ref()).await? {
        Some((code, shown)) => Ok(visit.confirm(signed_in, code, &shown)),
        None => Ok(visit.code_form(signed_in, typed, not_good(language))),
    }
}

/// Back to the page, with a code in its address only if it can be one.
fn place(code: Option<&UserCode>) -> String {
    code.map_or_else(|| "/device".to_owned(), |code| format!("/device?user_code={}", code.shown()))
}

/// Where another user signs in, with the code that was typed.
fn again(typed: &str) -> String {
    let code = UserCode::parse(typed).map(|code| format!("&user_code={}", code.shown()));
    format!("/device?prompt=login{}", code.unwrap_or_default())
}

async fn sign_in(
    visit: &Visit<'_>,
    request: &mut Request,
    body: &mut RequestBody,
    form: &Parameters,
    typed: &str,
) -> Result<Response, Stopped> {
    let place = place(UserCode::parse(typed).as_ref());
    let options = MailOptions { callback: Some(place.clone()), language: visit.language };
    match prove(visit.authorization, request, body, form, options).await? {
        Proved::Not { typed: email, why } => Ok(visit.sign_in(typed, &email, why)),
        Proved::SignedIn(cookies) => {
            let mut response = visit.authorization.pages.see_other(&place, visit.language);
            response.headers_mut().extend(cookies);
            Ok(response)
        }
    }
}

/// What a code stands for. Each look-up is counted as a guess until it has found something.
async fn find<'c>(
    visit: &Visit<'_>,
    request: &Request,
    signed_in: &SignedIn,
    code: Option<&'c UserCode>,
) -> Result<Option<(&'c UserCode, ShownToUser)>, Stopped> {
    // What can be no code tells nothing about those that are.
    let Some(code) = code else { return Ok(None) };
    let Visit { authorization, language, .. } = visit;
    let limiter = &authorization.oauth.limiter;
    let subscriber = request.extensions().get::<ClientAddress>().map(ClientAddress::subscriber);
    let subscriber = subscriber.unwrap_or_default();
    let mut guesses = Vec::new();
    for (rule, who) in [(OF_ADDRESS, subscriber.as_str()), (OF_USER, &signed_in.user.id), (OF_ALL, "")] {
        let guess = limiter.reserve(rule, who).await;
        guesses.push(guess.map_err(|wait| authorization.too_many(wait, *language))?);
    }
    let found = authorization.oauth.devices.find(code).await;
    let found = found.map_err(|error| authorization.broken(&error, *language))?;
    if found.is_some() {
        for guess in guesses {
            limiter.take_back(guess).await;
        }
    }
    Ok(found.map(|shown| (code, shown)))
}

async fn decide(
    visit: &Visit<'_>,
    request: &Request,
    signed_in: &SignedIn,
    code: &UserCode,
    decision: &str,
) -> Result<Response, Stopped> {
    let Visit { authorization, language, .. } = visit;
    let gone = || visit.code_form(signed_in, "", not_good(*language));
    let Some((code, shown)) = find(visit, request, signed_in, Some(code)).await? else { return Ok(gone()) };
    let devices = &authorization.oauth.devices;
    let allowed = decision == "allow";
    let decided = match allowed {
        true => devices.approve(code, &shown, &signed_in.session).await,
        false => devices.deny(code, &shown, &signed_in.session).await,
    };
    if !decided.map_err(|error| authorization.broken(&error, *language))? {
        return Ok(gone());
    }
    Ok(visit.page("device-done.html", context! { allowed, client => shown.client.name }))
}

/// The same for a code that never was, was used, or is over.
fn not_good(language: Language) -> &'static str {
    match language {
        Language::English => {
            "This code is not good, or not any more. Compare it with your device, or start again there."
        }
        Language::German => {
            "Dieser Code gilt nicht oder nicht mehr. Vergleichen Sie ihn mit Ihrem Gerät, oder beginnen Sie dort von vorn."
        }
    }
}
