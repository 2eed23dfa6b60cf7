//! Whose tokens a process trusts that issues none itself: role `resource` only.
//! In: the settings of that role, and the base URL. Out: [`Upstream`].
//! Owns: no key set comes unauthenticated over a network.

use super::error::Error;
use super::reader::Reader;
use super::secrets::SECRET;
use super::server::{BASE_URL, BaseUrl, ROLE, Role};
use super::setting::{Declaration, Group, Kind, Problems, Setting, Unset, or_none, show_switch, switch};
use super::tokens;
use super::web_url::{is_loopback, parse_absolute, quoted, web_origin};

const JWKS_URL: Setting<Option<String>> = Setting {
    name: "SIGNET_JWKS_URL",
    flag: "jwks-url",
    value_name: "URL",
    help: "Key set of the issuer",
    default: "BETTER_AUTH_URL + /api/auth/jwks",
    unset: Unset::Is(|| None),
    kind: Kind::Plain,
    parse: any_text,
    show: or_none,
};

const JWKS_PLAIN_HTTP: Setting<bool> = Setting {
    name: "SIGNET_JWKS_PLAIN_HTTP",
    flag: "jwks-plain-http",
    value_name: "on|off",
    help: "on: the key set may come over plain http from another machine, inside a network of your own",
    default: "off",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: switch,
    show: show_switch,
};

const ISSUER: Setting<Option<String>> = Setting {
    name: "SIGNET_ISSUER",
    flag: "issuer",
    value_name: "TEXT",
    help: "Issuer that tokens must name",
    default: "BETTER_AUTH_URL, or else the origin of SIGNET_JWKS_URL",
    unset: Unset::Is(|| None),
    kind: Kind::Plain,
    parse: any_text,
    show: or_none,
};

const AUDIENCE: Setting<Option<String>> = Setting {
    name: "SIGNET_AUDIENCE",
    flag: "audience",
    value_name: "TEXT",
    help: "Audience that tokens must name",
    default: "BETTER_AUTH_URL, or else the issuer",
    unset: Unset::Is(|| None),
    kind: Kind::Plain,
    parse: any_text,
    show: or_none,
};

const SETTINGS: [Declaration; 4] =
    [JWKS_URL.declaration(), JWKS_PLAIN_HTTP.declaration(), ISSUER.declaration(), AUDIENCE.declaration()];

pub(super) const GROUP: Group =
    Group { heading: "Whose tokens to trust (role resource only)", settings: &SETTINGS };

/// The identity service whose tokens a resource process trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Where its key set is.
    pub jwks_url: String,
    /// Whether it may be fetched over plain http from another machine.
    pub plain_http: bool,
    /// What tokens must name as `iss`.
    pub issuer: String,
    /// What tokens must name as `aud`.
    pub audience: String,
}

/// Present exactly for the role `resource`.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Option<Upstream>> {
    match reader.peek(&ROLE)? {
        Role::Resource => {
            if tokens::verifies_with_shared_secret(reader) && matches!(reader.peek(&SECRET), Some(None)) {
                let problem = "is missing: with SIGNET_ROLE=resource, the token modes hs256 and migrate need the \
                               secret of the identity service";
                reader.refuse(Error::new(SECRET.name, problem));
            }
            let base_url = reader.peek(&BASE_URL)?;
            let upstream = upstream(reader, &base_url);
            let upstream = reader.keep(upstream)?;
            reader.report(&JWKS_URL, upstream.jwks_url.clone());
            reader.report(&JWKS_PLAIN_HTTP, show_switch(&upstream.plain_http));
            reader.report(&ISSUER, upstream.issuer.clone());
            reader.report(&AUDIENCE, upstream.audience.clone());
            Some(Some(upstream))
        }
        Role::All | Role::Identity => {
            for setting in SETTINGS {
                if reader.is_given(&setting) {
                    let problem = "is only for SIGNET_ROLE=resource; other roles trust the tokens that they issue: unset it";
                    reader.refuse(Error::new(setting.name, problem));
                }
            }
            Some(None)
        }
    }
}

fn upstream(reader: &Reader<'_>, base_url: &BaseUrl) -> Result<Upstream, Vec<Error>> {
    let base_url = base_url.given();
    let (name, text) = match (reader.peek(&JWKS_URL).flatten(), base_url) {
        (Some(text), _) => (JWKS_URL.name, text),
        (None, Some(base_url)) => (BASE_URL.name, format!("{base_url}/api/auth/jwks")),
        (None, None) => {
            let problem = "is missing: SIGNET_ROLE=resource needs it, or BETTER_AUTH_URL, to know whose tokens to trust";
            return Err(Error::new(JWKS_URL.name, problem).into());
        }
    };
    let refused = || {
        let example =
            "which is not an http or https URL; write it like https://auth.example.com/api/auth/jwks";
        Error::new(name, format!("is {}, {example}", quoted(&text)))
    };
    let mut url = parse_absolute(&text).ok_or_else(refused)?;
    let origin = web_origin(&url).ok_or_else(refused)?;
    let (plain_http, _) = reader.value(&JWKS_PLAIN_HTTP)?;
    if url.scheme() != "https" && !is_loopback(&url) && !plain_http {
        return Err(Error::new(
            name,
            format!(
                "leads to the key set at {url}, where anybody on the way could put their own keys; it must be https, or \
                 http on this very machine; SIGNET_JWKS_PLAIN_HTTP=on trusts the network in between"
            ),
        )
        .into());
    }
    url.set_fragment(None);
    let text = |setting| reader.peek(setting).flatten().or_else(|| base_url.map(str::to_owned));
    let issuer = text(&ISSUER).unwrap_or(origin);
    let audience = text(&AUDIENCE).unwrap_or_else(|| issuer.clone());
    Ok(Upstream { jwks_url: url.into(), plain_http, issuer, audience })
}

fn any_text(text: &str) -> Result<Option<String>, Problems> {
    Ok(Some(text.to_owned()))
}
