//! Whom a request really comes from.
//! In: the peer's address and, from trusted proxies alone, `X-Forwarded-For`. Out: one address.
//! Owns: no client can choose the address that limits count by.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use poem::Request;
use poem::http::{HeaderMap, HeaderValue};

/// The address of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(IpAddr);

/// What the proxies of a request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The client: the peer, or whom the chain of trusted proxies names.
    pub client: ClientAddress,
    /// The trusted proxy whose word could not be read, and whose own address therefore stands for the client's.
    pub unreadable: Option<IpAddr>,
}

impl ClientAddress {
    /// Finds the client of a request: the peer, or what the chain of trusted proxies says.
    pub fn of(request: &Request, trusted_proxies: &[IpNet]) -> Option<Forwarded> {
        let peer = request.remote_addr().as_socket_addr()?.ip();
        Some(behind_proxies(peer, request.headers(), trusted_proxies))
    }

    /// The peer itself, whoever it speaks for.
    pub fn of_peer(peer: IpAddr) -> Self {
        Self(peer.to_canonical())
    }

    /// Whether it is in one of `networks`.
    pub fn is_one_of(&self, networks: &[IpNet]) -> bool {
        networks.iter().any(|network| network.contains(&self.0))
    }

    /// What limits are counted by: the address, or the /64 of an IPv6 address, which one subscriber gets as a whole.
    pub fn subscriber(&self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Walks `X-Forwarded-For` from the nearest hop outwards, as long as the hops are trusted proxies.
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Forwarded {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let found = |client, unreadable| Forwarded { client: ClientAddress(client), unreadable };
    if trusted.is_empty() || !is_trusted(&client) {
        return found(client, None);
    }
    // By its bytes: a line that is no text still hides none of those before it (RFC 9110 section 5.5).
    let lines: Vec<&[u8]> = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    let items = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    // Empty elements of a list count for nothing (RFC 9110 section 5.6.1).
    let mut hops = items.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty());
    while is_trusted(&client) {
        match hops.next().map(address) {
            Some(Some(hop)) => client = hop,
            // The chain says something that is no address: what was last believed stands.
            Some(None) => return found(client, Some(client)),
            None => break,
        }
    }
    found(client, None)
}

/// The address in one element, in the spellings that proxies have: with a port, in brackets, with a zone, in quotes.
fn address(item: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(item).ok()?;
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let address = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
            return None;
        }
        IpAddr::V6(v6(address)?)
    } else if let Some(address) = v6(text) {
        address.into()
    } else {
        match text.rsplit_once(':') {
            Some((address, port)) if is_port(port) && !address.contains(':') => {
                IpAddr::V4(address.parse().ok()?)
            }
            // All eight groups, and a port after them.
            Some((address, port)) if is_port(port) && address.matches(':').count() == 7 => {
                v6(address)?.into()
            }
            Some(_) => return None,
            None => IpAddr::V4(text.parse().ok()?),
        }
    };
    Some(address.to_canonical())
}

/// An address of IPv6. Its zone means something to the machine that named it alone (RFC 4007 section 11.2).
fn v6(text: &str) -> Option<Ipv6Addr> {
    let address = match text.split_once('%') {
        Some((_, "")) => return None,
        Some((address, zone))
            if zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) =>
        {
            address
        }
        Some(_) => return None,
        None => text,
    };
    address.parse().ok()
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Says that a proxy cannot be understood, once in a while.
#[derive(Debug, Default)]
pub struct UnreadableProxies(AtomicU64);

/// How long after one line about a proxy there is no other.
const QUIET: Duration = Duration::from_secs(60);

impl UnreadableProxies {
    /// Writes a line about `proxy`, unless there was one lately; `now` is monotonic.
    pub fn warn(&self, proxy: IpAddr, now: Duration) {
        // The beginning of time is never a moment at which there was a line.
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let quiet = u64::try_from(QUIET.as_millis()).unwrap_or(u64::MAX);
        let last = self.0.load(Ordering::Relaxed);
        let is_due = last == 0 || now.saturating_sub(last) >= quiet;
        if is_due && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(
                target: "signet::proxy",
                %proxy,
                "a trusted proxy sends an X-Forwarded-For that cannot be read, so its clients count as one: it must name an \
                 address, with or without a port"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn forwarded(peer: &str, lines: &[&[u8]], trusted: &[&str]) -> Forwarded {
        let headers = lines.iter().fold(HeaderMap::new(), |mut headers, line| {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
            headers
        });
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        behind_proxies(peer.parse().unwrap(), &headers, &trusted)
    }

    fn client(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        forwarded(peer, &lines, trusted).client.to_string()
    }

    #[test]
    fn client_address_cannot_be_chosen_by_untrusted_peers() {
        assert_eq!(client("203.0.113.9", &["1.2.3.4"], &[]), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &["1.2.3.4"], &["10.0.0.0/8"]), "203.0.113.9");
        let untrusted = forwarded("203.0.113.9", &[b"\xff"], &["10.0.0.0/8"]);
        assert_eq!(untrusted.unreadable, None, "what untrusted peers say fills no log");
    }

    #[test]
    fn client_address_believes_trusted_proxies_one_hop_at_a_time() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1", &["1.2.3.4"], &trusted), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &trusted), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "1.2.3.4"], &trusted), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &["nonsense"], &trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[], &trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.2.3.4, [::ffff:10.0.0.2]:443"], &trusted), "1.2.3.4");
    }

    #[test]
    fn an_address_is_read_in_every_usual_spelling() {
        for (spelled, address) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:51234", "203.0.113.7"),
            ("203.0.113.7:0", "203.0.113.7"),
            ("\"203.0.113.7:51234\"", "203.0.113.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("2001:DB8:0:0:0:0:0:7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:51234", "2001:db8::7"),
            ("\"[2001:db8::7]:51234\"", "2001:db8::7"),
            ("2001:db8:0:0:0:0:0:7:51234", "2001:db8::7"),
            ("fe80::7%eth0", "fe80::7"),
            ("[fe80::7%25eth0]:443", "fe80::7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:443", "203.0.113.7"),
            (" 203.0.113.7\t", "203.0.113.7"),
            ("203.0.113.7,", "203.0.113.7"),
            ("203.0.113.7, ,", "203.0.113.7"),
        ] {
            assert_eq!(client("10.0.0.1", &[spelled], &["10.0.0.0/8"]), address, "{spelled}");
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_walk_and_is_told() {
        let unreadable: [&[u8]; 22] = [
            b"unknown",
            b"_hidden",
            b"\xff",
            b"203.0.113.7\xff",
            b"203.0.113.7:",
            b"203.0.113.7:65536",
            b"203.0.113.7:+1",
            b"203.0.113.007",
            b"203.0.113",
            b"203.0.113.7 ; x",
            b"[203.0.113.7]",
            b"[2001:db8::7",
            b"[2001:db8::7]x",
            b"[2001:db8::7]:",
            b"2001:db8::7]",
            b"fe80::7%",
            b"fe80::7%a b",
            b"\"203.0.113.7",
            b"\"",
            b"for=203.0.113.7",
            b"localhost",
            b"1.2.3.4 5.6.7.8",
        ];
        for item in unreadable {
            let shown = String::from_utf8_lossy(item);
            // Alone, after an address in the same line, and in a line after that of an address.
            let same_line = [b"6.6.6.6, ".as_slice(), item].concat();
            for lines in [&[item][..], &[&same_line], &[b"6.6.6.6", item]] {
                let found = forwarded("10.0.0.1", lines, &["10.0.0.0/8"]);
                assert_eq!(found.client.to_string(), "10.0.0.1", "{shown}");
                assert_eq!(found.unreadable, Some("10.0.0.1".parse().unwrap()), "{shown}");
            }
            // Whoever comes before the client is of no interest.
            let before = [item, b", 1.2.3.4".as_slice()].concat();
            let found = forwarded("10.0.0.1", &[&before], &["10.0.0.0/8"]);
            assert_eq!((found.client.to_string().as_str(), found.unreadable), ("1.2.3.4", None), "{shown}");
        }
    }

    proptest! {
        /// A client writes what it likes; its proxy adds whom it sees, in the same line or in one of its own.
        #[test]
        fn no_bytes_before_the_word_of_the_proxy_change_the_client(
            written in prop::collection::vec(prop::collection::vec(prop_oneof![b' '..=b'~', 0x80_u8..=0xff], 0..30), 0..4)
        ) {
            let mut lines: Vec<&[u8]> = written.iter().map(Vec::as_slice).collect();
            lines.push(b"203.0.113.7:51234");
            prop_assert_eq!(forwarded("10.0.0.1", &lines, &["10.0.0.0/8"]).client.to_string(), "203.0.113.7");
            let joined = written.into_iter().chain([b"203.0.113.7".to_vec()]).collect::<Vec<_>>().join(&b", "[..]);
            prop_assert_eq!(forwarded("10.0.0.1", &[&joined], &["10.0.0.0/8"]).client.to_string(), "203.0.113.7");
        }

        /// And whatever the proxy itself adds, what the client wrote is believed only behind a trusted hop.
        #[test]
        fn no_bytes_of_the_proxy_let_the_client_choose(
            added in prop::collection::vec(prop_oneof![b' '..=b'+', b'-'..=b'~', 0x80_u8..=0xff], 1..30)
        ) {
            prop_assume!(!added.trim_ascii().is_empty());
            let found = forwarded("10.0.0.1", &[b"6.6.6.6", &added], &["10.0.0.1/32"]).client.to_string();
            prop_assert_ne!(found, "6.6.6.6");
        }
    }

    #[test]
    fn client_address_of_ipv6_is_its_64() {
        let address = |text: &str| ClientAddress(text.parse().unwrap()).subscriber();
        assert_eq!(address("2001:db8:1:2:3::4"), address("2001:db8:1:2:ffff::1"));
        assert_ne!(address("2001:db8:1:2:3::4"), address("2001:db8:1:3:3::4"));
    }
}
