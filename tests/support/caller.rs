//! Callers as types: an unauthenticated one, and one who is signed in.

use reqwest::header::{AUTHORIZATION, HeaderMap, LOCATION};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use serde_json::{Value, json};

use super::TestApp;

/// The password of everybody in the tests.
pub const PASSWORD: &str = "correct horse battery";

/// A client that sends requests, perhaps with a bearer token.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Client,
    base_url: String,
    bearer: Option<String>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Caller {
    /// An unauthenticated client.
    pub fn new(base_url: &str) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        Self { client, base_url: base_url.to_owned(), bearer: None }
    }

    /// The same, sending `Authorization: Bearer TOKEN`.
    pub fn bearing(&self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), ..self.clone() }
    }

    /// The bearer token.
    pub fn token(&self) -> &str {
        self.bearer.as_deref().unwrap()
    }

    /// The same, calling another server.
    pub fn at(&self, app: &TestApp) -> Self {
        Self { base_url: app.base_url.clone(), ..self.clone() }
    }

    /// A request to add headers and a body to; send it with [`Caller::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base_url));
        match &self.bearer {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    pub async fn send(request: RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        Self::send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        Self::send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        Self::send(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        Self::send(self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        Self::send(self.request(Method::DELETE, path)).await
    }
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|_| panic!("not JSON: {:?} {}", self.status, self.text))
    }

    /// One header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The path of the `Location` header.
    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// Asserts an error in the one shape.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.json()["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), "application/json");
        assert!(self.json()["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", self.text);
    }

    /// Asserts a status, and hands on the body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

/// A user who is signed in.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub email: String,
    /// The session token, for the identity API.
    pub session_token: String,
    /// Calls the identity API with the session token.
    pub session: Caller,
}

impl User {
    pub(super) async fn sign_up(app: &TestApp, name: &str) -> Self {
        let email = format!("{name}@example.com");
        let body = json!({ "name": name, "email": email, "password": PASSWORD });
        let answer = app.anonymous().post("/api/auth/sign-up/email", &body).await.expect(200);
        Self::from_answer(app, &answer)
    }

    /// Another session of the same person.
    pub async fn sign_in_again(&self, app: &TestApp) -> Self {
        let body = json!({ "email": self.email, "password": PASSWORD });
        let answer = app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(200);
        Self::from_answer(app, &answer)
    }

    fn from_answer(app: &TestApp, answer: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let session_token = text(&answer["token"]);
        Self {
            id: text(&answer["user"]["id"]),
            email: text(&answer["user"]["email"]),
            session: app.anonymous().bearing(&session_token),
            session_token,
        }
    }

    /// A fresh JWT.
    pub async fn jwt(&self) -> String {
        self.session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned()
    }

    /// Calls the tasks API with a fresh JWT.
    pub async fn api(&self) -> Caller {
        self.session.bearing(&self.jwt().await)
    }
}
