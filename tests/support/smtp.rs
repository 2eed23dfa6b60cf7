//! A mail server of one test: aiosmtpd, a real one, which behaves as it is told (`tests/clients/smtp_server.py`).

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::wait::{until, until_blocking};

/// Who may send by way of a server that asks.
pub const USER: &str = "signet@example.com";
/// With this password, which no log may show.
pub const PASSWORD: &str = "a mail password: S3CRET/?#@";

/// How the way to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all, and without a login.
    Open,
    /// Not at all, but with a login.
    Login,
    /// STARTTLS, and then a login.
    StartTls,
    /// TLS from the first byte, and a login.
    Tls,
}

/// A running mail server.
pub struct SmtpServer {
    folder: TempDir,
    security: Security,
    port: u16,
    events: Arc<Mutex<Vec<Value>>>,
    running: Option<(Child, ChildStdin)>,
}

/// A message that the server has got, as Python's reader of mail understands it.
#[derive(Clone, Debug)]
pub struct Received(Value);

impl SmtpServer {
    /// Starts one; none, said loudly, where aiosmtpd is not installed and something may be skipped.
    pub fn start(security: Security) -> Option<Self> {
        let python = crate::clients::installed()?.join("venv/bin/python");
        let folder = tempfile::tempdir().unwrap();
        super::certify(&folder.path().join("certificate.pem"), &folder.path().join("key.pem"));
        let mut server = Self { folder, security, port: 0, events: Arc::default(), running: None };
        server.run(&python);
        Some(server)
    }

    /// Starts it again, on the same port.
    pub fn restart(&mut self) {
        self.kill();
        let python = crate::clients::installed().unwrap().join("venv/bin/python");
        self.run(&python);
    }

    fn run(&mut self, python: &Path) {
        let mut command = Command::new(python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/smtp_server.py"));
        command.arg(self.port.to_string());
        if matches!(self.security, Security::StartTls | Security::Tls) {
            command.arg("--certificate").arg(self.certificate());
            command.arg("--key").arg(self.folder.path().join("key.pem"));
        }
        if self.security == Security::Tls {
            command.arg("--implicit");
        }
        if self.security != Security::Open {
            command.arg("--login").arg(format!("{USER}:{PASSWORD}"));
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let events = self.events.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                events.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let before = self.count("listens");
        until_blocking("the mail server listens", || {
            assert_eq!(child.try_wait().unwrap(), None, "the mail server has ended");
            let events = self.events.lock().unwrap();
            let listens = events.iter().filter(|event| event["event"] == "listens").nth(before);
            self.port = listens.map_or(0, |event| u16::try_from(event["port"].as_u64().unwrap()).unwrap());
            listens.is_some()
        });
        self.running = Some((child, orders));
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Where it is, as a setting. TLS is demanded of one that has it, also on this machine.
    pub fn url(&self) -> String {
        let port = self.port;
        // As encodeURIComponent has it.
        let login = format!("{}:{}", "signet%40example.com", "a%20mail%20password%3A%20S3CRET%2F%3F%23%40");
        match self.security {
            Security::Open => format!("smtp://127.0.0.1:{port}"),
            Security::Login => format!("smtp://{login}@127.0.0.1:{port}"),
            Security::StartTls => format!("smtp://{login}@localhost:{port}?tls=required"),
            Security::Tls => format!("smtps://{login}@localhost:{port}"),
        }
    }

    /// The certificate that a client has to trust, by `SSL_CERT_FILE`.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// How the next connection is treated that has no other way yet.
    pub fn treat_connection(&mut self, way: &str) {
        self.order(&json!({ "connection": way }));
    }

    /// How every connection is treated from now on; the empty way is a good server's.
    pub fn treat_all_connections(&mut self, way: &str) {
        self.order(&json!({ "always": way }));
    }

    /// How the next message to `address` is treated that has no other way yet.
    pub fn treat_message_to(&mut self, address: &str, way: &str) {
        self.order(&json!({ "recipient": address, "way": way }));
    }

    fn order(&mut self, order: &Value) {
        let told = self.count("told");
        writeln!(self.running.as_mut().unwrap().1, "{order}").unwrap();
        until_blocking("the mail server takes an order", || self.count("told") > told);
    }

    /// How often something has happened: `connected`, `login`, `mail`, `refused`, `hangs`, `message`.
    pub fn count(&self, event: &str) -> usize {
        self.events(event).len()
    }

    /// What has happened of this kind.
    pub fn events(&self, event: &str) -> Vec<Value> {
        let events = self.events.lock().unwrap();
        events.iter().filter(|happened| happened["event"] == event).cloned().collect()
    }

    /// Waits until something has happened `times` times.
    pub async fn has_seen(&self, event: &str, times: usize) {
        until(&format!("{times} times {event}"), async || self.count(event) >= times).await;
    }

    /// The messages to `address` so far.
    pub fn messages_to(&self, address: &str) -> Vec<Received> {
        let messages = self.events("message").into_iter();
        messages.filter(|message| message["to"][0] == address).map(Received).collect()
    }

    /// All messages so far, in the order in which they came.
    pub fn messages(&self) -> Vec<Received> {
        self.events("message").into_iter().map(Received).collect()
    }

    /// Waits for the first message to `address`.
    pub async fn message_to(&self, address: &str) -> Received {
        let what = format!("a message to {address}");
        until(&what, async || !self.messages_to(address).is_empty()).await;
        self.messages_to(address).remove(0)
    }

    /// Waits for the last of `count` messages to `address`.
    pub async fn nth_message_to(&self, address: &str, count: usize) -> Received {
        let what = format!("{count} messages to {address}");
        until(&what, async || self.messages_to(address).len() >= count).await;
        self.messages_to(address).remove(count - 1)
    }
}

impl Received {
    /// The header `name`; empty where there is none.
    ///
    /// # Panics
    /// When it is there more than once.
    pub fn header(&self, name: &str) -> String {
        let headers = self.0["headers"].as_array().unwrap().iter();
        let mut found = headers.filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name));
        let value = found.next().map_or_else(String::new, |header| header[1].as_str().unwrap().to_owned());
        assert!(found.next().is_none(), "{name} is there twice: {:?}", self.0["headers"]);
        value
    }

    /// The names of its headers, in their order.
    pub fn header_names(&self) -> Vec<String> {
        let headers = self.0["headers"].as_array().unwrap().iter();
        headers.map(|header| header[0].as_str().unwrap().to_owned()).collect()
    }

    /// The sender and the receivers of its envelope.
    pub fn envelope(&self) -> (String, Vec<String>) {
        let to = self.0["to"].as_array().unwrap().iter().map(|to| to.as_str().unwrap().to_owned()).collect();
        (self.0["from"].as_str().unwrap_or_default().to_owned(), to)
    }

    /// The part for readers of plain text.
    pub fn text(&self) -> &str {
        self.0["text"].as_str().unwrap_or_default()
    }

    /// The part for readers of HTML.
    pub fn html(&self) -> &str {
        self.0["html"].as_str().unwrap_or_default()
    }

    /// The types of its parts.
    pub fn parts(&self) -> Vec<&str> {
        self.0["parts"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect()
    }

    /// What a strict reader finds wrong with it.
    pub fn defects(&self) -> &[Value] {
        self.0["defects"].as_array().unwrap()
    }

    /// The whole of it as it came.
    pub fn raw(&self) -> String {
        let bytes = base64::engine::general_purpose::STANDARD.decode(self.0["raw"].as_str().unwrap());
        String::from_utf8(bytes.unwrap()).unwrap()
    }

    /// Whether it came over TLS.
    pub fn was_encrypted(&self) -> bool {
        self.0["encrypted"] == true
    }

    /// Who sent it.
    pub fn user(&self) -> Option<&str> {
        self.0["user"].as_str()
    }

    /// The link in its text.
    ///
    /// # Panics
    /// When there is none.
    pub fn link(&self) -> &str {
        let mut words = self.text().split_whitespace();
        words
            .find(|word| word.starts_with("http://") || word.starts_with("https://"))
            .expect("a link in the mail")
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.kill();
    }
}
