//! A PgBouncer of one test, in front of a PostgreSQL.

use std::fmt::Write;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::postgres_server::{hand_over, servant};
use super::wait::until_blocking;

/// A running pooler.
pub struct PgBouncer {
    _folder: TempDir,
    port: u16,
    child: Child,
}

impl PgBouncer {
    /// Starts one in `mode` before the PostgreSQL on `upstream` of this machine, with further settings as lines; none,
    /// said loudly, when there is no `pgbouncer` and something may be skipped.
    pub fn start(upstream: u16, mode: &str, settings: &[&str]) -> Option<Self> {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| Path::new(path).exists());
        let Some(program) = program else {
            super::skip("there is no pgbouncer");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        hand_over(folder.path());
        let file = folder.path().join("pgbouncer.ini");
        for _ in 0..20 {
            let port = super::free_port();
            let mut text = format!(
                "[databases]\n* = host=127.0.0.1 port={upstream} user=signet\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n"
            );
            for setting in settings {
                writeln!(text, "{setting}").unwrap();
            }
            fs::write(&file, text).unwrap();
            let mut command = Command::new(program);
            command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
            // It refuses to run as root, as PostgreSQL does.
            if let Some((user, group)) = servant() {
                command.uid(user).gid(group);
            }
            let mut child = command.spawn().unwrap();
            let mut has_ended = false;
            until_blocking("pgbouncer starts or ends", || {
                has_ended = child.try_wait().unwrap().is_some();
                has_ended || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            if !has_ended {
                return Some(Self { _folder: folder, port, child });
            }
        }
        panic!("pgbouncer does not start");
    }

    /// The address of the database `postgres` behind it.
    pub fn url(&self) -> String {
        format!("postgres://signet@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
