//! What Signet takes of a machine while it is idle.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use signet_benches::median;
use signet_benches::process::Process;
use signet_verify::clock::{Clock, SystemClock};

const STARTS: usize = 9;

pub async fn run(binary: &Path, cold: bool) {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::signet(binary, folder.path(), &[]).await;
    let first_start = first.ready_after;
    assert!(first.terminate().success());
    let (mut starts, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let signet = Process::signet(binary, folder.path(), &[]).await;
        starts.push(signet.ready_after.as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_secs(2)).await;
        idle.push(signet.resident() / 1e6);
        assert!(signet.terminate().success());
    }
    println!("| what | figure |\n| --- | --- |");
    println!("| start to ready, first start of all | {:.0} ms |", first_start.as_secs_f64() * 1000.0);
    println!("| start to ready, existing database (median of {STARTS}) | {:.0} ms |", median(starts));
    println!("| resident memory, idle (median of {STARTS}) | {:.1} MB |", median(idle));
    println!("| binary | {:.1} MB |", std::fs::metadata(binary).unwrap().len() as f64 / 1e6);
    if cold {
        println!("| cold release build | {:.0} s |", cold_build().as_secs_f64());
    }
}

/// How long a release build takes where nothing has been built before.
fn cold_build() -> Duration {
    let (target, clock) = (tempfile::tempdir().unwrap(), SystemClock::new());
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--bin", "signet"]).env("CARGO_TARGET_DIR", target.path());
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    assert!(cargo.status().unwrap().success());
    clock.monotonic()
}
