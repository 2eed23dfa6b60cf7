//! The modules of the OpenID Foundation's plans, each as a test: docs/oauth-conformance.md has the table.
//! In: a relying party that is registered, and a browser of its user. Out: what comes back at its redirect URI.

mod basic;
mod pieces;
mod requests;
mod table;

use std::fmt::Write as _;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use signet::model::client::{AuthMethod, Client};
use signet::secret::ClientSecret;
use signet::store::Database;
use signet_verify::crypto::Algorithm;

use super::support::{self, REDIRECT_URI, VERIFIER, challenge, claims, encoded, form, secret_of, token_at};
use crate::clients::issuer_of;
use crate::support::agent::{Agent, Page};
use crate::support::caller::PASSWORD;
use crate::support::{BEGINNING, Caller, Reply, TestApp, User};

const STATE: &str = "the state &=% of the client";
const NONCE: &str = "the nonce";
const SIGNED_OUT: &str = "https://app.example/signed-out";

/// A relying party, its user, and a browser that goes no further than the addresses of the party.
struct Party {
    app: TestApp,
    client: Client,
    user: User,
    agent: Agent,
    issuer: String,
}

impl Party {
    async fn start() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut Client)) -> Self {
        let app = TestApp::start().await;
        let url = format!("sqlite:{}", app.folder.path().join("signet.db").display());
        let database = Database::open(&url, 1).await.unwrap();
        let mut client = support::client("party");
        client.id_token_alg = Algorithm::Rs256;
        client.skip_consent = true;
        client.post_logout_redirect_uris = vec![SIGNED_OUT.to_owned()];
        change(&mut client);
        database.clients().insert(&client).await.unwrap();
        if client.auth_method.is_by_secret() {
            let hash = ClientSecret::new(secret_of("party")).hash();
            database.clients().add_secret(&client.id, &hash, BEGINNING).await.unwrap();
        }
        database.close().await;
        let user = app.signed_up("ada").await;
        let agent = Self::browser();
        let issuer = issuer_of(&app);
        Self { app, client, user, agent, issuer }
    }

    fn browser() -> Agent {
        Agent::new().stopping_at(REDIRECT_URI).stopping_at(SIGNED_OUT)
    }

    /// The usual request, with these parameters in the place of others; those without a value are left out.
    fn parameters(&self, changed: &[(&'static str, Option<&str>)]) -> Vec<(&'static str, String)> {
        let challenge = challenge(VERIFIER);
        let mut parameters = form(&[
            ("response_type", "code"),
            ("client_id", "party"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid profile email"),
            ("state", STATE),
            ("nonce", NONCE),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        for (name, value) in changed {
            parameters.retain(|(known, _)| known != name);
            parameters.extend(value.map(|value| (*name, value.to_owned())));
        }
        parameters
    }

    fn endpoint(&self, path: &str, parameters: &[(&'static str, String)]) -> String {
        let mut url = format!("{}/api/auth/oauth2/{path}", self.issuer);
        if !parameters.is_empty() {
            write!(url, "?{}", encoded(parameters)).unwrap();
        }
        url
    }

    /// Where the browser ends that asks so, before its user does anything.
    async fn ask(&mut self, changed: &[(&'static str, Option<&str>)]) -> Page {
        let url = self.endpoint("authorize", &self.parameters(changed));
        self.agent.open(&url).await
    }

    /// The same, and the user signs in where a form asks for it.
    async fn authorize(&mut self, changed: &[(&'static str, Option<&str>)]) -> Page {
        let page = self.ask(changed).await;
        self.sign_in(page).await
    }

    /// Lets the user sign in if the page is the form for it.
    async fn sign_in(&mut self, page: Page) -> Page {
        let Some(form) = page.find_form("password") else { return page };
        let form = form.fill("email", &self.user.email).fill("password", PASSWORD);
        self.agent.submit(&page, &form, "").await
    }

    /// A code for what is asked; the user agrees where a page asks for it.
    async fn code(&mut self, changed: &[(&'static str, Option<&str>)]) -> String {
        let mut page = self.authorize(changed).await;
        if let Some(form) = page.find_form("Allow") {
            page = self.agent.submit(&page, &form, "Allow").await;
        }
        self.assert_answer(&page);
        page.parameter("code").unwrap_or_else(|| panic!("no code: {} {}", page.url, page.text))
    }

    async fn exchange(&self, code: &str) -> Reply {
        token_at(&self.app, &self.client, &support::Provider::exchange_form(code)).await
    }

    async fn tokens(&mut self, changed: &[(&'static str, Option<&str>)]) -> Value {
        let code = self.code(changed).await;
        self.exchange(&code).await.expect(200)
    }

    /// The claims of an ID token for what is asked.
    async fn id_token(&mut self, changed: &[(&'static str, Option<&str>)]) -> Value {
        claims(&self.tokens(changed).await["id_token"])
    }

    /// Asserts that this is an answer at the redirect URI, of this issuer and to this request (RFC 9207).
    #[track_caller]
    fn assert_answer(&self, page: &Page) {
        assert!(page.url.as_str().starts_with(REDIRECT_URI), "{} {}", page.url, page.text);
        assert_eq!(page.parameter("state").as_deref(), Some(STATE), "{}", page.url);
        assert_eq!(page.parameter("iss").as_deref(), Some(self.issuer.as_str()), "{}", page.url);
    }

    #[track_caller]
    fn assert_error(&self, page: &Page, error: &str) {
        self.assert_answer(page);
        assert_eq!((page.parameter("error").as_deref(), page.parameter("code")), (Some(error), None));
    }

    /// Asserts that the user is told on a page of ours, and that nothing goes to any client.
    #[track_caller]
    fn assert_page_of_error(&self, page: &Page) {
        assert_eq!(page.status, 400, "{} {}", page.url, page.text);
        assert!(page.url.as_str().starts_with(&self.issuer), "{}", page.url);
    }

    /// What UserInfo says to a token.
    async fn userinfo(&self, token: &Value) -> Value {
        let caller = self.app.anonymous().bearing(token.as_str().unwrap());
        caller.get("/api/auth/oauth2/userinfo").await.expect(200)
    }

    /// Posts a form to UserInfo, perhaps with a bearer.
    async fn post_userinfo(&self, bearer: Option<&str>, body: String) -> Reply {
        let caller = self.app.anonymous();
        let caller = bearer.map_or(caller.clone(), |token| caller.bearing(token));
        let request = caller.request(Method::POST, "/api/auth/oauth2/userinfo");
        Caller::send(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)).await
    }
}

fn by_post(client: &mut Client) {
    client.auth_method = AuthMethod::ClientSecretPost;
}
