//! The web app in a real browser, against the real server.
//! In: scripts that drive Chromium, each with scenarios named as sentences. Out: they pass, with no trouble in the console.

mod served;

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use signet::config::Settings;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::clients::{browser, installed};
use crate::support::{Builder, SECRET, TestApp};

/// Where a script asks for the time to pass: `@@ advance SECONDS`, answered by a line.
const ORDER: &str = "@@ advance ";

/// Runs a script against a server; it is a test file of Node, and names what failed. Says no where there is no browser.
async fn drive(app: &TestApp, script: &str) {
    let (Some(folder), Some(browser)) = (installed(), browser()) else { return };
    let mut running = Command::new("node")
        .arg("--test-reporter=tap")
        .arg(format!("{}/tests/web/{script}", env!("CARGO_MANIFEST_DIR")))
        .env("SIGNET_TEST_CLIENTS", folder)
        .env("SIGNET_TEST_BASE", &app.base_url)
        .env("SIGNET_TEST_MAIL", app.folder.path().join("mail"))
        .env("CHROMIUM", browser)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut answers = running.stdin.take().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut printed = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(seconds) = line.strip_prefix(ORDER) {
            app.advance(Duration::from_secs(seconds.parse().unwrap()));
            answers.write_all(b"done\n").await.unwrap();
        } else {
            printed.push_str(&line);
            printed.push('\n');
        }
    }
    assert!(running.wait().await.unwrap().success(), "{printed}");
    assert!(printed.contains("# fail 0") && !printed.contains("# pass 0"), "{printed}");
}

/// A server that writes its mail where scripts look for it.
fn with_mail() -> Builder {
    TestApp::builder().with_folder(|settings, folder| {
        settings.set("SIGNET_MAIL", format!("file:{}", folder.join("mail").display()));
    })
}

async fn on_a_manual_clock(script: &str) {
    let app = with_mail().manual_clock().start().await;
    drive(&app, script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_keep_the_stories_and_edge_cases_of_the_specification() {
    on_a_manual_clock("stories.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_renew_tokens_unseen_and_lose_no_typed_text_when_a_session_ends() {
    on_a_manual_clock("session.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_page_works_with_pointer_and_keyboard() {
    on_a_manual_clock("tasks.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn account_page_lets_users_manage_their_account() {
    on_a_manual_clock("account.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_accessible_light_fit_every_screen_and_ask_no_other_host() {
    on_a_manual_clock("pages.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn device_page_lets_a_device_in_and_is_accessible_on_a_small_screen_and_in_the_dark() {
    let television = json!({
        "client_id": "tv", "client_name": "Television in the living room", "client_uri": "https://tv.example",
        "application_type": "native", "token_endpoint_auth_method": "none",
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
        "scope": "openid email offline_access tasks:read",
    });
    let app = with_mail().provisioned(&json!({ "clients": [television] })).start().await;
    drive(&app, "device.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_behind_the_links_of_mails_reset_confirm_change_and_delete_when_a_button_is_pressed() {
    on_a_manual_clock("mail.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_up_and_sign_in_pages_lead_through_the_confirmation_of_an_address_that_is_demanded() {
    let demanding = |settings: &mut Settings| settings.set("SIGNET_REQUIRE_VERIFIED_EMAIL", "on");
    let app = with_mail().with(demanding).start().await;
    drive(&app, "verified.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invited_user_chooses_a_password_with_the_link_of_a_mail_and_signs_in() {
    let app = with_mail().start().await;
    let path = |name: &str| app.folder.path().join(name).display().to_string();
    // As an operator does beside a running server, in both languages.
    for (email, name, language) in [("ada@example.com", "Ada", "en"), ("bea@example.com", "Bea", "de")] {
        let mut order = Command::new(env!("CARGO_BIN_EXE_signet"));
        order.args(["users", "invite", email, "--name", name, "--language", language]);
        order.env("BETTER_AUTH_SECRET", SECRET).env("BETTER_AUTH_URL", &app.base_url);
        order.env("DATABASE_URL", format!("sqlite:{}", path("signet.db")));
        order.env("SIGNET_KEYS_DIR", path("keys")).env("SIGNET_MAIL", format!("file:{}", path("mail")));
        let ordered = order.output().await.unwrap();
        assert!(ordered.status.success(), "{}", String::from_utf8_lossy(&ordered.stderr));
    }
    drive(&app, "invitation.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_clients_send_users_to_work_on_every_screen_and_without_script() {
    let port = crate::support::free_port();
    let here = format!("http://127.0.0.1:{port}");
    let client = serde_json::json!({
        "client_id": "reports", "client_name": "Reports", "client_uri": "https://reports.example",
        "token_endpoint_auth_method": "none", "application_type": "web",
        "redirect_uris": [format!("{here}/healthz")], "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile email offline_access tasks:read",
    });
    let app = with_mail().provisioned(&serde_json::json!({ "clients": [client] }));
    let app = app.with(|settings| {
        settings.set("SIGNET_LISTEN", format!("127.0.0.1:{port}"));
        settings.set("BETTER_AUTH_URL", format!("http://127.0.0.1:{port}"));
    });
    let app = app.start().await;
    assert_eq!(app.base_url, here);
    drive(&app, "oauth.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_server_without_mail_promise_none() {
    let app = TestApp::start().await;
    drive(&app, "without_mail.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_is_not_noticed_on_the_pages() {
    let often = |settings: &mut Settings| {
        settings.set("SIGNET_JWKS_MAX_AGE", "1s");
        settings.set("SIGNET_LEEWAY", "0s");
        // As often as three algorithms may, with tokens of a minute.
        settings.set("SIGNET_ROTATE_EVERY", "8s");
        settings.set("SIGNET_TOKEN_TTL", "60s");
    };
    let app = TestApp::builder().with(often).start().await;
    drive(&app, "rotation.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_say_how_long_to_wait_after_too_many_attempts() {
    let limited = |settings: &mut Settings| settings.set("SIGNET_RATE_LIMIT", "on");
    let app = with_mail().with(limited).start().await;
    drive(&app, "limits.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_an_identity_service_alone_are_those_of_the_account_and_not_of_tasks() {
    let alone = |settings: &mut Settings| settings.set("SIGNET_ROLE", "identity");
    let app = TestApp::builder().with(alone).start().await;
    drive(&app, "identity.mjs").await;
}
