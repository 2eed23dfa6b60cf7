//! The unmodified better-auth client through every flow by mail, with a mail server that wants STARTTLS and a login.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rstest::rstest;

use super::{installed, script};
use crate::command_line::server::Server;
use crate::support::smtp::{self, Security, SmtpServer};

/// The origin of the frontend that the client runs in.
const ORIGIN: &str = "http://localhost:3000";

/// Puts what the mail server gets into `inbox`, a file for each message, where the client's mailbox finds it.
async fn deliver(mail: &SmtpServer, inbox: &Path) -> ! {
    let mut delivered = 0;
    loop {
        for message in mail.events("message").iter().skip(delivered) {
            let raw = STANDARD.decode(message["raw"].as_str().unwrap()).unwrap();
            let part = inbox.join("part");
            std::fs::write(&part, raw).unwrap();
            std::fs::rename(part, inbox.join(format!("{delivered:04}.eml"))).unwrap();
            delivered += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The tokens in the links of all mail.
fn tokens(mail: &SmtpServer) -> Vec<String> {
    let texts: Vec<String> =
        mail.events("message").iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect();
    let links = texts.iter().flat_map(|text| text.split_whitespace()).filter(|word| word.contains("://"));
    let pieces = links.flat_map(|link| link.split(['/', '?', '#', '&', '=']));
    pieces.filter(|piece| piece.len() >= 20).map(str::to_owned).collect()
}

#[rstest]
#[case("optional", "off")]
#[case("demanded", "on")]
#[tokio::test(flavor = "multi_thread")]
async fn better_auth_client_unmodified_goes_through_every_flow_by_mail(
    #[case] verification: &str,
    #[case] demanded: &str,
) {
    let Some(packages) = installed() else { return };
    let Some(mail) = SmtpServer::start(Security::StartTls) else { return };
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("inbox");
    std::fs::create_dir(&inbox).unwrap();
    let (url, certificate) = (mail.url(), mail.certificate().display().to_string());
    let settings = [
        ("BETTER_AUTH_TRUSTED_ORIGINS", ORIGIN),
        ("SIGNET_MAIL", &url),
        ("SSL_CERT_FILE", &certificate),
        ("SIGNET_REQUIRE_VERIFIED_EMAIL", demanded),
    ];
    let server = Server::start(folder.path(), &settings);
    let arguments = [&*server.base_url, ORIGIN, inbox.to_str().unwrap(), verification];
    let mut client = script(&packages, "better-auth-mail.mjs", &arguments);
    let ran = tokio::select! {
        ran = client.output() => ran.unwrap(),
        _ = deliver(&mail, &inbox) => unreachable!(),
    };
    let printed = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let (_, log) = server.terminate();
    assert!(ran.status.success() && printed.contains("all mail as expected"), "{printed}\n{log}");
    for message in mail.events("message") {
        assert_eq!(
            (&message["encrypted"], &message["user"]),
            (&true.into(), &smtp::USER.into()),
            "{message}"
        );
    }
    let tokens = tokens(&mail);
    assert!(tokens.len() >= 4, "{tokens:?}");
    for secret in tokens.iter().map(String::as_str).chain([smtp::PASSWORD, "a%20mail%20password"]) {
        assert!(!log.contains(secret), "{secret} in the log: {log}");
    }
}
