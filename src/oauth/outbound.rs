//! Requests to addresses that clients have registered.
//! In: an address. Out: the answer, short and soon.
//! Owns: nothing of this network can be reached by registering its address (OWASP: SSRF): only
//! https, only public addresses, checked when the name has been resolved and on the address that is connected to; no
//! redirect is followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tower_service::Service;
use url::{Host, Url};

/// From the name look-up to the last byte.
const TOTAL_TIME: Duration = Duration::from_secs(5);
/// The longest header block, in bytes.
const HEADER_BYTES: usize = 32 * 1024;
/// How many requests are under way at once, in all.
const AT_ONCE: usize = 16;

/// What can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of the Internet, over https.
    Public,
    /// The same, and this machine over http as well: for a deployment whose own address is on it.
    ThisMachineToo,
}

/// Why nothing was answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no address that may be asked.
    #[error("it is no address that may be asked")]
    Address,
    /// No complete answer in time.
    #[error("no complete answer in time")]
    Timeout,
    /// No connection, a broken one, or an answer that is too long.
    #[error("it cannot be reached, or answers too much")]
    Unreachable,
    /// The certificates of the operating system cannot be used.
    #[error("nothing can be reached over https: {0}")]
    NoTrustAnchors(String),
}

/// Sends requests to addresses that clients have registered.
#[derive(Clone)]
pub struct Outbound {
    client: Client<HttpsConnector<HttpConnector<Guarded>>, Full<Bytes>>,
    at_once: Arc<Semaphore>,
    reach: Reach,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Outbound {
    /// What reaches so far.
    ///
    /// # Errors
    /// [`Error::NoTrustAnchors`].
    pub fn new(reach: Reach) -> Result<Self, Error> {
        let mut connector = HttpConnector::new_with_resolver(Guarded(reach));
        connector.set_connect_timeout(Some(TOTAL_TIME));
        connector.enforce_http(false);
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| Error::NoTrustAnchors(error.to_string()))?;
        let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_max_idle_per_host(0).http1_max_buf_size(HEADER_BYTES).retry_canceled_requests(false);
        Ok(Self { client: client.build(connector), at_once: Arc::new(Semaphore::new(AT_ONCE)), reach })
    }

    /// The same, with as many requests under way at once, which wait for no request of others.
    #[must_use]
    pub fn with_places(self, at_once: usize) -> Self {
        Self { at_once: Arc::new(Semaphore::new(at_once)), ..self }
    }

    /// Whether this address may be asked, as far as can be told before its name is resolved.
    pub fn may_ask(&self, address: &str) -> bool {
        let Ok(url) = Url::parse(address) else { return false };
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return false,
        };
        let named = url.host_str().is_some_and(|host| host.eq_ignore_ascii_case("localhost"));
        let is_here = literal.map_or(named, |ip| ip.is_loopback());
        let scheme = match url.scheme() {
            "https" => true,
            "http" => self.reach == Reach::ThisMachineToo && is_here,
            _ => false,
        };
        scheme
            && url.username().is_empty()
            && url.password().is_none()
            && literal.is_none_or(|ip| allows(self.reach, ip))
    }

    /// Sends a request; answers its status and body, of `limit` bytes at most.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<(StatusCode, Bytes), Error> {
        if !self.may_ask(&request.uri().to_string()) {
            return Err(Error::Address);
        }
        let answered = async {
            let _place = self.at_once.acquire().await.map_err(|_| Error::Unreachable)?;
            let answer = self.client.request(request).await.map_err(|_| Error::Unreachable)?;
            let (parts, body) = Response::into_parts(answer);
            let body = Limited::new(body, limit).collect().await.map_err(|_| Error::Unreachable)?;
            Ok((parts.status, body.to_bytes()))
        };
        tokio::time::timeout(TOTAL_TIME, answered).await.unwrap_or(Err(Error::Timeout))
    }
}

/// Resolves names, and refuses those that lead into a network that is not public.
#[derive(Clone, Copy)]
struct Guarded(Reach);

impl Service<Name> for Guarded {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One address that is not public is reason enough: which one is connected to is not ours to say.
            if found.is_empty() || !found.iter().all(|address| allows(reach, address.ip())) {
                return Err(std::io::Error::other("the name leads to no public address"));
            }
            Ok(found.into_iter())
        })
    }
}

fn allows(reach: Reach, ip: IpAddr) -> bool {
    (reach == Reach::ThisMachineToo && ip.is_loopback()) || is_public(ip)
}

/// Whether an address belongs to the Internet (the registries of special-purpose addresses, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // shared by carriers, and metadata services of some clouds
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, third, ..] = ip.segments();
    // An IPv4 address in the clothes of IPv6 is judged as what it is.
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    if first == 0x64 && second == 0xff9b {
        return false; // NAT64: to wherever its last bytes say
    }
    // 2000::/3 is what is given out (RFC 4291); of it: documentation, Teredo, ORCHID, benchmarking, 6to4.
    let given_out = first & 0xe000 == 0x2000;
    let special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        || first == 0x2002
        || (first == 0x3fff && second < 0x1000)
        || (first == 0x2620 && second == 0x4f && third == 0x8000);
    given_out && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_public_refuses_every_network_that_is_somebodys_own() {
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2002:a00:1::",
            "2001::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in
            ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"]
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn may_ask_takes_https_to_public_places_alone() {
        let outbound = Outbound::new(Reach::Public).unwrap();
        for address in ["https://app.example/jwks", "https://1.1.1.1/jwks", "https://app.example:8443/"] {
            assert!(outbound.may_ask(address), "{address}");
        }
        for address in [
            "http://app.example/jwks",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://169.254.169.254/latest",
            "https://a@app.example/",
            "https://a:b@app.example/",
            "file:///etc/passwd",
            "ftp://app.example/",
            "https:///",
            "",
            "//app.example",
            "https://[::ffff:10.0.0.1]/",
            "http://localhost/",
        ] {
            assert!(!outbound.may_ask(address), "{address}");
        }
        let here = Outbound::new(Reach::ThisMachineToo).unwrap();
        assert!(here.may_ask("http://127.0.0.1:1/") && here.may_ask("http://localhost:1/"));
        assert!(!here.may_ask("http://10.0.0.1/") && !here.may_ask("http://app.example/"));
    }

    #[tokio::test]
    async fn send_refuses_a_name_that_leads_to_this_machine() {
        let outbound = Outbound::new(Reach::Public).unwrap();
        let request = Request::get("https://localhost:9/jwks").body(Full::default()).unwrap();
        assert_eq!(outbound.send(request, 10).await, Err(Error::Unreachable));
        let request = Request::get("https://127.0.0.1:9/jwks").body(Full::default()).unwrap();
        assert_eq!(outbound.send(request, 10).await, Err(Error::Address));
    }
}
