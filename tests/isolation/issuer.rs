//! An issuer of the test's own, so that every claim can be truly signed.

use std::time::Duration;

use serde_json::{Value, json};
use signet_verify::clock::{Clock, SystemClock};
use signet_verify::crypto::SigningKey;
use signet_verify::jose::jwk::{KeySet, Kid, thumbprint};
use signet_verify::jose::sign;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A key, and where its public half can be had.
pub struct Issuer {
    key: SigningKey,
    kid: Kid,
    pub url: String,
    pub jwks_url: String,
}

impl Issuer {
    /// Publishes a key set on a port of its own, for as long as the test runs.
    pub async fn start() -> Self {
        let key = SigningKey::from_seed(&[42; 32]).unwrap();
        let kid = thumbprint(key.public());
        let document = KeySet::new([(kid.clone(), key.public().clone())]).to_json();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{document}", document.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { key, kid, jwks_url: format!("{url}/jwks"), url }
    }

    /// A good token, but for what `change` does to its claims.
    pub fn token(&self, subject: &str, change: impl FnOnce(&mut Value)) -> String {
        let now = SystemClock::new().now();
        let mut claims = json!({
            "iss": self.url, "aud": self.url, "sub": subject,
            "iat": now.seconds(), "exp": now.after(Duration::from_secs(600)).seconds(),
        });
        change(&mut claims);
        sign::jwt(&self.key, &self.kid, &claims).unwrap()
    }

    /// A token signed with another key in the name of this one.
    pub fn forged(&self, subject: &str) -> String {
        let key = SigningKey::from_seed(&[43; 32]).unwrap();
        Self { key, kid: self.kid.clone(), url: self.url.clone(), jwks_url: String::new() }
            .token(subject, |_| {})
    }

    /// The public key as bytes.
    pub fn public(&self) -> [u8; 32] {
        self.key.public().as_bytes().try_into().unwrap()
    }
}
