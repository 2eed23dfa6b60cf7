//! What callers may take of a process, and for how long.
//! In: the settings of the group `Limits`. Out: [`Limits`].
//! Owns: a share holds the largest answer that there is, and no share is more than the whole.

use std::time::Duration;

use super::reader::Reader;
use super::setting::{Group, Kind, Problems, Setting, Unset};
use super::{byte_size, duration};

const IDLE_TIMEOUT: Setting<Duration> = Setting {
    name: "SIGNET_IDLE_TIMEOUT",
    flag: "idle-timeout",
    value_name: "DURATION",
    help: "How long a connection may be idle, and a body or an answer make no progress; longer than a balancer keeps \
           idle connections",
    default: "15s",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: idle_timeout,
    show: duration::show,
};

const MAX_CONNECTIONS: Setting<u32> = Setting {
    name: "SIGNET_MAX_CONNECTIONS",
    flag: "max-connections",
    value_name: "NUMBER",
    help: "How many connections may be open, as far as the limit of open files allows",
    default: "10000",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: number,
    show: u32::to_string,
};

const CLIENT_CONNECTIONS: Setting<u32> = Setting {
    name: "SIGNET_MAX_CONNECTIONS_PER_CLIENT",
    flag: "max-connections-per-client",
    value_name: "NUMBER",
    help: "How many of them one client may have: an address, or a /64 of IPv6; trusted proxies may have all",
    default: "1000",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: number,
    show: u32::to_string,
};

const MAX_REQUESTS: Setting<u32> = Setting {
    name: "SIGNET_MAX_REQUESTS",
    flag: "max-requests",
    value_name: "NUMBER",
    help: "How many requests may be under way, until their answers are sent",
    default: "4000",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: number,
    show: u32::to_string,
};

const CLIENT_REQUESTS: Setting<u32> = Setting {
    name: "SIGNET_MAX_REQUESTS_PER_CLIENT",
    flag: "max-requests-per-client",
    value_name: "NUMBER",
    help: "How many of them may be those of one client",
    default: "600",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: number,
    show: u32::to_string,
};

const TRANSFER_MEMORY: Setting<usize> = Setting {
    name: "SIGNET_TRANSFER_MEMORY",
    flag: "transfer-memory",
    value_name: "SIZE",
    help: "Memory for unfinished requests, and as much again for answers that are not sent",
    default: "64MiB",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: memory,
    show: |bytes| byte_size::format(*bytes),
};

const CLIENT_TRANSFER_MEMORY: Setting<usize> = Setting {
    name: "SIGNET_TRANSFER_MEMORY_PER_CLIENT",
    flag: "transfer-memory-per-client",
    value_name: "SIZE",
    help: "How much of either one client may hold, and half of it on one connection",
    default: "8MiB",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: memory,
    show: |bytes| byte_size::format(*bytes),
};

pub(super) const GROUP: Group = Group {
    heading: "Limits",
    settings: &[
        IDLE_TIMEOUT.declaration(),
        MAX_CONNECTIONS.declaration(),
        CLIENT_CONNECTIONS.declaration(),
        MAX_REQUESTS.declaration(),
        CLIENT_REQUESTS.declaration(),
        TRANSFER_MEMORY.declaration(),
        CLIENT_TRANSFER_MEMORY.declaration(),
    ],
};

const LONGEST_IDLE: Duration = Duration::from_secs(60 * 60);

/// A page of a hundred tasks of the largest size, and Swagger UI, fit into half of it.
const LEAST_MEMORY: usize = 8 << 20;

const MOST_CONNECTIONS: u32 = 1_000_000;

/// What callers may take of a process, and for how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a connection may be idle, and a body or an answer make no progress.
    pub idle_timeout: Duration,
    /// How many connections may be open.
    pub connections: u32,
    /// How many of them one client may have.
    pub client_connections: u32,
    /// How many requests may be under way.
    pub requests: u32,
    /// How many of them may be those of one client.
    pub client_requests: u32,
    /// Bytes for unfinished requests, and as many for answers that are not sent.
    pub transfer_memory: usize,
    /// How many of either one client may hold.
    pub client_transfer_memory: usize,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Limits> {
    let idle_timeout = reader.read(&IDLE_TIMEOUT);
    let connections = reader.read(&MAX_CONNECTIONS);
    let client_connections = reader.read(&CLIENT_CONNECTIONS);
    let requests = reader.read(&MAX_REQUESTS);
    let client_requests = reader.read(&CLIENT_REQUESTS);
    let transfer_memory = reader.read(&TRANSFER_MEMORY);
    let client_transfer_memory = reader.read(&CLIENT_TRANSFER_MEMORY);
    Some(Limits {
        idle_timeout: idle_timeout?,
        connections: connections?,
        client_connections: client_connections?,
        requests: requests?,
        client_requests: client_requests?,
        transfer_memory: transfer_memory?,
        client_transfer_memory: client_transfer_memory?,
    })
}

fn idle_timeout(text: &str) -> Result<Duration, Problems> {
    let span = duration::parse_setting(text)?;
    if (Duration::from_secs(1)..=LONGEST_IDLE).contains(&span) {
        return Ok(span);
    }
    Err(format!("is {text:?}; it must be between 1s and 1h").into())
}

fn number(text: &str) -> Result<u32, Problems> {
    let number = text.parse().ok().filter(|number| (1..=MOST_CONNECTIONS).contains(number));
    number
        .ok_or_else(|| format!("is {text:?}; it must be a whole number from 1 to {MOST_CONNECTIONS}").into())
}

fn memory(text: &str) -> Result<usize, Problems> {
    let bytes = byte_size::parse(text).ok().filter(|bytes| *bytes >= LEAST_MEMORY);
    let least = byte_size::format(LEAST_MEMORY);
    bytes.ok_or_else(|| format!("is {text:?}; it must be a size of {least} or more, such as 64MiB").into())
}
