//! Which addresses a client may have its users sent back to.
//! In: the text of a registration. Out: nothing, or what is wrong with it.
//! Owns: what is registered means one place to every reader, since it is compared byte for byte and then followed by a
//! browser (RFC 9700 section 4.1, RFC 8252 section 7).

use url::{Host, Url};

use crate::model::client::ApplicationType;

/// The longest address, in bytes.
pub const LONGEST: usize = 2048;

/// Parameters that an answer brings along, so that none of them may stand in the address already.
const OF_ANSWERS: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

/// Why an address cannot be registered: the rest of a sentence that begins with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something that a URI has not: letters of other scripts, blanks, backslashes.
    #[error("has characters that no URI has")]
    Characters,
    /// Longer than [`LONGEST`].
    #[error("is longer than {LONGEST} bytes")]
    TooLong,
    /// No scheme, or nothing after it.
    #[error("is no absolute URI")]
    NotAbsolute,
    /// `#`, with or without something after it (RFC 6749 section 3.1.2).
    #[error("has a fragment")]
    Fragment,
    /// A `*` where people hope for a pattern.
    #[error("has a *, and is compared letter by letter: there are no patterns")]
    Pattern,
    /// A user or a password.
    #[error("has a user or a password in it")]
    UserInfo,
    /// `.` or `..` as a part of the path, in whichever spelling.
    #[error("has a part . or .. in its path")]
    DotSegment,
    /// A host that browsers go to by another name.
    #[error("has a host that browsers write otherwise")]
    OtherHost,
    /// A parameter that the answer has.
    #[error("has a parameter that answers bring along (code, state, iss or error)")]
    ParameterOfAnswers,
    /// `http` to another machine (OAuth 2.1 section 2.3.1).
    #[error("is http: but to this machine, a code travels by https alone")]
    Unprotected,
    /// A scheme of an application's own, for a web application.
    #[error("has a scheme of its own, which only application_type native may have")]
    SchemeOfWeb,
    /// A scheme that is no reversed domain (RFC 8252 section 7.1): `javascript`, `data`, `myapp`.
    #[error("has a scheme that is no reversed domain in lower case, such as com.example.app")]
    Scheme,
}

/// Judges an address of `redirect_uris` or `post_logout_redirect_uris`.
///
/// # Errors
/// [`Problem`].
pub fn check(text: &str, application: ApplicationType) -> Result<(), Problem> {
    let scheme = absolute(text)?;
    if text.contains('*') {
        return Err(Problem::Pattern);
    }
    let rest = &text[scheme.len() + 1..];
    let path_and_query = match rest.strip_prefix("//") {
        Some(rest) => &rest[rest.find(['/', '?']).unwrap_or(rest.len())..],
        None => rest,
    };
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    if path.split('/').any(is_dot_segment) {
        return Err(Problem::DotSegment);
    }
    if url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| OF_ANSWERS.contains(&&*name)) {
        return Err(Problem::ParameterOfAnswers);
    }
    match scheme {
        "https" => of_a_host(text).map(drop),
        "http" if is_this_machine(&of_a_host(text)?) => Ok(()),
        "http" => Err(Problem::Unprotected),
        scheme if !is_reversed_domain(scheme) => Err(Problem::Scheme),
        _ if application == ApplicationType::Web => Err(Problem::SchemeOfWeb),
        _ if rest.starts_with('/') && rest.len() > 1 => private_use(text, rest),
        _ => Err(Problem::NotAbsolute),
    }
}

/// Judges an address that this server calls, or that people are shown: `https`, or `http` where `http` says so.
///
/// # Errors
/// [`Problem`].
pub fn check_web(text: &str, http: Http) -> Result<(), Problem> {
    match (absolute(text)?, http) {
        ("https", _) | ("http", Http::Allowed) => of_a_host(text).map(drop),
        ("http", Http::Refused) => Err(Problem::Unprotected),
        _ => Err(Problem::NotAbsolute),
    }
}

/// Whether an address may do without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

/// The scheme of an absolute URI without a fragment, whose characters are those of URIs.
fn absolute(text: &str) -> Result<&str, Problem> {
    if text.len() > LONGEST {
        return Err(Problem::TooLong);
    }
    if text.contains('#') {
        return Err(Problem::Fragment);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte)) {
        return Err(Problem::Characters);
    }
    let (scheme, rest) = text.split_once(':').ok_or(Problem::NotAbsolute)?;
    let begins = scheme.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
    let is_scheme =
        begins && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if is_scheme && !rest.is_empty() { Ok(scheme) } else { Err(Problem::NotAbsolute) }
}

/// The address as browsers read it, where that is the same place as all others read.
fn of_a_host(text: &str) -> Result<Url, Problem> {
    let authority = text.split_once("://").ok_or(Problem::NotAbsolute)?.1;
    let authority = &authority[..authority.find(['/', '?']).unwrap_or(authority.len())];
    if authority.contains('@') {
        return Err(Problem::UserInfo);
    }
    let url = Url::parse(text).map_err(|_| Problem::NotAbsolute)?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Problem::NotAbsolute)?;
    let written = authority.strip_suffix(':').is_none() && authority.get(..host.len()) == Some(host);
    let after = authority.get(host.len()..).unwrap_or_default();
    if written && (after.is_empty() || after.starts_with(':')) { Ok(url) } else { Err(Problem::OtherHost) }
}

/// An address of a scheme that the operating system hands to an application.
fn private_use(text: &str, rest: &str) -> Result<(), Problem> {
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(Problem::UserInfo);
    }
    Url::parse(text).map(drop).map_err(|_| Problem::NotAbsolute)
}

/// Whether `http` to this host stays on the machine.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// `com.example.app`: two labels at least, in lower case.
fn is_reversed_domain(scheme: &str) -> bool {
    let is_label = |label: &str| {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(known) && !label.starts_with('-') && !label.ends_with('-')
    };
    scheme.contains('.') && scheme.split('.').all(is_label)
}

fn is_dot_segment(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn refused(text: &str, application: ApplicationType) -> Problem {
        check(text, application).expect_err(text)
    }

    #[test]
    fn check_takes_what_applications_register() {
        for text in [
            "https://grafana.example/login/generic_oauth",
            "https://app.example",
            "https://app.example:8443/cb?tenant=one",
            "https://xn--bcher-kva.example/cb",
            "https://[2001:db8::1]/cb",
            "http://127.0.0.1:8080/cb",
            "http://localhost:3000/api/auth/callback/signet",
            "http://[::1]/cb",
        ] {
            for application in [ApplicationType::Web, ApplicationType::Native] {
                assert_eq!(check(text, application), Ok(()), "{text}");
            }
        }
        for text in ["com.example.app:/cb", "com.example.app://cb/x?y=1", "com.example-1.app2:/"] {
            let expected = if text.ends_with(":/") { Err(Problem::NotAbsolute) } else { Ok(()) };
            assert_eq!(check(text, ApplicationType::Native), expected, "{text}");
            assert_eq!(refused(text, ApplicationType::Web), Problem::SchemeOfWeb);
        }
    }

    #[test]
    fn check_refuses_what_a_code_must_not_be_sent_to() {
        for (text, problem) in [
            ("", Problem::NotAbsolute),
            ("/cb", Problem::NotAbsolute),
            ("app.example/cb", Problem::NotAbsolute),
            ("https:", Problem::NotAbsolute),
            ("https:app.example", Problem::NotAbsolute),
            ("https:///app.example/cb", Problem::OtherHost),
            ("https://", Problem::NotAbsolute),
            ("https://app.example/cb#", Problem::Fragment),
            ("https://app.example/cb#x", Problem::Fragment),
            ("https://ada@app.example/cb", Problem::UserInfo),
            ("https://@app.example/cb", Problem::UserInfo),
            ("https://app.example:x@evil.example/", Problem::UserInfo),
            ("https://app.example/../cb", Problem::DotSegment),
            ("https://app.example/a/.", Problem::DotSegment),
            ("https://app.example/a/%2E%2e/cb", Problem::DotSegment),
            ("https://app.example/a/.%2e", Problem::DotSegment),
            ("https://*.example/cb", Problem::Pattern),
            ("https://app.example/*", Problem::Pattern),
            ("https://App.example/cb", Problem::OtherHost),
            ("https://app.example:/cb", Problem::OtherHost),
            ("https://0x7f.1/cb", Problem::OtherHost),
            ("http://127.1/cb", Problem::OtherHost),
            ("https://app.example\\@evil.example/", Problem::Characters),
            ("https://app.example/a b", Problem::Characters),
            ("https://app.example/\u{e4}", Problem::Characters),
            ("https://app.example/\n", Problem::Characters),
            ("https://app.example/?code=1", Problem::ParameterOfAnswers),
            ("https://app.example/?a=1&%73tate=1", Problem::ParameterOfAnswers),
            ("http://app.example/cb", Problem::Unprotected),
            ("http://10.0.0.1/cb", Problem::Unprotected),
            ("http://localhost.evil.example/cb", Problem::Unprotected),
            ("javascript:alert(1)", Problem::Scheme),
            ("JavaScript://app.example/%0aalert(1)", Problem::Scheme),
            ("data:text/html,x", Problem::Scheme),
            ("file:///etc/passwd", Problem::Scheme),
            ("myapp:/cb", Problem::Scheme),
            ("urn:ietf:wg:oauth:2.0:oob", Problem::Scheme),
            ("Com.Example.App:/cb", Problem::Scheme),
            ("HTTPS://app.example/cb", Problem::Scheme),
            ("com..app:/cb", Problem::Scheme),
        ] {
            for application in [ApplicationType::Web, ApplicationType::Native] {
                assert_eq!(refused(text, application), problem, "{text}");
            }
        }
        assert_eq!(refused("com.example.app:cb", ApplicationType::Native), Problem::NotAbsolute);
        assert_eq!(refused("com.example.app://ada@cb/", ApplicationType::Native), Problem::UserInfo);
        let long = format!("https://app.example/{}", "a".repeat(LONGEST));
        assert_eq!(refused(&long, ApplicationType::Web), Problem::TooLong);
    }

    #[test]
    fn check_web_takes_http_only_where_it_is_allowed() {
        assert_eq!(check_web("https://app.example/keys", Http::Refused), Ok(()));
        assert_eq!(check_web("http://app.internal/logout", Http::Allowed), Ok(()));
        assert_eq!(check_web("http://app.internal/keys", Http::Refused), Err(Problem::Unprotected));
        assert_eq!(check_web("https://ada:x@app.example/", Http::Allowed), Err(Problem::UserInfo));
        assert_eq!(check_web("com.example.app:/cb", Http::Allowed), Err(Problem::NotAbsolute));
    }

    fn addresses() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(vec![
            "https",
            "http",
            "com.example.app",
            "javascript",
            ":",
            "://",
            "/",
            "//",
            "..",
            "%2e",
            "@",
            "#",
            "?",
            "\\",
            "127.0.0.1",
            "localhost",
            "app.example",
            "[::1]",
            ":80",
            "a",
            "*",
            " ",
            "\u{e4}",
            "code=1",
        ]);
        prop::collection::vec(parts, 0..9).prop_map(|parts| parts.concat())
    }

    proptest! {
        /// Browsers go where the text says, and to no other host, path or machine.
        #[test]
        fn check_takes_only_addresses_that_browsers_leave_as_they_are(text in addresses()) {
            for application in [ApplicationType::Web, ApplicationType::Native] {
                if check(&text, application).is_err() {
                    continue;
                }
                let url = Url::parse(&text).unwrap();
                prop_assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none());
                let scheme = url.scheme();
                prop_assert!(text.starts_with(&format!("{scheme}:")), "{text}");
                if scheme == "http" {
                    prop_assert!(is_this_machine(&url), "{text}");
                }
                if application == ApplicationType::Web {
                    prop_assert!(scheme == "https" || scheme == "http", "{text}");
                }
                if scheme == "https" || scheme == "http" {
                    let host = url.host_str().unwrap();
                    prop_assert!(text.starts_with(&format!("{scheme}://{host}")), "{text}");
                    prop_assert!(text.contains(url.path()) || url.path() == "/", "{text}");
                } else {
                    prop_assert!(scheme.contains('.'), "{text}");
                }
            }
        }

        #[test]
        fn check_never_panics(text: String) {
            let _ = check(&text, ApplicationType::Native);
            let _ = check_web(&text, Http::Allowed);
        }
    }
}
