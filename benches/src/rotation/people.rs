//! The people: they sign in, take tokens, and one of them signs out.
//! In: the identity process. Out: tokens for the pool.
//! Owns: every request that fails is written down, and they go on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::tokens::Token;
use super::{Trouble, World};

const PASSWORD: &str = "correct horse battery";

/// The pause between two tokens of one person.
const BREATH: Duration = Duration::from_millis(400);

/// How many tokens a user takes before signing in anew.
const TOKENS: usize = 10;

impl World {
    /// Asks the identity process for something; none when it could not be had, which is written down.
    async fn errand(&self, what: &str, request: reqwest::RequestBuilder) -> Option<Value> {
        let shown = self.clock.now();
        let answer = async {
            let response = request.send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.text().await?))
        };
        let why = match answer.await {
            Ok((status, text)) if status.is_success() => match serde_json::from_str(&text) {
                Ok(body) => return Some(body),
                Err(_) => format!("no JSON: {text}"),
            },
            Ok((status, text)) => format!("{status} {text}"),
            Err(error) => chain(&error),
        };
        self.ledger.missed(what, &why, shown, self.clock.now());
        tokio::time::sleep(BREATH / 8).await;
        None
    }

    fn credentials(name: &str) -> Value {
        json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD })
    }

    /// Makes an account.
    pub async fn sign_up(&self, name: &str) -> Result<(), Trouble> {
        let url = format!("{}/api/auth/sign-up/email", self.issuer);
        let made = self.errand("an account", self.client.post(url).json(&Self::credentials(name))).await;
        made.map(|_| ()).ok_or_else(|| "no account could be made".into())
    }

    async fn sign_in(&self, name: &str) -> Option<String> {
        let url = format!("{}/api/auth/sign-in/email", self.issuer);
        let body = self.errand("a sign-in", self.client.post(url).json(&Self::credentials(name))).await?;
        self.sign_ins.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        body["token"].as_str().map(str::to_owned)
    }

    /// Takes a token; its session.
    async fn take_token(&self, session: &str) -> Option<String> {
        let request = self.client.get(format!("{}/api/auth/token", self.issuer)).bearer_auth(session);
        let body = self.errand("a token", request).await?;
        let now = self.clock.now();
        let token = Token::read(body["token"].as_str()?, now, &self.clock)?;
        self.chronicle.signed(&token.kid, now, token.exp);
        let sid = token.sid.clone();
        self.pool.add(token, now);
        Some(sid)
    }

    /// Signs in and takes tokens, again and again.
    pub async fn live(self: Arc<Self>, name: String) {
        while self.is_open() {
            let Some(session) = self.sign_in(&name).await else { continue };
            for _ in 0..TOKENS {
                self.take_token(&session).await;
                tokio::time::sleep(BREATH).await;
                if !self.is_open() {
                    return;
                }
            }
        }
    }

    /// Signs in, takes tokens and signs out, and waits for the end of the tokens before doing it again.
    pub async fn come_and_go(self: Arc<Self>, name: String) {
        let life = self.plan.token_ttl as f64 + self.plan.leeway as f64 + 1.0;
        while self.clock.now() + life + 4.0 < self.plan.seconds {
            let Some(session) = self.sign_in(&name).await else { continue };
            let mut sid = None;
            for _ in 0..TOKENS {
                sid = self.take_token(&session).await.or(sid);
                tokio::time::sleep(BREATH / 4).await;
            }
            let Some(sid) = sid else { continue };
            self.pool.watch(&sid);
            self.ledger.ending(&sid, self.clock.now());
            let url = format!("{}/api/auth/sign-out", self.issuer);
            // Whoever does not hear that it worked does it again.
            while self.is_open() {
                let request = self.client.post(&url).bearer_auth(&session).json(&json!({}));
                if self.errand("a sign-out", request).await.is_some() {
                    self.ledger.ended(&sid, self.clock.now());
                    break;
                }
            }
            self.clock.until(self.clock.now() + life).await;
        }
    }
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
