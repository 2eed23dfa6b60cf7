//! Where and as what the process serves, and how the world reaches it.
//! In: the settings of the group `Server`. Out: [`Server`].
//! Owns: what a bound server calls itself, and which origins it trusts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::duration;
use super::origin::TrustedOrigins;
use super::pattern::OriginPattern;
use super::reader::Reader;
use super::setting::{Group, Kind, Problems, Setting, Unset, entries, joined, or_none, show_switch, switch};
use super::web_url::{parse_absolute, parse_configured, quoted, web_origin};

const LISTEN: Setting<SocketAddr> = Setting {
    name: "SIGNET_LISTEN",
    flag: "listen",
    value_name: "ADDRESS",
    help: "Address to listen on; port 0 takes a free one; by default [::1] too, since localhost is either",
    default: "127.0.0.1:8080",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: socket,
    show: SocketAddr::to_string,
};

const METRICS_LISTEN: Setting<Option<SocketAddr>> = Setting {
    name: "SIGNET_METRICS_LISTEN",
    flag: "metrics-listen",
    value_name: "ADDRESS",
    help: "Address for /metrics alone, which is then not on SIGNET_LISTEN",
    default: "none",
    unset: Unset::Is(|| None),
    kind: Kind::Plain,
    parse: |text| socket(text).map(Some),
    show: |address| {
        address.map_or_else(|| "none (/metrics is on SIGNET_LISTEN)".to_owned(), |a| a.to_string())
    },
};

const OTLP_ENDPOINT: Setting<Option<String>> = Setting {
    name: "SIGNET_OTLP_ENDPOINT",
    flag: "otlp-endpoint",
    value_name: "URL",
    help: "Collector that traces are sent to, such as http://127.0.0.1:4318; needs a binary with the feature otlp",
    default: "none",
    unset: Unset::Is(|| None),
    kind: Kind::Plain,
    parse: collector,
    show: or_none,
};

const DRAIN_DELAY: Setting<Duration> = Setting {
    name: "SIGNET_DRAIN_DELAY",
    flag: "drain-delay",
    value_name: "DURATION",
    help: "How long /readyz says 503 before a stopping process takes no more connections, so that balancers notice",
    default: "0s",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: duration::parse_setting,
    show: duration::show,
};

pub(super) const ROLE: Setting<Role> = Setting {
    name: "SIGNET_ROLE",
    flag: "role",
    value_name: "ROLE",
    help: "What this process is: all, identity (signs people in) or resource (serves tasks)",
    default: "all",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: |text| match text {
        "all" => Ok(Role::All),
        "identity" => Ok(Role::Identity),
        "resource" => Ok(Role::Resource),
        text => Err(format!("is {text:?}; it must be all, identity or resource").into()),
    },
    show: |role| {
        let name = match role {
            Role::All => "all",
            Role::Identity => "identity",
            Role::Resource => "resource",
        };
        name.to_owned()
    },
};

pub(super) const BASE_URL: Setting<BaseUrl> = Setting {
    name: "BETTER_AUTH_URL",
    flag: "base-url",
    value_name: "ORIGIN",
    help: "Public base URL: the issuer, the default audience and the first trusted origin",
    default: "http://localhost:8080",
    unset: Unset::Is(|| BaseUrl::FollowsPort),
    kind: Kind::Plain,
    parse: base_url,
    show: |url| match url {
        BaseUrl::Given(url) => url.clone(),
        BaseUrl::FollowsPort => "http://localhost with the port that is bound".to_owned(),
    },
};

const TRUSTED_ORIGINS: Setting<Vec<OriginPattern>> = Setting {
    name: "BETTER_AUTH_TRUSTED_ORIGINS",
    flag: "trusted-origins",
    value_name: "LIST",
    help: "Further origins of frontends, for CSRF and CORS: a comma list of origins such as https://app.example.com, \
           or patterns with * and ? such as https://*.example.com or *.example.com",
    default: "none",
    unset: Unset::Is(Vec::new),
    kind: Kind::Plain,
    parse: |text| {
        list(text, |entry| entry.parse().map_err(|why| format!("contains {}, which {why}", quoted(entry))))
    },
    show: |origins| joined(origins),
};

const TRUSTED_PROXIES: Setting<Vec<IpNet>> = Setting {
    name: "SIGNET_TRUSTED_PROXIES",
    flag: "trusted-proxies",
    value_name: "LIST",
    help: "Networks whose forwarded headers are believed: a comma list such as 10.0.0.0/8,::1",
    default: "none",
    unset: Unset::Is(Vec::new),
    kind: Kind::Plain,
    parse: |text| list(text, network),
    show: |networks| joined(networks),
};

const RATE_LIMIT: Setting<bool> = Setting {
    name: "SIGNET_RATE_LIMIT",
    flag: "rate-limit",
    value_name: "SWITCH",
    help: "Limits on sign-ins and sign-ups: on, or off for tests, benchmarks and proxies that limit",
    default: "on",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: switch,
    show: show_switch,
};

const DOCS: Setting<Docs> = Setting {
    name: "SIGNET_DOCS",
    flag: "docs",
    value_name: "SWITCH",
    help: "The page /docs, on which people try the APIs as themselves: on, or off, and then its client is unknown too",
    default: "on",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: |text| switch(text).map(|on| if on { Docs::Shown } else { Docs::Hidden }),
    show: |docs| show_switch(&(*docs == Docs::Shown)),
};

pub(super) const GROUP: Group = Group {
    heading: "Server",
    settings: &[
        LISTEN.declaration(),
        METRICS_LISTEN.declaration(),
        OTLP_ENDPOINT.declaration(),
        DRAIN_DELAY.declaration(),
        ROLE.declaration(),
        BASE_URL.declaration(),
        TRUSTED_ORIGINS.declaration(),
        TRUSTED_PROXIES.declaration(),
        RATE_LIMIT.declaration(),
        DOCS.declaration(),
    ],
};

/// Where and as what the process serves, and how the world reaches it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address to bind; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The same on the other family's loopback, where no address was chosen: `localhost` is either, as the machine
    /// has it.
    pub also_listen: Option<SocketAddr>,
    /// Address of `/metrics`, where it has one of its own.
    pub metrics_listen: Option<SocketAddr>,
    /// Where traces are sent, if anywhere: the URL of a collector, without `/v1/traces`.
    pub otlp_endpoint: Option<String>,
    /// How long the process takes new connections after it was told to stop and has said so at `/readyz`.
    pub drain_delay: Duration,
    /// Which halves run in this process.
    pub role: Role,
    /// Issuer and default audience.
    pub base_url: BaseUrl,
    /// Origins of frontends besides the base URL.
    pub trusted_origins: Vec<OriginPattern>,
    /// Networks whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether sign-ins and sign-ups are limited.
    pub rate_limit: bool,
    /// Whether there is a page on which people try the APIs.
    pub docs: Docs,
}

/// Whether there is a page on which people try the APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Docs {
    /// There is.
    Shown,
    /// There is not.
    Hidden,
}

/// Which halves of Signet a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Both halves.
    All,
    /// Signing people in, tokens and key set.
    Identity,
    /// The tasks API, which verifies tokens of an identity service elsewhere.
    Resource,
}

/// The public base URL: an origin without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseUrl {
    /// As the operator gave it, in canonical spelling.
    Given(String),
    /// `http://localhost` with the port that was bound.
    FollowsPort,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Server> {
    let listen = reader.read(&LISTEN);
    let metrics_listen = reader.read(&METRICS_LISTEN);
    let otlp_endpoint = reader.read(&OTLP_ENDPOINT);
    let drain_delay = reader.read(&DRAIN_DELAY);
    let role = reader.read(&ROLE);
    let base_url = reader.read(&BASE_URL);
    let trusted_origins = reader.read(&TRUSTED_ORIGINS);
    let trusted_proxies = reader.read(&TRUSTED_PROXIES);
    let rate_limit = reader.read(&RATE_LIMIT);
    let docs = reader.read(&DOCS);
    let chosen = reader.is_given(&LISTEN.declaration());
    let also_listen =
        listen.filter(|_| !chosen).map(|listen| SocketAddr::from((Ipv6Addr::LOCALHOST, listen.port())));
    if let (Some(listen), Some(also)) = (listen, also_listen) {
        reader.report(&LISTEN, format!("{listen} and {also}"));
    }
    if let (Some(listen), Some(base_url)) = (listen, &base_url)
        && listen.port() != 0
    {
        reader.report(&BASE_URL, base_url.at(listen));
    }
    Some(Server {
        listen: listen?,
        also_listen,
        metrics_listen: metrics_listen?,
        otlp_endpoint: otlp_endpoint?,
        drain_delay: drain_delay?,
        role: role?,
        base_url: base_url?,
        trusted_origins: trusted_origins?,
        trusted_proxies: trusted_proxies?,
        rate_limit: rate_limit?,
        docs: docs?,
    })
}

impl Server {
    /// The public base URL of a server that is bound to `bound`.
    pub fn base_url_for(&self, bound: SocketAddr) -> String {
        self.base_url.at(bound)
    }

    /// The origins trusted by a server that is bound to `bound`.
    ///
    /// Without a given base URL the loopback address itself is trusted beside `localhost`, since people open either.
    pub fn trusted_origins_for(&self, bound: SocketAddr) -> TrustedOrigins {
        let mut own = vec![self.base_url_for(bound)];
        if self.base_url == BaseUrl::FollowsPort {
            let address = match bound.ip() {
                ip if ip.is_loopback() => Some(ip),
                ip if ip.is_unspecified() => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                _ => None,
            };
            let also = self.also_listen.map(|also| also.ip());
            let addresses = address.into_iter().chain(also);
            own.extend(addresses.map(|ip| format!("http://{}", SocketAddr::new(ip, bound.port()))));
        }
        TrustedOrigins::new(own, self.trusted_origins.clone())
    }
}

impl Role {
    /// Whether this process signs people in.
    pub fn serves_identity(self) -> bool {
        self != Self::Resource
    }

    /// Whether this process serves tasks.
    pub fn serves_tasks(self) -> bool {
        self != Self::Identity
    }
}

impl BaseUrl {
    /// The base URL that an operator gave.
    pub(super) fn given(&self) -> Option<&str> {
        match self {
            Self::Given(url) => Some(url),
            Self::FollowsPort => None,
        }
    }

    fn at(&self, bound: SocketAddr) -> String {
        match self {
            Self::Given(url) => url.clone(),
            Self::FollowsPort => format!("http://localhost:{}", bound.port()),
        }
    }
}

fn socket(text: &str) -> Result<SocketAddr, Problems> {
    text.parse().map_err(|_| {
        let example =
            "which is not an IP address with a port; write it like 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080";
        format!("is {text:?}, {example}").into()
    })
}

/// A collector may be reached over plain HTTP: what it is sent holds no secrets.
fn collector(text: &str) -> Result<Option<String>, Problems> {
    if !cfg!(feature = "otlp") {
        return Err("is set, but this binary was built without the feature otlp; unset it, or build with --features otlp"
            .into());
    }
    let url = parse_absolute(text).filter(|url| web_origin(url).is_some());
    match url.filter(|url| url.query().is_none() && url.fragment().is_none()) {
        Some(url) => Ok(Some(url.as_str().trim_end_matches('/').to_owned())),
        None => {
            let example = "which is not the URL of a collector; write it like http://127.0.0.1:4318";
            Err(format!("is {}, {example}", quoted(text)).into())
        }
    }
}

fn base_url(text: &str) -> Result<BaseUrl, Problems> {
    let refused = |problem: &str| Problems::from(format!("is {}, {problem}", quoted(text)));
    let example = "which is not an http or https URL; write it like https://auth.example.com";
    let url = parse_configured(text).ok_or_else(|| refused(example))?;
    let canonical = web_origin(&url).ok_or_else(|| refused(example))?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        // Where there is an @, what looks like the origin may be the beginning of a password.
        let example = if text.contains('@') { "https://auth.example.com" } else { &canonical };
        let cure = format!("which is more than an origin; write it without user, path and query: {example}");
        return Err(refused(&cure));
    }
    Ok(BaseUrl::Given(canonical))
}

fn network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>().ok().map(|net| net.trunc()).or_else(single).ok_or_else(|| {
        let example = "which is not an IP network; write it like 10.0.0.0/8, 192.168.1.7 or fd00::/8";
        format!("contains {text:?}, {example}")
    })
}

/// Reads every entry of a comma list; every bad one is reported.
fn list<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, Problems> {
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for entry in entries(text) {
        match parse(entry) {
            Ok(value) => values.push(value),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(Problems(problems)) }
}
