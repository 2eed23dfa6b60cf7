//! Settings: their defaults, and which ones are refused.

use std::fs;
use std::time::Duration;

use signet::config::Role;
use signet::config::Settings;
use signet::config::TokenMode;
use signet::config::Upstream;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;

use super::{given, refused, resolve, with};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn resolve_makes_a_working_server_on_this_machine_of_no_settings() {
    let config = resolve(&Settings::default());
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.role, Role::All);
    assert!(config.server.rate_limit);
    assert_eq!(config.server.base_url_for(config.server.listen), "http://localhost:8080");
    assert_eq!(config.storage.database_url.expose(), "sqlite:signet.db");
    assert_eq!(config.tokens.mode, TokenMode::Eddsa);
    assert_eq!(config.tokens.algorithms.to_string(), "EdDSA,ES256,RS256");
    assert_eq!(config.tokens.ttl, Duration::from_secs(15 * 60));
    assert_eq!(config.tokens.leeway, Duration::from_secs(30));
    assert_eq!(config.tokens.cache_bytes, 32 << 20);
    assert_eq!(config.tokens.rotate_every, Duration::from_secs(30 * 24 * 3600));
    assert_eq!(config.tokens.jwks_max_age, Duration::from_secs(5 * 60));
    assert_eq!(config.resource, None);
}

#[test]
fn base_url_follows_the_port_unless_it_is_given() {
    let follows = resolve(&given(&[("SIGNET_LISTEN", "127.0.0.1:0")]));
    assert_eq!(follows.server.base_url_for("127.0.0.1:4242".parse().unwrap()), "http://localhost:4242");
    let chosen = resolve(&given(&[("BETTER_AUTH_URL", "HTTPS://Auth.Example.com:443/")]));
    assert_eq!(chosen.server.base_url_for("127.0.0.1:4242".parse().unwrap()), "https://auth.example.com");
}

#[test]
fn resolve_takes_empty_for_unset_unless_that_would_lose_something() {
    let empty = given(&[
        ("SIGNET_LISTEN", ""),
        ("REDIS_URL", ""),
        ("BETTER_AUTH_SECRET_FILE", ""),
        ("SIGNET_TRUSTED_PROXIES", " "),
        ("SIGNET_MASTER_KEYS_OLD", ""),
    ]);
    assert_eq!(refused(&empty), "");
    for settings in [
        given(&[("BETTER_AUTH_SECRET", "")]),
        given(&[("SIGNET_MASTER_KEY", "")]),
        given(&[("DATABASE_URL", "")]),
    ] {
        assert!(refused(&settings).contains("is set but empty"));
    }
}

#[test]
fn resolve_reports_every_error_at_once() {
    let sentences = refused(&given(&[
        ("SIGNET_LISTEN", "8080"),
        ("SIGNET_METRICS_LISTEN", "9090"),
        ("SIGNET_OTLP_ENDPOINT", "collector.example.com"),
        ("SIGNET_DRAIN_DELAY", "a while"),
        ("SIGNET_ROLE", "everything"),
        ("BETTER_AUTH_URL", "auth.example.com"),
        ("BETTER_AUTH_TRUSTED_ORIGINS", "https://ok.example.com,nonsense,https://*"),
        ("SIGNET_TRUSTED_PROXIES", "10.0.0.0/8,somewhere"),
        ("SIGNET_RATE_LIMIT", "maybe"),
        ("BETTER_AUTH_SECRET", "short"),
        ("SIGNET_MASTER_KEY", "not a key"),
        ("SIGNET_MASTER_KEYS_OLD", &format!("{KEY},junk")),
        ("DATABASE_URL", "mysql://a"),
        ("REDIS_URL", "localhost:6379"),
        ("SIGNET_TOKEN_MODE", "rs256"),
        ("SIGNET_ALGORITHMS", "HS256"),
        ("SIGNET_TOKEN_TTL", "25h"),
        ("SIGNET_LEEWAY", "301s"),
        ("SIGNET_TOKEN_CACHE", "32MB"),
        ("SIGNET_ROTATE_EVERY", "monthly"),
        ("SIGNET_JWKS_MAX_AGE", "5 m"),
        ("SIGNET_TASKS_PER_USER", "0"),
    ]));
    for name in [
        "SIGNET_LISTEN",
        "SIGNET_METRICS_LISTEN",
        "SIGNET_OTLP_ENDPOINT",
        "SIGNET_DRAIN_DELAY",
        "SIGNET_ROLE",
        "BETTER_AUTH_URL",
        "SIGNET_TRUSTED_PROXIES",
        "SIGNET_RATE_LIMIT",
        "BETTER_AUTH_SECRET",
        "SIGNET_MASTER_KEY",
        "SIGNET_MASTER_KEYS_OLD",
        "DATABASE_URL",
        "REDIS_URL",
        "SIGNET_TOKEN_MODE",
        "SIGNET_ALGORITHMS",
        "SIGNET_TOKEN_TTL",
        "SIGNET_LEEWAY",
        "SIGNET_TOKEN_CACHE",
        "SIGNET_ROTATE_EVERY",
        "SIGNET_JWKS_MAX_AGE",
        "SIGNET_TASKS_PER_USER",
    ] {
        assert!(
            sentences.lines().any(|line| line.starts_with(&format!("{name} "))),
            "{name} in\n{sentences}"
        );
    }
    assert_eq!(sentences.lines().filter(|line| line.starts_with("BETTER_AUTH_TRUSTED_ORIGINS ")).count(), 2);
    assert_eq!(sentences.lines().count(), 23);
    assert!(sentences.lines().all(|line| line.ends_with('.')));
}

#[test]
fn resolve_takes_a_base_url_that_is_an_origin_and_nothing_more() {
    for url in [
        "https://a.example/path",
        "https://a.example/?q",
        "https://a.example#f",
        "https://u:p@a.example",
        "ftp://a",
        "a:80",
    ] {
        let sentence = refused(&given(&[("BETTER_AUTH_URL", url)]));
        assert!(sentence.starts_with("BETTER_AUTH_URL "), "{url}: {sentence}");
        assert!(!sentence.contains("u:p"), "{sentence}");
    }
}

#[test]
fn resolve_accepts_the_limits_themselves() {
    let config = resolve(&given(&[("SIGNET_LEEWAY", "300s"), ("SIGNET_TOKEN_TTL", "24h")]));
    assert_eq!(config.tokens.leeway, Duration::from_secs(300));
    assert_eq!(config.tokens.ttl, Duration::from_secs(86_400));
    resolve(&given(&[("SIGNET_LEEWAY", "0s"), ("SIGNET_TOKEN_TTL", "1s")]));
    for ttl in ["0s", "500ms", "1s500ms", "24h1s"] {
        let sentence = refused(&given(&[("SIGNET_TOKEN_TTL", ttl)]));
        assert!(sentence.starts_with("SIGNET_TOKEN_TTL is "), "{ttl}: {sentence}");
    }
}

#[test]
fn resolve_wants_an_end_of_a_migration_and_of_nothing_else() {
    let mode = |mode: &str, until: Option<&str>| {
        given(&[("SIGNET_TOKEN_MODE", mode), ("SIGNET_HS256_UNTIL", until.unwrap_or_default())])
    };
    assert!(refused(&mode("migrate", None)).starts_with("SIGNET_HS256_UNTIL is missing"));
    assert!(refused(&mode("migrate", Some("next year"))).starts_with("SIGNET_HS256_UNTIL is \"next year\""));
    assert!(refused(&mode("hs256", Some("2027-01-31T00:00:00Z"))).starts_with("SIGNET_HS256_UNTIL is set"));
    assert!(refused(&mode("eddsa", Some("2027-01-31T00:00:00Z"))).starts_with("SIGNET_HS256_UNTIL is set"));
    assert_eq!(resolve(&mode("hs256", None)).tokens.mode, TokenMode::Hs256);
    let hs256_until = Timestamp::parse_rfc_3339("2027-01-31T00:00:00Z").unwrap();
    assert_eq!(
        resolve(&mode("migrate", Some("2027-01-31T00:00:00Z"))).tokens.mode,
        TokenMode::Migrate { hs256_until }
    );
}

#[test]
fn resolve_takes_algorithms_in_their_order_and_each_once() {
    let algorithms = |text: &str| {
        resolve(&given(&[("SIGNET_ALGORITHMS", text)])).tokens.algorithms.iter().collect::<Vec<_>>()
    };
    assert_eq!(algorithms("RS256"), [Algorithm::Rs256]);
    assert_eq!(algorithms("ES256, EdDSA"), [Algorithm::Es256, Algorithm::EdDsa]);
    for (text, problem) in [
        ("HS256", "names \"HS256\", which is no algorithm of signing keys"),
        ("EdDSA,eddsa", "names \"eddsa\", which is no algorithm of signing keys"),
        ("ES256,EdDSA,ES256", "names ES256 twice"),
        ("EdDSA,", "is \"EdDSA,\", which has an empty entry"),
        (",", "is \",\", which has an empty entry"),
    ] {
        let sentence = refused(&given(&[("SIGNET_ALGORITHMS", text)]));
        assert!(sentence.starts_with(&format!("SIGNET_ALGORITHMS {problem}; it must be ")), "{sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
}

#[test]
fn resolve_refuses_a_name_that_is_no_setting() {
    let sentence = refused(&given(&[("SIGNET_LISTEM", "127.0.0.1:8080")]));
    assert_eq!(sentence, "SIGNET_LISTEM is not a setting of Signet.");
}

fn resource() -> Settings {
    given(&[("SIGNET_ROLE", "resource")])
}

#[test]
fn resolve_tells_a_resource_process_whose_tokens_it_trusts() {
    assert!(refused(&resource()).starts_with("SIGNET_JWKS_URL is missing"));
    let from_base = resolve(&with(resource(), &[("BETTER_AUTH_URL", "https://auth.example.com")]));
    assert_eq!(
        from_base.resource,
        Some(Upstream {
            jwks_url: "https://auth.example.com/api/auth/jwks".to_owned(),
            plain_http: false,
            issuer: "https://auth.example.com".to_owned(),
            audience: "https://auth.example.com".to_owned(),
        })
    );
    let from_set =
        resolve(&with(resource(), &[("SIGNET_JWKS_URL", "https://auth.example.com:8443/keys?v=1#x")]));
    assert_eq!(
        from_set.resource,
        Some(Upstream {
            jwks_url: "https://auth.example.com:8443/keys?v=1".to_owned(),
            plain_http: false,
            issuer: "https://auth.example.com:8443".to_owned(),
            audience: "https://auth.example.com:8443".to_owned(),
        })
    );
    let named = resolve(&with(
        resource(),
        &[
            ("BETTER_AUTH_URL", "https://auth.example.com"),
            ("SIGNET_JWKS_URL", "http://127.0.0.1:9000/jwks"),
            ("SIGNET_ISSUER", "urn:issuer"),
            ("SIGNET_AUDIENCE", "tasks"),
        ],
    ));
    assert_eq!(
        named.resource,
        Some(Upstream {
            jwks_url: "http://127.0.0.1:9000/jwks".to_owned(),
            plain_http: false,
            issuer: "urn:issuer".to_owned(),
            audience: "tasks".to_owned(),
        })
    );
}

#[test]
fn resolve_takes_a_key_set_over_https_or_from_this_machine() {
    for url in [
        "http://auth.example.com/jwks",
        "http://10.0.0.1/jwks",
        "http://localhost.example.com/jwks",
        "http://127.0.0.1.example.com/j",
    ] {
        let sentence = refused(&with(resource(), &[("SIGNET_JWKS_URL", url)]));
        assert!(sentence.starts_with("SIGNET_JWKS_URL leads to"), "{url}: {sentence}");
        assert!(sentence.contains("SIGNET_JWKS_PLAIN_HTTP=on"), "{sentence}");
        let trusting = with(resource(), &[("SIGNET_JWKS_URL", url), ("SIGNET_JWKS_PLAIN_HTTP", "on")]);
        assert!(resolve(&trusting).resource.unwrap().plain_http, "{url}");
    }
    let odd =
        with(resource(), &[("SIGNET_JWKS_URL", "https://a.example/jwks"), ("SIGNET_JWKS_PLAIN_HTTP", "yes")]);
    assert!(refused(&odd).starts_with("SIGNET_JWKS_PLAIN_HTTP is \"yes\""));
    for url in [
        "http://localhost:1/jwks",
        "http://[::1]/jwks",
        "http://127.9.9.9/jwks",
        "http://auth.localhost/jwks",
    ] {
        assert_eq!(refused(&with(resource(), &[("SIGNET_JWKS_URL", url)])), "");
    }
    let base = with(resource(), &[("BETTER_AUTH_URL", "http://auth.example.com")]);
    assert!(refused(&base).starts_with("BETTER_AUTH_URL leads to"));
    for url in ["auth.example.com/jwks", "file:///etc/passwd", "https://u:hunter2@auth.example.com/jwks"] {
        let sentence = refused(&with(resource(), &[("SIGNET_JWKS_URL", url)]));
        assert!(sentence.starts_with("SIGNET_JWKS_URL is ") && !sentence.contains("hunter2"), "{sentence}");
    }
}

#[test]
fn resolve_wants_the_shared_secret_that_a_resource_process_verifies_with() {
    let base = || with(resource(), &[("BETTER_AUTH_URL", "https://auth.example.com")]);
    let hs256 = with(base(), &[("SIGNET_TOKEN_MODE", "hs256")]);
    assert!(refused(&hs256).starts_with("BETTER_AUTH_SECRET is missing"));
    let migrate =
        with(base(), &[("SIGNET_TOKEN_MODE", "migrate"), ("SIGNET_HS256_UNTIL", "2027-01-31T00:00:00Z")]);
    assert!(refused(&migrate).starts_with("BETTER_AUTH_SECRET is missing"));
    assert_eq!(refused(&with(hs256, &[("BETTER_AUTH_SECRET", SECRET)])), "");
    assert_eq!(refused(&base()), "");
}

#[test]
fn resolve_refuses_settings_of_the_resource_role_elsewhere() {
    let sentences = refused(&given(&[
        ("SIGNET_ROLE", "identity"),
        ("SIGNET_JWKS_URL", "https://a.example/jwks"),
        ("SIGNET_JWKS_PLAIN_HTTP", "on"),
        ("SIGNET_ISSUER", "a"),
        ("SIGNET_AUDIENCE", "b"),
    ]));
    assert_eq!(sentences.lines().count(), 4, "{sentences}");
    assert!(sentences.lines().all(|line| line.contains("is only for SIGNET_ROLE=resource")));
}

#[test]
fn resolve_takes_proxies_as_networks_or_single_addresses() {
    let config = resolve(&given(&[("SIGNET_TRUSTED_PROXIES", "10.1.2.3/8, 192.168.1.7,::1,")]));
    let shown: Vec<String> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.0/8", "192.168.1.7/32", "::1/128"]);
}

#[test]
fn resolve_reads_a_secret_from_a_file_without_its_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let config = resolve(&given(&[
        ("BETTER_AUTH_SECRET_FILE", &path("secret", &format!("{SECRET}\n\n"))),
        ("SIGNET_MASTER_KEY_FILE", &path("key", &format!("{KEY}\r\n"))),
        ("SIGNET_MASTER_KEYS_OLD_FILE", &path("old", &format!("{KEY}\n{KEY}\n"))),
        ("DATABASE_URL_FILE", &path("database", "postgres://ada:hunter2@db/signet\n")),
    ]));
    assert_eq!(config.secrets.shared.as_ref().unwrap().expose(), format!("{SECRET}\n").as_bytes());
    assert_eq!(config.secrets.master.as_ref().unwrap().expose()[31], 31);
    assert_eq!(config.secrets.retired_masters.len(), 2);
    assert_eq!(config.storage.database_url.expose(), "postgres://ada:hunter2@db/signet");
}

#[test]
fn resolve_refuses_a_secret_given_twice_or_in_a_file_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let both = given(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("BETTER_AUTH_SECRET_FILE", &file("secret", SECRET.as_bytes())),
        ("DATABASE_URL", "sqlite:a.db"),
        ("DATABASE_URL_FILE", &file("database", b"sqlite:b.db")),
    ]);
    let sentences = refused(&both);
    assert!(sentences.contains("BETTER_AUTH_SECRET and BETTER_AUTH_SECRET_FILE are both set"), "{sentences}");
    assert!(sentences.contains("DATABASE_URL and DATABASE_URL_FILE are both set"), "{sentences}");
    for path in [
        file("empty", b"\n"),
        file("binary", &[0xff; 40]),
        file("large", &[b'a'; 70_000]),
        folder.path().to_str().unwrap().to_owned(),
        "/nowhere/at/all".to_owned(),
    ] {
        let sentence = refused(&given(&[("BETTER_AUTH_SECRET_FILE", &path)]));
        assert!(sentence.starts_with("BETTER_AUTH_SECRET_FILE names "), "{sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
}

#[test]
fn debug_shows_no_secret_of_settings_config_or_errors() {
    let settings = given(&[
        ("BETTER_AUTH_SECRET", "hunter2-hunter2-hunter2-hunter2-hunter2"),
        ("SIGNET_MASTER_KEY", KEY),
        ("DATABASE_URL", "postgres://ada:hunter2@db/signet"),
    ]);
    let shown = format!("{settings:?} {:?}", resolve(&settings));
    assert!(
        !shown.contains("hunter2") && !shown.contains(&KEY[..8]) && !shown.contains("1, 2, 3"),
        "{shown}"
    );
    let refusals = refused(&given(&[
        ("BETTER_AUTH_SECRET", "hunter2"),
        ("SIGNET_MASTER_KEY", "hunter2"),
        ("SIGNET_MASTER_KEYS_OLD", "hunter2"),
        ("DATABASE_URL", "postgres://a:hunter2@h:port/d"),
        ("REDIS_URL", "redis://:hunter2@h/x"),
        ("BETTER_AUTH_URL", "http://a:hunter2@h"),
        ("BETTER_AUTH_TRUSTED_ORIGINS", "http://a:hunter2@h"),
    ]));
    assert_eq!(refusals.lines().count(), 7, "{refusals}");
    assert!(!refusals.contains("hunter2"), "{refusals}");
}

#[test]
fn resolve_tells_redis_from_other_addresses_and_takes_none() {
    for url in ["redis://localhost:6379", "rediss://:hunter2@h/2", "unix:///run/redis.sock?db=1&pass=hunter2"]
    {
        let config = resolve(&given(&[("REDIS_URL", url)]));
        assert_eq!(config.storage.redis_url.unwrap().expose(), url);
    }
    for url in ["http://h", "localhost", "rediss://h/#insecure"] {
        let sentence = refused(&given(&[("REDIS_URL", url)]));
        assert!(sentence.starts_with("REDIS_URL "), "{sentence}");
    }
    assert!(resolve(&Settings::default()).storage.redis_url.is_none());
}
