//! Clients: applications that sign people in, or ask for themselves.
//! In: the words of registration (RFC 7591). Out: a client, whose members are judged by `oauth::registration`.
//! Owns: no id of a client looks like that of a user.

use std::fmt;

use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;

use super::scope::ScopeSet;

/// Where an application runs (OpenID Connect Registration section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationType {
    /// `web`.
    Web,
    /// `native`.
    Native,
}

impl ApplicationType {
    const ALL: [Self; 2] = [Self::Web, Self::Native];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Native => "native",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text)
    }
}

/// How a client proves who it is at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// `client_secret_basic`.
    ClientSecretBasic,
    /// `client_secret_post`.
    ClientSecretPost,
    /// `private_key_jwt`.
    PrivateKeyJwt,
    /// `none`.
    None,
}

impl AuthMethod {
    const ALL: [Self; 4] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt, Self::None];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text)
    }
}

impl AuthMethod {
    /// By secret.
    pub fn is_by_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// What a client may ask for tokens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// `authorization_code`.
    AuthorizationCode,
    /// `refresh_token`.
    RefreshToken,
    /// `client_credentials`.
    ClientCredentials,
    /// `urn:ietf:params:oauth:grant-type:device_code`.
    DeviceCode,
}

impl GrantType {
    const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::DeviceCode];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text)
    }
}

/// The id of a client: 1 to 64 of `A-Za-z0-9._-`, but not 32 letters and digits, which the ids of users are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientId(String);

impl ClientId {
    /// Reads an id; none if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let known = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let of_user = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        ((1..=64).contains(&text.len()) && known && !of_user).then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host that a URI leads to, or its scheme where it has none: what people can recognise.
pub fn host_of(uri: &str) -> String {
    let url = url::Url::parse(uri).ok();
    url.map(|url| url.host_str().unwrap_or(url.scheme()).to_owned()).unwrap_or_default()
}

/// A client that is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// What people read when they are asked.
    pub name: String,
    /// Where it runs.
    pub application_type: ApplicationType,
    /// How it proves who it is.
    pub auth_method: AuthMethod,
    /// What its ID tokens are signed with.
    pub id_token_alg: Algorithm,
    /// What it may ask for tokens with.
    pub grant_types: Vec<GrantType>,
    /// What it may ask users for.
    pub scope: ScopeSet,
    /// What it may do by itself.
    pub machine_scope: ScopeSet,
    /// Whether its users are not asked: it is of the same house.
    pub skip_consent: bool,
    /// Whether its requests have to be pushed (RFC 9126).
    pub require_pushed: bool,
    /// Whether a code is worth nothing without its verifier (RFC 7636).
    pub require_pkce: bool,
    /// Where users are sent back to; compared byte for byte.
    pub redirect_uris: Vec<String>,
    /// Where users are sent once they are signed out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Its public keys, as a document.
    pub jwks: Option<String>,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
    /// Where it is told of sign-outs.
    pub backchannel_logout_uri: Option<String>,
    /// Whether it wants to be told which session has ended; it is told in any case.
    pub backchannel_logout_session_required: bool,
    /// Its home page.
    pub client_uri: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Client {
    /// Where it leads users back to: a host, or the scheme of a program on their own machine.
    pub fn host_of_redirects(&self) -> String {
        self.redirect_uris.first().map(|uri| host_of(uri)).unwrap_or_default()
    }
}
