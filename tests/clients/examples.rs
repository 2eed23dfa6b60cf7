//! The example backends do what a user would copy them for, each as a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{installed, issuer_of};
use crate::support::wait::until;
use crate::support::{SECRET, TestApp, free_port};

#[derive(Clone, Copy, Debug)]
enum Backend {
    Rust,
    FastApi,
    Node,
}

/// A running example.
struct Example {
    url: String,
    _process: Child,
    _folder: Option<TempDir>,
}

impl Example {
    /// Starts `backend` for the issuer `signet`, with more variables of its environment.
    async fn start(backend: Backend, signet: &str, more: &[(&str, &str)]) -> Option<Self> {
        let port = free_port();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let mut place = None;
        let mut command = match backend {
            Backend::Rust => Command::new(built("rust")),
            Backend::FastApi => {
                let mut uvicorn = Command::new(installed()?.join("venv/bin/python"));
                uvicorn.current_dir(folder.join("fastapi")).args([
                    "-m",
                    "uvicorn",
                    "main:app",
                    "--log-level",
                    "warning",
                    "--port",
                    &port.to_string(),
                ]);
                uvicorn
            }
            Backend::Node => {
                let mut node = Command::new("node");
                // Node looks for packages beside the script and above it, so the script is taken to where they are.
                let place = place.insert(tempfile::tempdir_in(installed()?).unwrap());
                let script = place.path().join("server.mjs");
                std::fs::copy(folder.join("node/server.mjs"), &script).unwrap();
                node.arg(script);
                node
            }
        };
        command
            .env("SIGNET_URL", signet)
            .env("LISTEN", format!("127.0.0.1:{port}"))
            .env("PORT", port.to_string());
        command.envs(more.iter().copied()).stdout(Stdio::null()).kill_on_drop(true);
        let (url, process) = (format!("http://127.0.0.1:{port}"), command.spawn().unwrap());
        let example = Self { url, _process: process, _folder: place };
        let listens = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        until("the example listens", listens).await;
        Some(example)
    }

    /// The status, the challenge and the text that the diary answers `token` with.
    async fn diary(&self, token: Option<&str>) -> (u16, Option<String>, String) {
        let mut request = reqwest::Client::new().get(format!("{}/diary", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        let (status, challenge) = (response.status().as_u16(), header("www-authenticate"));
        (status, challenge, response.text().await.unwrap())
    }

    async fn assert_refuses(&self, token: Option<&str>) {
        let (status, challenge, text) = self.diary(token).await;
        assert_eq!(status, 401, "{text}");
        assert!(challenge.unwrap().starts_with("Bearer"));
        assert!(!text.contains("The diary of"));
    }
}

/// Where Cargo has put the example NAME: `cargo test` builds it before it starts these tests.
fn built(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let example = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(example.exists(), "not built: run `cargo build --examples` first");
    example
}

/// A good token whose signature is another token's.
fn forged(good: &str, other: &str) -> String {
    let (text, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    format!("{text}.{signature}")
}

async fn opens_the_diary_for_its_owner_only(backend: Backend) {
    let (app, other_issuer) = (TestApp::start().await, TestApp::start().await);
    let (alice, bob) = (app.signed_up("alice").await, app.signed_up("bob").await);
    let Some(example) = Example::start(backend, &issuer_of(&app), &[]).await else { return };
    for user in [&alice, &bob] {
        let (status, _, text) = example.diary(Some(&user.jwt().await)).await;
        assert_eq!((status, text.contains(&format!("The diary of {}", user.id))), (200, true), "{text}");
    }
    let (hers, his) = (alice.jwt().await, bob.jwt().await);
    let foreign = other_issuer.signed_up("alice").await.jwt().await;
    for token in
        [None, Some("nonsense"), Some(&*forged(&hers, &his)), Some(&*foreign), Some(&hers[..hers.len() - 9])]
    {
        example.assert_refuses(token).await;
    }
}

async fn reads_tokens_under_the_shared_secret(backend: Backend) {
    let app = TestApp::builder().with(|settings| settings.set("SIGNET_TOKEN_MODE", "hs256")).start().await;
    let alice = app.signed_up("alice").await;
    let (right, wrong) = ([("BETTER_AUTH_SECRET", SECRET)], [("BETTER_AUTH_SECRET", "x".repeat(40))]);
    let Some(example) = Example::start(backend, &issuer_of(&app), &right).await else { return };
    let (status, _, text) = example.diary(Some(&alice.jwt().await)).await;
    assert_eq!((status, text.contains(&alice.id)), (200, true), "{text}");
    let eddsa = TestApp::start().await.signed_up("alice").await.jwt().await;
    example.assert_refuses(Some(&eddsa)).await;
    let wrong = [(wrong[0].0, wrong[0].1.as_str())];
    let Some(example) = Example::start(backend, &issuer_of(&app), &wrong).await else { return };
    example.assert_refuses(Some(&alice.jwt().await)).await;
}

async fn calls_no_token_invalid_while_the_keys_are_not_to_be_had(backend: Backend) {
    let app = TestApp::start().await;
    let token = app.signed_up("alice").await.jwt().await;
    let Some(example) = Example::start(backend, "http://localhost:1", &[]).await else { return };
    let (status, challenge, text) = example.diary(Some(&token)).await;
    assert_eq!((status, challenge), (503, None), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_example_opens_the_diary_for_its_owner_only() {
    opens_the_diary_for_its_owner_only(Backend::Rust).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastapi_example_opens_the_diary_for_its_owner_only() {
    opens_the_diary_for_its_owner_only(Backend::FastApi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_example_opens_the_diary_for_its_owner_only() {
    opens_the_diary_for_its_owner_only(Backend::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastapi_example_reads_tokens_under_the_shared_secret() {
    reads_tokens_under_the_shared_secret(Backend::FastApi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_example_reads_tokens_under_the_shared_secret() {
    reads_tokens_under_the_shared_secret(Backend::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_call_no_token_invalid_while_keys_are_unavailable() {
    for backend in [Backend::Rust, Backend::FastApi, Backend::Node] {
        calls_no_token_invalid_while_the_keys_are_not_to_be_had(backend).await;
    }
}
