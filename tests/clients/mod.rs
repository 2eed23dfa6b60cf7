//! Other people's clients work against Signet as their users install them.

mod apache;
mod device;
mod examples;
mod frontends;
mod generators;
mod mail;
mod moving;
mod openidconnect;
mod relying;
mod schemathesis;

use std::path::{Path, PathBuf};

use rstest::rstest;
use serde_json::json;
use tokio::process::Command;

use crate::support::wait::until;
use crate::support::{Caller, SECRET, TestApp};

/// Where `./test` has installed the clients; says so loudly when they are not there.
pub fn installed() -> Option<PathBuf> {
    let folder = std::env::var_os("SIGNET_TEST_CLIENTS").map(PathBuf::from);
    if folder.is_none() {
        crate::support::skip("SIGNET_TEST_CLIENTS, other people's clients, is not set");
    }
    folder
}

/// The browser: `CHROMIUM`, or Debian's, of which the one without windows takes half the time. Says so loudly when there
/// is none.
pub fn browser() -> Option<PathBuf> {
    let given = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let debians = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"].map(PathBuf::from);
    let found = given.into_iter().chain(debians).find(|browser| browser.exists());
    if found.is_none() {
        crate::support::skip("chromium-headless-shell is not installed");
    }
    found
}

/// Whether a backend in Java can be run; says so loudly when it can't.
fn java_is_installed() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    // Its compiler is what runs a source file.
    let found = std::env::split_paths(&folders).any(|folder| folder.join("javac").exists());
    if !found {
        crate::support::skip("a JDK, to verify with what Java brings, is not installed");
    }
    found
}

/// A script, to be run with the interpreter of its kind.
pub fn script(folder: &Path, name: &str, arguments: &[&str]) -> Command {
    let interpreter = match name.rsplit_once('.') {
        Some((_, "py")) => folder.join("venv/bin/python"),
        Some((_, "java")) => PathBuf::from("java"),
        _ => PathBuf::from("node"),
    };
    let mut command = Command::new(interpreter);
    if name.ends_with(".java") {
        // It is compiled as it is run, and runs once.
        command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
    }
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)).args(arguments);
    command.env("SIGNET_TEST_CLIENTS", folder).envs(browser().map(|browser| ("CHROMIUM", browser)));
    command.kill_on_drop(true);
    command
}

/// Runs a script to its end and hands on what it printed.
pub async fn run(folder: &Path, name: &str, arguments: &[&str]) -> String {
    let ran = script(folder, name, arguments).output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
    out.into_owned()
}

/// The issuer of an app's tokens: its base URL as users write it.
pub fn issuer_of(app: &TestApp) -> String {
    app.base_url.replace("127.0.0.1", "localhost")
}

#[tokio::test(flavor = "multi_thread")]
async fn better_auth_client_unmodified_signs_up_in_and_out() {
    let Some(folder) = installed() else { return };
    let app = TestApp::builder()
        .with(|settings| settings.set("BETTER_AUTH_TRUSTED_ORIGINS", "http://localhost:3000"))
        .start()
        .await;
    let printed = run(&folder, "better-auth.mjs", &[&app.base_url, "http://localhost:3000"]).await;
    assert!(printed.contains("all calls as expected"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn docs_page_lets_a_user_sign_up_authorize_and_make_a_task() {
    let Some(folder) = installed() else { return };
    if browser().is_none() {
        return;
    }
    let app = TestApp::start().await;
    let printed = run(&folder, "swagger.mjs", &[&app.base_url]).await;
    assert!(printed.contains("made a task"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn docs_page_signs_a_user_in_by_the_code_flow_and_calls_the_tasks_api_as_them() {
    let Some(folder) = installed() else { return };
    if browser().is_none() {
        return;
    }
    let app = TestApp::start().await;
    // The page is where the issuer says that it is.
    let base = app.base_url.replace("127.0.0.1", "localhost");
    let printed = run(&folder, "swagger_oauth.mjs", &[&base]).await;
    assert!(printed.contains("read the tasks"), "{printed}");
}

/// A server that signs with the first of these algorithms, a token from before a rotation and one from after it.
async fn tokens_around_a_rotation(algorithms: &str) -> (TestApp, String, String, [String; 2]) {
    let settings =
        [("SIGNET_ALGORITHMS", algorithms), ("SIGNET_JWKS_MAX_AGE", "1s"), ("SIGNET_LEEWAY", "0s")];
    let app = TestApp::builder()
        .with(|chosen| settings.into_iter().for_each(|(name, value)| chosen.set(name, value)))
        .start()
        .await;
    let alice = app.signed_up("alice").await;
    let kid = |jwt: &str| jwt.split('.').next().unwrap().to_owned();
    let old = alice.jwt().await;
    // Ordered as an operator would: a dozen processes take longer on a busy machine than keys that change by themselves.
    let path = |name: &str| app.folder.path().join(name);
    let mut order = Command::new(env!("CARGO_BIN_EXE_signet"));
    order.args(["keys", "rotate", "--now"]).envs(settings).env("BETTER_AUTH_SECRET", SECRET);
    order.env("DATABASE_URL", format!("sqlite:{}", path("signet.db").display()));
    let ordered = order.env("SIGNET_KEYS_DIR", path("keys")).output().await.unwrap();
    assert!(ordered.status.success(), "{}", String::from_utf8_lossy(&ordered.stderr));
    until("another key signs", async || kid(&alice.jwt().await) != kid(&old)).await;
    let new = alice.jwt().await;
    let claims = signet_verify::jose::base64url::decode(old.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let issuer = claims["iss"].as_str().unwrap().to_owned();
    (app, alice.id, issuer, [old, new])
}

#[rstest]
#[case("EdDSA,ES256,RS256")]
#[case("ES256,RS256,EdDSA")]
#[case("RS256,EdDSA,ES256")]
#[tokio::test(flavor = "multi_thread")]
async fn foreign_verifiers_verify_tokens_from_before_and_after_a_rotation(#[case] algorithms: &str) {
    let Some(folder) = installed() else { return };
    let (app, user_id, issuer, [old, new]) = tokens_around_a_rotation(algorithms).await;
    let first = algorithms.split(',').next().unwrap();
    let mut scripts = vec!["jose.mjs", "pyjwt_jwks.py", "authlib_jwks.py"];
    if first != "EdDSA" {
        // These know no EdDSA.
        scripts.extend(["python_jose_jwks.py", "jsonwebtoken.mjs"]);
    }
    scripts.extend(java_is_installed().then_some("JwksVerifier.java"));
    for path in ["/api/auth/jwks", "/.well-known/jwks.json"] {
        let url = format!("{}{path}", app.base_url);
        for script in &scripts {
            let printed = run(&folder, script, &[&url, &issuer, &old, &new]).await;
            let lines: Vec<&str> = printed.lines().collect();
            assert_eq!(lines.len(), 2, "{script}: {printed}");
            for line in lines {
                assert!(line.starts_with(first) && line.ends_with(&user_id), "{script}: {printed}");
            }
        }
    }
    let api = |jwt: &str| app.anonymous().bearing(jwt);
    api(&old).get("/api/me/tasks").await.expect(200);
    api(&new).get("/api/me/tasks").await.expect(200);
}

/// What old backends say of our token, and what we say of theirs.
async fn old_backends(app: &TestApp, token: &str, user_id: &str) -> Option<Vec<Caller>> {
    let folder = installed()?;
    let printed = run(&folder, "hs256.py", &[SECRET, token, user_id]).await;
    let tokens: Vec<Caller> = printed.lines().map(|token| app.anonymous().bearing(token)).collect();
    assert_eq!(tokens.len(), 2);
    Some(tokens)
}

#[tokio::test(flavor = "multi_thread")]
async fn hs256_tokens_are_exchanged_with_pyjwt_and_python_jose() {
    let app = TestApp::builder().with(|settings| settings.set("SIGNET_TOKEN_MODE", "hs256")).start().await;
    let alice = app.signed_up("alice").await;
    let jwt = alice.jwt().await;
    app.anonymous().bearing(&jwt).get("/api/me/tasks").await.expect(200);
    let Some(theirs) = old_backends(&app, &jwt, &alice.id).await else { return };
    for old in &theirs {
        old.get(&format!("/api/{}/tasks", alice.id)).await.expect(200);
        old.post("/api/me/tasks", &json!({ "title": "from an old backend" })).await.expect(201);
    }
    // The same tokens at a server that never shared its secret with tokens.
    let strict = TestApp::start().await;
    for old in &theirs {
        old.at(&strict).get("/api/me/tasks").await.assert_error(401, "INVALID_TOKEN");
    }
    // And at one that is on its way.
    let migrating = TestApp::builder()
        .with(|settings| {
            settings.set("SIGNET_TOKEN_MODE", "migrate");
            settings.set("SIGNET_HS256_UNTIL", "2100-01-01T00:00:00Z");
        })
        .start()
        .await;
    for old in &theirs {
        old.at(&migrating).get("/api/me/tasks").await.expect(200);
    }
}
