//! A provider, clients that are registered in its database, and users who have approved them.
//! In: what differs from the usual client. Out: codes as the authorization endpoint gives them, and answers of the
//! token endpoint.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;
use signet::config::{SecretText, Settings};
use signet::model::client::{ApplicationType, AuthMethod, Client, ClientId, GrantType};
use signet::model::scope::ScopeSet;
use signet::oauth::{Approved, Codes};
use signet::secret::{ClientSecret, OpaqueToken};
use signet::store::Database;
use signet_verify::clock::Clock;
use signet_verify::crypto::{Algorithm, SystemEntropy, sha256};
use signet_verify::jose::base64url;

use crate::store::support::{Kind, name_of_the_test};
use crate::support::{BEGINNING, Caller, Reply, TestApp, User};

/// The issuer of every provider here; nothing is sent there.
pub const ISSUER: &str = "http://localhost:9";
/// Where the browsers of the tests find it, whatever its port; the issuer is elsewhere.
const HERE: &str = "http://127.0.0.1:*";
/// Where codes are sent.
pub const REDIRECT_URI: &str = "https://app.example/callback";
/// What challenges are made of.
pub const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more~._";
/// The secret of every client that has one; characters that a form encodes are in it.
pub const SECRET: &str = "signet_cs_a+b%41 c&d=e/f";

/// A provider whose clock is turned by hand.
pub struct Provider {
    pub app: TestApp,
    pub database: Database,
    pub url: String,
}

/// What a code is for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub scope: &'static str,
    pub resources: Vec<String>,
    pub nonce: Option<&'static str>,
    pub verifier: Option<&'static str>,
}

impl Default for Asked {
    fn default() -> Self {
        let scope = "openid profile email tasks:read tasks:write";
        Self { scope, resources: Vec::new(), nonce: Some("a nonce"), verifier: Some(VERIFIER) }
    }
}

impl Asked {
    /// The usual, but for another scope.
    pub fn scope(scope: &'static str) -> Self {
        Self { scope, ..Self::default() }
    }
}

impl Provider {
    /// A provider on SQLite.
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// The same with other settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let app = TestApp::builder().manual_clock().with(|settings| {
            settings.set("BETTER_AUTH_URL", ISSUER.to_owned());
            settings.set("BETTER_AUTH_TRUSTED_ORIGINS", HERE.to_owned());
            change(settings);
        });
        let app = app.start().await;
        let url = format!("sqlite:{}", app.folder.path().join("signet.db").display());
        let database = Database::open(&url, 4).await.unwrap();
        Self { app, database, url }
    }

    /// A provider on a database of this kind; none where it cannot be had.
    pub async fn on(kind: Kind) -> Option<Self> {
        if kind == Kind::Sqlite {
            return Some(Self::start().await);
        }
        let url = crate::support::postgres::database(&name_of_the_test()).await?;
        let database = Database::open(&url, 4).await.unwrap();
        let app = TestApp::builder().manual_clock().with(|settings| {
            settings.set("BETTER_AUTH_URL", ISSUER.to_owned());
            settings.set("BETTER_AUTH_TRUSTED_ORIGINS", HERE.to_owned());
            settings.set("DATABASE_URL", SecretText::from(url.clone()));
        });
        Some(Self { app: app.start().await, database, url })
    }

    /// Another instance of the same provider.
    pub async fn another_instance(&self) -> TestApp {
        let app = TestApp::in_folder(self.app.folder.clone()).clock(self.app.clock.clone().unwrap());
        let app = app.with(|settings| {
            settings.set("BETTER_AUTH_URL", ISSUER.to_owned());
            settings.set("BETTER_AUTH_TRUSTED_ORIGINS", HERE.to_owned());
            settings.set("DATABASE_URL", SecretText::from(self.url.clone()));
        });
        app.start().await
    }

    /// Registers the usual client, but for what `change` makes of it.
    pub async fn client(&self, id: &str, change: impl FnOnce(&mut Client)) -> Client {
        let mut client = client(id);
        change(&mut client);
        self.database.clients().insert(&client).await.unwrap();
        if client.auth_method.is_by_secret() {
            let hash = ClientSecret::new(secret_of(id)).hash();
            self.database.clients().add_secret(&client.id, &hash, BEGINNING).await.unwrap();
        }
        client
    }

    /// A code that this user has approved for this client, as the authorization endpoint gives it.
    pub async fn code(&self, client: &Client, user: &User, asked: &Asked) -> String {
        self.try_code(client, user, asked).await.unwrap()
    }

    pub async fn try_code(
        &self,
        client: &Client,
        user: &User,
        asked: &Asked,
    ) -> Result<String, signet::oauth::Error> {
        let clock: Arc<dyn Clock> = self.app.clock.clone().unwrap();
        issue_code(&self.database, clock, client, &user.session_token, asked).await
    }

    /// The form of an exchange with everything in it that fits.
    pub fn exchange_form(code: &str) -> Vec<(&'static str, String)> {
        form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ])
    }

    /// What the token endpoint answers to this client.
    pub async fn token(&self, client: &Client, form: &[(&'static str, String)]) -> Reply {
        token_at(&self.app, client, form).await
    }

    pub async fn exchange(&self, client: &Client, code: &str) -> Reply {
        self.token(client, &Self::exchange_form(code)).await
    }

    /// Everything that a user gives to a client: the answer of the token endpoint.
    pub async fn granted(&self, client: &Client, user: &User, asked: &Asked) -> Value {
        let code = self.code(client, user, asked).await;
        self.exchange(client, &code).await.expect(200)
    }

    pub async fn refresh(&self, client: &Client, token: &str) -> Reply {
        self.token(client, &form(&[("grant_type", "refresh_token"), ("refresh_token", token)])).await
    }

    /// Whether the tasks API takes this access token.
    pub async fn opens_tasks(&self, access_token: &Value) -> bool {
        let caller = self.app.anonymous().bearing(access_token.as_str().unwrap());
        caller.get("/api/me/tasks").await.status == 200
    }

    pub fn advance(&self, seconds: u64) {
        self.app.advance(Duration::from_secs(seconds));
    }
}

/// A code that the user of a session has approved for a client.
pub async fn issue_code(
    database: &Database,
    clock: Arc<dyn Clock>,
    client: &Client,
    session_token: &str,
    asked: &Asked,
) -> Result<String, signet::oauth::Error> {
    let token = OpaqueToken::new(session_token.to_owned());
    let (session, _) = database.sessions().by_token_hash(&token.hash()).await.unwrap().unwrap();
    let codes = Codes::new(database.clone(), clock, Arc::new(SystemEntropy::new()));
    let challenge = asked.verifier.map(challenge);
    let scope = ScopeSet::parse(asked.scope).unwrap();
    let code = codes.issue(Approved {
        client,
        redirect_uri: REDIRECT_URI,
        scope: &scope,
        resources: &asked.resources,
        nonce: asked.nonce,
        code_challenge: challenge.as_deref(),
        session: &session,
    });
    Ok(code.await?.expose().to_owned())
}

/// Pairs of a form.
pub fn form(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// A web client with a secret, which may do everything.
pub fn client(id: &str) -> Client {
    Client {
        id: ClientId::parse(id).unwrap(),
        name: format!("The client {id}"),
        application_type: ApplicationType::Web,
        auth_method: AuthMethod::ClientSecretBasic,
        id_token_alg: Algorithm::EdDsa,
        grant_types: vec![
            GrantType::AuthorizationCode,
            GrantType::RefreshToken,
            GrantType::ClientCredentials,
        ],
        scope: ScopeSet::parse("openid profile email offline_access tasks:read tasks:write").unwrap(),
        machine_scope: ScopeSet::parse("tasks:read").unwrap(),
        skip_consent: false,
        require_pushed: false,
        require_pkce: true,
        redirect_uris: vec![REDIRECT_URI.to_owned()],
        post_logout_redirect_uris: Vec::new(),
        jwks: None,
        jwks_uri: None,
        backchannel_logout_uri: None,
        backchannel_logout_session_required: false,
        client_uri: None,
        created_at: BEGINNING,
        updated_at: BEGINNING,
    }
}

/// The secret of the client with this id.
pub fn secret_of(id: &str) -> String {
    format!("{SECRET}{id}")
}

/// The challenge of a verifier (RFC 7636 section 4.2).
pub fn challenge(verifier: &str) -> String {
    base64url::encode(&sha256(verifier.as_bytes()))
}

/// A form as it is sent.
pub fn encoded(form: &[(&'static str, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// `Authorization: Basic`, each half as a form has it (RFC 6749 section 2.3.1).
pub fn basic(id: &str, secret: &str) -> String {
    let half = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", half(id), half(secret))))
}

/// Posts a form to the token endpoint, with this `Authorization`, if any.
pub async fn post(caller: &Caller, authorization: Option<&str>, body: String) -> Reply {
    let request = caller.request(Method::POST, "/api/auth/oauth2/token");
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
    Caller::send(match authorization {
        Some(value) => request.header(AUTHORIZATION, value),
        None => request,
    })
    .await
}

/// What the token endpoint of this instance answers to this client, which proves itself as it has registered.
pub async fn token_at(app: &TestApp, client: &Client, form: &[(&'static str, String)]) -> Reply {
    post_to(app, client, "/api/auth/oauth2/token", form).await
}

/// What an endpoint answers to this client, which proves itself as it has registered.
pub async fn post_to(app: &TestApp, client: &Client, path: &str, form: &[(&'static str, String)]) -> Reply {
    let (id, secret) = (client.id.to_string(), secret_of(client.id.as_str()));
    let mut form = form.to_vec();
    let mut authorization = None;
    match client.auth_method {
        AuthMethod::ClientSecretBasic => authorization = Some(basic(&id, &secret)),
        AuthMethod::ClientSecretPost => form.extend([("client_id", id), ("client_secret", secret)]),
        AuthMethod::None | AuthMethod::PrivateKeyJwt => form.push(("client_id", id)),
    }
    let request = app.anonymous().request(Method::POST, path);
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(encoded(&form));
    Caller::send(match authorization {
        Some(value) => request.header(AUTHORIZATION, value),
        None => request,
    })
    .await
}

/// Asserts an error in the shape of RFC 6749 section 5.2, which no cache keeps.
#[track_caller]
pub fn assert_error(reply: &Reply, status: u16, error: &str) {
    assert_eq!(
        (reply.status.as_u16(), reply.json()["error"].as_str()),
        (status, Some(error)),
        "{}",
        reply.text
    );
    assert_eq!(
        (reply.header("content-type"), reply.header("cache-control")),
        ("application/json", "no-store")
    );
    assert!(
        reply.json()["error_description"].as_str().is_some_and(|text| !text.is_empty()),
        "{}",
        reply.text
    );
}

/// The header (0) or the claims (1) of a JWT.
pub fn part_of(token: &Value, part: usize) -> Value {
    let text = token.as_str().unwrap().split('.').nth(part).unwrap();
    serde_json::from_slice(&base64url::decode(text).unwrap()).unwrap()
}

pub fn claims(token: &Value) -> Value {
    part_of(token, 1)
}
