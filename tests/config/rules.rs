//! Settings: their defaults, and which ones are refused.

use std::fs;
use std::time::Duration;

use signet::config::{Role, Settings, TokenMode, Upstream};
use signet_verify::clock::Timestamp;

use super::{refused, resolve, secret, text};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn no_settings_at_all_are_a_working_server_on_this_machine() {
    let config = resolve(&Settings::default());
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.role, Role::All);
    assert!(config.server.rate_limit);
    assert_eq!(config.base_url_for(config.server.listen), "http://localhost:8080");
    assert_eq!(config.database_url.expose(), "sqlite:signet.db");
    assert_eq!(config.tokens.mode, TokenMode::Eddsa);
    assert_eq!(config.tokens.ttl, Duration::from_secs(15 * 60));
    assert_eq!(config.tokens.leeway, Duration::from_secs(30));
    assert_eq!(config.tokens.memory, 32 << 20);
    assert_eq!(config.rotation.every, Duration::from_secs(30 * 24 * 3600));
    assert_eq!(config.rotation.jwks_max_age, Duration::from_secs(5 * 60));
    assert_eq!(config.upstream, None);
}

#[test]
fn the_default_base_url_follows_the_port_and_a_given_one_does_not() {
    let follows = resolve(&Settings { listen: text("127.0.0.1:0"), ..Settings::default() });
    assert_eq!(follows.base_url_for("127.0.0.1:4242".parse().unwrap()), "http://localhost:4242");
    let given = resolve(&Settings { base_url: text("HTTPS://Auth.Example.com:443/"), ..Settings::default() });
    assert_eq!(given.base_url_for("127.0.0.1:4242".parse().unwrap()), "https://auth.example.com");
}

#[test]
fn empty_settings_count_as_unset_unless_that_would_lose_something() {
    let empty = Settings {
        listen: text(""),
        redis_url: secret(""),
        secret_file: text(""),
        trusted_proxies: text(" "),
        master_keys_old: secret(""),
        ..Settings::default()
    };
    assert_eq!(refused(&empty), "");
    for settings in [
        Settings { secret: secret(""), ..Settings::default() },
        Settings { master_key: secret(""), ..Settings::default() },
        Settings { database_url: secret(""), ..Settings::default() },
    ] {
        assert!(refused(&settings).contains("is set but empty"));
    }
}

#[test]
fn every_fault_is_reported_at_once() {
    let sentences = refused(&Settings {
        listen: text("8080"),
        metrics_listen: text("9090"),
        otlp_endpoint: text("collector.example.com"),
        drain_delay: text("a while"),
        role: text("everything"),
        base_url: text("auth.example.com"),
        trusted_origins: text("https://ok.example.com,nonsense,https://*"),
        trusted_proxies: text("10.0.0.0/8,somewhere"),
        rate_limit: text("maybe"),
        secret: secret("short"),
        master_key: secret("not a key"),
        master_keys_old: secret(&format!("{KEY},junk")),
        database_url: secret("mysql://a"),
        redis_url: secret("localhost:6379"),
        token_mode: text("rs256"),
        token_ttl: text("25h"),
        leeway: text("301s"),
        token_memory: text("32MB"),
        rotate_every: text("monthly"),
        jwks_max_age: text("5 m"),
        ..Settings::default()
    });
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
        "SIGNET_TOKEN_TTL",
        "SIGNET_LEEWAY",
        "SIGNET_TOKEN_MEMORY",
        "SIGNET_ROTATE_EVERY",
        "SIGNET_JWKS_MAX_AGE",
    ] {
        assert!(
            sentences.lines().any(|line| line.starts_with(&format!("{name} "))),
            "{name} in\n{sentences}"
        );
    }
    assert_eq!(sentences.lines().filter(|line| line.starts_with("BETTER_AUTH_TRUSTED_ORIGINS ")).count(), 2);
    assert_eq!(sentences.lines().count(), 21);
    assert!(sentences.lines().all(|line| line.ends_with('.')));
}

#[test]
fn a_base_url_is_an_origin_and_nothing_more() {
    for url in [
        "https://a.example/path",
        "https://a.example/?q",
        "https://a.example#f",
        "https://u:p@a.example",
        "ftp://a",
        "a:80",
    ] {
        let sentence = refused(&Settings { base_url: text(url), ..Settings::default() });
        assert!(sentence.starts_with("BETTER_AUTH_URL "), "{url}: {sentence}");
        assert!(!sentence.contains("u:p"), "{sentence}");
    }
}

#[test]
fn the_limits_themselves_are_accepted() {
    let config = resolve(&Settings { leeway: text("300s"), token_ttl: text("24h"), ..Settings::default() });
    assert_eq!(config.tokens.leeway, Duration::from_secs(300));
    assert_eq!(config.tokens.ttl, Duration::from_secs(86_400));
    resolve(&Settings { leeway: text("0s"), token_ttl: text("1s"), ..Settings::default() });
    for ttl in ["0s", "500ms", "1s500ms", "24h1s"] {
        let sentence = refused(&Settings { token_ttl: text(ttl), ..Settings::default() });
        assert!(sentence.starts_with("SIGNET_TOKEN_TTL is "), "{ttl}: {sentence}");
    }
}

#[test]
fn migration_to_eddsa_has_an_end_and_other_modes_have_none() {
    let mode = |mode: &str, until: Option<&str>| Settings {
        token_mode: text(mode),
        hs256_until: until.map(str::to_owned),
        ..Settings::default()
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

fn resource() -> Settings {
    Settings { role: text("resource"), ..Settings::default() }
}

#[test]
fn a_resource_process_knows_whose_tokens_it_trusts() {
    assert!(refused(&resource()).starts_with("SIGNET_JWKS_URL is missing"));
    let from_base = resolve(&Settings { base_url: text("https://auth.example.com"), ..resource() });
    assert_eq!(
        from_base.upstream,
        Some(Upstream {
            jwks_url: "https://auth.example.com/api/auth/jwks".to_owned(),
            plain_http: false,
            issuer: "https://auth.example.com".to_owned(),
            audience: "https://auth.example.com".to_owned(),
        })
    );
    let from_set =
        resolve(&Settings { jwks_url: text("https://auth.example.com:8443/keys?v=1#x"), ..resource() });
    assert_eq!(
        from_set.upstream,
        Some(Upstream {
            jwks_url: "https://auth.example.com:8443/keys?v=1".to_owned(),
            plain_http: false,
            issuer: "https://auth.example.com:8443".to_owned(),
            audience: "https://auth.example.com:8443".to_owned(),
        })
    );
    let named = resolve(&Settings {
        base_url: text("https://auth.example.com"),
        jwks_url: text("http://127.0.0.1:9000/jwks"),
        issuer: text("urn:issuer"),
        audience: text("tasks"),
        ..resource()
    });
    assert_eq!(
        named.upstream,
        Some(Upstream {
            jwks_url: "http://127.0.0.1:9000/jwks".to_owned(),
            plain_http: false,
            issuer: "urn:issuer".to_owned(),
            audience: "tasks".to_owned(),
        })
    );
}

#[test]
fn a_key_set_is_fetched_over_https_or_from_this_machine() {
    for url in [
        "http://auth.example.com/jwks",
        "http://10.0.0.1/jwks",
        "http://localhost.example.com/jwks",
        "http://127.0.0.1.example.com/j",
    ] {
        let sentence = refused(&Settings { jwks_url: text(url), ..resource() });
        assert!(sentence.starts_with("SIGNET_JWKS_URL leads to"), "{url}: {sentence}");
        assert!(sentence.contains("SIGNET_JWKS_PLAIN_HTTP=on"), "{sentence}");
        let trusting = Settings { jwks_url: text(url), jwks_plain_http: text("on"), ..resource() };
        assert!(resolve(&trusting).upstream.unwrap().plain_http, "{url}");
    }
    let odd =
        Settings { jwks_url: text("https://a.example/jwks"), jwks_plain_http: text("yes"), ..resource() };
    assert!(refused(&odd).starts_with("SIGNET_JWKS_PLAIN_HTTP is \"yes\""));
    for url in [
        "http://localhost:1/jwks",
        "http://[::1]/jwks",
        "http://127.9.9.9/jwks",
        "http://auth.localhost/jwks",
    ] {
        assert_eq!(refused(&Settings { jwks_url: text(url), ..resource() }), "");
    }
    let base = Settings { base_url: text("http://auth.example.com"), ..resource() };
    assert!(refused(&base).starts_with("BETTER_AUTH_URL leads to"));
    for url in ["auth.example.com/jwks", "file:///etc/passwd", "https://u:hunter2@auth.example.com/jwks"] {
        let sentence = refused(&Settings { jwks_url: text(url), ..resource() });
        assert!(sentence.starts_with("SIGNET_JWKS_URL is ") && !sentence.contains("hunter2"), "{sentence}");
    }
}

#[test]
fn a_resource_process_is_given_the_shared_secret_it_verifies_with() {
    let base = || Settings { base_url: text("https://auth.example.com"), ..resource() };
    let hs256 = Settings { token_mode: text("hs256"), ..base() };
    assert!(refused(&hs256).starts_with("BETTER_AUTH_SECRET is missing"));
    let migrate =
        Settings { token_mode: text("migrate"), hs256_until: text("2027-01-31T00:00:00Z"), ..base() };
    assert!(refused(&migrate).starts_with("BETTER_AUTH_SECRET is missing"));
    assert_eq!(refused(&Settings { secret: secret(SECRET), ..hs256 }), "");
    assert_eq!(refused(&base()), "");
}

#[test]
fn settings_of_the_resource_role_are_refused_elsewhere() {
    let sentences = refused(&Settings {
        role: text("identity"),
        jwks_url: text("https://a.example/jwks"),
        jwks_plain_http: text("on"),
        issuer: text("a"),
        audience: text("b"),
        ..Settings::default()
    });
    assert_eq!(sentences.lines().count(), 4, "{sentences}");
    assert!(sentences.lines().all(|line| line.contains("is only for SIGNET_ROLE=resource")));
}

#[test]
fn proxies_are_networks_or_single_addresses() {
    let config =
        resolve(&Settings { trusted_proxies: text("10.1.2.3/8, 192.168.1.7,::1,"), ..Settings::default() });
    let shown: Vec<String> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.0/8", "192.168.1.7/32", "::1/128"]);
}

#[test]
fn a_secret_may_come_from_a_file_without_its_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        Some(path.to_str().unwrap().to_owned())
    };
    let config = resolve(&Settings {
        secret_file: path("secret", &format!("{SECRET}\n\n")),
        master_key_file: path("key", &format!("{KEY}\r\n")),
        master_keys_old_file: path("old", &format!("{KEY}\n{KEY}\n")),
        database_url_file: path("database", "postgres://ada:hunter2@db/signet\n"),
        ..Settings::default()
    });
    assert_eq!(config.secrets.shared.as_ref().unwrap().expose(), format!("{SECRET}\n").as_bytes());
    assert_eq!(config.secrets.master.as_ref().unwrap().expose()[31], 31);
    assert_eq!(config.secrets.retired_masters.len(), 2);
    assert_eq!(config.database_url.expose(), "postgres://ada:hunter2@db/signet");
}

#[test]
fn a_secret_is_given_once_and_its_file_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        Some(path.to_str().unwrap().to_owned())
    };
    let both = Settings {
        secret: secret(SECRET),
        secret_file: file("secret", SECRET.as_bytes()),
        database_url: secret("sqlite:a.db"),
        database_url_file: file("database", b"sqlite:b.db"),
        ..Settings::default()
    };
    let sentences = refused(&both);
    assert!(sentences.contains("BETTER_AUTH_SECRET and BETTER_AUTH_SECRET_FILE are both set"), "{sentences}");
    assert!(sentences.contains("DATABASE_URL and DATABASE_URL_FILE are both set"), "{sentences}");
    for path in [
        file("empty", b"\n"),
        file("binary", &[0xff; 40]),
        file("large", &[b'a'; 70_000]),
        text(folder.path().to_str().unwrap()),
        text("/nowhere/at/all"),
    ] {
        let sentence = refused(&Settings { secret_file: path, ..Settings::default() });
        assert!(sentence.starts_with("BETTER_AUTH_SECRET_FILE names "), "{sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
}

#[test]
fn no_secret_is_shown_by_settings_or_config_or_faults() {
    let settings = Settings {
        secret: secret("hunter2-hunter2-hunter2-hunter2-hunter2"),
        master_key: secret(KEY),
        database_url: secret("postgres://ada:hunter2@db/signet"),
        ..Settings::default()
    };
    let shown = format!("{settings:?} {:?}", resolve(&settings));
    assert!(
        !shown.contains("hunter2") && !shown.contains(&KEY[..8]) && !shown.contains("1, 2, 3"),
        "{shown}"
    );
    let refusals = refused(&Settings {
        secret: secret("hunter2"),
        master_key: secret("hunter2"),
        master_keys_old: secret("hunter2"),
        database_url: secret("postgres://a:hunter2@h:port/d"),
        redis_url: secret("redis://:hunter2@h/x"),
        base_url: text("http://a:hunter2@h"),
        trusted_origins: text("http://a:hunter2@h"),
        ..Settings::default()
    });
    assert_eq!(refusals.lines().count(), 7, "{refusals}");
    assert!(!refusals.contains("hunter2"), "{refusals}");
}

#[test]
fn redis_is_told_from_other_addresses_and_may_be_left_out() {
    for url in ["redis://localhost:6379", "rediss://:hunter2@h/2"] {
        let config = resolve(&Settings { redis_url: secret(url), ..Settings::default() });
        assert_eq!(config.redis_url.unwrap().expose(), url);
    }
    for url in ["http://h", "localhost", "rediss://h/#insecure"] {
        let sentence = refused(&Settings { redis_url: secret(url), ..Settings::default() });
        assert!(sentence.starts_with("REDIS_URL "), "{sentence}");
    }
    assert!(resolve(&Settings::default()).redis_url.is_none());
}
