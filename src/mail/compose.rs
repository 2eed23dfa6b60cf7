//! Puts a message together (RFC 5322, MIME).
//! In: who it is from and to, and what it says. Out: the whole message as text, the same at every attempt to send it.
//! Owns: whatever the letter holds, the message has these headers and no others, and two parts.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use signet_verify::clock::Timestamp;

use super::error::Error;
use super::templates::Rendered;
use crate::config::Sender;

/// What is sealed of a message.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Posting {
    /// The address of the sender.
    pub from: String,
    /// The address of the receiver.
    pub to: String,
    /// The whole message (RFC 5322).
    pub text: String,
}

/// What says that no person wrote this, so that no machine answers (RFC 3834 section 5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Whether mail can be from this sender.
pub fn is_sender(sender: &Sender) -> bool {
    sender.address.is_ascii() && sender.address.parse::<Address>().is_ok()
}

/// Puts the message `id` together.
///
/// # Errors
/// [`Error::Address`] for a receiver that mail cannot be sent to.
pub fn compose(
    sender: &Sender,
    to: &str,
    rendered: Rendered,
    id: &str,
    now: Timestamp,
) -> Result<Posting, Error> {
    let from: Address = sender.address.parse().map_err(|_| Error::Address)?;
    let to: Address = ascii_domain(to).and_then(|to| to.parse().ok()).ok_or(Error::Address)?;
    let name = Some(on_one_line(&sender.name)).filter(|name| !name.is_empty());
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    let part = |kind: ContentType, text: String| {
        SinglePart::builder().header(kind).header(ContentTransferEncoding::QuotedPrintable).body(text)
    };
    let message = Message::builder()
        .from(Mailbox::new(name, from.clone()))
        // The address alone: whoever made the account chose the name.
        .to(Mailbox::new(None, to.clone()))
        .subject(on_one_line(&rendered.subject))
        .date(UNIX_EPOCH + Duration::from_millis(millis))
        .message_id(Some(format!("<{id}@{}>", from.domain())))
        .header(AutoSubmitted)
        .multipart(
            MultiPart::alternative()
                // Quoted-printable text never holds "=_" (RFC 2045 section 6.7), so no text can end its part.
                .boundary(format!("=_{id}"))
                .singlepart(part(ContentType::TEXT_PLAIN, rendered.text))
                .singlepart(part(ContentType::TEXT_HTML, rendered.html)),
        )
        .map_err(|error| Error::Rendering(error.to_string()))?;
    let text = String::from_utf8(message.formatted()).map_err(|error| Error::Rendering(error.to_string()))?;
    Ok(Posting { from: from.to_string(), to: to.to_string(), text })
}

/// A text that a header can hold: without control characters, on which the encoder of names gives up.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// The address with its domain as mail servers know it, in ASCII (RFC 5891).
fn ascii_domain(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    if domain.is_ascii() {
        return Some(address.to_owned());
    }
    Some(format!("{local}@{}", idna::domain_to_ascii(domain).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_377_600);
    const ID: &str = "0123456789abcdefghijABCDEFGHIJ01";

    fn message(name: &str, to: &str, rendered: Rendered) -> Result<Posting, Error> {
        let sender = Sender { name: name.to_owned(), address: "no-reply@id.example".to_owned() };
        compose(&sender, to, rendered, ID, NOW)
    }

    fn rendered(subject: &str, text: &str, html: &str) -> Rendered {
        Rendered { subject: subject.to_owned(), text: text.to_owned(), html: html.to_owned() }
    }

    /// The names of the headers of a part, folded lines put together.
    fn headers(head: &str) -> Vec<&str> {
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        lines.map(|line| line.split(':').next().unwrap_or_default()).collect()
    }

    /// What is wrong with the structure of a message; none if it is as it should be.
    fn fault(text: &str) -> Option<String> {
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return Some("no head".to_owned()) };
        let expected =
            ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];
        if headers(head) != expected {
            return Some(format!("headers: {head}"));
        }
        let boundary = format!("--=_{ID}");
        let parts: Vec<&str> = body.split(boundary.as_str()).collect();
        let [before, plain, html, after] = &parts[..] else { return Some(format!("{} parts", parts.len())) };
        let of_parts = ["Content-Type", "Content-Transfer-Encoding"];
        for part in [plain, html] {
            let head = part.trim_start_matches("\r\n").split("\r\n\r\n").next().unwrap_or_default();
            if headers(head) != of_parts {
                return Some(format!("part: {part}"));
            }
        }
        let sound = before.is_empty() && *after == "--\r\n" && text.is_ascii();
        let lines = text.replace("\r\n", "\n");
        let short = !lines.contains('\r') && lines.split('\n').all(|line| line.len() <= 998);
        (!sound || !short).then(|| text.to_owned())
    }

    #[test]
    fn compose_takes_addresses_and_refuses_what_is_none() {
        for (to, expected) in [
            ("ada@example.com", "ada@example.com"),
            ("ada+tag@example.com", "ada+tag@example.com"),
            ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ] {
            let posting = message("Signet", to, rendered("s", "t", "h")).unwrap();
            assert_eq!(posting.to, expected);
            assert!(posting.text.contains(&format!("\r\nTo: {expected}\r\n")), "{}", posting.text);
        }
        for to in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a b@example.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "<a@b.example>",
        ] {
            assert!(matches!(message("Signet", to, rendered("s", "t", "h")), Err(Error::Address)), "{to}");
        }
    }

    proptest! {
        #[test]
        fn compose_makes_the_same_structure_whatever_it_is_given(
            name in any::<String>(),
            subject in any::<String>(),
            text in any::<String>(),
            html in any::<String>(),
        ) {
            let posting = message(&name, "ada@example.com", rendered(&subject, &text, &html)).unwrap();
            prop_assert_eq!(fault(&posting.text), None);
        }

        #[test]
        fn compose_makes_the_same_structure_of_what_looks_like_mail(
            pieces in proptest::collection::vec(prop_oneof![
                Just("\r\n"), Just("\n"), Just("\r"), Just("Bcc: eve@example.com"), Just("--=_"), Just(ID), Just("."),
                Just("--"), Just("=?utf-8?q?=0D=0A?="), Just("Content-Type: text/html"), Just("ü"), Just(" "), Just("\0"),
            ], 0..12),
        ) {
            let odd = pieces.concat();
            let posting = message(&odd, "ada@example.com", rendered(&odd, &odd, &odd)).unwrap();
            prop_assert_eq!(fault(&posting.text), None);
        }

        #[test]
        fn compose_never_panics_on_an_address(to in any::<String>()) {
            let _ = message("Signet", &to, rendered("s", "t", "h"));
        }
    }
}
