//! A real Apache with Debian's mod_auth_openidc, before one protected page.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::wait::until_blocking;

/// A running Apache.
pub struct Apache {
    folder: TempDir,
    child: Child,
    pub base_url: String,
}

const PROGRAM: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

impl Apache {
    /// Starts one on `port`, whose page `/private/` wants a user of the issuer; none, said loudly, when it is not
    /// installed and something may be skipped.
    pub fn start(port: u16, issuer: &str, client_id: &str, secret: &str) -> Option<Self> {
        if !Path::new(PROGRAM).exists() || !Path::new(MODULES).join("mod_auth_openidc.so").exists() {
            super::skip("apache2-bin with libapache2-mod-auth-openidc is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // Its workers belong to somebody else than root.
        let open = || std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open()).unwrap();
        let at = folder.path().display();
        for page in ["private", "goodbye"] {
            let page_folder = folder.path().join("pages").join(page);
            std::fs::create_dir_all(&page_folder).unwrap();
            std::fs::write(page_folder.join("index.html"), format!("<p>the {page} page</p>")).unwrap();
        }
        let base_url = format!("http://localhost:{port}");
        let modules =
            ["mpm_event", "authn_core", "authz_core", "authz_user", "dir", "mime", "headers", "auth_openidc"];
        let modules: String =
            modules.map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n")).concat();
        let configuration = format!(
            r#"ServerRoot {at}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {at}/pid
ErrorLog {at}/log
LogLevel warn auth_openidc:info
Mutex file:{at} default
User www-data
Group www-data
TypesConfig /dev/null
AddType text/html .html
{modules}
DocumentRoot {at}/pages
DirectoryIndex index.html
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {secret}
OIDCRedirectURI {base_url}/oidc/callback
OIDCCryptoPassphrase a-passphrase-of-one-test
OIDCScope "openid profile email"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
OIDCOAuthTokenExpiryClaim exp
<Location />
    AuthType openid-connect
    Require valid-user
    Header set X-User "%{{OIDC_CLAIM_email}}e"
    Header set X-Verified "%{{OIDC_CLAIM_email_verified}}e"
    Header set X-Subject "%{{OIDC_CLAIM_sub}}e"
</Location>
<Location /goodbye>
    AuthType None
    Require all granted
</Location>
"#
        );
        let file = folder.path().join("apache.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["-D", "FOREGROUND", "-f"]).arg(file);
        let errors = std::fs::File::create(folder.path().join("start")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        let apache = Self { folder, child, base_url };
        until_blocking("Apache listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(apache)
    }

    /// What it had to say.
    pub fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        read("start") + &read("log")
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // Its workers end with it, which they do not when it is killed.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
