//! The state of affairs that a capture was recorded in.

use std::time::Duration;

use serde_json::json;
use signet::model::amr::Amr;
use signet::model::mailed_token::{MailedToken, Purpose};
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
    port: u16,
}

impl World {
    /// Ada has signed up; the tokens that the capture shows are hers, unless their sessions had ended when it was recorded.
    pub async fn like(name: &str, capture: &Capture) -> Self {
        let requires_verified = name.starts_with("variants/verify-");
        let port = if requires_verified { 3918 } else { 3901 };
        // The server of the other captures had a mailer for these alone.
        let has_mail = requires_verified || name.starts_with('8');
        let app = TestApp::builder()
            .with_folder(|settings, folder| {
                if has_mail {
                    settings.set("SIGNET_MAIL", format!("file:{}", folder.join("letters").display()));
                }
                settings.set("SIGNET_REQUIRE_VERIFIED_EMAIL", if requires_verified { "on" } else { "off" });
                settings.set("BETTER_AUTH_URL", format!("http://127.0.0.1:{port}"));
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
        let email = match name {
            "10-sign-up-ok" => "bea@example.com",
            _ if requires_verified => "a@example.com",
            _ => "ada@example.com",
        };
        let body = json!({ "name": "Ada", "email": email, "password": password });
        let answer = app.anonymous().post("/api/auth/sign-up/email", &body).await.expect(200);
        let ada = answer["user"]["id"].as_str().unwrap().to_owned();

        let shown = match name {
            "31-get-session-bearer-garbage" | "31-get-session-bad-cookie" | "41-token-bad-bearer" => {
                Shown::Gone
            }
            "64-old-cookie-after-revoke" | "70-revoked-session-get" | "90-sign-out-again" => Shown::Gone,
            "91-get-session-after-sign-out" | "91-token-after-sign-out" => Shown::Gone,
            "95-get-session-after-delete" | "82-session-still-valid-after-reset" => Shown::Gone,
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
        if ["83-send-verification-email-already", "84-verify-email-again"].contains(&name)
            || name.starts_with("85-")
        {
            let database = open(&app).await;
            let now = SystemClock::new().now();
            assert!(database.users().mark_verified(&ada, "ada@example.com", now).await.unwrap());
            database.close().await;
        }
        mail(&app, name, capture, &ada).await;
        Self { app, port }
    }

    /// Sends the recorded request.
    pub async fn replay(&self, capture: &Capture) -> Reply {
        let caller = self.app.anonymous();
        let mut request = caller
            .request(capture.method.parse().unwrap(), &capture.path)
            .header("host", format!("127.0.0.1:{}", self.port));
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
        authenticated_at: created_at,
        amr: Amr::password(),
    };
    let database = open(app).await;
    let token_hash = OpaqueToken::new(token.to_owned()).hash();
    database.sessions().insert(&session, &token_hash).await.unwrap();
    database.close().await;
}

async fn open(app: &TestApp) -> Database {
    let url = format!("sqlite:{}", app.folder.path().join("signet.db").display());
    Database::open(&url, 1).await.unwrap()
}

/// The token that a capture shows was mailed to Ada a moment ago, where it was good when it was recorded.
async fn mail(app: &TestApp, name: &str, capture: &Capture, user_id: &str) {
    let (purpose, address) = match name {
        "81-reset-password-callback" | "82-reset-password-ok" | "82-reset-password-short" => {
            (Purpose::ResetPassword, "ada@example.com")
        }
        "84-verify-email-ok" => (Purpose::VerifyEmail, "ada@example.com"),
        "85-change-email-verify" => (Purpose::ChangeEmail, "ada2@example.com"),
        _ => return,
    };
    let in_path = || capture.path.split("reset-password/").nth(1).and_then(|rest| rest.split('?').next());
    let in_query =
        || capture.path.split("token=").nth(1).and_then(|rest| rest.split('&').next()).map(str::to_owned);
    let in_body = || {
        let body: serde_json::Value = serde_json::from_str(capture.request_body.as_deref()?).ok()?;
        body["token"].as_str().map(str::to_owned)
    };
    let token = in_path().map(str::to_owned).or_else(in_query).or_else(in_body).unwrap();
    let token_hash = OpaqueToken::new(token).hash();
    let kept = MailedToken {
        purpose,
        user_id: user_id.to_owned(),
        address: address.to_owned(),
        expires_at: SystemClock::new().now().after(DAY),
    };
    let database = open(app).await;
    database.mailed_tokens().replace(&kept, &token_hash).await.unwrap();
    database.close().await;
}
