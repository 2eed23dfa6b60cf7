//! The authorization endpoint, decided (OpenID Connect Core section 3.1.2, OAuth 2.1 section 4.1).
//! In: the parameters of a client, who is signed in and what they have agreed to. Out: what comes next.
//! Owns: nothing is sent to a place that the client has not registered; no code without a sign-in and, where the client
//! needs it, consent.

use std::time::Duration;

use crate::model::client::{ApplicationType, AuthMethod, Client, GrantType};
use crate::model::scope::ScopeSet;
use crate::model::session::Session;
use signet_verify::clock::Timestamp;

/// Characters of an S256 challenge.
const CHALLENGE_LENGTH: usize = 43;
/// Longest text of `state` and `nonce`, which are given back.
const LONGEST_ECHO: usize = 2048;

/// How the answer travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the redirect.
    #[default]
    Query,
    /// In a form that the browser posts.
    FormPost,
}

/// What is told to the client, at its own place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The word of the RFCs.
    pub error: &'static str,
    /// For whoever looks into it.
    pub description: &'static str,
}

impl Refusal {
    /// The user said no.
    pub const DENIED: Self = Self::new("access_denied", "the user has refused");
    /// Nothing can be given out now.
    pub const SERVER_ERROR: Self = Self::new("server_error", "no code could be made");

    /// There is no such resource (RFC 8707 section 2).
    pub const INVALID_TARGET: Self = Self::new("invalid_target", "a resource is not known");

    const fn new(error: &'static str, description: &'static str) -> Self {
        Self { error, description }
    }

    /// The request does not fit.
    pub fn invalid(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }
}

/// How a request has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrival {
    /// By the browser of a user, which can read and change it.
    #[default]
    Browser,
    /// From the client itself (RFC 9126).
    Pushed,
}

/// The parameters, each where it was given once and not empty.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// How they have come.
    pub arrival: Arrival,
    /// `code`, or what else was asked for.
    pub response_type: Option<&'a str>,
    /// The words, as they were sent.
    pub scope: Option<&'a str>,
    /// What the answer repeats.
    pub state: Option<&'a str>,
    /// What the ID token repeats.
    pub nonce: Option<&'a str>,
    /// SHA-256 of the verifier (RFC 7636).
    pub code_challenge: Option<&'a str>,
    /// `S256` alone is taken.
    pub code_challenge_method: Option<&'a str>,
    /// What the user is to be asked (OpenID Connect Core section 3.1.2.1).
    pub prompt: Option<&'a str>,
    /// How long ago, in seconds, the user may have signed in.
    pub max_age: Option<&'a str>,
    /// The user whom an ID token of this client names, which the client has sent as a hint.
    pub hinted_user: Option<&'a str>,
    /// Not supported.
    pub request: Option<&'a str>,
    /// Not supported.
    pub request_uri: Option<&'a str>,
    /// Not supported.
    pub registration: Option<&'a str>,
    /// Whom the tokens are to be for (RFC 8707).
    pub resources: Vec<&'a str>,
}

/// What a client may ask for and has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What the client may have of what it asked for.
    pub scope: ScopeSet,
    /// What the ID token repeats.
    pub nonce: Option<String>,
    /// SHA-256 of the verifier (RFC 7636).
    pub code_challenge: Option<String>,
    /// What the user is to be asked.
    pub prompt: Prompt,
    /// How long ago the user may have signed in.
    pub max_age: Option<Duration>,
    /// The user who is meant.
    pub hinted_user: Option<String>,
    /// Whom the tokens are to be for (RFC 8707).
    pub resources: Vec<String>,
}

/// What the client wants the user to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// No page is shown.
    pub none: bool,
    /// The user signs in again.
    pub login: bool,
    /// The user is asked again.
    pub consent: bool,
    /// Who is not signed in signs up.
    pub create: bool,
}

impl Prompt {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut prompt = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                // Choosing an account is signing in to it.
                "login" | "select_account" => prompt.login = true,
                "consent" => prompt.consent = true,
                "create" => prompt.create = true,
                _ => return Err(Refusal::invalid("prompt has an unknown value")),
            }
        }
        if prompt.none && (prompt.login || prompt.consent || prompt.create) {
            return Err(Refusal::invalid("prompt=none stands alone"));
        }
        Ok(prompt)
    }
}

/// Whether a client may be answered at `asked`: the same text, or for native clients another port of a loopback address
/// (RFC 8252 section 7.3).
pub fn fits_redirect_uri(client: &Client, asked: &str) -> bool {
    client.redirect_uris.iter().any(|registered| {
        registered == asked
            || (client.application_type == ApplicationType::Native
                && without_loopback_port(registered)
                    .is_some_and(|registered| Some(registered) == without_loopback_port(asked)))
    })
}

fn without_loopback_port(uri: &str) -> Option<(&'static str, &str)> {
    ["http://127.0.0.1", "http://[::1]"].into_iter().find_map(|host| {
        let rest = uri.strip_prefix(host)?;
        let rest = match rest.strip_prefix(':') {
            Some(port) => {
                let digits = port.bytes().take_while(u8::is_ascii_digit).count();
                let number: Option<u16> = port[..digits].parse().ok();
                number.filter(|number| *number > 0)?;
                &port[digits..]
            }
            None => rest,
        };
        (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
    })
}

/// What is asked for, if this client may ask for it.
///
/// # Errors
/// What the client is told at its redirect URI.
pub fn judge(client: &Client, asked: &Asked<'_>) -> Result<Wanted, Refusal> {
    if asked.request.is_some() {
        return Err(Refusal::new("request_not_supported", "request is not supported"));
    }
    if asked.request_uri.is_some() {
        return Err(Refusal::new("request_uri_not_supported", "request_uri is not supported"));
    }
    if asked.registration.is_some() {
        return Err(Refusal::new("registration_not_supported", "registration is not supported"));
    }
    if client.require_pushed && asked.arrival == Arrival::Browser {
        return Err(Refusal::invalid("this client pushes its requests"));
    }
    match asked.response_type {
        Some("code") => {}
        Some(_) => return Err(Refusal::new("unsupported_response_type", "response_type is code")),
        None => return Err(Refusal::invalid("response_type is missing")),
    }
    if !client.grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(Refusal::new("unauthorized_client", "the client is not registered for codes"));
    }
    if [asked.state, asked.nonce].into_iter().flatten().any(|text| text.len() > LONGEST_ECHO) {
        return Err(Refusal::invalid("state or nonce is too long"));
    }
    let scope = scope(client, asked.scope)?;
    let code_challenge = challenge(client, asked, &scope)?;
    let max_age = asked.max_age.map(|text| text.parse().map(Duration::from_secs)).transpose();
    let max_age = max_age.map_err(|_| Refusal::invalid("max_age is no number of seconds"))?;
    Ok(Wanted {
        scope,
        nonce: asked.nonce.map(str::to_owned),
        code_challenge,
        prompt: Prompt::parse(asked.prompt.unwrap_or_default())?,
        max_age,
        hinted_user: asked.hinted_user.map(str::to_owned),
        resources: asked.resources.iter().map(|resource| (*resource).to_owned()).collect(),
    })
}

/// What the client has registered of what it asks for; the token's `scope` says what came of it.
fn scope(client: &Client, asked: Option<&str>) -> Result<ScopeSet, Refusal> {
    let refused = Refusal::new("invalid_scope", "scope names nothing that this client may ask for");
    scope_for(client, asked).ok_or(refused)
}

/// The same, for whichever grant; none where there is nothing of it.
pub(super) fn scope_for(client: &Client, asked: Option<&str>) -> Option<ScopeSet> {
    let asked = ScopeSet::parse(asked.unwrap_or_default())?;
    let refreshes = client.grant_types.contains(&GrantType::RefreshToken);
    let scope = asked.intersection(&client.scope).filtered(|word| refreshes || word != "offline_access");
    (!scope.is_empty()).then_some(scope)
}

fn challenge(client: &Client, asked: &Asked<'_>, scope: &ScopeSet) -> Result<Option<String>, Refusal> {
    match (asked.code_challenge, asked.code_challenge_method) {
        (Some(text), Some("S256")) => {
            let fits = text.len() == CHALLENGE_LENGTH
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            if fits {
                Ok(Some(text.to_owned()))
            } else {
                Err(Refusal::invalid("code_challenge does not fit"))
            }
        }
        (Some(_), _) => Err(Refusal::invalid("code_challenge_method is S256")),
        (None, Some(_)) => Err(Refusal::invalid("code_challenge is missing")),
        (None, None) => {
            let is_excepted = !client.require_pkce && client.auth_method != AuthMethod::None;
            if is_excepted && asked.nonce.is_some() && scope.contains("openid") {
                Ok(None)
            } else {
                Err(Refusal::invalid("code_challenge is missing"))
            }
        }
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The client is told no.
    Refuse(Refusal),
    /// The user signs in.
    SignIn,
    /// The user signs up.
    SignUp,
    /// The user is asked.
    Consent,
    /// The client gets a code.
    Issue,
}

/// Decides, in this order: session, hint, age, consent.
///
/// `agreed` is what the user has agreed to before; `asked_at` is when a request came that the user is already busy with, so
/// that a younger sign-in is one that it has led to.
pub fn decide(
    client: &Client,
    wanted: &Wanted,
    session: Option<&Session>,
    agreed: Option<&ScopeSet>,
    (asked_at, now): (Option<Timestamp>, Timestamp),
) -> Next {
    let silent = wanted.prompt.none;
    let login = |description| {
        if silent { Next::Refuse(Refusal::new("login_required", description)) } else { Next::SignIn }
    };
    let Some(session) = session else {
        return if wanted.prompt.create { Next::SignUp } else { login("the user is not signed in") };
    };
    if wanted.hinted_user.as_ref().is_some_and(|user| *user != session.user_id) {
        return login("another user is signed in");
    }
    let is_new = asked_at.is_some_and(|asked_at| session.authenticated_at >= asked_at) && !silent;
    let is_old = wanted.max_age.is_some_and(|age| now.since(session.authenticated_at) > age || age.is_zero());
    if !is_new && (wanted.prompt.login || is_old) {
        return login("the sign-in is too old");
    }
    let known = agreed.is_some_and(|agreed| wanted.scope.is_subset(agreed));
    if !wanted.prompt.consent && (client.skip_consent || (known && !is_asked_each_time(client))) {
        return Next::Issue;
    }
    if silent {
        return Next::Refuse(Refusal::new("consent_required", "the user has not agreed yet"));
    }
    Next::Consent
}

/// Any program can call itself a native public client (RFC 8252 section 8.6), unless its place is a claimed https one.
fn is_asked_each_time(client: &Client) -> bool {
    client.application_type == ApplicationType::Native
        && client.auth_method == AuthMethod::None
        && !client.redirect_uris.iter().all(|uri| uri.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_loopback_port_knows_two_addresses_and_whole_ports() {
        for (uri, expected) in [
            ("http://127.0.0.1/cb", Some(("http://127.0.0.1", "/cb"))),
            ("http://127.0.0.1:80/cb", Some(("http://127.0.0.1", "/cb"))),
            ("http://[::1]:65535?x", Some(("http://[::1]", "?x"))),
            ("http://127.0.0.1:65536/cb", None),
            ("http://127.0.0.1:/cb", None),
            ("http://127.0.0.1:8@evil.example/cb", None),
            ("http://127.0.0.1.evil.example/cb", None),
            ("http://localhost:80/cb", None),
            ("https://127.0.0.1:80/cb", None),
        ] {
            assert_eq!(without_loopback_port(uri), expected, "{uri}");
        }
    }

    #[test]
    fn prompt_none_stands_alone_and_unknown_words_are_refused() {
        assert!(Prompt::parse("none").is_ok_and(|prompt| prompt.none));
        for text in ["none login", "consent none", "other", "LOGIN"] {
            assert_eq!(Prompt::parse(text).unwrap_err().error, "invalid_request", "{text}");
        }
    }
}
