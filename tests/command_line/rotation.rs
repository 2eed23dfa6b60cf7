//! Keys come, sign, go and are revoked while real processes and third-party libraries verify: no good token is refused.

#[allow(
    dead_code,
    unused_imports,
    reason = "the command of the same name reads more of an outcome than this test"
)]
#[path = "../../benches/src/rotation/mod.rs"]
mod traffic;

use std::path::{Path, PathBuf};

use self::traffic::{Plan, Step, run};
use crate::clients::installed;

/// Where a program is that users of it do not always have on their path.
fn nginx() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&folders).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join("nginx")).find(|program| program.exists());
    if found.is_none() {
        crate::support::skip("nginx is not installed");
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_refuses_no_living_token_while_processes_die() {
    let (Some(clients), Some(nginx)) = (installed(), nginx()) else { return };
    let plan = Plan {
        signet: env!("CARGO_BIN_EXE_signet").into(),
        clients,
        scripts: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients"),
        nginx,
        seconds: 32.0,
        rotate_every: 6,
        jwks_max_age: 1,
        token_ttl: 10,
        leeway: 2,
        people: 3,
        rate: 60,
        steps: vec![(2.0, Step::Kill), (9.0, Step::Rotate), (14.0, Step::RevokeAlone)],
        seed: 4,
        // The machine does other things meanwhile; the command measures without.
        grace: 3.0,
        aloud: false,
    };
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(plan, folder.path()).await.unwrap();
    assert!(outcome.failures.is_empty(), "{:#?}\n{:#?}", outcome.failures, outcome.history.events);
    assert!(outcome.verified() > 3000, "{} verifications", outcome.verified());
    assert!(outcome.whole_lives() >= 1, "{:#?}", outcome.history.keys);
}
