//! A program on a machine without a browser signs its user in (RFC 8628).

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::{installed, issuer_of, script};
use crate::support::TestApp;
use crate::support::agent::Agent;
use crate::support::wait::LONGEST;

const GRANTS: [&str; 2] = ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"];

async fn app() -> TestApp {
    let declared = json!({ "clients": [{
        "client_id": "terminal", "client_name": "A terminal", "application_type": "native", "token_endpoint_auth_method": "none",
        "grant_types": GRANTS, "scope": "openid profile email offline_access",
    }] });
    let app = TestApp::builder().provisioned(&declared).start().await;
    app.signed_up("ada").await;
    app
}

/// The lines that a program prints, each awaited.
async fn next(lines: &mut tokio::io::Lines<BufReader<tokio::process::ChildStdout>>) -> String {
    let line = tokio::time::timeout(LONGEST, lines.next_line()).await;
    line.unwrap_or_else(|_| panic!("the program says nothing")).unwrap().unwrap_or_default()
}

fn printing(
    command: &mut Command,
) -> (tokio::process::Child, tokio::io::Lines<BufReader<tokio::process::ChildStdout>>) {
    let mut child = command.stdout(std::process::Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// Types a code on the page for it, signs in, and presses a button on the page that shows the client.
async fn answer(issuer: &str, verification_uri: &str, code: &str, button: &str) {
    assert!(verification_uri.starts_with(issuer), "{verification_uri}");
    let mut agent = Agent::new();
    let mut page = agent.open(verification_uri).await;
    for _ in 0..5 {
        page = if let Some(form) = page.find_form("password") {
            let form =
                form.fill("email", "ada@example.com").fill("password", crate::support::caller::PASSWORD);
            agent.submit(&page, &form, "").await
        } else if let Some(form) = page.find_form(button) {
            assert!(page.shows("A terminal") && page.shows(code), "{}", page.text);
            agent.submit(&page, &form, button).await;
            return;
        } else {
            // In small letters and without the dash, as people type.
            let form = page.form("user_code").fill("user_code", &code.replace('-', "").to_lowercase());
            agent.submit(&page, &form, "").await
        };
    }
    panic!("the page does not ask: {}", page.text);
}

#[tokio::test]
async fn device_grant_signs_a_script_in_when_the_user_allows_it() {
    let Some(folder) = installed() else { return };
    let app = app().await;
    let issuer = issuer_of(&app);
    let mut command = script(&folder, "device.py", &[&issuer, "terminal", "openid email offline_access"]);
    let (_child, mut lines) = printing(&mut command);
    let shown: Value = serde_json::from_str(&next(&mut lines).await).unwrap();
    let text = |name: &str| shown[name].as_str().unwrap().to_owned();
    assert!(text("verification_uri_complete").contains(&text("user_code")), "{shown}");
    answer(&issuer, &text("verification_uri"), &text("user_code"), "Allow").await;
    let ended: Value = serde_json::from_str(&next(&mut lines).await).unwrap();
    assert_eq!(
        (&ended["user"]["email"], &ended["refreshed"]),
        (&json!("ada@example.com"), &json!(true)),
        "{ended}"
    );
    assert!(ended["scope"].as_str().unwrap().contains("offline_access"), "{ended}");
}

#[tokio::test]
async fn device_grant_tells_a_script_that_the_user_refuses_it() {
    let Some(folder) = installed() else { return };
    let app = app().await;
    let issuer = issuer_of(&app);
    let mut command = script(&folder, "device.py", &[&issuer, "terminal", "openid"]);
    let (_child, mut lines) = printing(&mut command);
    let shown: Value = serde_json::from_str(&next(&mut lines).await).unwrap();
    let text = |name: &str| shown[name].as_str().unwrap().to_owned();
    answer(&issuer, &text("verification_uri_complete"), &text("user_code"), "Refuse").await;
    assert_eq!(next(&mut lines).await, r#"{"error": "access_denied"}"#);
}
