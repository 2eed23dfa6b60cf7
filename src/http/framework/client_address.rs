//! Whom a request really comes from.
//! In: the peer's address and, from trusted proxies alone, `X-Forwarded-For`. Out: one address.
//! Owns: no client can choose the address that limits count by.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use poem::Request;
use poem::http::HeaderMap;

/// The address of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Finds the client of a request: the peer, or what the chain of trusted proxies says.
    pub fn of(request: &Request, trusted_proxies: &[IpNet]) -> Option<Self> {
        let peer = request.remote_addr().as_socket_addr()?.ip();
        Some(Self(behind_proxies(peer, request.headers(), trusted_proxies).to_canonical()))
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
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    if trusted.is_empty() {
        return peer;
    }
    let is_trusted =
        |address: &IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let values: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let mut hops = values.iter().rev().flat_map(|value| value.split(',').rev()).map(str::trim);
    let mut client = peer;
    while is_trusted(&client) {
        match hops.next().map(str::parse) {
            Some(Ok(hop)) => client = hop,
            // The chain ends, or says something that is no address: what was last believed stands.
            _ => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn client(peer: &str, forwarded: &[&'static str], trusted: &[&str]) -> String {
        let headers = forwarded.iter().fold(HeaderMap::new(), |mut headers, value| {
            headers.append("x-forwarded-for", HeaderValue::from_static(value));
            headers
        });
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        behind_proxies(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn client_address_cannot_be_chosen_by_untrusted_peers() {
        assert_eq!(client("203.0.113.9", &["1.2.3.4"], &[]), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &["1.2.3.4"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn client_address_believes_trusted_proxies_one_hop_at_a_time() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1", &["1.2.3.4"], &trusted), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &trusted), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "1.2.3.4"], &trusted), "1.2.3.4");
        assert_eq!(client("10.0.0.1", &["nonsense"], &trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[], &trusted), "10.0.0.1");
    }

    #[test]
    fn client_address_of_ipv6_is_its_64() {
        let address = |text: &str| ClientAddress(text.parse().unwrap()).subscriber();
        assert_eq!(address("2001:db8:1:2:3::4"), address("2001:db8:1:2:ffff::1"));
        assert_ne!(address("2001:db8:1:2:3::4"), address("2001:db8:1:3:3::4"));
    }
}
