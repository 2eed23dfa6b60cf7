//! The web app, where people stand: in a real browser, against the real server.
//! In: scripts that drive Chromium, each with scenarios named as sentences. Out: they pass, with no trouble in the console.

mod served;

use std::process::Stdio;
use std::time::Duration;

use signet::config::Settings;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::clients::{browser, installed};
use crate::support::TestApp;

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

async fn on_a_manual_clock(script: &str) {
    let app = TestApp::builder().manual_clock().start().await;
    drive(&app, script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stories_and_edge_cases_of_the_specification_hold_on_the_pages() {
    on_a_manual_clock("stories.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_unseen_and_an_ended_session_loses_nothing_that_was_typed() {
    on_a_manual_clock("session.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_work_on_their_tasks_with_pointer_and_keyboard() {
    on_a_manual_clock("tasks.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_look_after_their_account() {
    on_a_manual_clock("account.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_light_fits_every_screen_and_asks_no_other_host() {
    on_a_manual_clock("pages.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_that_the_key_has_changed() {
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
async fn strangers_who_try_too_often_are_told_how_long_to_wait() {
    let limited = |settings: &mut Settings| settings.set("SIGNET_RATE_LIMIT", "on");
    let app = TestApp::builder().with(limited).start().await;
    drive(&app, "limits.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_service_alone_has_an_account_page_and_no_tasks() {
    let alone = |settings: &mut Settings| settings.set("SIGNET_ROLE", "identity");
    let app = TestApp::builder().with(alone).start().await;
    drive(&app, "identity.mjs").await;
}
