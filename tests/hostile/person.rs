//! Somebody who is signed in on one side, with a task.

use std::sync::atomic::{AtomicU32, Ordering};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::connection::{Answer, Connection};
use crate::support::TestApp;
use crate::support::caller::PASSWORD;
use crate::support::fresh_database::Fresh;

/// Who calls, and what they need for it.
pub struct Person {
    pub host: String,
    pub origin: String,
    pub email: String,
    pub password: String,
    pub session_token: String,
    /// The cookie of the session, as a browser sends it.
    pub cookie: String,
    pub jwt: String,
    /// The id of a task of theirs.
    pub task: String,
    number: u32,
    signed_up: AtomicU32,
}

/// One of the two servers, and whoever calls it.
pub struct Side {
    app: TestApp,
    /// Lives as long as the server does.
    _database: Fresh,
    connection: Connection,
    pub person: Person,
    people: u32,
}

impl Side {
    pub async fn new(app: TestApp, database: Fresh) -> Self {
        let mut connection = Connection::new(&app.base_url);
        let person = Person::sign_up(&app, &mut connection, 0).await;
        Self { app, _database: database, connection, person, people: 0 }
    }

    pub async fn send(&mut self, request: &[u8]) -> Answer {
        self.connection.send(request).await
    }

    /// Somebody new, since the one before has signed out or is gone.
    pub async fn renew(&mut self) {
        self.people += 1;
        self.person = Person::sign_up(&self.app, &mut self.connection, self.people).await;
    }

    /// Asks as a well-behaved client.
    pub async fn get(&mut self, path: &str, bearer: &str) -> Value {
        let host = &self.person.host;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {bearer}\r\n\r\n");
        let answer = self.connection.send(request.as_bytes()).await;
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Whatever was stored, everything that reads it still can.
    pub async fn read_everything(&mut self) {
        let (token, jwt) = (self.person.session_token.clone(), self.person.jwt.clone());
        for path in ["get-session", "list-sessions", "list-accounts"] {
            assert!(!self.get(&format!("/api/auth/{path}"), &token).await.is_null(), "{path}");
        }
        let fresh = self.get("/api/auth/token", &token).await["token"].as_str().unwrap().to_owned();
        for jwt in [jwt, fresh] {
            self.get("/api/me/tasks?limit=100", &jwt).await;
        }
    }
}

impl Person {
    async fn sign_up(app: &TestApp, connection: &mut Connection, number: u32) -> Self {
        let host = app.base_url.trim_start_matches("http://").to_owned();
        let origin = app.base_url.replace("127.0.0.1", "localhost");
        let mut person = Self {
            email: format!("person{number}@example.com"),
            password: PASSWORD.to_owned(),
            session_token: String::new(),
            cookie: String::new(),
            jwt: String::new(),
            task: String::new(),
            signed_up: AtomicU32::new(0),
            host,
            origin,
            number,
        };
        let body = json!({ "name": "Ada", "email": person.email, "password": PASSWORD });
        let answer = person.post(connection, "/api/auth/sign-up/email", "", &body).await;
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
        person.session_token = text(&answer.json()["token"]);
        let signed = &answer.headers["set-auth-token"];
        person.cookie =
            format!("better-auth.session_token={}", utf8_percent_encode(signed, NON_ALPHANUMERIC));
        let request = format!(
            "GET /api/auth/token HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
            person.host, person.session_token
        );
        person.jwt = text(&connection.send(request.as_bytes()).await.json()["token"]);
        person.task = person.new_task(connection).await;
        person
    }

    async fn new_task(&self, connection: &mut Connection) -> String {
        let made = self.post(connection, "/api/me/tasks", &self.jwt, &json!({ "title": "milk" })).await;
        made.json()["id"].as_str().unwrap().to_owned()
    }

    async fn post(&self, connection: &mut Connection, path: &str, bearer: &str, body: &Value) -> Answer {
        let (host, body) = (&self.host, body.to_string());
        let bearer =
            if bearer.is_empty() { String::new() } else { format!("authorization: Bearer {bearer}\r\n") };
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\n{bearer}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = connection.send(request.as_bytes()).await;
        assert!(answer.is_success(), "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer
    }

    /// An address that nobody has.
    pub fn next_email(&self) -> String {
        let count = self.signed_up.fetch_add(1, Ordering::Relaxed);
        format!("new{count}-of-{}@example.com", self.number)
    }
}
