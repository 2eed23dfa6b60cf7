//! Which origins are trusted, and which URLs a browser may be sent to.

use proptest::prelude::*;
use signet::config::{OriginPattern, Settings, TrustedOrigins};

use super::{given, resolve};

fn trusting(patterns: &str) -> TrustedOrigins {
    let settings =
        given(&[("BETTER_AUTH_URL", "https://auth.example.com"), ("BETTER_AUTH_TRUSTED_ORIGINS", patterns)]);
    resolve(&settings).server.trusted_origins_for("127.0.0.1:8080".parse().unwrap())
}

#[test]
fn trusts_takes_our_own_origin_in_every_spelling() {
    let origins = trusting("");
    for origin in [
        "https://auth.example.com",
        "HTTPS://AUTH.example.COM",
        "https://auth.example.com:443",
        "https://auth.example.com/page?q",
    ] {
        assert!(origins.trusts(origin), "{origin}");
    }
    for origin in [
        "http://auth.example.com",
        "https://auth.example.com:8443",
        "https://auth.example.com.evil.net",
        "https://evil.net/https://auth.example.com",
        "https://auth.example.com@evil.net",
        "https://user@auth.example.com",
        "https:auth.example.com",
        "https:///auth.example.com",
        "https:\\\\auth.example.com",
        "https://auth.example.com\\@evil.net",
        "https://auth.exa\tmple.com",
        " https://auth.example.com",
        "auth.example.com",
        "null",
        "",
        "/",
    ] {
        assert!(!origins.trusts(origin), "{origin:?}");
    }
}

#[test]
fn trusts_takes_the_loopback_address_like_localhost_without_a_base_url() {
    let config = resolve(&Settings::default());
    for (bound, trusted, foreign) in [
        ("127.0.0.1:4000", "http://127.0.0.1:4000", "http://127.0.0.1:4001"),
        ("[::1]:4000", "http://[::1]:4000", "http://127.0.0.1:4000"),
        ("0.0.0.0:4000", "http://127.0.0.1:4000", "http://0.0.0.0:4000"),
        ("192.168.1.7:4000", "http://localhost:4000", "http://192.168.1.7:4000"),
    ] {
        let origins = config.server.trusted_origins_for(bound.parse().unwrap());
        assert!(origins.trusts("http://localhost:4000") && origins.trusts(trusted), "{bound}");
        assert!(!origins.trusts(foreign), "{bound}");
    }
    assert!(!trusting("").trusts("http://127.0.0.1:8080"));
}

#[test]
fn trusts_matches_what_patterns_say() {
    for (pattern, origin) in [
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://app.example.com/", "https://app.example.com"),
        ("https://*.example.com", "https://app.example.com"),
        ("https://*.example.com", "https://a.b.example.com"),
        ("HTTPS://*.Example.com", "https://APP.example.com:443"),
        ("*.example.com", "https://app.example.com"),
        ("*.example.com", "http://app.example.com"),
        ("*.example.com:8443", "https://app.example.com:8443"),
        ("*://app.example.com", "http://app.example.com"),
        ("https://app-?.example.com", "https://app-7.example.com"),
        ("https://app-*-team.vercel.app", "https://app-git-main-team.vercel.app"),
        ("http://localhost:*", "http://localhost:5173"),
        ("http://localhost:30??", "http://localhost:3001"),
        ("http://192.168.1.*:3000", "http://192.168.1.7:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("myapp://", "myapp://"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ] {
        assert!(trusting(pattern).trusts(origin), "{pattern} {origin}");
    }
}

#[test]
fn trusts_matches_nothing_that_patterns_do_not_say() {
    for (pattern, origin) in [
        ("http://localhost:3000", "http://localhost:3001"),
        ("http://localhost:3000", "https://localhost:3000"),
        ("https://*.example.com", "https://example.com"),
        ("https://*.example.com", "http://app.example.com"),
        ("https://*.example.com", "https://app.example.com:8443"),
        ("https://*.example.com", "https://evilexample.com"),
        ("https://*.example.com", "https://app.example.com.evil.net"),
        ("https://*.example.com", "https://evil.net/.example.com"),
        ("https://*.example.com", "https://evil.net#.example.com"),
        ("*.example.com", "javascript://app.example.com/%0aalert(1)"),
        ("https://app-?.example.com", "https://app-77.example.com"),
        ("http://192.168.1.*:3000", "http://192.168.1.evil.net:3000"),
        ("http://192.168.1.*:3000", "http://192.168.10.7:3000"),
        ("myapp://", "otherapp://"),
        ("chrome-extension://abcdef", "chrome-extension://abcdefg"),
    ] {
        assert!(!trusting(pattern).trusts(origin), "{pattern} {origin}");
    }
}

#[test]
fn parse_refuses_patterns_that_trust_foreign_origins_or_mean_nothing() {
    for pattern in [
        "*",
        "https://*",
        "*://*",
        "https://*:443",
        "https://example.*",
        "https://example.com*",
        "*.com?",
        "1*",
        "https://",
        "app.example.com",
        "localhost:3000",
        "https://app.example.com/path",
        "https://*.example.com/path",
        "https://u@*.a.com",
        "javascript://*",
        "javascript://x",
        "file://",
        "data://x",
        "ftp*://a.com",
        "https://*.exämple.com",
        "https://*.a.com:",
        "https://*.a.com.",
        "null",
        "exp://*",
    ] {
        assert!(pattern.parse::<OriginPattern>().is_err(), "{pattern}");
    }
}

#[test]
fn trusts_url_takes_our_own_paths_and_trusted_origins_only() {
    let origins = trusting("http://localhost:3000,myapp://");
    for url in [
        "/",
        "/dashboard",
        "/a/b?next=//x&y=%2f",
        "/a#//b",
        "http://localhost:3000/dashboard?a=b#c",
        "https://auth.example.com/x",
        "myapp://home",
        "myapp:///home",
    ] {
        assert!(origins.trusts_url(url), "{url}");
    }
    for url in [
        "",
        "dashboard",
        "//evil.net",
        "///evil.net",
        "/\\evil.net",
        "/%2fevil.net",
        "/%2Fevil.net",
        "/%5cevil.net",
        "/a/%5Cb",
        "/a//b",
        "/.//evil.net",
        "/\tevil",
        "/\n/evil.net",
        "/a?b=\\c",
        "/a b",
        "/ä",
        "http://localhost:3000@evil.net/",
        "http:/localhost:3000",
        "http://evil.net/?http://localhost:3000",
        "javascript:alert(1)",
        "javascript://localhost:3000/%0aalert(1)",
        "data:text/html,x",
        "\u{0}/a",
    ] {
        assert!(!origins.trusts_url(url), "{url:?}");
    }
}

proptest! {
    #[test]
    fn trusts_never_lets_a_wildcard_leave_the_domain(url in "\\PC{0,40}", host in "[a-z.:/@#?%\\\\-]{0,20}") {
        let origins = trusting("https://*.example.com");
        for text in [url.clone(), format!("https://{host}{url}"), format!("https://{host}.example.com{url}")] {
            if origins.trusts(&text) {
                // Whatever is trusted, a browser's own reading of it ends in the operator's domain.
                let read = reqwest::Url::parse(&text).unwrap();
                prop_assert_eq!(read.scheme(), "https");
                prop_assert!(read.host_str().unwrap().ends_with(".example.com"), "{}", text);
            }
        }
    }

    #[test]
    fn trusts_url_takes_paths_that_stay_on_our_origin(path in "/[a-z./\\\\%2fF5cC?#\t ]{0,12}") {
        if trusting("").trusts_url(&path) {
            let base = reqwest::Url::parse("https://auth.example.com/api/auth/sign-in").unwrap();
            let read = base.join(&path).unwrap();
            prop_assert_eq!(read.origin(), base.origin(), "{}", path);
            prop_assert!(!read.path().starts_with("//"), "{}", path);
        }
    }

    #[test]
    fn trusts_takes_an_exact_origin_for_that_origin(host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}", port in 1_u16.., other in "[a-z]{1,8}\\.[a-z]{1,8}") {
        prop_assume!(host != other);
        let origins = trusting(&format!("http://{host}:{port}"));
        let same = format!("HTTP://{}:{port}", host.to_uppercase());
        let (other_port, other_host) = (format!("http://{host}:{}", port ^ 1), format!("http://{other}:{port}"));
        prop_assert!(origins.trusts(&same));
        prop_assert!(!origins.trusts(&other_port));
        prop_assert!(!origins.trusts(&other_host));
    }
}
