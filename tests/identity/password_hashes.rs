//! Hashes of passwords, ours and those that people bring along.

use serde_json::json;
use sqlx::Row;

use super::{IMPORTED, pool};
use crate::support::TestApp;
use crate::support::caller::PASSWORD;

#[tokio::test]
async fn sign_in_upgrades_an_old_hash() {
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

/// How many passwords a server has hashed.
async fn hashed(app: &TestApp) -> u64 {
    let metrics = app.anonymous().get("/metrics").await.text;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("signet_password_hashes_total{result=\"hashed\"}"))
        .unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn sign_in_with_a_wrong_password_costs_every_user_the_same_while_some_hashes_are_better_auths() {
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
    let app = TestApp::in_folder(folder.clone()).start().await;
    assert_eq!(costs(&app).await, [2, 2, 2]);
    // A kind more, which a running server learns of when it meets it.
    let bcrypt = "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe";
    let argon2 = "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for (hash, kinds) in [(bcrypt, 3), (argon2, 4)] {
        let carol = app.signed_up(&format!("carol{kinds}")).await;
        let replace = sqlx::query("UPDATE accounts SET password_hash = $1 WHERE user_id = $2");
        replace.bind(hash).bind(&carol.id).execute(&pool(&app).await).await.unwrap();
        let body = json!({ "email": format!("carol{kinds}@example.com"), "password": "a wrong password" });
        app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(401);
        assert_eq!(costs(&app).await, [kinds; 3]);
    }
    app.stop().await;
    let app = TestApp::in_folder(folder).start().await;
    assert_eq!(costs(&app).await, [4, 4, 4]);
}

#[tokio::test]
async fn sign_in_takes_a_password_however_its_letters_are_composed() {
    let app = TestApp::start().await;
    let body = json!({ "name": "Zoe", "email": "zoe@example.com", "password": "caf\u{e9} noir 1" });
    app.anonymous().post("/api/auth/sign-up/email", &body).await.expect(200);
    let body = json!({ "email": "ZOE@example.com", "password": "cafe\u{301} noir 1" });
    app.anonymous().post("/api/auth/sign-in/email", &body).await.expect(200);
}

#[tokio::test]
async fn sign_up_counts_the_shorter_of_what_was_typed_and_what_is_hashed() {
    let app = TestApp::start().await;
    let sign_up = async |name: &str, password: &str| {
        let body = json!({ "name": name, "email": format!("{name}@example.com"), "password": password });
        app.anonymous().post("/api/auth/sign-up/email", &body).await
    };
    let sign_in = async |name: &str, password: &str| {
        let body = json!({ "email": format!("{name}@example.com"), "password": password });
        app.anonymous().post("/api/auth/sign-in/email", &body).await
    };
    let (composed, decomposed, sentence) = ("\u{e9}", "e\u{301}", "\u{fdfa}");
    // Four letters are four, however they are typed; and one character is one, though it is hashed as eighteen.
    for (name, password) in [
        ("a", composed.repeat(4)),
        ("b", decomposed.repeat(4)),
        ("c", sentence.repeat(7)),
        ("d", decomposed.repeat(7)),
    ] {
        sign_up(name, &password).await.assert_error(400, "PASSWORD_TOO_SHORT");
    }
    for (name, password) in
        [("e", composed.repeat(129)), ("f", decomposed.repeat(129)), ("g", sentence.repeat(129))]
    {
        sign_up(name, &password).await.assert_error(400, "PASSWORD_TOO_LONG");
        sign_in(name, &password).await.assert_error(400, "PASSWORD_TOO_LONG");
    }
    // What fits is taken in every spelling, and in all its length.
    for (name, password) in
        [("h", composed.repeat(128)), ("i", decomposed.repeat(128)), ("j", sentence.repeat(128))]
    {
        sign_up(name, &password).await.expect(200);
        sign_in(name, &password).await.expect(200);
    }
    sign_in("h", &decomposed.repeat(128)).await.expect(200);
    sign_in("i", &composed.repeat(128)).await.expect(200);
    sign_in("i", &composed.repeat(127)).await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    sign_in("j", &sentence.repeat(127)).await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
}
