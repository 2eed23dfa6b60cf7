//! A Redis of one test: a real `redis-server`, on a free port and with a folder of its own.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::wait::until_blocking;

/// The certificate of a server behind TLS, and its key, as files.
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
}

/// A running Redis.
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    password: Option<String>,
    tls: Option<Tls>,
    /// How long it takes to read a key of its file at the start, in microseconds.
    key_load_delay: u32,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one without password and TLS; none, said loudly, when there is no `redis-server` and something may be
    /// skipped.
    pub fn start() -> Option<Self> {
        Self::ready(None, false)
    }

    /// The same, asking for a password.
    pub fn with_password(password: &str) -> Option<Self> {
        Self::ready(Some(password.to_owned()), false)
    }

    /// The same, behind TLS, with a certificate of `localhost`.
    pub fn with_tls(password: &str) -> Option<Self> {
        Self::ready(Some(password.to_owned()), true)
    }

    fn ready(password: Option<String>, tls: bool) -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            super::skip("there is no redis-server");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let tls = tls.then(|| {
            let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
            super::certify(&certificate, &key);
            Tls { certificate, key }
        });
        let mut redis = Self { folder, port: 0, password, tls, key_load_delay: 0, child: None };
        // Another process may take the port before Redis does.
        let started = (0..20).any(|_| {
            redis.port = super::free_port();
            redis.try_start()
        });
        assert!(started, "redis-server does not start");
        Some(redis)
    }

    /// Starts it on the same port again, empty, and waits until it answers.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        until_blocking("redis-server starts again", || self.try_start());
    }

    /// Keeps what it has in a file, and starts it again so that reading it takes a while, in which it answers LOADING.
    pub fn restart_loading(&mut self) {
        self.ask(&["EVAL", "for i = 1, 8000 do redis.call('SET', 'key' .. i, i) end", "0"]);
        self.ask(&["SAVE"]);
        self.kill();
        self.key_load_delay = 400;
        self.restart();
        self.key_load_delay = 0;
    }

    /// Where its socket is.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Starts it, and says whether it could have the port.
    fn try_start(&mut self) -> bool {
        // It listens here last, and only when it has the port: no other process's answer is taken for its own.
        let socket = self.socket();
        let _ = std::fs::remove_file(&socket);
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning"]);
        command.arg("--dir").arg(self.folder.path());
        let port = self.port.to_string();
        match &self.tls {
            None => command.args(["--port", &port]),
            Some(tls) => command
                .args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no", "--tls-cert-file"])
                .arg(&tls.certificate)
                .arg("--tls-key-file")
                .arg(&tls.key)
                .arg("--tls-ca-cert-file")
                .arg(&tls.certificate),
        };
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        if self.key_load_delay > 0 {
            command.args(["--key-load-delay", &self.key_load_delay.to_string()]);
            command.args(["--loading-process-events-interval-bytes", "1024"]);
        }
        command.arg("--unixsocket").arg(&socket);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut has_ended = false;
        until_blocking("redis-server starts or ends", || {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended || UnixStream::connect(&socket).is_ok()
        });
        self.child = (!has_ended).then_some(child);
        !has_ended
    }

    /// Its port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is, as a setting: database `number`, with its password.
    pub fn url(&self, number: u16) -> String {
        let (scheme, host) =
            if self.tls.is_some() { ("rediss", "localhost") } else { ("redis", "127.0.0.1") };
        let password = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("{scheme}://{password}{host}:{}/{number}", self.port)
    }

    /// The certificate that a client has to trust.
    pub fn certificate(&self) -> &Path {
        &self.tls.as_ref().unwrap().certificate
    }

    /// SIGKILL: it forgets everything.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGSTOP: connections stand, and nothing answers.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// What `redis-cli` answers.
    pub fn ask(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        if let Some(password) = &self.password {
            command.args(["--no-auth-warning", "-a", password]);
        }
        if let Some(tls) = &self.tls {
            command.arg("--tls").arg("--cacert").arg(&tls.certificate);
        }
        let output = command.args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}
