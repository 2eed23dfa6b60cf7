//! Signet and its peers, each as a process of its own on a temporary folder, with or without workers.
//! In: where they are installed. Out: running servers.
//! Owns: all of them listen on loopback, keep their data in SQLite and acknowledge what is on the disk.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use signet_benches::process::{Process, free_address};
use tempfile::TempDir;

/// From the first answer until the memory of an idle server is read.
const REST: Duration = Duration::from_secs(2);

/// A running server and its files.
pub struct Server {
    /// What it is called in the tables.
    pub name: String,
    pub process: Process,
    /// Memory before the first request.
    pub idle: (f64, f64),
    _folder: TempDir,
}

impl Server {
    /// A server that has answered once, after a rest in which its workers get ready too.
    async fn new(name: String, process: Process, folder: TempDir) -> Self {
        tokio::time::sleep(REST).await;
        let idle = process.memory_of_all();
        Self { name, process, idle, _folder: folder }
    }
}

pub async fn signet(binary: &Path, name: &str, settings: &[(&str, &str)]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::signet(binary, folder.path(), settings).await;
    Server::new(name.to_owned(), process, folder).await
}

/// Node with Better Auth: one process, or a cluster.
pub async fn better_auth(installed: &Path, processes: usize) -> Server {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
    let mut command = bare("node".as_ref(), folder.path());
    command.arg(installed.join("better-auth.mjs")).args([address.port().to_string(), processes.to_string()]);
    command.arg(folder.path().join("auth.db"));
    command
        .env("NODE_ENV", "production")
        .env("BETTER_AUTH_SECRET", "a secret that only this machine will ever know");
    let process = Process::start_group(command, address, "/api/auth/ok").await;
    Server::new(named("Better Auth", processes), process, folder).await
}

/// FastAPI with PyJWT for the tokens of `issuer`: one process, or a supervisor and its workers.
pub async fn fastapi(installed: &Path, issuer: &Server, processes: usize) -> Server {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
    let python = || {
        let mut command = bare(&installed.join("venv/bin/python"), folder.path());
        command.env("PYTHONPATH", installed).env("DATABASE", folder.path().join("tasks.db"));
        command.env("ISSUER", format!("http://{}", issuer.process.address));
        command
    };
    // Makes the tables before workers race for it.
    assert!(python().args(["-c", "import tasks"]).status().unwrap().success(), "import tasks");
    let mut command = python();
    command.args([
        "-m",
        "uvicorn",
        "tasks:app",
        "--host",
        "127.0.0.1",
        "--port",
        &address.port().to_string(),
    ]);
    command.args(["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]);
    command.args(["--workers", &processes.to_string()]);
    let process = Process::start_group(command, address, "/healthz").await;
    Server::new(named("FastAPI", processes), process, folder).await
}

fn named(name: &str, processes: usize) -> String {
    if processes == 1 { format!("{name}, 1 process") } else { format!("{name}, {processes} workers") }
}

/// A program that inherits nothing but where programs are, and complains into a file.
fn bare(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir(folder);
    command.stderr(File::create(folder.join("log")).unwrap());
    command
}
