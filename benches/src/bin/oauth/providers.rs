//! The two providers, and what each needs to be asked for something.
//! In: where they are. Out: running servers with clients, codes and tokens.
//! Owns: both know the same clients, and each answers as a provider that lets in nobody else.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use signet_benches::client::{Connection, get, post};
use signet_benches::process::{Process, free_address};
use tempfile::TempDir;

use super::form::{encoded, form, navigation};

/// The secret of every client.
pub const SECRET: &str = "GlBeN0sD5Q5X9WwVnxHz7iQkqE8gQb4ZB1rWk4Ks0mA";
/// Where codes are sent, and nobody listens.
pub const REDIRECT: &str = "http://127.0.0.1:9/cb";
/// A verifier of PKCE and its challenge (RFC 7636 appendix B).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const SCOPE: &str = "openid profile email offline_access";
const RESOURCE: &str = "http://api.example/";

/// Where the peer keeps what it has given out.
#[derive(Clone, Copy, Debug)]
pub enum Store {
    /// In its own process.
    Memory,
    /// In a Redis that belongs to it, whose processor time counts as its own.
    Redis,
}

/// A running provider.
pub struct Provider {
    pub name: &'static str,
    pub process: Process,
    pub token: &'static str,
    pub introspection: &'static str,
    pub userinfo: &'static str,
    /// A session, where codes are had by way of one.
    cookie: Option<String>,
    _folder: TempDir,
}

impl Provider {
    /// Signet on SQLite, with everything that it acknowledges on the disk.
    pub async fn signet(binary: &Path, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let web = |algorithm: &str| {
            json!({
                "client_id": format!("web-{}", algorithm.to_lowercase()), "client_secret": format!("{SECRET}{algorithm}"),
                "redirect_uris": [REDIRECT], "grant_types": ["authorization_code", "refresh_token"], "scope": SCOPE,
                "token_endpoint_auth_method": "client_secret_post", "id_token_signed_response_alg": algorithm, "skip_consent": true,
            })
        };
        let machine = json!({
            "client_id": "machine", "client_secret": format!("{SECRET}machine"), "grant_types": ["client_credentials"],
            "scope": "tasks:read", "token_endpoint_auth_method": "client_secret_post",
        });
        let resource = json!({
            "identifier": RESOURCE, "scopes": ["things:read"], "access_token_signed_response_alg": "EdDSA",
        });
        let declared = json!({ "clients": [web("RS256"), web("EdDSA"), machine], "resources": [resource] });
        std::fs::write(folder.path().join("clients.json"), declared.to_string()).unwrap();
        let settings = [settings, &[("SIGNET_PROVISION", "clients.json"), ("SIGNET_MAIL", "off")]].concat();
        let process = Process::signet(binary, folder.path(), &settings).await;
        let mut connection = Connection::open(process.address).await.unwrap();
        let body = json!({ "name": "Ada", "email": "ada@example.com", "password": "correct horse battery" });
        connection.ask(&post("/api/auth/sign-up/email", None, &body)).await.unwrap();
        let entered = connection.ask(&post("/api/auth/sign-in/email", None, &body)).await.unwrap();
        assert_eq!(entered.status, 200, "{}", entered.json());
        let cookie = entered.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self {
            name: "**Signet**",
            process,
            token: "/api/auth/oauth2/token",
            introspection: "/api/auth/oauth2/introspect",
            userinfo: "/api/auth/oauth2/userinfo",
            cookie: Some(cookie),
            _folder: folder,
        }
    }

    /// `oidc-provider` in one process of Node.
    pub async fn peer(installed: &Path, store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let mut command = Command::new("node");
        command.current_dir(installed).env("NODE_ENV", "production");
        command.args(["oidc-provider.mjs", &address.port().to_string(), SECRET]);
        let name = match store {
            Store::Memory => "oidc-provider, in memory",
            Store::Redis => {
                command.arg(folder.path());
                "oidc-provider, on Redis"
            }
        };
        command.stderr(std::process::Stdio::null());
        let process = Process::start_group(command, address, "/.well-known/openid-configuration").await;
        Self {
            name,
            process,
            token: "/token",
            introspection: "/token/introspection",
            userinfo: "/me",
            cookie: None,
            _folder: folder,
        }
    }

    /// The secret of a client here.
    fn secret(&self, client: &str) -> String {
        match (&self.cookie, client) {
            (None, _) => SECRET.to_owned(),
            (Some(_), "web-rs256") => format!("{SECRET}RS256"),
            (Some(_), "web-eddsa") => format!("{SECRET}EdDSA"),
            (Some(_), client) => format!("{SECRET}{client}"),
        }
    }

    /// A form of a client that proves itself.
    fn of(&self, client: &str, path: &str, pairs: &[(&str, &str)]) -> Vec<u8> {
        let secret = self.secret(client);
        form(path, &[pairs, &[("client_id", client), ("client_secret", &secret)]].concat())
    }

    /// The exchanges of `count` codes, none of which was used.
    pub async fn exchanges(&self, client: &str, count: usize) -> Vec<Vec<u8>> {
        let exchange = |code: String| {
            let pairs = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ];
            self.of(client, self.token, &pairs)
        };
        self.codes(client, count).await.into_iter().map(exchange).collect()
    }

    async fn codes(&self, client: &str, count: usize) -> Vec<String> {
        let Some(cookie) = &self.cookie else {
            return self.made("/codes", &format!("client={client}&count={count}&verifier={VERIFIER}")).await;
        };
        let mut connection = Connection::open(self.process.address).await.unwrap();
        let begin = format!(
            "/api/auth/oauth2/authorize?response_type=code&client_id={client}&redirect_uri={}&scope={}&state=s&nonce=n&\
             code_challenge={CHALLENGE}&code_challenge_method=S256",
            encoded(REDIRECT),
            encoded(SCOPE)
        );
        let mut codes = Vec::with_capacity(count);
        while codes.len() < count {
            let mut path = begin.clone();
            for _ in 0..4 {
                let answer = connection.ask(&navigation(&path, cookie)).await.unwrap();
                let to = answer
                    .header("location")
                    .unwrap_or_else(|| panic!("{} {path}", answer.status))
                    .to_owned();
                if let Some((_, query)) = to.split_once("/cb?") {
                    let code = query.split('&').find_map(|pair| pair.strip_prefix("code="));
                    codes.push(code.unwrap_or_else(|| panic!("{to}")).to_owned());
                    break;
                }
                path = to;
            }
        }
        codes
    }

    /// What the peer makes beside its endpoints.
    async fn made(&self, path: &str, query: &str) -> Vec<String> {
        let mut beside = self.process.address;
        beside.set_port(beside.port() + 1);
        let mut connection = Connection::open(beside).await.unwrap();
        let answer = connection.ask(&get(&format!("{path}?{query}"), None)).await.unwrap().json();
        answer.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// Tokens of a code.
    pub async fn tokens(&self, client: &str) -> Value {
        let exchange = self.exchanges(client, 1).await.remove(0);
        let mut connection = Connection::open(self.process.address).await.unwrap();
        let answer = connection.ask(&exchange).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    }

    /// The refresh with this token.
    pub fn refresh(&self, client: &str, token: &str) -> Vec<u8> {
        self.of(client, self.token, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// A machine's request for a token.
    pub fn client_credentials(&self) -> Vec<u8> {
        let resource = self.cookie.is_none().then_some(("resource", RESOURCE));
        let pairs: Vec<(&str, &str)> = [("grant_type", "client_credentials"), ("scope", "tasks:read")]
            .into_iter()
            .chain(resource)
            .collect();
        self.of("machine", self.token, &pairs)
    }

    /// What is asked about an access token of a client.
    pub fn introspect(&self, client: &str, token: &str) -> Vec<u8> {
        self.of(client, self.introspection, &[("token", token)])
    }
}

/// Installs the peer in the version that the file beside this one pins.
pub fn installed() -> Result<PathBuf, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/oauth");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/oauth");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for source in ["oidc-provider.mjs", "package.json", "package-lock.json"] {
        std::fs::copy(sources.join(source), folder.join(source))
            .map_err(|error| format!("{source}: {error}"))?;
    }
    let mut install = Command::new("npm");
    install
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder);
    match install.stdout(std::io::stderr()).status() {
        Ok(status) if status.success() => Ok(folder),
        Ok(status) => Err(format!("npm ci: {status}")),
        Err(error) => Err(format!("Node and npm are needed: {error}")),
    }
}
