//! What messages look like to a mail program: Python's reader of mail, which is strict, has the second opinion.

use signet::mail::transport::Limits;
use signet::mail::{Content, Language, Letter};

use super::office::{Instance, LINK, database, settings};
use crate::store::support::Sqlite;
use crate::support::BEGINNING;
use crate::support::smtp::{Received, Security, SmtpServer};
use signet_verify::clock::ManualClock;
use std::sync::Arc;

/// The headers of every message, in their order.
const HEADERS: [&str; 8] =
    ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];

/// Sends letters, and hands on what arrived of each.
async fn sent(app_name: &str, letters: &[Letter<'_>]) -> Option<Vec<Received>> {
    let smtp = SmtpServer::start(Security::Open)?;
    let fresh = database(Sqlite).await?;
    let mut settings = settings(&smtp.url());
    settings.set("SIGNET_APP_NAME", app_name.to_owned());
    let mut ada = Instance::with(fresh.database.clone(), &settings, Arc::new(ManualClock::at(BEGINNING)));
    ada.start(Limits::USUAL);
    let mut received = Vec::new();
    for (number, letter) in letters.iter().enumerate() {
        let message = ada.outbox.write(letter).unwrap();
        ada.keep(&message).await;
        ada.is_in_state(&message.id, "sent").await;
        received.push(smtp.messages().remove(number));
    }
    Some(received)
}

fn assert_sound(message: &Received) {
    assert_eq!(message.header_names(), HEADERS);
    assert_eq!(message.parts(), ["multipart/alternative", "text/plain", "text/html"]);
    assert!(message.defects().is_empty(), "{:?}", message.defects());
    let raw = message.raw();
    assert!(raw.is_ascii() && raw.lines().all(|line| line.len() <= 998), "{raw}");
}

#[tokio::test(flavor = "multi_thread")]
async fn message_has_its_headers_and_says_the_same_in_text_and_html() {
    let content = Content::ResetPassword { link: LINK };
    let letter = |language| Letter { to: "ada@example.com", name: "Ada", language, content };
    let letters = [letter(Language::English), letter(Language::German)];
    let Some(received) = sent("Signet", &letters).await else { return };
    for message in &received {
        assert_sound(message);
        assert_eq!(
            message.envelope(),
            ("no-reply@id.example".to_owned(), vec!["ada@example.com".to_owned()])
        );
        assert_eq!(message.header("From"), "Signet <no-reply@id.example>");
        assert_eq!(message.header("To"), "ada@example.com");
        assert_eq!(message.header("Auto-Submitted"), "auto-generated");
        assert_eq!(message.header("Date"), "Sun, 22 Nov 2026 20:00:00 +0000");
        assert!(message.header("Message-ID").ends_with("@id.example>"));
        assert_eq!(message.link(), LINK);
        assert_eq!(message.html().matches(LINK).count(), 1, "{}", message.html());
    }
    let [english, german] = &received[..] else { panic!() };
    assert_eq!(english.header("Subject"), "Choose a new password for Signet");
    assert_eq!(german.header("Subject"), "Neues Passwort für Signet");
    assert!(english.text().starts_with("Hello Ada,") && english.html().contains("lang=\"en\""));
    assert!(german.text().starts_with("Guten Tag Ada,") && german.html().contains("lang=\"de\""));
    assert!(german.html().contains("Neues Passwort wählen</a>"), "{}", german.html());
    assert_ne!(english.header("Message-ID"), german.header("Message-ID"));
}

#[tokio::test(flavor = "multi_thread")]
async fn message_holds_names_and_addresses_as_data() {
    let names = [
        "Ada\r\nBcc: eve@example.com\r\n\r\n<h1>You have won</h1>",
        "<script>alert(1)</script>",
        "{{ link }}{% for a in b %}",
        "=?utf-8?q?Ada?=\u{202e}",
        "visit evil.example.com now",
        "\"Ada\" <eve@example.com>",
        "--part-00000000000000000000000000000000--",
        "Ñandú \u{1f9a4} O'Neill",
    ];
    let letters = names.map(|name| {
        let content = Content::AddressChanged { new: "\"<b>new</b>\r\nCc: eve@example.com\"@example.com" };
        Letter { to: "ada+tag@xn--mnchen-3ya.example", name, language: Language::English, content }
    });
    let Some(received) = sent("R&D <b>\"Ünïcode\"</b>", &letters).await else { return };
    for (message, name) in received.iter().zip(names) {
        assert_sound(message);
        assert_eq!(message.envelope().1, ["ada+tag@xn--mnchen-3ya.example"], "{name}");
        assert!(message.header("Subject").contains("R&D <b>\"Ünïcode\"</b>"), "{name}");
        for markup in ["<b>", "<h1>", "<script>"] {
            assert!(!message.html().contains(markup), "{name}: {}", message.html());
        }
        for foreign in ["evil.example.com", "You have won", "alert(1)"] {
            assert!(!message.text().contains(foreign), "{name}: {}", message.text());
        }
        assert!(message.text().lines().next() == Some("Hello,"), "{}", message.text());
    }
}
