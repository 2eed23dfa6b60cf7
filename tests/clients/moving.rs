//! People who signed up at a real Better Auth go on at Signet.

use reqwest::Method;
use reqwest::header::COOKIE;
use serde_json::{Value, json};
use sqlx::Row;

use super::{installed, run};
use crate::support::{Caller, SECRET, TestApp, postgres};

#[tokio::test(flavor = "multi_thread")]
async fn move_from_better_auth_keeps_ids_passwords_and_sessions() {
    let Some(folder) = installed() else { return };
    let Some(url) = postgres::database("people_of_better_auth").await else { return };
    let printed = run(&folder, "better-auth-server.mjs", &[&url, SECRET]).await;
    let people: Vec<Value> = serde_json::from_str(&printed).unwrap();
    let text = |person: &Value, member: &str| person[member].as_str().unwrap().to_owned();

    let app = TestApp::builder().with(|settings| settings.set("DATABASE_URL", url.clone())).start().await;
    let database = sqlx::PgPool::connect(&url).await.unwrap();
    for _ in 0..2 {
        let script = include_str!("../../migrations/better-auth/postgres.sql");
        sqlx::raw_sql(script).execute(&database).await.unwrap();
    }

    for person in &people {
        // The cookie of the old server, signed with the same secret, and its session token as a bearer.
        let request = app.anonymous().request(Method::GET, "/api/auth/get-session");
        let session = Caller::send(request.header(COOKIE, text(person, "cookie"))).await.expect(200);
        assert_eq!(session["user"]["id"], person["id"]);
        let bearer = app.anonymous().bearing(&text(person, "token"));
        let jwt = text(&bearer.get("/api/auth/token").await.expect(200), "token");
        app.anonymous().bearing(&jwt).get(&format!("/api/{}/tasks", text(person, "id"))).await.expect(200);

        let sign_in = async |password: &str| {
            let body = json!({ "email": person["email"], "password": password });
            app.anonymous().post("/api/auth/sign-in/email", &body).await
        };
        sign_in("not the password").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
        let user = sign_in(&text(person, "password")).await.expect(200)["user"].clone();
        assert_eq!((&user["id"], &user["name"]), (&person["id"], &person["name"]));
        assert_eq!(user["image"], person.get("image").cloned().unwrap_or_default());
    }
    // Björn's password, composed and spelt in another way.
    let bjorn = json!({ "email": "bjorn@example.com", "password": "\u{c5}ngstrom five" });
    app.anonymous().post("/api/auth/sign-in/email", &bjorn).await.expect(200);

    let rows = sqlx::query("SELECT password_hash FROM accounts").fetch_all(&database).await.unwrap();
    let hashes: Vec<String> = rows.iter().map(|row| row.get("password_hash")).collect();
    assert_eq!(hashes.len(), 2);
    assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$")), "{hashes:?}");
}
