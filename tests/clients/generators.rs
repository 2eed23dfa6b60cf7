//! Clients that widespread generators make of our documents read what we answer.

use super::{installed, run};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn clients_generated_in_python_find_nobody_signed_in_sign_up_and_mind_a_task() {
    let Some(packages) = installed() else { return };
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi");
    let arguments = [documents, &app.base_url, folder.path().to_str().unwrap()];
    let printed = run(&packages, "generated.py", &arguments).await;
    assert!(printed.contains("every generated client as expected"), "{printed}");
}
