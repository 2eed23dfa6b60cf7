//! A server of the role `resource`, the issuer that it trusts, and a client that presents credentials to it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use signet_verify::clock::ManualClock;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::{Algorithm, SigningKey};
use signet_verify::jose::jwk::{KeySet, thumbprint};
use signet_verify::jose::{base64url, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Want;
use crate::resource::origin::{Answer, Origin};
use crate::support::TestApp;
use crate::token::support::{Issuer, NOW, SECRET, key_of, signing_input};

/// One thing to present: what is special about it, and the header lines of its request.
pub struct Case {
    name: String,
    target: String,
    lines: Vec<u8>,
}

/// After this a set that lives for five minutes falls due, and is still within its life.
const RENEWAL: Duration = Duration::from_secs(290);

/// Whose tasks are asked for: those of the subject of a good token.
const TARGET: &str = "/api/alice/tasks";

impl Case {
    /// A bearer token.
    pub fn token(name: impl Into<String>, token: impl AsRef<str>) -> Self {
        Self::lines(name, format!("authorization: Bearer {}\r\n", token.as_ref()))
    }

    /// Header lines as they stand.
    pub fn lines(name: impl Into<String>, lines: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), target: TARGET.to_owned(), lines: lines.into() }
    }

    /// The same, asking for something else.
    pub fn at(self, target: String) -> Self {
        Self { target, ..self }
    }
}

/// An answer: its status, its challenge, and its body.
#[derive(Debug, PartialEq, Eq)]
struct Answered {
    status: u16,
    challenge: Option<String>,
    body: String,
}

/// The server and its issuer. The issuer publishes one key; the server shares its secret too.
pub struct Rig {
    pub issuer: Issuer,
    pub origin: Origin,
    /// A server that tokens point at, and that must never get a request.
    pub listener: Origin,
    pub clock: Arc<ManualClock>,
    app: TestApp,
}

impl Rig {
    /// An issuer with a key of this algorithm, and a server that trusts it.
    pub async fn start(algorithm: Algorithm) -> Self {
        let (issuer, clock) =
            (Issuer::of(algorithm), Arc::new(ManualClock::at(Timestamp::from_seconds(NOW))));
        let origin = Origin::publishing(&issuer.set).await;
        let builder = TestApp::builder().clock(clock.clone()).with(|settings| {
            settings.set("SIGNET_ROLE", "resource");
            settings.set("SIGNET_JWKS_URL", origin.url());
            settings.set("SIGNET_ISSUER", "https://id.test");
            settings.set("SIGNET_AUDIENCE", "https://api.test");
            settings.set("BETTER_AUTH_SECRET", SECRET);
            settings.set("SIGNET_TOKEN_MODE", "migrate");
            settings.set("SIGNET_HS256_UNTIL", "2100-01-01T00:00:00Z");
        });
        let app = builder.start().await;
        let rig = Self { issuer, origin, listener: Origin::answering(Answer::Hang).await, clock, app };
        rig.accepts("before all").await;
        rig
    }

    /// The algorithm of the issuer's key.
    pub fn algorithm(&self) -> Algorithm {
        self.issuer.algorithm()
    }

    /// The key of an attacker, of the same algorithm.
    pub fn own(&self) -> SigningKey {
        key_of(self.algorithm(), 66)
    }

    /// Publishes these entries beside the good key, and waits until the server has them.
    pub async fn publish(&self, entries: impl IntoIterator<Item = Value>) {
        let marker = key_of(Algorithm::EdDsa, 200 + u8::try_from(self.origin.fetches()).unwrap());
        let kid = thumbprint(marker.public());
        let sound = KeySet::new([
            (self.issuer.kid.clone(), self.issuer.key.public().clone()),
            (kid.clone(), marker.public().clone()),
        ]);
        let mut document: Value = serde_json::from_str(&sound.to_json()).unwrap();
        document["keys"].as_array_mut().unwrap().extend(entries);
        self.origin.lie(document.to_string());
        self.clock.advance(RENEWAL);
        let token = sign::jwt(&marker, &kid, &self.issuer.claims()).unwrap();
        let answered = self.ask(&Case::token("of a key that is new in the set", token)).await;
        assert_eq!(answered.status, 200, "{answered:?}");
    }

    /// Has the server ask for the set, which is answered so, and waits for what comes of it.
    pub async fn misanswer(&self, answer: Answer) {
        let fetches = self.origin.fetches();
        self.origin.answer(answer);
        self.clock.advance(RENEWAL);
        let unknown = self.issuer.token_headed(&self.issuer.header_with("kid", "unknown".into()));
        self.ask(&Case::token("waits for the fetch", unknown)).await;
        assert_eq!(self.origin.fetches(), fetches + 1);
    }

    /// Has the server renew a sound set.
    pub async fn recover(&self) {
        self.origin.publish(&self.issuer.set);
        self.clock.advance(Duration::from_secs(5));
        let unknown = self.issuer.token_headed(&self.issuer.header_with("kid", "unknown".into()));
        self.ask(&Case::token("waits for the fetch", unknown)).await;
        self.accepts("with the set renewed").await;
    }

    /// A good token that ends long after every moment of a test.
    pub fn good(&self) -> String {
        self.issuer.token_saying(&self.issuer.claims_with("exp", (NOW + 80_000).into()))
    }

    /// A header and the usual claims under a MAC.
    pub fn mac(&self, key: &[u8], header: &Value) -> String {
        let input = signing_input(header, &self.issuer.claims());
        format!("{input}.{}", base64url::encode(&tag(key, input.as_bytes())))
    }

    pub async fn accepts(&self, when: &str) {
        let answered = self.ask(&Case::token("a good token", self.good())).await;
        assert_eq!(answered.status, 200, "{when}: {answered:?}");
    }

    /// Presents every case, and compares the answers with what the row wants.
    pub async fn judge(&self, want: Want, cases: Vec<Case>) {
        assert!(!cases.is_empty(), "a row without cases holds nothing");
        let fetches = self.origin.fetches();
        let mut refusals: Vec<(String, Answered)> = Vec::new();
        for case in cases {
            let answered = self.ask(&case).await;
            let (name, status) = (case.name, answered.status);
            let fits = match want {
                Want::Refused => status == 401,
                Want::RefusedOrUnread => status == 401 || status == 431,
                Want::Denied => status == 401 || status == 403,
                Want::Accepted => status == 200,
                Want::Survived => status < 500,
            };
            assert!(fits, "{}, {name}: {want:?} is wanted: {answered:?}", self.algorithm());
            if status == 401 {
                refusals.push((name, answered));
            }
        }
        // A request without a bearer credential is told that one is needed; all others hear one and the same.
        let (bare, bad): (Vec<_>, Vec<_>) =
            refusals.into_iter().partition(|(_, answered)| answered.body.contains("UNAUTHORIZED"));
        for alike in [bare, bad] {
            let Some((_, first)) = alike.first() else { continue };
            for (name, answered) in &alike {
                assert_eq!(answered, first, "{name} is told apart");
            }
            let challenge = first.challenge.as_deref().unwrap();
            assert_eq!(challenge.contains(r#"error="invalid_token""#), first.body.contains("INVALID_TOKEN"));
        }
        let fetches = self.origin.fetches() - fetches;
        assert!(fetches <= 2, "{fetches} fetches");
        assert_eq!(self.listener.fetches(), 0, "a foreign server was asked");
        self.accepts("after all").await;
    }

    /// One request on a connection of its own, written and read in the raw.
    async fn ask(&self, case: &Case) -> Answered {
        let address = self.app.base_url.strip_prefix("http://").unwrap();
        let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
        let head = format!("GET {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n", case.target);
        let request = [head.as_bytes(), &case.lines, b"\r\n"].concat();
        // A server that has read enough answers and hangs up before all is written.
        let written = tokio::spawn(async move {
            let _ = writing.write_all(&request).await;
            writing
        });
        let mut answer = Vec::new();
        let _ = reading.read_to_end(&mut answer).await;
        drop(written.await);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) =
            answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{}: {answer:?}", case.name));
        let challenge = head.lines().find_map(|line| line.strip_prefix("www-authenticate: "));
        Answered {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            challenge: challenge.map(str::to_owned),
            body: body.to_owned(),
        }
    }
}

/// HMAC with SHA-256 under any key, however short.
pub fn tag(key: &[u8], input: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    ring::hmac::sign(&key, input).as_ref().to_vec()
}
