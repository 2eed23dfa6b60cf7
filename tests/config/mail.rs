//! Settings of mail: where it goes, and who it is from.

use signet::config::{MailUrl, Protection};

use super::{given, refused, resolve};

#[test]
fn mail_goes_into_files_until_a_server_is_named() {
    let mail = resolve(&given(&[])).mail;
    assert!(matches!(&mail.url, MailUrl::Folder(folder) if folder.as_os_str() == "mail"));
    assert_eq!((mail.app_name.as_str(), mail.require_verified_email), ("Signet", false));
    assert_eq!(mail.sender("http://localhost:8080").to_string(), "Signet <no-reply@localhost>");
}

#[test]
fn mail_from_is_no_reply_at_the_host_of_the_base_url_unless_it_is_given() {
    let named = resolve(&given(&[("SIGNET_APP_NAME", "Tea & Co")])).mail;
    for (base_url, sender) in [
        ("https://id.example:8443", "Tea & Co <no-reply@id.example>"),
        ("http://127.0.0.1:8080", "Tea & Co <no-reply@localhost>"),
        ("http://[::1]:8080", "Tea & Co <no-reply@localhost>"),
    ] {
        assert_eq!(named.sender(base_url).to_string(), sender);
    }
    for (given_as, shown) in [
        ("help@example.com", "help@example.com"),
        ("Help <help@example.com>", "Help <help@example.com>"),
        ("\"Help, of Tea\" <help@example.com>", "Help, of Tea <help@example.com>"),
        (" <help@example.com> ", "help@example.com"),
    ] {
        let mail = resolve(&given(&[("SIGNET_MAIL_FROM", given_as)])).mail;
        assert_eq!(mail.sender("https://id.example").to_string(), shown);
    }
    for wrong in [
        "help",
        "help@",
        "@example.com",
        "a@b@c",
        "Help <help@example.com",
        "x\r\nBcc: a@b.example",
        "a b@c.example",
    ] {
        assert!(
            refused(&given(&[("SIGNET_MAIL_FROM", wrong)])).starts_with("SIGNET_MAIL_FROM is"),
            "{wrong}"
        );
    }
}

#[test]
fn mail_url_may_come_from_a_file_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail");
    std::fs::write(&file, "smtps://ada:hunter2@mail.example.com\n").unwrap();
    let mail = resolve(&given(&[("SIGNET_MAIL_FILE", file.to_str().unwrap())])).mail;
    let MailUrl::Smtp(server) = &mail.url else { panic!("{:?}", mail.url) };
    assert_eq!((server.port, server.protection), (465, Protection::Tls));
    assert_eq!(server.login.as_ref().unwrap().password.expose(), "hunter2");
    assert!(!format!("{mail:?}").contains("hunter2"));
    for wrong in
        ["", "smtp://ada:hunter2@", "smtp://ada:hunter2/x@h", "imap://ada:hunter2@h", "ada:hunter2@h"]
    {
        let refusal = refused(&given(&[("SIGNET_MAIL", wrong)]));
        assert!(refusal.starts_with("SIGNET_MAIL ") && !refusal.contains("hunter2"), "{wrong}: {refusal}");
    }
}

#[test]
fn require_verified_email_wants_mail() {
    let off = [("SIGNET_REQUIRE_VERIFIED_EMAIL", "on"), ("SIGNET_MAIL", "off")];
    assert!(refused(&given(&off)).contains("no address could ever be verified"));
    assert!(resolve(&given(&off[..1])).mail.require_verified_email);
}

#[test]
fn app_name_is_one_short_line() {
    for wrong in ["two\nlines", &"x".repeat(61)] {
        assert!(refused(&given(&[("SIGNET_APP_NAME", wrong)])).starts_with("SIGNET_APP_NAME is"), "{wrong}");
    }
}
