//! Other people's frontends: pages on another origin, and clients made from our documents.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::{browser, installed, issuer_of, run, script};
use crate::support::{TestApp, free_port};

/// A copy of an example's folder, below the installed packages: there Node finds them.
fn copied(example: &str, packages: &Path) -> TempDir {
    let copy = tempfile::Builder::new().prefix(example).tempdir_in(packages).unwrap();
    copy_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example), copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_all(&source, &target);
        } else {
            std::fs::copy(&source, &target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn react_page_on_another_origin_signs_users_in_and_manages_their_tasks() {
    let Some(packages) = installed().filter(|_| browser().is_some()) else { return };
    let port = free_port();
    let app = TestApp::builder()
        .with(|settings| settings.set("BETTER_AUTH_TRUSTED_ORIGINS", format!("http://localhost:{port}")))
        .manual_clock()
        .start()
        .await;
    let page = copied("react", &packages);
    let (signet, port) = (issuer_of(&app), port.to_string());
    let mut person = script(&packages, "react.mjs", &[&signet, &port, page.path().to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (person.stdin.take().unwrap(), person.stdout.take().unwrap());
    let (mut printed, mut lines) = (String::new(), BufReader::new(output).lines());
    while let Some(line) = lines.next_line().await.unwrap() {
        if line == "expire" {
            app.advance(Duration::from_secs(16 * 60));
            input.write_all(b"expired\n").await.unwrap();
        }
        printed.push_str(&line);
    }
    assert!(person.wait().await.unwrap().success(), "{printed}");
    assert!(printed.contains("minded the tasks"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript_client_generated_from_the_documents_compiles_strictly_and_works() {
    let Some(packages) = installed() else { return };
    let app = TestApp::start().await;
    let program = copied("typescript", &packages);
    let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi");
    let arguments = [documents, &app.base_url, program.path().to_str().unwrap()];
    let printed = run(&packages, "typed.mjs", &arguments).await;
    assert_eq!(printed, "[x] Buy milk\nIt is gone\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn openapi_documents_pass_a_well_known_linter() {
    let Some(packages) = installed() else { return };
    let printed = run(&packages, "lint.mjs", &[concat!(env!("CARGO_MANIFEST_DIR"), "/openapi")]).await;
    assert_eq!(printed, "identity: 0 problems\ntasks: 0 problems\n");
}

#[test]
fn package_json_of_the_examples_names_the_versions_that_are_tested() {
    let dependencies = |path: &str| {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let package: serde_json::Value = serde_json::from_str(&text).unwrap();
        let of_kind = |kind: &str| package[kind].as_object().cloned().unwrap_or_default();
        let mut all = of_kind("dependencies");
        all.extend(of_kind("devDependencies"));
        all
    };
    let tested = dependencies("tests/clients/package.json");
    for example in ["react", "typescript"] {
        for (name, version) in dependencies(&format!("examples/{example}/package.json")) {
            assert_eq!(tested.get(&name), Some(&version), "{example}: {name}");
        }
    }
}
