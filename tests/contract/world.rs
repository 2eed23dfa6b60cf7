//! The state of affairs that a capture was recorded in.

use std::time::Duration;

use serde_json::json;
use signet::model::session::Remember;
use signet::model::session::Session;
use signet::secret::OpaqueToken;
use signet::store::Database;
use signet_verify::clock::Clock;
use signet_verify::clock::SystemClock;

use super::SECRET;
use super::capture::Capture;
use crate::support::{Caller, Reply, TestApp};

const DAY: Duration = Duration::from_secs(86_400);

/// What has become of the session whose token a capture shows.
enum Shown {
    /// Signed in a moment ago.
    Fresh,
    /// Signed in two days ago, and used since.
    Old,
    /// Not used for two days, so that the expiry slides.
    Idle,
    /// Over.
    Expired,
    /// Ended.
    Gone,
}

/// A server in the state of a capture.
pub struct World {
    app: TestApp,
}

impl World {
    /// Ada has signed up; the tokens that the capture shows are hers, unless their sessions had ended when it was recorded.
    pub async fn like(name: &str, capture: &Capture) -> Self {
        let app = TestApp::builder()
            .with(|settings| {
                settings.set("BETTER_AUTH_URL", "http://127.0.0.1:3901");
                settings.set("BETTER_AUTH_TRUSTED_ORIGINS", "http://localhost:3000");
                settings.set("BETTER_AUTH_SECRET", SECRET);
            })
            .start()
            .await;
        let password = if name == "64-change-password-revoke-others" {
            "new password 1"
        } else {
            "correct horse battery"
        };
        // Where Ada herself signs up, another user has done so before.
        let email = if name == "10-sign-up-ok" { "bea@example.com" } else { "ada@example.com" };
        let body = json!({ "name": "Ada", "email": email, "password": password });
        let answer = app.anonymous().post("/api/auth/sign-up/email", &body).await.expect(200);
        let ada = answer["user"]["id"].as_str().unwrap().to_owned();

        let shown = match name {
            "31-get-session-bearer-garbage" | "31-get-session-bad-cookie" | "41-token-bad-bearer" => {
                Shown::Gone
            }
            "64-old-cookie-after-revoke" | "70-revoked-session-get" | "90-sign-out-again" => Shown::Gone,
            "91-get-session-after-sign-out" | "91-token-after-sign-out" => Shown::Gone,
            "95-get-session-after-delete" => Shown::Gone,
            "extra/get-session-expired" | "extra/token-expired-session" => Shown::Expired,
            "extra/get-session-refreshes" => Shown::Idle,
            "extra/list-sessions-not-fresh" | "extra/change-password-not-fresh-ok" => Shown::Old,
            "extra/delete-user-not-fresh" => Shown::Old,
            _ => Shown::Fresh,
        };
        if let Some(token) = token(capture)
            && !matches!(shown, Shown::Gone)
            && name != "extra/bearer-garbage-with-valid-cookie"
        {
            let forgets = capture.request_header("cookie").unwrap_or_default().contains("dont_remember");
            let remember = if forgets { Remember::No } else { Remember::Yes };
            keep(&app, &ada, &token, &shown, remember).await;
        }
        Self { app }
    }

    /// Sends the recorded request.
    pub async fn replay(&self, capture: &Capture) -> Reply {
        let caller = self.app.anonymous();
        let mut request =
            caller.request(capture.method.parse().unwrap(), &capture.path).header("host", "127.0.0.1:3901");
        for (name, value) in &capture.request_headers {
            request = request.header(name, value);
        }
        if let Some(body) = &capture.request_body {
            request = request.body(body.clone());
        }
        Caller::send(request).await
    }
}

/// The session token that a capture shows: the bearer if it looks like one, else the cookie.
fn token(capture: &Capture) -> Option<String> {
    let bearer = capture.request_header("authorization").and_then(|value| value.split_once(' ')).filter(
        |(scheme, value)| {
            scheme.eq_ignore_ascii_case("bearer")
                && value.split('.').next().is_some_and(|token| token.len() == 32)
        },
    );
    let cookie = capture.request_header("cookie").and_then(|value| value.split("session_token=").nth(1));
    let value = bearer.map(|(_, value)| value).or(cookie)?;
    Some(value.split('.').next().unwrap().to_owned())
}

async fn keep(app: &TestApp, user_id: &str, token: &str, shown: &Shown, remember: Remember) {
    let now = SystemClock::new().now();
    let (created_at, expires_at) = match shown {
        Shown::Fresh | Shown::Gone => (now, now.after(7 * DAY)),
        Shown::Old => (now.before(2 * DAY), now.after(7 * DAY)),
        Shown::Idle => (now.before(2 * DAY), now.after(5 * DAY)),
        Shown::Expired => (now.before(8 * DAY), now.before(DAY)),
    };
    let session = Session {
        id: format!("{:0<32}", "session"),
        user_id: user_id.to_owned(),
        created_at,
        updated_at: created_at,
        expires_at,
        remember,
        ip_address: String::new(),
        user_agent: "golden-agent/1.0".to_owned(),
    };
    let database = format!("sqlite:{}", app.folder.path().join("signet.db").display());
    let database = Database::open(&database, 1).await.unwrap();
    let token_hash = OpaqueToken::new(token.to_owned()).hash();
    database.sessions().insert(&session, &token_hash).await.unwrap();
    database.close().await;
}
