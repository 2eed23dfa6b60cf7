//! A token that was mailed is seen by its reader alone: it is in no log, no metric, no trace, no table and no URL that we log.

use serde_json::json;

use super::*;
use crate::command_line::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_links_are_in_no_line_of_the_log_and_no_metric_however_much_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let mail = format!("file:{}", folder.path().join("letters").display());
    let server = Server::start(folder.path(), &[("SIGNET_MAIL", &mail), ("RUST_LOG", "trace")]);
    let letters = Letters::in_folder(folder.path().join("letters"));
    let caller = server.caller();
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let ada = post(&caller, "sign-up/email", body).await.expect(200);
    let session = caller.bearing(ada["token"].as_str().unwrap());
    let email = "ada@example.com";
    let mut tokens = vec![letters.next(email, "/verify-email#token=").await.token()];
    let path = "/api/auth/reset-password/";
    post(&caller, "request-password-reset", json!({ "email": email, "redirectTo": "/reset" }))
        .await
        .expect(200);
    let link = letters.next(email, path).await.link(path);
    caller.get(&link).await.expect(302);
    tokens.push(link[path.len()..].split('?').next().unwrap().to_owned());
    post(&session, "change-email", json!({ "newEmail": "new@example.com", "callbackURL": "/" }))
        .await
        .expect(200);
    let path = "/api/auth/verify-email?token=";
    let link = letters.next("new@example.com", path).await.link(path);
    tokens.push(link[path.len()..].split('&').next().unwrap().to_owned());
    post(&session, "delete-user", json!({})).await.expect(200);
    tokens.push(letters.next(email, "/delete-account#token=").await.token());
    post(&caller, "verify-email", json!({ "token": tokens[0] })).await.expect(200);
    caller.get(&link).await.expect(302);
    caller.get(&link).await.expect(302);
    post(&session, "delete-user", json!({ "token": tokens[3] })).await;
    let metrics = caller.get("/metrics").await.text;
    assert!(metrics.contains("route=\"/api/auth/reset-password/{token}\""), "{metrics}");
    let (_, log) = server.terminate();
    assert!(log.contains("/api/auth/reset-password/{token}"), "{log}");
    for token in &tokens {
        assert_eq!(token.len(), 32, "{token}");
        for (place, text) in [("the log", &log), ("the metrics", &metrics)] {
            assert!(!text.contains(token.as_str()), "{place} shows {token}");
        }
    }
}

#[tokio::test]
async fn store_holds_no_token_that_was_mailed() {
    let (app, letters) = start().await;
    let ada = app.signed_up("ada").await;
    let tokens = [
        letters.next(&ada.email, "/verify-email#token=").await.token(),
        reset_token(&app, &letters, &ada.email).await,
    ];
    settled(&app).await;
    let folder = app.folder.clone();
    assert!(app.stop().await);
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        for token in &tokens {
            let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
            assert!(!found, "{:?}", entry.path());
        }
    }
}
