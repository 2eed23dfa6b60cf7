//! A PostgreSQL of one test, which may be stopped: the one that `./test` starts is everybody's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;

use super::wait::until_blocking;

/// A running server.
pub struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    tls: bool,
    child: Option<Child>,
}

impl PostgresServer {
    /// Makes and starts one; none, said loudly, when PostgreSQL is not there and something may be skipped.
    pub fn start() -> Option<Self> {
        Self::ready(None)
    }

    /// The same, which takes connections over TLS only, with a certificate of `localhost`, and with this password.
    pub fn with_tls(password: &str) -> Option<Self> {
        Self::ready(Some(password))
    }

    fn ready(password: Option<&str>) -> Option<Self> {
        let Some(programs) = programs() else {
            super::skip("PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { folder, programs, port: 0, tls: password.is_some(), child: None };
        hand_over(server.folder.path());
        let mut make = server.program("initdb");
        make.args(["-U", "signet", "--no-sync", "-D"]).arg(server.data());
        match password {
            None => make.arg("--auth=trust"),
            Some(password) => {
                let file = server.folder.path().join("password");
                fs::write(&file, password).unwrap();
                hand_over(&file);
                make.arg("--auth=scram-sha-256").arg("--pwfile").arg(file)
            }
        };
        assert!(make.stdout(Stdio::null()).status().unwrap().success());
        if password.is_some() {
            server.take_a_certificate();
        }
        // Another process may take the port before PostgreSQL does.
        let started = (0..20).any(|_| {
            server.port = super::free_port();
            server.try_start()
        });
        assert!(started, "PostgreSQL does not start");
        Some(server)
    }

    fn take_a_certificate(&self) {
        let key = self.data().join("server.key");
        super::certify(&self.certificate(), &key);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        hand_over(&key);
        fs::write(self.data().join("pg_hba.conf"), "hostssl all all all scram-sha-256\n").unwrap();
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        format!("postgres://signet@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate that a client has to trust.
    pub fn certificate(&self) -> PathBuf {
        self.data().join("server.crt")
    }

    /// The address of another of its databases, for another of its users.
    pub fn url_of(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs statements in `database`, as its owner.
    pub async fn run_in(&self, database: &str, statements: &str) {
        sqlx::any::install_default_drivers();
        let mut owner = AnyConnection::connect(&self.url_of("signet", database)).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut owner).await.unwrap();
        owner.close().await.unwrap();
    }

    /// Gives a folder to whoever runs the server.
    pub fn hand_over(&self, folder: &Path) {
        hand_over(folder);
    }

    /// Makes the next start that of a standby, whose sessions are read-only until it is promoted.
    pub fn demote(&self) {
        let file = self.data().join("standby.signal");
        fs::write(&file, "").unwrap();
        hand_over(&file);
    }

    /// Starts it again and waits until it takes connections.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        until_blocking("PostgreSQL starts again", || self.try_start());
    }

    /// Starts it, and says whether it could have the port.
    fn try_start(&mut self) -> bool {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        if self.tls {
            command.args(["-c", "ssl=on"]);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut has_ended = false;
        until_blocking("PostgreSQL starts or ends", || {
            has_ended = child.try_wait().unwrap().is_some();
            let text = fs::read_to_string(self.state()).unwrap_or_default();
            has_ended || text.lines().nth(7).is_some_and(|line| line.trim() == "ready")
        });
        self.child = (!has_ended).then_some(child);
        !has_ended
    }

    /// Ends it in the middle of everything, as a crash would.
    pub fn crash(&mut self) {
        let backends = self.backends();
        signal(self.id(), "-QUIT");
        self.child.take().unwrap().wait().unwrap();
        until_blocking("PostgreSQL leaves no process behind", || {
            backends.iter().all(|id| parent(*id).is_none())
        });
        let _ = fs::remove_file(self.state());
    }

    /// Stops every process of it: connections stand, and nothing answers.
    pub fn freeze(&self) {
        for id in std::iter::once(self.id()).chain(self.backends()) {
            signal(id, "-STOP");
        }
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        for id in std::iter::once(self.id()).chain(self.backends()) {
            signal(id, "-CONT");
        }
    }

    fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// The processes that it has started (proc(5)).
    fn backends(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.filter(|id| parent(*id) == Some(self.id())).collect()
    }

    /// A file that is there while it runs; its eighth line says how far it is.
    fn state(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of its programs, run by a user who is not root, since they refuse root.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        if let Some((user, group)) = servant() {
            command.uid(user).gid(group);
        }
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.thaw();
            self.crash();
        }
    }
}

/// Gives a file to whoever runs the server.
pub(super) fn hand_over(file: &Path) {
    if let Some((user, group)) = servant() {
        std::os::unix::fs::chown(file, Some(user), Some(group)).unwrap();
    }
}

fn signal(id: u32, signal: &str) {
    // It may have ended by itself meanwhile.
    let _ = Command::new("kill").args([signal, &id.to_string()]).stderr(Stdio::null()).status();
}

fn parent(id: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// The folder of the programs: in the path, or where Debian keeps them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let debian = versions.map(|version| version.path().join("bin"));
    std::env::split_paths(&path)
        .chain(debian)
        .find(|folder| ["initdb", "postgres"].iter().all(|program| folder.join(program).exists()))
}

/// Who runs it if we are root: the user and the group `postgres`.
pub(super) fn servant() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if Path::new("/proc/self").metadata().ok()?.uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let fields = users.lines().find(|line| line.starts_with("postgres:"))?.split(':').collect::<Vec<_>>();
    Some((fields[2].parse().ok()?, fields[3].parse().ok()?))
}
