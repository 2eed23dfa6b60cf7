//! The balancer of the deployment: a real nginx with the configuration that is shipped, before servers of one test.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::wait::until_blocking;

/// A running nginx.
pub struct Nginx {
    folder: TempDir,
    child: Child,
    pub base_url: String,
}

impl Nginx {
    /// Starts one on `port` before these two identity instances and this resource instance (`HOST:PORT` each); none,
    /// said loudly, when there is no nginx and something may be skipped.
    pub fn start(port: u16, identity: [&str; 2], resource: &str) -> Option<Self> {
        let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
        let Some(program) = folders.iter().map(|at| Path::new(at).join("nginx")).find(|path| path.exists())
        else {
            super::skip("nginx is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        // Its workers belong to somebody else than root.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let shipped = include_str!("../../deploy/nginx.conf")
            .replace("identity-1:8080", identity[0])
            .replace("identity-2:8080", identity[1])
            .replace("resource:8080", resource)
            .replace("listen 80;", &format!("listen 127.0.0.1:{port};"));
        let at = folder.path().display();
        let around = format!(
            "pid {at}/nginx.pid;\ndaemon off;\nevents {{}}\nhttp {{\n    access_log off;\n    client_body_temp_path {at}/a; proxy_temp_path {at}/b; \
             fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;\n{shipped}\n}}\n"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, around).unwrap();
        let mut command = Command::new(program);
        command.arg("-e").arg(folder.path().join("error.log")).arg("-c").arg(file);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let nginx = Self { folder, child, base_url: format!("http://127.0.0.1:{port}") };
        until_blocking("nginx listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(nginx)
    }

    /// What it had to say.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it, which they do not when it is killed.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
