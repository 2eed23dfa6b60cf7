//! What stands against each other is reported, and never decided in silence.

use serde_json::{Value, json};

use super::super::server::{Server, printed, run};
use super::{BUILT_IN, LATER, THEN, account, counts, execute, import, rows, user};
use crate::identity::IMPORTED;
use crate::support::caller::PASSWORD;

/// A database with these rows in a folder of its own.
async fn old(statements: &[String]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    execute(&folder.path().join("theirs.db"), &format!("{BUILT_IN}{}", statements.concat())).await;
    folder
}

/// The reasons of a report, by id.
fn reasons(report: &Value) -> Vec<(&str, &str)> {
    let conflicts = report["conflicts"].as_array().unwrap().iter();
    let mut reasons: Vec<_> =
        conflicts.map(|one| (one["id"].as_str().unwrap(), one["reason"].as_str().unwrap())).collect();
    reasons.sort_unstable();
    reasons
}

#[tokio::test]
async fn import_writes_nothing_where_two_people_have_one_address_unless_it_may_leave_them_out() {
    let folder = old(&[
        user("one", "Ada@example.com"),
        user("two", "ada@EXAMPLE.com"),
        user("three", "bob@example.com"),
        // The same domain in two spellings.
        user("four", "cleo@b\u{fc}cher.example"),
        user("five", "cleo@xn--bcher-kva.example"),
        account("a", "one", "credential", "one", Some(IMPORTED)),
        account("b", "three", "credential", "three", Some(IMPORTED)),
    ])
    .await;
    for more in [&[][..], &["--dry-run"]] {
        let arguments = ["import", "better-auth", "sqlite:theirs.db", "--json", "--report", "report.json"];
        let ran = run(folder.path(), &[&arguments[..], more].concat(), &[]);
        assert_eq!(ran.status.code(), Some(3), "{}", printed(&ran));
        let report: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.path().join("report.json")).unwrap())
                .unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&ran.stdout).unwrap(), report);
        assert_eq!(report["users"]["inserted"], 0);
        let same = "same_address";
        assert_eq!(
            reasons(&report),
            [("a", "user_refused"), ("five", same), ("four", same), ("one", same), ("two", same)]
        );
        assert!(!printed(&ran).to_lowercase().contains("ada@"), "{}", printed(&ran));
        assert!(rows(folder.path()).await.is_empty(), "nothing is written");
    }
    let came = import(folder.path(), &["--skip-conflicts"]);
    assert_eq!((&came["users"], &came["accounts"]), (&counts(5, 1, 0, 4), &counts(2, 1, 0, 1)));
    let kept = rows(folder.path()).await;
    assert!(kept.len() == 2 && kept.iter().all(|row| row.contains("three")), "{kept:?}");
}

#[tokio::test]
async fn import_leaves_whoever_is_here_as_they_are() {
    let folder = old(&[
        user("bob", "bob@example.com"),
        user("other", "alice@example.com"),
        account("a", "bob", "credential", "bob@example.com", Some(IMPORTED)),
        account("b", "other", "credential", "other", Some(IMPORTED)),
    ])
    .await;
    let server = Server::start(folder.path(), &[]);
    let sign_up = json!({ "name": "Alice", "email": "alice@example.com", "password": "another password" });
    let alice = server.caller().post("/api/auth/sign-up/email", &sign_up).await.expect(200)["user"].clone();
    let refused = run(folder.path(), &["import", "better-auth", "sqlite:theirs.db"], &[]);
    assert_eq!(refused.status.code(), Some(3), "{}", printed(&refused));
    assert!(printed(&refused).contains("other (address_taken)"), "{}", printed(&refused));
    let came = import(folder.path(), &["--skip-conflicts"]);
    assert_eq!(reasons(&came), [("b", "user_refused"), ("other", "address_taken")]);
    // The server runs; people are there at once.
    let sign_in = async |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        server.caller().post("/api/auth/sign-in/email", &body).await
    };
    assert_eq!(sign_in("bob@example.com", PASSWORD).await.expect(200)["user"]["id"], "bob");
    assert_eq!(sign_in("alice@example.com", "another password").await.expect(200)["user"]["id"], alice["id"]);
    sign_in("alice@example.com", PASSWORD).await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    // Who has changed here meanwhile is changed by no second run.
    let bob = sign_in("bob@example.com", PASSWORD).await.expect(200);
    let session = server.caller().bearing(bob["token"].as_str().unwrap());
    session.post("/api/auth/update-user", &json!({ "name": "Robert" })).await.expect(200);
    let before = rows(folder.path()).await;
    let again = import(folder.path(), &["--skip-conflicts", "--sessions"]);
    assert_eq!((&again["users"], &again["accounts"]), (&counts(2, 0, 1, 1), &counts(2, 0, 1, 1)));
    assert_eq!(rows(folder.path()).await, before);
}

#[tokio::test]
async fn import_of_an_id_that_is_another_users_here_stops() {
    let folder = old(&[user("ada", "ada@example.com")]).await;
    assert!(run(folder.path(), &["migrate"], &[]).status.success());
    let other = "INSERT INTO users VALUES ('ada', 'someone@example.com', 0, 'Another', NULL, 1, 1)";
    execute(&folder.path().join("signet.db"), other).await;
    let ran = run(folder.path(), &["import", "better-auth", "sqlite:theirs.db", "--json"], &[]);
    assert_eq!(ran.status.code(), Some(3), "{}", printed(&ran));
    assert_eq!(reasons(&serde_json::from_slice(&ran.stdout).unwrap()), [("ada", "id_taken")]);
}

#[tokio::test]
async fn import_of_accounts_takes_one_password_of_each_user_and_each_account_of_a_provider_once() {
    let younger =
        "UPDATE account SET updatedAt = '2025-06-01T00:00:00.000Z' WHERE id IN ('a2', 'a3');".to_owned();
    let broken = "UPDATE account SET createdAt = 'soon' WHERE id = 'a9';".to_owned();
    let folder = old(&[
        user("ada", "ada@example.com"),
        user("bob", "bob@example.com"),
        account("a1", "ada", "credential", "ada@example.com", Some(IMPORTED)),
        account("a2", "ada", "credential", "ada", Some(IMPORTED)),
        account("a3", "bob", "credential", "bob", Some(IMPORTED)),
        account("a4", "bob", "credential", "bob", Some(IMPORTED)),
        account("a5", "ada", "github", "4711", None),
        account("a6", "bob", "github", "4711", None),
        account("a7", "bob", "google", "4711", None),
        account("a8", "gone", "google", "1", None),
        account("a9", "ada", "google", "2", None),
        younger,
        broken,
    ])
    .await;
    let came = import(folder.path(), &[]);
    assert_eq!(came["accounts"], counts(9, 4, 0, 5));
    assert_eq!(
        reasons(&came),
        [
            ("a1", "second_password"),
            ("a4", "second_password"),
            ("a6", "linked_twice"),
            ("a8", "no_such_user"),
            ("a9", "unreadable_time")
        ]
    );
    let kept = rows(folder.path()).await;
    assert!(kept.iter().any(|row| row.starts_with("a2|ada|credential|ada|")), "{kept:?}");
    assert!(kept.iter().any(|row| row.starts_with("a5|ada|github|4711||")), "{kept:?}");
    let again = import(folder.path(), &[]);
    assert_eq!(again["accounts"]["inserted"], 0, "{again}");
}

#[tokio::test]
async fn import_of_users_leaves_out_whoever_is_banned_or_cannot_be_kept_and_says_so() {
    let folder = old(&[
        user("ada", "ada@example.com"),
        user("banned", "banned@example.com"),
        user("was-banned", "was@example.com"),
        user("nameless", ""),
        user("timeless", "timeless@example.com"),
        user("nul", "nul@example.com"),
        "UPDATE \"user\" SET banned = 1 WHERE id IN ('banned', 'was-banned');".to_owned(),
        format!("UPDATE \"user\" SET banExpires = '{THEN}' WHERE id = 'was-banned';"),
        "UPDATE \"user\" SET createdAt = 'soon' WHERE id = 'timeless';".to_owned(),
        "UPDATE \"user\" SET image = 'a' || char(0) || 'b' WHERE id = 'nul';".to_owned(),
        // A picture that is larger than all that is written at once.
        "UPDATE \"user\" SET image = 'data:image/png;base64,' || hex(zeroblob(4000000)) WHERE id = 'ada';"
            .to_owned(),
    ])
    .await;
    let came = import(folder.path(), &[]);
    assert_eq!(came["users"], counts(6, 2, 0, 4), "{came}");
    assert_eq!(
        reasons(&came),
        [
            ("banned", "banned"),
            ("nameless", "no_address"),
            ("nul", "unstorable_text"),
            ("timeless", "unreadable_time")
        ]
    );
    assert!(rows(folder.path()).await[0].len() > 8_000_000, "the picture is whole");
}

/// A session's row of the built-in adapter.
fn session(id: &str, user: &str, expires_at: &str) -> String {
    format!(
        "INSERT INTO session (id, expiresAt, token, createdAt, updatedAt, userId, userAgent) VALUES \
         ('{id}', '{expires_at}', 'token-of-{id}', '{THEN}', '{THEN}', '{user}', '{agent}');",
        agent = "x".repeat(1000),
    )
}

#[tokio::test]
async fn import_of_sessions_brings_living_ones_and_none_back_that_may_have_been_ended_here() {
    let folder = old(&[
        user("ada", "ada@example.com"),
        user("bob", "bob@example.com"),
        account("a", "ada", "credential", "ada", Some(IMPORTED)),
        account("b", "bob", "credential", "bob", Some(IMPORTED)),
        session("one", "ada", LATER),
        session("two", "ada", LATER),
        session("three", "bob", LATER),
        session("over", "ada", THEN),
        session("of-an-admin", "ada", LATER),
        session("orphan", "gone", LATER),
        "UPDATE session SET impersonatedBy = 'root' WHERE id = 'of-an-admin';".to_owned(),
    ])
    .await;
    assert_eq!(import(folder.path(), &[])["sessions"], counts(0, 0, 0, 0), "only where they are wanted");
    let came = import(folder.path(), &["--sessions"]);
    assert_eq!(came["sessions"], counts(6, 3, 1, 2), "{came}");
    assert_eq!(reasons(&came), [("of-an-admin", "impersonated"), ("orphan", "no_such_user")]);
    let server = Server::start(folder.path(), &[]);
    let bearing = |id: &str| server.caller().bearing(&format!("token-of-{id}"));
    for id in ["one", "two"] {
        assert_eq!(bearing(id).get("/api/auth/get-session").await.expect(200)["user"]["id"], "ada");
    }
    // Ada signs out of one session, and in anew: the other that ends with it does not come back either.
    bearing("one").post("/api/auth/sign-out", &json!({})).await.expect(200);
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let ada = server.caller().post("/api/auth/sign-in/email", &body).await.expect(200);
    let ada = server.caller().bearing(ada["token"].as_str().unwrap());
    ada.post("/api/auth/revoke-other-sessions", &json!({})).await.expect(200);
    execute(&folder.path().join("signet.db"), "DELETE FROM revoked_sessions").await;
    let again = import(folder.path(), &["--sessions"]);
    assert_eq!(again["sessions"], counts(6, 0, 2, 4), "{again}");
    assert_eq!(bearing("one").get("/api/auth/get-session").await.expect(200), Value::Null);
    assert_eq!(bearing("three").get("/api/auth/get-session").await.expect(200)["user"]["id"], "bob");
}
