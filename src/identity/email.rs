//! Addresses of people, in the one spelling that we store.
//! In: what a person typed. Out: the address in lower case, or nothing.
//! Owns: the syntax that Better Auth's clients know (ASCII only, no quotes, no IP literals).

use std::fmt;

/// A well-formed address in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// The longest address, in bytes (RFC 5321 section 4.5.3.1.3, less the angle brackets).
    pub const MAX_BYTES: usize = 254;

    /// Reads an address without trimming; none if its syntax is not accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        (text.len() <= Self::MAX_BYTES && is_local_part(local) && is_domain(domain))
            .then(|| Self(text.to_ascii_lowercase()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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

fn is_domain(text: &str) -> bool {
    let Some((parents, last)) = text.rsplit_once('.') else { return false };
    let is_label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && label.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
    };
    last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()) && parents.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_takes_ordinary_addresses_in_lower_case() {
        for text in ["a@b.co", "a+b@c.de", "a@b-.co", "o'neil@x.org", "Ada@Example.COM", "a_b-c.d@e.f.gh"] {
            assert_eq!(Email::parse(text).unwrap().as_str(), text.to_ascii_lowercase());
        }
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
