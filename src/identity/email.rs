//! Addresses of people, in the one spelling that we store.
//! In: what a person typed. Out: the address in lower case with its domain in ASCII, or nothing.
//! Owns: the syntax that Better Auth's clients know (ASCII only, no quotes, no IP literals); one address is one account
//! in whichever spelling it is written.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// A well-formed address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email {
    /// In lower case, with an ASCII domain.
    stored: String,
    /// How else a user may have it who was moved from another service: with an international domain.
    others: Vec<String>,
}

/// How the label of an international domain begins in ASCII (RFC 5890 section 2.3.2.1).
const ACE_PREFIX: &str = "xn--";

impl Email {
    /// The longest address, in bytes (RFC 5321 section 4.5.3.1.3, less the angle brackets).
    pub const MAX_BYTES: usize = 254;

    /// Reads an address without trimming; none if its syntax is not accepted. An international domain is written in ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        if text.len() > Self::MAX_BYTES || !is_local_part(local) || !is_domain(domain) {
            return None;
        }
        let stored = text.to_ascii_lowercase();
        let others = unicode_spelling(&local.to_ascii_lowercase(), domain).filter(|other| *other != stored);
        Some(Self { stored, others: others.into_iter().collect() })
    }

    /// Reads what a user types who may have been moved from another service: also an international address (RFC 6531),
    /// which cannot be signed up with here.
    pub fn parse_existing(text: &str) -> Option<Self> {
        if text.is_ascii() || text.len() > Self::MAX_BYTES {
            return Self::parse(text);
        }
        let (local, domain) = text.split_once('@')?;
        let local: String = local.to_lowercase().nfc().collect();
        let ascii = idna::domain_to_ascii(domain).ok()?;
        if !is_international_local_part(&local) || !is_domain(&ascii) {
            return None;
        }
        let stored = format!("{local}@{ascii}");
        let mut others: Vec<String> = Vec::new();
        for other in unicode_spelling(&local, &ascii).into_iter().chain([text.to_lowercase()]) {
            if other != stored && !others.contains(&other) {
                others.push(other);
            }
        }
        Some(Self { stored, others })
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.stored
    }

    /// Every spelling in which the address may be kept, ours first.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.stored).chain(&self.others).map(String::as_str)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stored)
    }
}

fn is_local_part(text: &str) -> bool {
    let known = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_'+-.".contains(&byte));
    known
        && !text.is_empty()
        && !text.starts_with('.')
        && !text.ends_with(['.', '\''])
        && !text.contains("..")
}

/// The same rule, with every letter and mark of other scripts as a letter.
fn is_international_local_part(text: &str) -> bool {
    let foreign = |c: char| !c.is_ascii() && !c.is_control() && !c.is_whitespace();
    is_local_part(&text.replace(foreign, "x"))
}

fn is_domain(text: &str) -> bool {
    let Some((parents, last)) = text.rsplit_once('.') else { return false };
    let is_label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && label.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
    };
    is_top_level(last) && parents.split('.').all(is_label)
}

/// Letters, or an international name in ASCII.
fn is_top_level(text: &str) -> bool {
    let letters = text.len() >= 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let begins = text.get(..ACE_PREFIX.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(ACE_PREFIX));
    let rest = text.get(ACE_PREFIX.len()..).unwrap_or_default();
    letters
        || begins
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && rest.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// The address with the domain as people read it, where it is another than in ASCII.
fn unicode_spelling(local: &str, domain: &str) -> Option<String> {
    let domain = domain.to_ascii_lowercase();
    if !domain.split('.').any(|label| label.starts_with(ACE_PREFIX)) {
        return None;
    }
    let (unicode, sound) = idna::domain_to_unicode(&domain);
    sound.ok().map(|()| format!("{local}@{unicode}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_takes_ordinary_addresses_in_lower_case() {
        for text in ["a@b.co", "a+b@c.de", "a@b-.co", "o'neil@x.org", "Ada@Example.COM", "a_b-c.d@e.f.gh"] {
            let email = Email::parse(text).unwrap();
            assert_eq!(email.as_str(), text.to_ascii_lowercase());
            assert_eq!(email.spellings().count(), 1);
            assert_eq!(Email::parse_existing(text), Some(email));
        }
    }

    #[test]
    fn international_domains_are_taken_in_ascii() {
        for (text, other) in [
            ("a@xn--e1afmkfd.xn--p1ai", Some("a@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.\u{440}\u{444}")),
            ("A@XN--E1AFMKFD.XN--P1AI", Some("a@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.\u{440}\u{444}")),
            ("a@xn--bcher-kva.de", Some("a@b\u{fc}cher.de")),
            ("a@mail.xn--bcher-kva.example", Some("a@mail.b\u{fc}cher.example")),
            // No international name at all, and yet a domain as far as mail goes.
            ("a@xn--a-.de", None),
            ("a@b.xn--0", None),
        ] {
            let email = Email::parse(text).unwrap_or_else(|| panic!("{text}"));
            let lower = text.to_ascii_lowercase();
            assert_eq!(
                email.spellings().collect::<Vec<_>>(),
                [Some(lower.as_str()), other].iter().flatten().copied().collect::<Vec<_>>()
            );
        }
        for text in ["a@b.xn--", "a@b.xn-p1ai", "a@b.p1ai", "a@b.xn--p1-", "a@b.xn--p1_"] {
            assert_eq!(Email::parse(text), None, "{text}");
        }
    }

    #[test]
    fn parse_existing_finds_one_address_in_every_spelling() {
        let ascii = Email::parse("a@xn--bcher-kva.de").unwrap();
        for text in [
            "a@b\u{fc}cher.de",
            "A@B\u{dc}CHER.DE",
            "a@bu\u{308}cher.de",
            "a@b\u{fc}cher\u{3002}de",
            "a@xn--bcher-kva.de",
        ] {
            let email = Email::parse_existing(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(email.as_str(), ascii.as_str(), "{text}");
            assert!(email.spellings().any(|spelling| spelling == "a@b\u{fc}cher.de"), "{text}");
        }
        let email = Email::parse_existing("\u{dc}@b.co").unwrap();
        assert_eq!(email.as_str(), "\u{fc}@b.co");
        for text in
            ["\u{fc}", "\u{fc}@", "@\u{fc}.de", "\u{fc}@b", "\u{fc}..a@b.co", ".\u{fc}@b.co", "a b@\u{fc}.de"]
        {
            assert_eq!(Email::parse_existing(text), None, "{text}");
        }
        for text in [
            "\u{fc}\u{a0}@b.co",
            "\u{fc}\u{85}@b.co",
            "\u{fc}\0@b.co",
            "a@\u{fc}.d\0e",
            "a@\u{fc}@b.de",
            "a%@\u{fc}.de",
        ] {
            assert_eq!(Email::parse_existing(text), None, "{text}");
        }
        assert_eq!(Email::parse_existing(&format!("{}@b.co", "\u{fc}".repeat(125))), None);
    }

    #[test]
    fn parse_refuses_what_better_auth_refuses() {
        for text in [
            "",
            "a",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a..b@c.de",
            ".a@b.co",
            "a.@b.co",
            "a'@b.co",
            " a@b.co",
            "a@b.co ",
            "a@1.2.3.4",
            "a@-b.co",
            "a@b.c",
            "a@b..co",
            "a@.co",
            "ä@b.co",
            "a@b.cö",
            "\"a\"@b.co",
            "a%b@c.de",
            "a@b@c.de",
            "a@[1.2.3.4]",
            "a@b.co\0",
        ] {
            assert_eq!(Email::parse(text), None, "{text:?}");
        }
        assert_eq!(Email::parse(&format!("{}@b.co", "a".repeat(250))), None);
    }
}
