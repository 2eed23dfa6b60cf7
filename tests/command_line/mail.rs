//! Mail as an operator sees it: over TLS, past a crash, and on the command line.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use rstest::rstest;
use serde_json::{Value, json};
use signet::mail::{Content, Language, Letter, Outbox};
use signet::store::Database;
use signet_verify::clock::{Clock, SystemClock};
use tempfile::TempDir;

use super::json::document;
use super::server::{Server, printed, run, until};
use crate::mail::office::{LINK, beside};
use crate::support::smtp::{PASSWORD, Security, SmtpServer, USER};
use crate::support::wait::until_for;

/// A folder that a server has been started in before, so that it has a master key and a schema; and what promises mail
/// there, as the requests of a server do.
struct Deployment {
    folder: TempDir,
    outbox: Arc<Outbox>,
    database: Database,
}

impl Deployment {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Server::start(folder.path(), &[("SIGNET_MAIL", "off")]).terminate();
        let url = format!("sqlite:{}", folder.path().join("signet.db").display());
        let (outbox, database) = beside(folder.path(), &url, "file:unused").await;
        Self { folder, outbox, database }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Promises a letter to `to`; the id of its message.
    async fn promise(&self, to: &str) -> String {
        let content = Content::ResetPassword { link: LINK };
        let letter = Letter { to, name: "Ada", language: Language::English, content };
        let message = self.outbox.write(&letter).unwrap();
        let kept = &message;
        self.database.write(|unit| async move { unit.outbox().insert(kept).await }).await.unwrap();
        message.id
    }

    /// Starts a server that sends mail by way of `smtp`, whose certificate it trusts.
    fn serve(&self, smtp: &SmtpServer) -> Server {
        let (url, certificate) = (smtp.url(), smtp.certificate().display().to_string());
        let settings =
            [("SIGNET_MAIL", url.as_str()), ("SSL_CERT_FILE", &certificate), ("RUST_LOG", "trace")];
        Server::start(self.path(), &settings)
    }

    /// What `signet mail list --json` says of the message.
    fn listed(&self, id: &str) -> Value {
        let output = run(self.path(), &["mail", "list", "--json"], &[]);
        let document = document("mail list --json", &output);
        let messages = document["messages"].as_array().unwrap();
        messages.iter().find(|message| message["id"] == id).cloned().expect("the message is listed")
    }

    /// Waits until a message was tried and failed; what is listed of it then.
    async fn has_failed(&self, id: &str) -> Value {
        until("the message was tried", async || self.listed(id)["problem"].is_string()).await;
        self.listed(id)
    }
}

/// A master key that takes the place of the first.
const NEW_MASTER_KEY: [u8; 32] = *b"\x8a\x11\xf3\x5e\xc4\x02\x9b\x77\xd8\x60\x3c\xe1\x45\xaf\x92\x1d\xb6\x0e\x7a\xc9\x53\xf8\x24\x8d\xe7\x39\x6b\xd1\x05\xca\x4f\x96";

/// What must not stand in a log.
fn assert_private(log: &str) {
    for private in [PASSWORD, "S3CRET", "ada@example.com", LINK, "reset-password#"] {
        assert!(!log.contains(private), "{private}: {log}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn serve_sends_mail_over_tls_with_a_login(
    #[values(Security::StartTls, Security::Tls)] security: Security,
) {
    let Some(smtp) = SmtpServer::start(security) else { return };
    let deployment = Deployment::new().await;
    let server = deployment.serve(&smtp);
    let id = deployment.promise("ada@example.com").await;
    let message = smtp.message_to("ada@example.com").await;
    assert!(message.was_encrypted());
    assert_eq!((message.user(), message.link()), (Some(USER), LINK));
    until("it is noted", async || deployment.listed(&id)["state"] == "sent").await;
    assert!(deployment.listed(&id)["to"].is_null());
    let (status, log) = server.terminate();
    assert!(status.success());
    assert_private(&log);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_uses_the_tls_of_a_relay_on_this_machine_whatever_certificate_it_has() {
    let Some(smtp) = SmtpServer::start(Security::StartTls) else { return };
    let deployment = Deployment::new().await;
    // Its certificate is not trusted, and it lets nobody sign in without TLS.
    let url = smtp.url().replace("?tls=required", "");
    let server = Server::start(deployment.path(), &[("SIGNET_MAIL", &url), ("RUST_LOG", "trace")]);
    deployment.promise("ada@example.com").await;
    let message = smtp.message_to("ada@example.com").await;
    assert!(message.was_encrypted());
    assert_eq!((message.user(), message.link()), (Some(USER), LINK));
    assert_private(&server.terminate().1);
}

#[rstest]
#[case::no_starttls("no-starttls")]
#[case::starttls_refused("starttls-454")]
#[case::starttls_in_the_clear("starttls-lie")]
#[tokio::test(flavor = "multi_thread")]
async fn serve_sends_a_server_that_lies_about_tls_neither_password_nor_mail(#[case] way: &str) {
    let Some(mut smtp) = SmtpServer::start(Security::StartTls) else { return };
    let deployment = Deployment::new().await;
    smtp.treat_all_connections(way);
    let server = deployment.serve(&smtp);
    let id = deployment.promise("ada@example.com").await;
    let listed = deployment.has_failed(&id).await;
    assert_eq!((&listed["state"], &listed["to"]), (&json!("waiting"), &json!("ada@example.com")), "{listed}");
    assert!(smtp.count("connected") >= 1);
    assert_eq!((smtp.count("login"), smtp.count("mail")), (0, 0), "{listed}");
    // Nothing is lost: the same server, once it is honest.
    smtp.treat_all_connections("");
    let retried = run(deployment.path(), &["mail", "retry", &id], &[]);
    assert!(retried.status.success(), "{}", printed(&retried));
    assert!(smtp.message_to("ada@example.com").await.was_encrypted());
    assert_private(&server.terminate().1);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_takes_no_answer_from_before_the_handshake_for_one_from_after_it() {
    let Some(mut smtp) = SmtpServer::start(Security::StartTls) else { return };
    let deployment = Deployment::new().await;
    // Each answer would then be taken for that to the next command, and a refusal for a success.
    smtp.treat_all_connections("starttls-inject");
    let server = deployment.serve(&smtp);
    let id = deployment.promise("ada@example.com").await;
    let listed = deployment.has_failed(&id).await;
    assert!(listed["state"] == "waiting" && smtp.count("mail") == 0, "{listed}");
    assert!(smtp.events("login").iter().all(|login| login["encrypted"] == true));
    assert_private(&server.terminate().1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn serve_believes_no_certificate_that_the_machine_does_not_trust(
    #[values(Security::StartTls, Security::Tls)] security: Security,
) {
    let Some(smtp) = SmtpServer::start(security) else { return };
    let deployment = Deployment::new().await;
    let server = Server::start(deployment.path(), &[("SIGNET_MAIL", &smtp.url())]);
    let id = deployment.promise("ada@example.com").await;
    let listed = deployment.has_failed(&id).await;
    assert!(listed["problem"].as_str().unwrap().contains("certificate"), "{listed}");
    assert_eq!((smtp.count("login"), smtp.count("mail")), (0, 0));
    assert_private(&server.terminate().1);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_between_the_answer_and_the_delivery_loses_no_mail_and_doubles_none() {
    let Some(mut smtp) = SmtpServer::start(Security::Login) else { return };
    let deployment = Deployment::new().await;
    // One that a process has claimed, and is about to hand over.
    smtp.treat_message_to("ada@example.com", "rcpt-hang");
    let server = deployment.serve(&smtp);
    let id = deployment.promise("ada@example.com").await;
    smtp.has_seen("hangs", 1).await;
    server.kill();
    // And one that no process has seen.
    let unseen = deployment.promise("unseen@example.com").await;
    let server = deployment.serve(&smtp);
    smtp.message_to("unseen@example.com").await;
    // A claim ends after a minute.
    let arrived = async || !smtp.messages_to("ada@example.com").is_empty();
    until_for(Duration::from_secs(180), "the message of the process that was killed", arrived).await;
    for id in [&unseen, &id] {
        until("it is noted", async || deployment.listed(id)["state"] == "sent").await;
    }
    server.terminate();
    for address in ["unseen@example.com", "ada@example.com"] {
        assert_eq!(smtp.messages_to(address).len(), 1, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_refusal_is_followed_by_the_message_within_two_minutes_by_the_clock_of_the_machine() {
    let Some(mut smtp) = SmtpServer::start(Security::Login) else { return };
    let deployment = Deployment::new().await;
    smtp.treat_message_to("ada@example.com", "rcpt-451");
    let server = deployment.serve(&smtp);
    let id = deployment.promise("ada@example.com").await;
    smtp.has_seen("refused", 1).await;
    // The first pause is 45 s at most; nothing here turns a clock or asks for another attempt.
    let arrived = async || !smtp.messages_to("ada@example.com").is_empty();
    until_for(Duration::from_secs(120), "the message that was refused once", arrived).await;
    until("it is noted", async || deployment.listed(&id)["state"] == "sent").await;
    assert_eq!(deployment.listed(&id)["attempts"], 2);
    assert_private(&server.terminate().1);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_after_the_answer_to_a_request_for_a_reset_loses_no_mail_and_doubles_none() {
    let Some(mut smtp) = SmtpServer::start(Security::Login) else { return };
    let deployment = Deployment::new().await;
    let server = deployment.serve(&smtp);
    let users = ["ada@example.com", "bob@example.com"];
    for email in users {
        let body = json!({ "name": "Ada", "email": email, "password": "correct horse battery" });
        server.caller().post("/api/auth/sign-up/email", &body).await.expect(200);
        smtp.message_to(email).await;
    }
    let ask = async |email: &str| {
        let body = json!({ "email": email });
        server.caller().post("/api/auth/request-password-reset", &body).await.expect(200);
    };
    // The process dies while it delivers the first, and as soon as it has answered the second.
    smtp.treat_message_to("ada@example.com", "rcpt-hang");
    ask("ada@example.com").await;
    smtp.has_seen("hangs", 1).await;
    ask("bob@example.com").await;
    server.kill();
    let server = deployment.serve(&smtp);
    for email in users {
        // A claim ends after a minute.
        let arrived = async || smtp.messages_to(email).len() >= 2;
        until_for(Duration::from_secs(180), "the message of the process that was killed", arrived).await;
        let messages = smtp.messages_to(email);
        let token = messages[1].link().split_once("/reset-password#token=").unwrap().1.to_owned();
        let body = json!({ "newPassword": "another good password", "token": token });
        server.caller().post("/api/auth/reset-password", &body).await.expect(200);
        let body = json!({ "email": email, "password": "another good password" });
        server.caller().post("/api/auth/sign-in/email", &body).await.expect(200);
        // The third says that the password was reset.
        let told = smtp.nth_message_to(email, 3).await;
        assert!(!told.text().contains("token="), "{}", told.text());
    }
    assert_private(&server.terminate().1);
    assert!(users.iter().all(|email| smtp.messages_to(email).len() == 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_writes_mail_into_files_and_says_where() {
    let deployment = Deployment::new().await;
    let server = Server::start(deployment.path(), &[]);
    deployment.promise("ada@example.com").await;
    server.logs("mail was written to a file").await;
    let log = server.terminate().1;
    let line = log.lines().find(|line| line.contains("mail was written to a file")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let file = deployment.path().join(line["file"].as_str().unwrap());
    assert!(std::fs::read_to_string(&file).unwrap().contains("To: ada@example.com"), "{file:?}");
    assert!(log.contains("SIGNET_MAIL names a mail server"), "{log}");
    assert_private(&log);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_list_and_retry_show_and_try_what_is_parked() {
    let Some(mut smtp) = SmtpServer::start(Security::Login) else { return };
    let deployment = Deployment::new().await;
    let empty = printed(&run(deployment.path(), &["mail", "list"], &[]));
    assert_eq!(empty, "There are no such messages.\n");
    let addresses = ["ada@example.com", "bob@example.com", "cy@example.com"];
    for address in addresses {
        smtp.treat_message_to(address, "rcpt-550");
    }
    let server = deployment.serve(&smtp);
    let mut ids = Vec::new();
    for address in addresses {
        ids.push(deployment.promise(address).await);
    }
    for id in &ids {
        until("it is parked", async || deployment.listed(id)["state"] == "parked").await;
    }
    let table = printed(&run(deployment.path(), &["mail", "list", "--state", "parked"], &[]));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("ID ") && lines[0].ends_with("PROBLEM"), "{table}");
    for part in ["parked", "reset-password", "ada@example.com", "550"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert_eq!(printed(&run(deployment.path(), &["mail", "list", "--limit", "1"], &[])).lines().count(), 2);
    let none = printed(&run(deployment.path(), &["mail", "list", "--state", "waiting"], &[]));
    assert_eq!(none, "There are no such messages.\n");

    let refused = run(deployment.path(), &["mail", "retry", &ids[0], "nothing-of-this-name", "--json"], &[]);
    assert_eq!(refused.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(said, json!({ "retried": 1, "not_retried": ["nothing-of-this-name"] }));
    smtp.message_to("ada@example.com").await;
    let retried = run(deployment.path(), &["mail", "retry", "--parked", "--json"], &[]);
    assert_eq!(document("mail retry --json", &retried)["retried"], 2);
    for address in &addresses[1..] {
        smtp.message_to(address).await;
    }
    assert_eq!(run(deployment.path(), &["mail", "retry"], &[]).status.code(), Some(2));
    let sent = run(deployment.path(), &["mail", "retry", &ids[0]], &[]);
    assert_eq!(sent.status.code(), Some(1), "{}", printed(&sent));
    server.terminate();
}

#[test]
fn serve_refuses_templates_and_senders_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    let refusal = |name: &str, text: &str| {
        std::fs::write(templates.join(name), text).unwrap();
        let settings = [("SIGNET_MAIL_TEMPLATES", "templates"), ("SIGNET_LISTEN", "127.0.0.1:0")];
        let output = run(folder.path(), &["serve"], &settings);
        std::fs::remove_file(templates.join(name)).unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
        let said = printed(&output);
        let sentence =
            said.lines().find(|line| line.starts_with("signet: ")).unwrap_or_else(|| panic!("{said}"));
        assert!(sentence.contains("SIGNET_MAIL_TEMPLATES") && sentence.contains(name), "{sentence}");
        sentence.to_owned()
    };
    let good = "Subject: Reset\nAction: Go\n\nHello {{ name }}\n\n{{ link }}\n";
    for (name, text, part) in [
        ("reset-pasword.en.txt", good, "takes the place of no template"),
        ("reset-password.en.txt", "Hello\n\n{{ link }}\n", "Subject"),
        ("reset-password.en.txt", "Subject: Reset\n\n{{ link }}\n", "Action"),
        ("reset-password.en.txt", "Subject: Reset\nAction: Go\n\nHello\n", "link"),
        ("reset-password.en.txt", "Subject: Reset\nAction: Go\n\n{{ link }}\n\n{{ nmae }}\n", "undefined"),
        ("reset-password.de.txt", "Subject: Reset\nAction: Go\n\n{{ link }}\n\n{% if %}\n", "line 6"),
        ("account-deleted.en.txt", "Subject: Gone\n\n{{ link }}\n", "undefined"),
        ("layout.html", "<html></html>", "link"),
        ("reset-password.en.html", "<p>{{ paragraphs[0].text }}</p>", "link"),
    ] {
        let sentence = refusal(name, text);
        assert!(sentence.contains(part), "{name}: {sentence}");
    }
    let settings = [("SIGNET_MAIL_FROM", "no sender"), ("SIGNET_LISTEN", "127.0.0.1:0")];
    let output = run(folder.path(), &["serve"], &settings);
    assert!(
        output.status.code() == Some(2) && printed(&output).contains("SIGNET_MAIL_FROM"),
        "{}",
        printed(&output)
    );
}

#[test]
fn serve_takes_an_operators_template_in_the_place_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    std::fs::write(templates.join("reset-password.en.txt"), "Subject: Mine\nAction: Go\n\n{{ link }}\n")
        .unwrap();
    std::fs::write(templates.join("notes~"), "an editor's").unwrap();
    let server = Server::start(folder.path(), &[("SIGNET_MAIL_TEMPLATES", "templates")]);
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rewrap_lets_mail_that_waits_or_is_parked_need_no_old_master_key() {
    let deployment = Deployment::new().await;
    let waiting = deployment.promise("ada@example.com").await;
    let parked = deployment.promise("bob@example.com").await;
    let rows = deployment.database.outbox();
    let now = SystemClock::new().now();
    // More than are read at once.
    for number in 0..150 {
        deployment.promise(&format!("user{number}@example.com")).await;
    }
    rows.claim("lease", 1000, now.after(Duration::from_secs(60)), now).await.unwrap();
    assert!(rows.park(&parked, "lease", now, "no such user").await.unwrap());

    let path = deployment.path().join("keys/master.key");
    let old = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let (old, new) = (old.trim(), base64::engine::general_purpose::STANDARD.encode(NEW_MASTER_KEY));
    let both = [("SIGNET_MASTER_KEY", new.as_str()), ("SIGNET_MASTER_KEYS_OLD", old)];
    let rewrap = |more: &[&str], settings: &[(&str, &str)]| {
        let arguments = [&["keys", "rewrap", "--json"], more].concat();
        document("keys rewrap --json", &run(deployment.path(), &arguments, settings))["messages"].clone()
    };
    let rewrapped = |count: usize| json!({ "rewrapped": count, "unreadable": [] });
    let without_old = rewrap(&["--dry-run"], &both[..1]);
    assert_eq!(
        (&without_old["rewrapped"], without_old["unreadable"].as_array().unwrap().len()),
        (&json!(0), 152)
    );
    assert_eq!(rewrap(&["--dry-run"], &both), rewrapped(152));
    assert_eq!(rewrap(&[], &both), rewrapped(152));
    assert_eq!(rewrap(&[], &both), rewrapped(0), "all of it is");

    let listed = document(
        "mail list --json",
        &run(deployment.path(), &["mail", "list", "--limit", "1000", "--json"], &both[..1]),
    );
    for (id, state, to) in [(&waiting, "waiting", "ada@example.com"), (&parked, "parked", "bob@example.com")]
    {
        let messages = listed["messages"].as_array().unwrap();
        let message = messages.iter().find(|message| message["id"] == **id).unwrap();
        assert_eq!((&message["state"], &message["to"]), (&json!(state), &json!(to)));
    }
    let printed = printed(&run(deployment.path(), &["keys", "rewrap"], &both[..1]));
    assert!(printed.contains("Messages in the outbox: 0 sealed anew.\n"), "{printed}");
}
