//! The identity service beyond its contract: what is kept, what is limited, what ends.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use sqlx::{ConnectOptions, Row};

use crate::support::caller::PASSWORD;
use crate::support::{Caller, SECRET, TestApp};

async fn pool(app: &TestApp) -> sqlx::AnyPool {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", app.folder.path().join("signet.db").display());
    sqlx::AnyPool::connect(&url).await.unwrap()
}

#[tokio::test]
async fn the_database_holds_no_session_token_and_no_password() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let folder = app.folder.clone();
    app.stop().await;
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        for secret in [alice.session_token.as_str(), PASSWORD] {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "{:?}",
                entry.path()
            );
        }
    }
}

#[tokio::test]
async fn tokens_of_an_ended_session_stay_refused_after_a_restart_and_others_stay_good() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let fixed =
        |settings: &mut signet::config::Settings| settings.set("BETTER_AUTH_URL", "http://localhost:9");
    let app = TestApp::in_folder(folder.clone()).with(fixed).start().await;
    let alice = app.signed_up("alice").await;
    let (ended, kept) = (alice.sign_in_again(&app).await, alice.jwt().await);
    let ended_jwt = ended.jwt().await;
    ended.session.post("/api/auth/sign-out", &json!({})).await.expect(200);
    assert!(app.stop().await);

    let app = TestApp::in_folder(folder).with(fixed).start().await;
    app.anonymous().bearing(&ended_jwt).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    app.anonymous().bearing(&kept).get("/api/me/tasks").await.expect(200);
}

#[tokio::test]
async fn changing_the_password_can_end_every_other_session_and_its_tokens() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let other = alice.sign_in_again(&app).await;
    let (own_jwt, other_jwt) = (alice.jwt().await, other.jwt().await);
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "another password", "revokeOtherSessions": true });
    let changed = alice.session.post("/api/auth/change-password", &body).await.expect(200);
    for jwt in [own_jwt, other_jwt] {
        app.anonymous().bearing(&jwt).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    }
    other.session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
    app.anonymous().bearing(changed["token"].as_str().unwrap()).get("/api/auth/token").await.expect(200);
    let old = json!({ "email": alice.email, "password": PASSWORD });
    app.anonymous()
        .post("/api/auth/sign-in/email", &old)
        .await
        .assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[tokio::test]
async fn a_handle_from_the_list_revokes_a_session_and_opens_nothing() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let other = alice.sign_in_again(&app).await;
    let bob = app.signed_up("bob").await;
    let list = alice.session.get("/api/auth/list-sessions").await.expect(200);
    let handle = list
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["token"].as_str().unwrap())
        .find(|t| *t != alice.session_token);
    let handle = handle.unwrap().to_owned();
    assert_ne!(handle, other.session_token);
    app.anonymous().bearing(&handle).get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
    bob.session.post("/api/auth/revoke-session", &json!({ "token": handle })).await.expect(200);
    other.session.get("/api/auth/token").await.expect(200);
    alice.session.post("/api/auth/revoke-session", &json!({ "token": handle })).await.expect(200);
    other.session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_session_slides_once_a_day_and_ends_when_it_is_not_used() {
    let app = TestApp::builder().manual_clock().start().await;
    let alice = app.signed_up("alice").await;
    let day = Duration::from_secs(86_400);
    let expires = async || {
        let reply = alice.session.get("/api/auth/get-session").await;
        (reply.expect(200)["session"]["expiresAt"].clone(), !reply.header("set-auth-token").is_empty())
    };
    assert_eq!(expires().await, (json!("2026-11-29T20:00:00.000Z"), false));
    app.advance(day - Duration::from_secs(1));
    assert_eq!(expires().await, (json!("2026-11-29T20:00:00.000Z"), false));
    app.advance(Duration::from_secs(1));
    assert_eq!(expires().await, (json!("2026-11-30T20:00:00.000Z"), true));
    app.advance(7 * day);
    let ended = alice.session.get("/api/auth/get-session").await;
    assert_eq!(ended.expect(200), serde_json::Value::Null);
    assert_eq!(ended.headers.get_all("set-cookie").iter().count(), 3, "the cookies are cleared");
}

#[tokio::test]
async fn a_session_that_is_not_remembered_ends_after_a_day_whatever_happens() {
    let app = TestApp::builder().manual_clock().start().await;
    let body = json!({ "name": "A", "email": "a@example.com", "password": PASSWORD, "rememberMe": false });
    let answer = app.anonymous().post("/api/auth/sign-up/email", &body).await.expect(200);
    let session = app.anonymous().bearing(answer["token"].as_str().unwrap());
    app.advance(Duration::from_secs(86_400 - 60));
    session.get("/api/auth/token").await.expect(200);
    let jwt = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    let claims = signet::token::base64url::decode(jwt.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        60,
        "the token ends with its session"
    );
    app.advance(Duration::from_secs(60));
    session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn passwords_are_limited_per_address_and_per_account() {
    let limited = |settings: &mut signet::config::Settings| {
        settings.set("SIGNET_RATE_LIMIT", "on");
        settings.set("SIGNET_TRUSTED_PROXIES", "127.0.0.1");
    };
    let app = TestApp::builder().manual_clock().with(limited).start().await;
    let from = |address: &'static str, email: &str| {
        let body = json!({ "email": email, "password": "wrong password" });
        let request = app
            .anonymous()
            .request(Method::POST, "/api/auth/sign-in/email")
            .header("x-forwarded-for", address);
        Caller::send(request.json(&body))
    };
    for _ in 0..3 {
        from("203.0.113.1", "a@example.com").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    }
    let refused = from("203.0.113.1", "b@example.com").await;
    refused.assert_error(429, "TOO_MANY_REQUESTS");
    assert_eq!((refused.header("retry-after"), refused.header("x-retry-after")), ("4", "4"));
    // The same account from another address, and another account from there.
    from("203.0.113.2", "A@example.com").await.assert_error(429, "TOO_MANY_REQUESTS");
    from("203.0.113.2", "c@example.com").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    // Reading is limited less, and the key set not at all.
    for _ in 0..150 {
        app.anonymous().get("/api/auth/jwks").await.expect(200);
    }
    let mut statuses = Vec::new();
    for _ in 0..101 {
        statuses.push(app.anonymous().get("/api/auth/get-session").await.status.as_u16());
    }
    assert_eq!((statuses[99], statuses[100]), (200, 429));
    app.advance(Duration::from_secs(10));
    from("203.0.113.1", "a@example.com").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[tokio::test]
async fn nobody_can_choose_the_address_that_they_are_counted_by() {
    let app = TestApp::builder()
        .manual_clock()
        .with(|settings| settings.set("SIGNET_RATE_LIMIT", "on"))
        .start()
        .await;
    let mut statuses = Vec::new();
    for number in 0..4 {
        let body = json!({ "email": format!("u{number}@example.com"), "password": "wrong password" });
        let request = app.anonymous().request(Method::POST, "/api/auth/sign-in/email");
        let request = request.header("x-forwarded-for", format!("203.0.113.{number}")).json(&body);
        statuses.push(Caller::send(request).await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_sign_ups_with_one_address_one_wins_and_nobody_gets_a_5xx_without_a_reason() {
    let app = TestApp::start().await;
    let attempts = (0..200).map(|_| {
        let nobody = app.anonymous();
        let body = json!({ "name": "A", "email": "a@example.com", "password": PASSWORD });
        tokio::spawn(async move { nobody.post("/api/auth/sign-up/email", &body).await })
    });
    let mut won = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        let reply = attempt.await.unwrap();
        match reply.status.as_u16() {
            200 => won += 1,
            422 => reply.assert_error(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
            _ => {
                reply.assert_error(503, "SIGN_IN_BUSY");
                assert!(!reply.header("retry-after").is_empty());
            }
        }
    }
    assert_eq!(won, 1);
    let users = sqlx::query("SELECT COUNT(*) AS n FROM users").fetch_one(&pool(&app).await).await.unwrap();
    assert_eq!(users.get::<i64, _>("n"), 1);
}

#[tokio::test]
async fn an_old_hash_is_upgraded_when_its_password_is_proved() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    // The same password at half the memory, made with another implementation of Argon2.
    let old = {
        let params = argon2::Params::new(9 * 1024, 2, 1, Some(32)).unwrap();
        let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let mut hash = [0; 32];
        argon.hash_password_into(PASSWORD.as_bytes(), b"sixteen bytes ok", &mut hash).unwrap();
        use base64::Engine;
        let b64 = base64::engine::general_purpose::STANDARD_NO_PAD;
        format!("$argon2id$v=19$m=9216,t=2,p=1${}${}", b64.encode(b"sixteen bytes ok"), b64.encode(hash))
    };
    let pool = pool(&app).await;
    sqlx::query("UPDATE accounts SET password_hash = $1").bind(&old).execute(&pool).await.unwrap();
    alice.sign_in_again(&app).await;
    let row = sqlx::query("SELECT password_hash FROM accounts").fetch_one(&pool).await.unwrap();
    assert!(row.get::<String, _>("password_hash").starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    alice.sign_in_again(&app).await;
}

/// What Better Auth stores for [`PASSWORD`].
const IMPORTED: &str = "a0e014037b839ad93760ba84c9342905:77eff3801c2604bae5738c8193abdbab84ee733b1b4a9fbf708a365a6707809d\
                        de4261f94185d5bc84cb5b69d5fde2ecb428a02b8bb215fb3bc5eec3b6d595f1";

#[tokio::test]
async fn people_move_from_better_auth_on_sqlite_and_their_hashes_are_replaced() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let theirs = app.folder.path().join("theirs.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&theirs).create_if_missing(true);
    let mut old = options.connect().await.unwrap();
    // As Better Auth's own migration makes them.
    sqlx::raw_sql(
        r#"CREATE TABLE "user" ("id" text NOT NULL PRIMARY KEY, "name" text NOT NULL, "email" text NOT NULL UNIQUE,
             "emailVerified" integer NOT NULL, "image" text, "createdAt" date NOT NULL, "updatedAt" date NOT NULL);
           CREATE TABLE "account" ("id" text NOT NULL PRIMARY KEY, "accountId" text NOT NULL, "providerId" text NOT NULL,
             "userId" text NOT NULL, "password" text, "createdAt" date NOT NULL, "updatedAt" date NOT NULL);
           INSERT INTO "user" VALUES
             ('bob', 'Bob', 'bob@example.com', 1, NULL, '2024-02-29T12:00:00.123Z', '2025-01-01T00:00:00.000Z'),
             ('other', 'Another Alice', 'alice@example.com', 0, NULL, '2025-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z');
           INSERT INTO "account" VALUES
             ('a1', 'bob', 'github', 'bob', NULL, '2025-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z'),
             ('a3', 'other', 'credential', 'other', 'x', '2025-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z');"#,
    )
    .execute(&mut old)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO account VALUES ('a2', 'bob', 'credential', 'bob', $1, '2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z')",
    )
    .bind(IMPORTED)
    .execute(&mut old)
    .await
    .unwrap();

    let ours = app.folder.path().join("signet.db");
    let mut ours = sqlx::sqlite::SqliteConnectOptions::new().filename(ours).connect().await.unwrap();
    sqlx::query("ATTACH $1 AS theirs").bind(theirs.to_str().unwrap()).execute(&mut ours).await.unwrap();
    for _ in 0..2 {
        let script = include_str!("../migrations/better-auth/sqlite.sql");
        sqlx::raw_sql(script).execute(&mut ours).await.unwrap();
    }

    let sign_in = async |password: &str| {
        let body = json!({ "email": "bob@example.com", "password": password });
        app.anonymous().post("/api/auth/sign-in/email", &body).await
    };
    sign_in("correct horse batterz").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    let user = sign_in(PASSWORD).await.expect(200)["user"].clone();
    assert_eq!((&user["id"], &user["createdAt"]), (&json!("bob"), &json!("2024-02-29T12:00:00.123Z")));
    assert_eq!((&user["name"], &user["emailVerified"]), (&json!("Bob"), &json!(true)));
    let row =
        sqlx::query("SELECT password_hash FROM accounts WHERE user_id = 'bob'").fetch_one(&mut ours).await;
    assert!(row.unwrap().get::<String, _>("password_hash").starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    sign_in(PASSWORD).await.expect(200);
    // Who has the address here already stays who they are.
    assert_eq!(alice.sign_in_again(&app).await.id, alice.id);
}

/// How many passwords a server has hashed.
async fn hashed(app: &TestApp) -> u64 {
    let metrics = app.anonymous().get("/metrics").await.text;
    let line =
        metrics.lines().find(|line| line.starts_with("signet_passwords_total{result=\"hashed\"}")).unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn a_wrong_password_costs_the_same_for_everybody_while_some_hashes_are_better_auths() {
    let app = TestApp::start().await;
    for name in ["alice", "bob"] {
        app.signed_up(name).await;
    }
    let costs = async |app: &TestApp| {
        let mut costs = Vec::new();
        for name in ["nobody", "alice", "bob"] {
            let before = hashed(app).await;
            let body = json!({ "email": format!("{name}@example.com"), "password": "a wrong password" });
            app.anonymous()
                .post("/api/auth/sign-in/email", &body)
                .await
                .assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
            costs.push(hashed(app).await - before);
        }
        costs
    };
    assert_eq!(costs(&app).await, [1, 1, 1]);
    sqlx::query(
        "UPDATE accounts SET password_hash = $1 WHERE user_id = (SELECT id FROM users WHERE name = 'bob')",
    )
    .bind(IMPORTED)
    .execute(&pool(&app).await)
    .await
    .unwrap();
    let folder = app.folder.clone();
    app.stop().await;
    let app = TestApp::in_folder(folder).start().await;
    assert_eq!(costs(&app).await, [2, 2, 2]);
}

#[tokio::test]
async fn a_password_is_the_same_however_its_letters_are_composed() {
    let app = TestApp::start().await;
    let body = json!({ "name": "Zoe", "email": "zoe@example.com", "password": "caf\u{e9} noir 1" });
    app.anonymous().post("/api/auth/sign-up/email", &body).await.expect(200);
    let body = json!({ "email": "ZOE@example.com", "password": "cafe\u{301} noir 1" });
    app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(200);
}

#[tokio::test]
async fn bodies_are_read_strictly_and_within_bounds() {
    let app = TestApp::start().await;
    let send = |body: String| {
        let request = app.anonymous().request(Method::POST, "/api/auth/sign-in/email");
        Caller::send(request.header("content-type", "application/json").body(body))
    };
    let twice = r#"{"email": "a@example.com", "email": "b@example.com", "password": "x"}"#.to_owned();
    send(twice).await.assert_error(400, "BAD_REQUEST");
    send("[".repeat(30_000)).await.assert_error(400, "BAD_REQUEST");
    send(format!("{{\"email\": \"{}\"}}", "a".repeat(70_000))).await.assert_error(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn who_sends_json_as_a_form_is_told_so() {
    let app = TestApp::start().await;
    app.signed_up("alice").await;
    let send = |media_type: &str, body: String| {
        let request = app.anonymous().request(Method::POST, "/api/auth/sign-in/email");
        Caller::send(request.header("content-type", media_type).body(body))
    };
    let json = json!({ "email": "alice@example.com", "password": PASSWORD }).to_string();
    let form = format!("email=alice%40example.com&password={}", PASSWORD.replace(' ', "+"));
    let mistaken = send("application/x-www-form-urlencoded", json).await;
    mistaken.assert_error(400, "VALIDATION_ERROR");
    assert!(mistaken.json()["message"].as_str().unwrap().contains("Content-Type: application/json"));
    send("application/x-www-form-urlencoded", form).await.expect(200);
}

#[tokio::test]
async fn trusted_pages_of_other_origins_may_call_with_credentials_and_no_others() {
    let trusted = "http://localhost:3000";
    let app = TestApp::builder()
        .with(|settings| settings.set("BETTER_AUTH_TRUSTED_ORIGINS", trusted))
        .start()
        .await;
    let preflight = |origin: &'static str, path: &'static str| {
        let request = app.anonymous().request(Method::OPTIONS, path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        Caller::send(request.header("access-control-request-headers", "content-type,authorization"))
    };
    for path in ["/api/auth/sign-in/email", "/api/me/tasks"] {
        let allowed = preflight(trusted, path).await;
        assert_eq!(allowed.status, 204);
        assert_eq!(allowed.header("access-control-allow-origin"), trusted);
        assert_eq!(allowed.header("access-control-allow-credentials"), "true");
        for header in ["content-type", "authorization"] {
            assert!(allowed.header("access-control-allow-headers").contains(header));
        }
        let refused = preflight("https://evil.example", path).await;
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
    let read = |origin: &'static str, path: &'static str| {
        Caller::send(app.anonymous().request(Method::GET, path).header("origin", origin))
    };
    assert_eq!(read(trusted, "/api/auth/get-session").await.header("access-control-allow-origin"), trusted);
    assert_eq!(
        read("https://evil.example", "/api/auth/get-session").await.header("access-control-allow-origin"),
        ""
    );
    let public = read("https://evil.example", "/.well-known/jwks.json").await;
    assert_eq!(public.header("access-control-allow-origin"), "*");
    assert_eq!(public.header("access-control-allow-credentials"), "");
}

/// `max-age` and `stale-while-revalidate` of the key set; in an error it may be kept for a token's life.
fn cache_life(reply: &crate::support::Reply) -> (u64, u64) {
    let header = reply.header("cache-control");
    let said = |name: &str| {
        let directive = header.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        directive.map_or(0, |seconds| seconds.parse::<u64>().unwrap())
    };
    assert!(header.starts_with("public, "), "{header}");
    assert_eq!(said("stale-if-error"), 900, "{header}");
    (said("max-age"), said("stale-while-revalidate"))
}

#[tokio::test]
async fn caches_that_were_filled_together_do_not_come_back_together_and_none_too_late() {
    let app = TestApp::start().await;
    let mut lives = Vec::new();
    for _ in 0..40 {
        let (max_age, later) = cache_life(&app.anonymous().get("/.well-known/jwks.json").await);
        assert_eq!(max_age + later, 300, "what the contract allows, and not more");
        lives.push(max_age);
    }
    lives.sort_unstable();
    assert!(lives[0] >= 225 && lives[39] <= 300, "{lives:?}");
    // Evenly: no gap between two of forty is wider than a tenth of the range.
    assert!(lives.windows(2).all(|pair| pair[1] - pair[0] <= 7), "{lives:?}");
}

#[tokio::test]
async fn the_key_set_can_be_cached_and_asked_for_again_cheaply() {
    let app = TestApp::start().await;
    for path in ["/api/auth/jwks", "/.well-known/jwks.json"] {
        let first = app.anonymous().get(path).await;
        let etag = first.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        let (max_age, later) = cache_life(&first);
        assert_eq!((max_age + later, max_age >= 225), (300, true), "{}", first.header("cache-control"));
        assert!(!first.text.contains("\"d\"") && !first.text.contains("oct"), "{}", first.text);
        let again = app.anonymous().request(Method::GET, path).header("if-none-match", &etag);
        let again = Caller::send(again).await;
        assert_eq!(
            (again.status.as_u16(), again.text.as_str(), again.header("etag")),
            (304, "", etag.as_str())
        );
        let head = Caller::send(app.anonymous().request(Method::HEAD, path)).await;
        assert_eq!((head.status.as_u16(), head.text.as_str(), head.header("etag")), (200, "", etag.as_str()));
    }
    let discovery = app.anonymous().get("/.well-known/openid-configuration").await.expect(200);
    let jwks_uri = discovery["jwks_uri"].as_str().unwrap().replace("localhost", "127.0.0.1");
    assert_eq!(jwks_uri, format!("{}/.well-known/jwks.json", app.base_url));
    assert_eq!(discovery["id_token_signing_alg_values_supported"], json!(["EdDSA"]));
}

#[tokio::test]
async fn migrate_refuses_hs256_after_its_end() {
    let migrating = |settings: &mut signet::config::Settings| {
        settings.set("SIGNET_TOKEN_MODE", "migrate");
        settings.set("SIGNET_HS256_UNTIL", "2026-11-22T21:00:00Z");
    };
    let app = TestApp::builder().manual_clock().with(migrating).start().await;
    let alice = app.signed_up("alice").await;
    let secret = signet::secret::SharedSecret::new(SECRET.to_owned()).unwrap();
    let claims = json!({ "sub": alice.id, "exp": 1_795_377_600 + 86_400 });
    let old = signet::token::sign::hs256(&signet::token::arithmetic::MacKey::new(&secret), &claims).unwrap();
    let old = app.anonymous().bearing(&old);
    old.get("/api/me/tasks").await.expect(200);
    alice.api().await.get("/api/me/tasks").await.expect(200);
    app.advance(Duration::from_secs(3600));
    old.get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    alice.api().await.get("/api/me/tasks").await.expect(200);
}

#[tokio::test]
async fn on_postgresql_one_persons_day_goes_the_same_way() {
    let Some(url) = crate::support::postgres::database("one_day").await else { return };
    let app = TestApp::builder().with(|settings| settings.set("DATABASE_URL", url)).start().await;
    let alice = app.signed_up("alice").await;
    let body = json!({ "name": "A", "email": "alice@example.com", "password": PASSWORD });
    let twice = app.anonymous().post("/api/auth/sign-up/email", &body).await;
    twice.assert_error(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    let other = alice.sign_in_again(&app).await;
    let api = alice.api().await;
    for title in ["one", "two", "three"] {
        api.post("/api/me/tasks", &json!({ "title": title })).await.expect(201);
    }
    let page = api.get("/api/me/tasks?limit=2&completed=false").await;
    assert_eq!(page.expect(200).as_array().unwrap().len(), 2);
    let next = page.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    let rest = api.get(&next).await.expect(200);
    assert_eq!(rest.as_array().unwrap().len(), 1);
    let path = format!("/api/me/tasks/{}", rest[0]["id"].as_str().unwrap());
    assert_eq!(api.patch(&format!("{path}/complete"), &json!({})).await.expect(200)["completed"], true);
    api.put(&path, &json!({ "title": "uno" })).await.expect(200);
    assert_eq!(api.delete(&path).await.status, 204);
    alice.session.post("/api/auth/update-user", &json!({ "name": "Alice", "image": null })).await.expect(200);
    let changed = json!({ "currentPassword": PASSWORD, "newPassword": "another password" });
    alice.session.post("/api/auth/change-password", &changed).await.expect(200);
    alice.session.post("/api/auth/revoke-other-sessions", &json!({})).await.expect(200);
    other.session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
    alice.session.post("/api/auth/sign-out", &json!({})).await.expect(200);
    api.get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn who_deletes_themselves_is_gone_with_everything_that_was_theirs_and_nobody_else_notices() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.signed_up("alice").await, app.signed_up("bob").await);
    let elsewhere = alice.sign_in_again(&app).await;
    let jwts = [alice.jwt().await, elsewhere.jwt().await];
    alice.api().await.post("/api/me/tasks", &json!({ "title": "mine" })).await.expect(201);
    bob.api().await.post("/api/me/tasks", &json!({ "title": "his" })).await.expect(201);

    let delete = async |body| alice.session.post("/api/auth/delete-user", &body).await;
    delete(json!({ "password": "not the password" })).await.assert_error(400, "INVALID_PASSWORD");
    delete(json!({ "token": "from an e-mail" })).await.assert_error(404, "INVALID_TOKEN");
    alice.session.get("/api/auth/token").await.expect(200);
    let answer = delete(json!({ "password": PASSWORD })).await;
    assert_eq!(answer.expect(200), json!({ "success": true, "message": "User deleted" }));

    for session in [&alice.session, &elsewhere.session] {
        session.get("/api/auth/token").await.assert_error(401, "UNAUTHORIZED");
    }
    for jwt in &jwts {
        app.anonymous().bearing(jwt).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    }
    let sign_in = json!({ "email": alice.email, "password": PASSWORD });
    let refused = app.anonymous().post("/api/auth/sign-in/email", &sign_in).await;
    refused.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    for table in ["users", "accounts", "sessions", "tasks"] {
        let column = if table == "users" { "id" } else { "user_id" };
        let count = format!("SELECT COUNT(*) FROM {table} WHERE {column} = $1");
        let count =
            sqlx::query(sqlx::AssertSqlSafe(count)).bind(&alice.id).fetch_one(&pool(&app).await).await;
        assert_eq!(count.unwrap().get::<i64, _>(0), 0, "{table}");
    }
    let tasks = bob.api().await.get("/api/me/tasks").await.expect(200);
    assert_eq!(tasks.as_array().unwrap().len(), 1);
    // The address is free again, and leads to somebody new.
    let again = app.signed_up("alice").await;
    assert_ne!(again.id, alice.id);
    assert_eq!(again.api().await.get("/api/me/tasks").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_changed_secret_signs_browsers_out_and_breaks_no_request() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let start = async |secret: &str| {
        let fixed = |settings: &mut signet::config::Settings| {
            settings.set("BETTER_AUTH_URL", "http://localhost:9");
            settings.set("BETTER_AUTH_SECRET", secret);
        };
        TestApp::in_folder(folder.clone()).with(fixed).start().await
    };
    let app = start(SECRET).await;
    let alice = app.signed_up("alice").await;
    let jwt = alice.jwt().await;
    let body = json!({ "email": alice.email, "password": PASSWORD });
    let signed_in = app.anonymous().post("/api/auth/sign-in/email", &body).await;
    let cookie = signed_in.header("set-cookie").split(';').next().unwrap().to_owned();
    let with_cookie = async |app: &TestApp, method: Method, path: &str| {
        let request = app.anonymous().request(method, path).header("cookie", &cookie);
        Caller::send(request.header("origin", "http://localhost:9").json(&json!({}))).await
    };
    assert!(with_cookie(&app, Method::GET, "/api/auth/get-session").await.expect(200).is_object());
    assert!(app.stop().await);

    let app = start("another secret of the tests, longer than thirty-two bytes").await;
    assert!(with_cookie(&app, Method::GET, "/api/auth/get-session").await.expect(200).is_null());
    let document: serde_json::Value = serde_json::from_str(&signet::http::docs::identity_document()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method = method.to_uppercase().parse().unwrap();
            let reply = with_cookie(&app, method, path).await;
            assert!(!reply.status.is_server_error(), "{path}: {}", reply.text);
        }
    }
    // What was signed with a key of the ring has nothing to do with that secret.
    app.anonymous().bearing(&jwt).get("/api/me/tasks").await.expect(200);
    app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(200);
}
