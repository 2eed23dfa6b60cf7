//! Reading what a client registers.
//! In: the members of RFC 7591 and OpenID Connect registration, and a few of our own. Out: [`Registration`], or every
//! problem.
//! Owns: members that contradict each other make no client.

use serde_json::{Map, Value};

use super::client::{ClientSecretText, GivenSecret, MOST_SCOPES, Registration};
use super::contradictions;
use super::keys;
use super::members::{Members, Problem, shown};
use super::redirect_uri::{self, Http};
use crate::model::client::{ApplicationType, AuthMethod, ClientId, GrantType};
use crate::model::grant::OFFLINE_ACCESS;
use crate::model::scope::ScopeSet;
use crate::oauth::built_in::DOCS_CLIENT;
use signet_verify::crypto::Algorithm;

/// The most addresses of a kind.
const MOST_ADDRESSES: usize = 50;
/// The longest name of a client, in characters.
const LONGEST_NAME: usize = 100;

/// What a client may ask for that says nothing about it.
const USUAL_SCOPE: &str = "openid profile email";
/// Understood, and of no use here: people read them elsewhere, or they say what is so anyway.
const PASSED_OVER: [&str; 12] = [
    "logo_uri",
    "tos_uri",
    "policy_uri",
    "contacts",
    "software_id",
    "software_version",
    "require_auth_time",
    "client_name",
    "client_uri",
    "client_id_issued_at",
    "client_secret_expires_at",
    "initiate_login_uri",
];

/// Members whose one value is what this server does; another one would be a promise that it does not keep.
const FIXED: [(&str, &str); 4] = [
    ("subject_type", "public"),
    ("token_endpoint_auth_signing_alg", "EdDSA, ES256, RS256"),
    ("authorization_signed_response_alg", ""),
    ("userinfo_signed_response_alg", ""),
];

impl Registration {
    /// Judges the metadata of a client.
    ///
    /// # Errors
    /// Every problem, in the order in which members are read.
    pub fn read(entry: Map<String, Value>) -> Result<Self, Vec<Problem>> {
        let mut members = Members::new(entry);
        let read = Self::take(&mut members);
        members.pass_over(&PASSED_OVER);
        let problems = members.finish("a client");
        match read {
            Some(registration) if problems.is_empty() => Ok(registration),
            _ => Err(problems),
        }
    }

    fn take(members: &mut Members) -> Option<Self> {
        let name = name(members);
        let client_id = client_id(members, name.as_deref());
        let secret = secret(members);
        let application_type = application_type(members);
        let auth_method = auth_method(members);
        let id_token_alg = algorithm(members, "id_token_signed_response_alg").unwrap_or(Algorithm::Rs256);
        let grant_types = grant_types(members);
        let asks_users = grant_types.iter().any(|grant| *grant != GrantType::ClientCredentials);
        let (scope, machine_scope) = scopes(members, &grant_types, asks_users);
        let redirect_uris = addresses(members, "redirect_uris", application_type);
        let post_logout_redirect_uris = addresses(members, "post_logout_redirect_uris", application_type);
        let jwks = jwks(members);
        let jwks_uri = web(members, "jwks_uri", Http::Refused);
        let backchannel_logout_uri = told_at(members);
        let client_uri = web(members, "client_uri", Http::Allowed);
        let registration = Self {
            name: name.unwrap_or_else(|| client_id.as_ref().map(ToString::to_string).unwrap_or_default()),
            client_id: client_id?,
            secret,
            application_type,
            auth_method,
            id_token_alg,
            grant_types,
            scope,
            machine_scope,
            skip_consent: members.switch("skip_consent").unwrap_or(false),
            require_pushed: members.switch("require_pushed_authorization_requests").unwrap_or(false),
            require_pkce: members.switch("require_pkce").unwrap_or(true),
            redirect_uris,
            post_logout_redirect_uris,
            jwks,
            jwks_uri,
            backchannel_logout_uri,
            backchannel_logout_session_required: members
                .switch("backchannel_logout_session_required")
                .unwrap_or(false),
            client_uri,
        };
        fixed(members);
        response_types(members, &registration.grant_types);
        contradictions::find(&registration, members);
        Some(registration)
    }
}

fn name(members: &mut Members) -> Option<String> {
    let name = members.text("client_name")?;
    // What turns the direction of a text, or shows nothing, can make one name look like another.
    let hides = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if name.chars().count() > LONGEST_NAME || name.chars().any(|c| c.is_control() || hides(c)) {
        members.refuse("client_name", format_args!("must be one line of at most {LONGEST_NAME} characters"));
        return None;
    }
    Some(name)
}

/// The id: as it is given, or made up of the name, so that it is the same whenever the file is read.
fn client_id(members: &mut Members, name: Option<&str>) -> Option<ClientId> {
    let free = |id: &ClientId| id.as_str() != DOCS_CLIENT;
    if members.has("client_id") {
        return members.word(
            "client_id",
            "1 to 64 letters, digits, dots, hyphens and underscores, but not 32 letters and digits as the ids of users, \
             nor swagger-ui, which is built in",
            |text| ClientId::parse(text).filter(free),
        );
    }
    let made = name.map(made_of).and_then(|text| ClientId::parse(&text)).filter(free);
    if made.is_none() {
        members.refuse("client_id", "is missing, and there is no client_name to make one of");
    }
    made
}

/// `Grafana (staging)` as an id: `grafana-staging`.
fn made_of(name: &str) -> String {
    let mut id = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    id.truncate(64);
    id.trim_end_matches('-').to_owned()
}

fn secret(members: &mut Members) -> Option<GivenSecret> {
    let text = members.secret("client_secret").map(|text| GivenSecret::Text(ClientSecretText(text)));
    let file = members.text("client_secret_file").map(GivenSecret::File);
    if text.is_some() && file.is_some() {
        members.refuse("client_secret", "and client_secret_file are both there; keep one of them");
    }
    text.or(file)
}

fn application_type(members: &mut Members) -> ApplicationType {
    let read = |text: &str| match text {
        "web" => Some(ApplicationType::Web),
        "native" => Some(ApplicationType::Native),
        _ => None,
    };
    members.word("application_type", "web, native", read).unwrap_or(ApplicationType::Web)
}

fn auth_method(members: &mut Members) -> AuthMethod {
    let known = "client_secret_basic, client_secret_post, private_key_jwt, none";
    // RFC 7591 section 2.
    members
        .word("token_endpoint_auth_method", known, AuthMethod::parse)
        .unwrap_or(AuthMethod::ClientSecretBasic)
}

/// An algorithm by the name that headers have.
pub(super) fn algorithm(members: &mut Members, name: &str) -> Option<Algorithm> {
    members.word(name, "RS256, ES256, EdDSA", Algorithm::of_header)
}

fn grant_types(members: &mut Members) -> Vec<GrantType> {
    let Some(words) = members.texts("grant_types") else { return vec![GrantType::AuthorizationCode] };
    let mut grants = Vec::new();
    for word in words {
        match GrantType::parse(&word) {
            Some(grant) if grants.contains(&grant) => {
                members.refuse("grant_types", format_args!("has {word} twice"))
            }
            Some(grant) => grants.push(grant),
            None => members.refuse(
                "grant_types",
                format_args!(
                    "has {}; it must be one of: authorization_code, refresh_token, client_credentials, \
                     urn:ietf:params:oauth:grant-type:device_code",
                    shown(&word)
                ),
            ),
        }
    }
    if grants.is_empty() {
        members.refuse("grant_types", "names no grant");
    }
    grants
}

/// What the client may ask users for, and what it may do by itself. `scope` is the second where there are no users.
fn scopes(members: &mut Members, grants: &[GrantType], asks_users: bool) -> (ScopeSet, ScopeSet) {
    let scope = scope(members, "scope");
    let machine_scope = scope_of_machines(members);
    match (asks_users, scope, machine_scope) {
        (true, scope, machine_scope) => {
            let usual = || {
                let offline = grants.contains(&GrantType::RefreshToken);
                let more =
                    if offline { format!("{USUAL_SCOPE} {OFFLINE_ACCESS}") } else { USUAL_SCOPE.to_owned() };
                ScopeSet::parse(&more).unwrap_or_default()
            };
            (scope.unwrap_or_else(usual), machine_scope.unwrap_or_default())
        }
        (false, Some(_), Some(_)) => {
            members.refuse(
                "scope",
                "and machine_scope are both there, and the client has no users; keep machine_scope",
            );
            Default::default()
        }
        (false, scope, machine_scope) => (ScopeSet::default(), machine_scope.or(scope).unwrap_or_default()),
    }
}

fn scope(members: &mut Members, name: &str) -> Option<ScopeSet> {
    let text = members.text(name)?;
    match ScopeSet::parse(&text) {
        Some(scope) if scope.iter().count() <= MOST_SCOPES => Some(scope),
        Some(_) => {
            members.refuse(name, format_args!("has more than {MOST_SCOPES} words"));
            None
        }
        None => {
            members.refuse(
                name,
                format_args!("is {}; it must be words with one space between them", shown(&text)),
            );
            None
        }
    }
}

fn scope_of_machines(members: &mut Members) -> Option<ScopeSet> {
    scope(members, "machine_scope")
}

fn addresses(members: &mut Members, name: &str, application: ApplicationType) -> Vec<String> {
    let addresses = members.texts(name).unwrap_or_default();
    if addresses.len() > MOST_ADDRESSES {
        members.refuse(name, format_args!("has more than {MOST_ADDRESSES} addresses"));
        return Vec::new();
    }
    for (place, address) in addresses.iter().enumerate() {
        if let Err(problem) = redirect_uri::check(address, application) {
            members
                .refuse(&format!("{name}[{place}]"), format_args!("is {}, which {problem}", shown(address)));
        } else if addresses[..place].contains(address) {
            members.refuse(
                &format!("{name}[{place}]"),
                format_args!("is {}, which is there already", shown(address)),
            );
        }
    }
    addresses
}

fn web(members: &mut Members, name: &str, http: Http) -> Option<String> {
    let address = members.text(name)?;
    if let Err(problem) = redirect_uri::check_web(&address, http) {
        members.refuse(name, format_args!("is {}, which {problem}", shown(&address)));
        return None;
    }
    Some(address)
}

/// Where a client is told of sign-outs (OpenID Connect Back-Channel Logout section 2.2): what this server can reach, which is
/// https, and http on its own machine.
fn told_at(members: &mut Members) -> Option<String> {
    let address = members.text("backchannel_logout_uri")?;
    if let Err(problem) = redirect_uri::check(&address, ApplicationType::Web) {
        members.refuse("backchannel_logout_uri", format_args!("is {}, which {problem}", shown(&address)));
        return None;
    }
    Some(address)
}

fn jwks(members: &mut Members) -> Option<String> {
    let document = Value::Object(members.object("jwks")?).to_string();
    match keys::check(&document) {
        Ok(()) => Some(document),
        Err(problem) => {
            members.refuse("jwks", problem);
            None
        }
    }
}

/// Members that may say nothing but what is so.
fn fixed(members: &mut Members) {
    for (name, known) in FIXED {
        let Some(text) = members.text(name) else { continue };
        if !known.split(", ").any(|word| word == text) {
            let known = if known.is_empty() { "it is left out here" } else { known };
            members.refuse(name, format_args!("is {}, which is not served: {known}", shown(&text)));
        }
    }
}

/// RFC 7591 section 2.1: the response types follow from the grants.
fn response_types(members: &mut Members, grants: &[GrantType]) {
    let Some(types) = members.texts("response_types") else { return };
    let expected: &[&str] = if grants.contains(&GrantType::AuthorizationCode) { &["code"] } else { &[] };
    if types != expected {
        let expected =
            if expected.is_empty() { "empty: the client has no authorization_code" } else { "[\"code\"]" };
        members.refuse("response_types", format_args!("must be {expected}"));
    }
}
